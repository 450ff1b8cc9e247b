/*
 * cache -- answers of MySQL, kept in Redis for a while (cache-aside).
 *
 * Whoever misses asks MySQL and stores what it got. The lifetime is drawn from 90 to 110 %
 * of the setting, so that what was stored together does not expire together. Redis away, or
 * its memory full, is a miss: the site works without it.
 */
#ifndef CACHE_H
#define CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "call.h"
#include "redis.h"
#include "slice.h"

struct cache {
    struct redis *redis; /* the worker's connection; NULL: there is no Redis, everything misses */
    int64_t ttl_ms;      /* at least 1 */
};

/* How a page came to its data, for those who look at it. */
enum cache_result { CACHE_NONE, CACHE_HIT, CACHE_MISS };

/* "none", "hit", "miss". */
static inline const char *cache_result_name(enum cache_result result) {
    static const char *const names[] = {[CACHE_NONE] = "none", [CACHE_HIT] = "hit", [CACHE_MISS] = "miss"};
    return names[result];
}

/* True: value is what was stored under key, copied into arena. Counts hits and misses,
 * where there is a Redis. */
bool cache_get(const struct cache *cache, struct call *call, struct slice key, struct arena *arena,
               struct slice *value);

/* Stores value under key. That it failed is told to nobody: the next reader misses. */
void cache_put(const struct cache *cache, struct call *call, struct slice key, struct slice value, struct arena *arena);

#endif
