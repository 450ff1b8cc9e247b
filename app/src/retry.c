#include "retry.h"

#include "backoff.h"

enum { DOUBLINGS = 6 }; /* of the wait: a minute, when it begins with a second */

enum retry retry_judge(const struct retry_rules *rules, enum status status, unsigned tries, uint64_t random,
                       int64_t *wait_ms) {
    switch (status) {
    case STATUS_GONE:
    case STATUS_TIMEOUT:
    case STATUS_AGAIN: /* others held the rows, each time */
        return RETRY_WHEN_BACK;
    default:
        break;
    }
    if (tries + 1 >= rules->tries) {
        return RETRY_GIVE_UP;
    }
    const struct backoff backoff = {
        .base_us = rules->base_ms * 1000, .most_us = (rules->base_ms * 1000) << DOUBLINGS, .tries = rules->tries};
    *wait_ms = backoff_wait_us(&backoff, tries, random) / 1000;
    return RETRY_LATER;
}
