/*
 * breaker -- stop calling a backend that keeps failing.
 *
 *   CLOSED --(limit failures in a row)--> OPEN --(cooldown)--> HALF_OPEN
 *   HALF_OPEN --success--> CLOSED         HALF_OPEN --failure--> OPEN
 *
 * One breaker guards one backend and is shared by all threads; every function may be
 * called from any of them. No clock is read here: now_us is monotonic, from clock.h.
 * Nothing here waits, takes memory or can fail.
 */
#ifndef BREAKER_H
#define BREAKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker {
    unsigned limit;      /* failures in a row, at least 1 */
    int64_t cooldown_us; /* from opening to the first trial */

    pthread_mutex_t lock; /* guards what follows */
    enum breaker_state state;
    unsigned failures; /* in a row, while closed */
    int64_t opened_us; /* while open */
    bool trial;        /* while half open: somebody has gone to see */
};

/* Closed at first. cooldown_us may be 0. */
void breaker_init(struct breaker *breaker, unsigned limit, int64_t cooldown_us);

/* Nobody uses it any more. */
void breaker_destroy(struct breaker *breaker);

/* True: the caller may call the backend now, and owes exactly one breaker_report(). While
 * half open only one caller at a time gets true. */
bool breaker_allow(struct breaker *breaker, int64_t now_us);

/* How the allowed call went. A refusal that shows that the backend lives (a syntax error,
 * a key that is not there) is a success, and so is a slow answer. Calls from before the
 * breaker opened report as well: while it is open that changes nothing; while it is half
 * open their news is as good as the trial's. */
void breaker_report(struct breaker *breaker, bool ok, int64_t now_us);

/* For metrics and people. Open lasts until somebody is allowed to try. */
enum breaker_state breaker_state(struct breaker *breaker);
const char *breaker_state_name(enum breaker_state state); /* "closed", "open", "half-open" */

#endif
