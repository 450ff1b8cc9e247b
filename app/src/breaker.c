#include "breaker.h"

#include <assert.h>

void breaker_init(struct breaker *breaker, unsigned limit, int64_t cooldown_us) {
    assert(limit >= 1 && cooldown_us >= 0);
    *breaker = (struct breaker){.limit = limit, .cooldown_us = cooldown_us, .state = BREAKER_CLOSED};
    pthread_mutex_init(&breaker->lock, NULL);
}

void breaker_destroy(struct breaker *breaker) { pthread_mutex_destroy(&breaker->lock); }

/* --- With the lock held --------------------------------------------------------------- */

static void become(struct breaker *breaker, enum breaker_state state) {
    breaker->state = state;
    breaker->failures = 0;
    breaker->trial = false;
}

static void open_at(struct breaker *breaker, int64_t now_us) {
    become(breaker, BREAKER_OPEN);
    breaker->opened_us = now_us;
}

static bool allow(struct breaker *breaker, int64_t now_us) {
    if (breaker->state == BREAKER_OPEN && now_us - breaker->opened_us >= breaker->cooldown_us) {
        become(breaker, BREAKER_HALF_OPEN);
    }
    if (breaker->state == BREAKER_HALF_OPEN && !breaker->trial) {
        breaker->trial = true;
        return true;
    }
    return breaker->state == BREAKER_CLOSED;
}

static void report(struct breaker *breaker, bool ok, int64_t now_us) {
    switch (breaker->state) {
    case BREAKER_CLOSED:
        breaker->failures = ok ? 0 : breaker->failures + 1;
        if (breaker->failures >= breaker->limit) {
            open_at(breaker, now_us);
        }
        break;
    case BREAKER_HALF_OPEN:
        if (ok) {
            become(breaker, BREAKER_CLOSED);
        } else {
            open_at(breaker, now_us);
        }
        break;
    case BREAKER_OPEN:
        break;
    }
}

/* --- For everybody -------------------------------------------------------------------- */

bool breaker_allow(struct breaker *breaker, int64_t now_us) {
    pthread_mutex_lock(&breaker->lock);
    bool allowed = allow(breaker, now_us);
    pthread_mutex_unlock(&breaker->lock);
    return allowed;
}

void breaker_report(struct breaker *breaker, bool ok, int64_t now_us) {
    pthread_mutex_lock(&breaker->lock);
    report(breaker, ok, now_us);
    pthread_mutex_unlock(&breaker->lock);
}

enum breaker_state breaker_state(struct breaker *breaker) {
    pthread_mutex_lock(&breaker->lock);
    enum breaker_state state = breaker->state;
    pthread_mutex_unlock(&breaker->lock);
    return state;
}

const char *breaker_state_name(enum breaker_state state) {
    static const char *const names[] = {
        [BREAKER_CLOSED] = "closed", [BREAKER_OPEN] = "open", [BREAKER_HALF_OPEN] = "half-open"};
    return names[state];
}
