/*
 * random -- numbers that nobody has to guess: jitter, trace ids.
 *
 * Not for secrets: who sees some of them can work out the next ones. Session ids and
 * tokens come from the kernel, getrandom(2).
 *
 * Each thread has a generator of its own, seeded by the kernel when it is first used;
 * after that a number costs no system call and no lock. Nothing here can fail.
 */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

/* Even over all values. */
uint64_t random_u64(void);

#endif
