#include "log.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "log_writer.h"
#include "text.h"

enum {
    LINE_BYTES_MAX = 64 * 1024,
    TEXT_BYTES_MAX = 1024, /* so that a usual line stays below PIPE_BUF, up to which a pipe takes a line in one piece */
};

static const char *node = "";
static enum log_level least = LOG_INFO;

void log_init(const char *name) { node = name; }

void log_at_least(enum log_level level) { least = level; }

static const char *level_name(enum log_level level) {
    static const char *const names[] = {[LOG_INFO] = "info", [LOG_WARNING] = "warning", [LOG_ERROR] = "error"};
    return names[level];
}

/* A text is as long as a visitor likes it; what is too long is cut, never the line left out. */
static void put_text(struct text *line, const char *text) {
    text_put_json(line, (struct slice){text, strnlen(text, TEXT_BYTES_MAX)});
}

/* The date and time of day of a second; a thread logs many lines in one. */
static const char *date_of(time_t second) {
    static _Thread_local struct {
        time_t second;
        char date[32];
    } last = {.second = -1};
    if (second != last.second) {
        struct tm utc;
        gmtime_r(&second, &utc);
        strftime(last.date, sizeof last.date, "%Y-%m-%dT%H:%M:%S", &utc);
        last.second = second;
    }
    return last.date;
}

static void put_time(struct text *line) {
    int64_t now_us = clock_wall_us();
    text_format(line, "{\"time\":\"%s.%06dZ\"", date_of((time_t)(now_us / 1000000)), (int)(now_us % 1000000));
}

/* A line that has no room is no line: its fields are ours, not so long. */
static struct slice format(char buffer[static LINE_BYTES_MAX], enum log_level level, const char *event,
                           const struct log_field *fields, size_t count) {
    struct text line;
    struct slice out = {buffer, 0};
    text_init_in(&line, buffer, LINE_BYTES_MAX);
    put_time(&line);
    text_put(&line, ",\"level\":\"");
    text_put(&line, level_name(level));
    text_put(&line, "\",\"node\":");
    text_put_json(&line, slice_of(node));
    text_put(&line, ",\"event\":");
    text_put_json(&line, slice_of(event));
    for (size_t i = 0; i < count; i++) {
        text_put(&line, ",\"");
        text_put(&line, fields[i].key);
        text_put(&line, "\":");
        if (fields[i].text != NULL) {
            put_text(&line, fields[i].text);
        } else {
            text_put_number(&line, fields[i].number);
        }
    }
    text_put(&line, "}\n");
    text_slice(&line, &out);
    return out;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t count) {
    int saved = errno;
    char buffer[LINE_BYTES_MAX];
    if (level < least) {
        return;
    }
    log_writer_put(format(buffer, level, event, fields, count));
    errno = saved;
}

static void write_drops(int64_t lines) {
    char buffer[LINE_BYTES_MAX];
    const struct log_field field = LOG_NUMBER("lines", lines);
    log_writer_write(format(buffer, LOG_WARNING, "log lines dropped", &field, 1));
}

enum status log_start(void) { return log_writer_start(write_drops); }

void log_end(int64_t timeout_ms) { log_writer_end(timeout_ms); }
