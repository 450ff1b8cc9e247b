/* Any value of the header traceparent: what is begun is a trace that others take over. */
#include <stdint.h>
#include <stdlib.h>

#include "trace.h"

static void check(bool good) {
    if (!good) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct trace trace, next;
    char told[TRACE_PARENT_CHARS + 1], told_next[TRACE_PARENT_CHARS + 1];
    bool goes_on = trace_begin(&trace, (struct slice){(const char *)data, size});
    trace_format(&trace, told);
    check(!goes_on || (size >= TRACE_PARENT_CHARS && memcmp(told + 2, data + 2, 2 * TRACE_ID_BYTES + 2) == 0));
    check(goes_on || !trace.sampled);
    check(trace_begin(&next, slice_of(told)));
    trace_format(&next, told_next);
    check(memcmp(told, told_next, 2 * TRACE_ID_BYTES + 4) == 0 && next.sampled == trace.sampled);
    return 0;
}
