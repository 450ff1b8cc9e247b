/*
 * retry -- what becomes of a piece of work that failed.
 *
 * Whose fault it was decides. A backend that is away says nothing about the work: that waits
 * and is none the worse for it. Anything else is a try; after so many the work is given up,
 * so that it stops neither those behind it nor the machine. Pure: no clock, no dice.
 */
#ifndef RETRY_H
#define RETRY_H

#include <stdint.h>

#include "status.h"

enum retry {
    RETRY_WHEN_BACK, /* the backend is: not counted */
    RETRY_LATER,     /* counted; after the wait */
    RETRY_GIVE_UP,   /* counted, and it was the last one */
};

struct retry_rules {
    unsigned tries;  /* the first one included, at least 1 */
    int64_t base_ms; /* the wait before the second try is 0 to this, see backoff.h; at least 1 */
};

/* What to do after status, which is not STATUS_OK, with tries counted before this one;
 * random is even over all values. *wait_ms is set for RETRY_LATER. */
enum retry retry_judge(const struct retry_rules *rules, enum status status, unsigned tries, uint64_t random,
                       int64_t *wait_ms);

#endif
