/*
 * deadline -- by when something has to be done.
 *
 * A request gets one deadline when it has come in whole. Every call of a backend on its
 * behalf takes that deadline along, so that the waits add up to no more than the visitor
 * was promised. A point in time, not a duration: it needs no correction on its way.
 */
#ifndef DEADLINE_H
#define DEADLINE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "clock.h"

struct deadline {
    int64_t at_us; /* on the monotonic clock */
};

static inline struct deadline deadline_in_ms(int64_t ms) { return (struct deadline){clock_monotonic_us() + ms * 1000}; }

/* Microseconds that are left; 0 once it has passed. */
static inline int64_t deadline_left_us(struct deadline deadline) {
    int64_t left_us = deadline.at_us - clock_monotonic_us();
    return left_us > 0 ? left_us : 0;
}

static inline bool deadline_passed(struct deadline deadline) { return deadline_left_us(deadline) == 0; }

/* For what waits until a point in time, such as pthread_cond_timedwait() on CLOCK_MONOTONIC. */
static inline struct timespec deadline_timespec(struct deadline deadline) {
    return (struct timespec){.tv_sec = deadline.at_us / 1000000, .tv_nsec = deadline.at_us % 1000000 * 1000};
}

static inline struct deadline deadline_sooner(struct deadline a, struct deadline b) {
    return a.at_us < b.at_us ? a : b;
}

#endif
