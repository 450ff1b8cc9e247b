/*
 * backoff -- how long to wait before trying again: exponential, with full jitter.
 *
 * The wait before retry n is drawn from 0 to min(most, base * 2^n), evenly. Callers that
 * failed together come back spread out, which is what lets a backend that was overloaded
 * get up again.
 */
#ifndef BACKOFF_H
#define BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#include "deadline.h"

struct backoff {
    int64_t base_us, most_us; /* at least 1; base_us <= most_us */
    unsigned tries;           /* the first one included, at least 1 */
};

/* The wait before retry number retry (0: the first), drawn with random, which is even over
 * all values. Reads no clock. */
int64_t backoff_wait_us(const struct backoff *backoff, unsigned retry, uint64_t random);

/* Waits before retry number retry, and says whether to try. False, without waiting: the
 * tries are used up, or the deadline would have passed by then. */
bool backoff_wait(const struct backoff *backoff, unsigned retry, struct deadline deadline);

#endif
