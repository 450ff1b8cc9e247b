/*
 * clock -- the two clocks, and nothing else reads them.
 *
 * The monotonic clock measures: it never jumps and says nothing about the date.
 * The wall clock dates log lines: it says when, and may jump.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

/* Any clock of clock_gettime(2), in microseconds. */
static inline int64_t clock_read_us(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Microseconds since an arbitrary start: for durations and deadlines. */
static inline int64_t clock_monotonic_us(void) { return clock_read_us(CLOCK_MONOTONIC); }

/* Microseconds since 1970-01-01 00:00:00 UTC: for people. */
static inline int64_t clock_wall_us(void) { return clock_read_us(CLOCK_REALTIME); }

/* A time, or a duration, of at least 0, as the kernel takes it. */
static inline struct timespec clock_timespec(int64_t us) {
    return (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
}

#endif
