/*
 * trace -- which trace a request belongs to (W3C Trace Context, level 1).
 *
 *     traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
 *                  version, trace id, parent span id, flags
 *
 * The trace id is kept from hop to hop; every hop has a span id of its own, which is
 * what it tells those it calls. Nothing is stored here: the ids stand in our log lines
 * and in MySQL, where they can be joined.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

enum { TRACE_ID_BYTES = 16, TRACE_SPAN_BYTES = 8, TRACE_PARENT_CHARS = 55 };

struct trace {
    uint8_t id[TRACE_ID_BYTES];     /* never all zero */
    uint8_t span[TRACE_SPAN_BYTES]; /* ours; never all zero */
    bool sampled;
};

/*
 * Begins our span in the trace that the header traceparent names; value has data NULL if
 * there was none. A value that breaks the format, or names version ff or an id of zeros,
 * begins a new trace, not sampled (section 4.3); of a higher version the first 55
 * characters count (section 3.2.4). True: an existing trace goes on.
 */
bool trace_begin(struct trace *out, struct slice value);

/* Writes the traceparent for those we call, and a NUL. */
void trace_format(const struct trace *trace, char out[static TRACE_PARENT_CHARS + 1]);

#endif
