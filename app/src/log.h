/*
 * log -- one event, one line of JSON on standard error.
 *
 *     log_event(LOG_INFO, "listening", LOG_TEXT("address", address), LOG_NUMBER("workers", n));
 *     {"time":"2026-03-01T12:00:00.123456Z","level":"info","node":"server-1","event":"listening","address":…}
 *
 * A line is one write(2), so lines of several threads do not mix. Every text is
 * escaped: nothing a visitor sends can forge a line. Of a text the first 1,024 bytes
 * are written. Nobody logs a secret.
 */
#ifndef LOG_H
#define LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_INFO, LOG_WARNING, LOG_ERROR };

struct log_field {
    const char *key;
    const char *text; /* NULL: number counts */
    int64_t number;
};

#define LOG_TEXT(key, value) ((struct log_field){(key), (value), 0})
#define LOG_NUMBER(key, value) ((struct log_field){(key), NULL, (value)})

/* The node to put into every line; call once before there are threads. The string
 * must stay. */
void log_init(const char *node);

/* Writes one line: the event, then the fields. Keeps errno. */
#define log_event(level, event, ...)                                                                                   \
    log_write((level), (event), (const struct log_field[]){__VA_ARGS__},                                               \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t count);

#endif
