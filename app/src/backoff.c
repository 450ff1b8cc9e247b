#include "backoff.h"

#include <assert.h>
#include <time.h>

#include "random.h"

/* min(most, base * 2^retry), where 2^retry may be more than there are numbers. */
static int64_t most_now_us(const struct backoff *backoff, unsigned retry) {
    bool reached = retry >= 63 || backoff->base_us > backoff->most_us >> retry;
    return reached ? backoff->most_us : backoff->base_us << retry;
}

int64_t backoff_wait_us(const struct backoff *backoff, unsigned retry, uint64_t random) {
    assert(backoff->base_us >= 1 && backoff->base_us <= backoff->most_us);
    uint64_t choices = (uint64_t)most_now_us(backoff, retry) + 1;
    return (int64_t)((unsigned __int128)random * choices >> 64);
}

bool backoff_wait(const struct backoff *backoff, unsigned retry, struct deadline deadline) {
    assert(backoff->tries >= 1);
    if (retry >= backoff->tries - 1) {
        return false;
    }
    int64_t wait_us = backoff_wait_us(backoff, retry, random_u64());
    if (wait_us >= deadline_left_us(deadline)) {
        return false;
    }
    struct timespec left = clock_timespec(wait_us);
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) != 0) { /* a signal came: wait for the rest */
    }
    return true;
}
