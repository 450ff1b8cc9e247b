/*
 * cache -- answers of MySQL, kept in Redis for a while.
 *
 *   stored ---- fresh, CACHE_TTL_MS ----> old, CACHE_STALE_MS ----> gone
 *                    changed: nothing, for changed_ms
 *
 * An old one will do while one reader fetches a new one, and when MySQL is away. The time that one
 * is fresh is drawn from 90 to 110 % of what was asked for, so that what was stored together does
 * not get old together. Until when it is stands before it, "1764000000000 {…}", so that a look is one
 * command: by the wall clock, in milliseconds since 1970. A node whose clock is wrong thinks it fresh
 * or old too soon; when it goes only Redis' clock says.
 *
 * A key names what it holds and the version of its form, "product:v2:7", so that two versions of
 * shopd can run side by side. Next to it "lock:product:v2:7" says that a node is about to store it.
 *
 * A change leaves an empty value for a while, a tombstone: whoever reads it asks MySQL, and who had
 * asked before the change cannot store what is wrong by now.
 *
 * Redis away, or its memory full, is a miss: the site works without it.
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
    struct redis *redis; /* the worker's connection; NULL: there is no Redis */
    int64_t stale_ms;    /* an old one is kept for so long */
    int64_t changed_ms;  /* a tombstone; longer than any request that began before the change can last */
};

enum { CACHE_LOCK_MS = 1000 };

enum cache_state {
    CACHE_ABSENT,
    CACHE_FRESH,
    CACHE_OLD,
    CACHE_CHANGED, /* a tombstone: nothing may be stored now */
    CACHE_AWAY,    /* Redis does not answer, or there is none */
};

/* How a page came to its data, for those who look at it. */
enum cache_result { CACHE_NONE, CACHE_HIT, CACHE_STALE, CACHE_MISS };

/* "none", "hit", "stale", "miss". */
static inline const char *cache_result_name(enum cache_result result) {
    static const char *const names[] = {
        [CACHE_NONE] = "none", [CACHE_HIT] = "hit", [CACHE_STALE] = "stale", [CACHE_MISS] = "miss"};
    return names[result];
}

struct cache_entry {
    enum cache_state state;
    struct slice value; /* fresh or old */
    int64_t ttl_ms;     /* fresh for so long still; old: not for so long, as a negative number */
};

/* What is stored under key, copied into arena; one round trip. Counted, where there is a Redis. */
struct cache_entry cache_get(const struct cache *cache, struct call *call, struct slice key, struct arena *arena);

/* The right to fetch what key names, on behalf of all nodes. Ends by itself after CACHE_LOCK_MS. */
struct cache_lock {
    bool held;
    char token[17];
};

/* Takes the lock of key if no other node has it, and looks once more, in one round trip: who had
 * it before may have stored something meanwhile. */
struct cache_entry cache_lock(const struct cache *cache, struct call *call, struct slice key, struct arena *arena,
                              struct cache_lock *lock);

/* Gives a lock back, if it is held still. */
void cache_unlock(const struct cache *cache, struct call *call, struct slice key, struct arena *arena,
                  const struct cache_lock *lock);

/* Stores value under key, but not on a tombstone, and gives the lock back. ttl_ms: at least 1.
 * False: it is not stored, and the next reader misses. */
bool cache_put(const struct cache *cache, struct call *call, struct slice key, struct slice value, int64_t ttl_ms,
               struct arena *arena, const struct cache_lock *lock);

/* What these keys name has changed in MySQL. False: Redis does not know, and goes on saying what it
 * has stored. Without a Redis there is nobody to tell. */
bool cache_changed(const struct cache *cache, struct call *call, const struct slice *keys, size_t count,
                   struct arena *arena);

#endif
