/*
 * log -- one event, one line of JSON on standard error.
 *
 *     log_event(LOG_INFO, "listening", LOG_TEXT("address", address), LOG_NUMBER("workers", n));
 *     {"time":"2026-03-01T12:00:00.123456Z","level":"info","node":"server-1","event":"listening","address":…}
 *
 * From log_start() to log_end() no caller waits for standard error: lines go to a thread
 * of their own, which writes many at once, in order (log_writer.h). What it cannot take in
 * time is left out, counted, and told in a line "log lines dropped" once there is room. A
 * crash loses what was not written yet: the lines of the last hundredth of a second, more
 * if standard error is slow. Before and after, a line is one write(2) of the caller.
 *
 * Every text is escaped: nothing a visitor sends can forge a line. Of a text the first
 * 1,024 bytes are written. Nobody logs a secret.
 */
#ifndef LOG_H
#define LOG_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum log_level { LOG_INFO, LOG_WARNING, LOG_ERROR };

struct log_field {
    const char *key;  /* plain: it is not escaped */
    const char *text; /* NULL: number counts */
    int64_t number;
};

#define LOG_TEXT(key, value) ((struct log_field){(key), (value), 0})
#define LOG_NUMBER(key, value) ((struct log_field){(key), NULL, (value)})

/* The node to put into every line; call once before there are threads. The string
 * must stay. */
void log_init(const char *node);

/* From now on lines of a lower level are left out; before there are threads. For a tool, whose
 * user has not asked for a log. */
void log_at_least(enum log_level level);

/* From now on lines are written by a thread of their own. STATUS_NO_MEMORY: there is none,
 * and they are written as before. */
enum status log_start(void);

/* Writes what waits and ends the thread, if there is one. After timeout_ms the rest is
 * lost, and the last line may be cut off: whoever reads standard error does not. */
void log_end(int64_t timeout_ms);

/* Writes one line: the event, then the fields, at least one. Any thread. Keeps errno. A
 * line of more than 64 KiB is left out. */
#define log_event(level, event, ...)                                                                                   \
    log_write((level), (event), (const struct log_field[]){__VA_ARGS__},                                               \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t count);

#endif
