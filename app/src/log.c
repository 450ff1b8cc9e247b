#include "log.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "text.h"

enum {
    LINE_BYTES_MAX = 64 * 1024,
    TEXT_BYTES_MAX = 1024, /* so that a usual line stays below PIPE_BUF, up to which a pipe takes a line in one piece */
};

static const char *node = "";

void log_init(const char *name) { node = name; }

static const char *level_name(enum log_level level) {
    static const char *const names[] = {[LOG_INFO] = "info", [LOG_WARNING] = "warning", [LOG_ERROR] = "error"};
    return names[level];
}

/* A text is as long as a visitor likes it; what is too long is cut, never the line left out. */
static void put_text(struct text *line, const char *text) {
    text_put_json(line, (struct slice){text, strnlen(text, TEXT_BYTES_MAX)});
}

static void put_time(struct text *line) {
    int64_t now_us = clock_wall_us();
    time_t seconds = (time_t)(now_us / 1000000);
    struct tm utc;
    char date[32];
    gmtime_r(&seconds, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    text_format(line, "{\"time\":\"%s.%06dZ\"", date, (int)(now_us % 1000000));
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t count) {
    int saved = errno;
    struct arena arena;
    struct text line;
    struct slice out;
    arena_init(&arena, LINE_BYTES_MAX);
    text_init(&line, &arena);
    put_time(&line);
    text_format(&line, ",\"level\":\"%s\",\"node\":", level_name(level));
    text_put_json(&line, slice_of(node));
    text_put(&line, ",\"event\":");
    text_put_json(&line, slice_of(event));
    for (size_t i = 0; i < count; i++) {
        text_format(&line, ",\"%s\":", fields[i].key);
        if (fields[i].text != NULL) {
            put_text(&line, fields[i].text);
        } else {
            text_format(&line, "%lld", (long long)fields[i].number);
        }
    }
    text_put(&line, "}\n");
    /* A log that cannot be written has nobody to be told. */
    if (text_slice(&line, &out) == STATUS_OK && write(STDERR_FILENO, out.data, out.length) < 0) {
    }
    arena_free(&arena);
    errno = saved;
}
