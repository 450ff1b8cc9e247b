/*
 * redis_watch -- a thread that asks Redis again and again whether it lives, so that /readyz
 * need not wait.
 *
 * It has a connection of its own and no breaker: it sees Redis come back while the workers
 * still spare themselves the trouble. Reading what it saw is instant and safe from any thread.
 */
#ifndef REDIS_WATCH_H
#define REDIS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "redis.h"
#include "status.h"

struct redis_watch;

/* Returns after the first look. The strings that options name must stay; its breaker is not
 * used. STATUS_NO_MEMORY: nothing runs. */
enum status redis_watch_start(const struct redis_options *options, int64_t interval_ms, struct redis_watch **out);

/* How Redis was at the last look. */
bool redis_watch_up(const struct redis_watch *watch);

/* Ends the thread. NULL is allowed. */
void redis_watch_stop(struct redis_watch *watch);

#endif
