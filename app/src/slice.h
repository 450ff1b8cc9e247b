/*
 * slice -- bytes that belong to somebody else.
 *
 * Not NUL-terminated, may hold any byte. Valid as long as what it points into,
 * which whoever hands out a slice says.
 */
#ifndef SLICE_H
#define SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *data;
    size_t length; /* bytes */
};

/* The slice of a NUL-terminated string, without the NUL. */
static inline struct slice slice_of(const char *s) { return (struct slice){s, strlen(s)}; }

static inline bool slice_equal(struct slice a, struct slice b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

#endif
