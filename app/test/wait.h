/*
 * wait -- for what another thread will do: looks again and again, and fails when it takes too long.
 *
 * Include it after cmocka.h.
 */
#ifndef WAIT_H
#define WAIT_H

#include <stdbool.h>
#include <time.h>

#include "clock.h"

enum { PATIENCE_MS = 20000, LOOK_EVERY_US = 500 };

static inline int64_t patience_ends_us(void) { return clock_monotonic_us() + PATIENCE_MS * INT64_C(1000); }

static inline void look_again_later(void) {
    const struct timespec pause = {.tv_nsec = LOOK_EVERY_US * 1000};
    nanosleep(&pause, NULL);
}

/* Waits until condition, an expression, is true. */
#define wait_until(condition)                                                                                          \
    for (int64_t ends_us = patience_ends_us(); !(condition); look_again_later()) {                                     \
        if (clock_monotonic_us() > ends_us) {                                                                          \
            fail_msg("waited in vain for: %s", #condition);                                                            \
        }                                                                                                              \
    }

#endif
