/*
 * text -- builds a text piece by piece in an arena.
 *
 * Appending never needs a check: the first failure (no room) is remembered, all
 * later calls do nothing, and text_slice() tells. The result is not NUL-terminated.
 *
 *     struct text t;
 *     text_init(&t, arena);
 *     text_put(&t, "<p>");
 *     text_put_html(&t, name);
 *     if (text_slice(&t, &out) != STATUS_OK) ...
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "slice.h"
#include "status.h"

struct text {
    struct arena *arena; /* NULL: data is all there is */
    char *data;
    size_t length;
    size_t capacity;
    bool failed;
};

/* Begins an empty text. Takes no memory yet. */
void text_init(struct text *text, struct arena *arena);

/* Makes room for size bytes at once. A hint: what is put may be more or less. */
void text_reserve(struct text *text, size_t size);

/* Builds in size bytes of the caller's instead, and has no more. */
void text_init_in(struct text *text, char *data, size_t size);

void text_put(struct text *text, const char *string);
void text_put_slice(struct text *text, struct slice bytes);
void text_put_number(struct text *text, int64_t number); /* in decimal */
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Escapes & < > " ' so that the bytes are safe as HTML text and inside a quoted
 * attribute. Not for URLs, scripts or styles: our templates put nothing there. */
void text_put_html(struct text *text, struct slice bytes);

/* Puts a JSON string with its quotes (RFC 8259 section 7). Control characters are
 * escaped; bytes that are not valid UTF-8 become U+FFFD, so the result is JSON. */
void text_put_json(struct text *text, struct slice bytes);

/* STATUS_OK and the text built so far, valid as long as the arena (or the caller's bytes)
 * and until more is put; STATUS_NO_MEMORY if any call since text_init() had no room. */
enum status text_slice(const struct text *text, struct slice *out);

#endif
