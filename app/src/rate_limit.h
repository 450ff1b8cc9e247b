/*
 * rate_limit -- how often somebody may do something: token buckets.
 *
 * A full bucket holds burst tokens; while it is not full, one comes back every interval.
 * Who finds a token takes it and goes on. Who finds none may come again later.
 *
 * The buckets are in Redis, one for all nodes, in the time of Redis. Each node remembers
 * how it saw them last, and goes on from there while Redis is away; where there is no Redis
 * that is all there is. It remembers a fixed number of them: a new one takes the place of
 * one that was not asked for in a long time, which is full then as a rule.
 *
 * A rule with a lease fetches several tokens from Redis at once, and the next ones are
 * handed out by the node alone: most requests cost no round trip. What is left of them
 * after RATE_LIMIT_LEASE_MS is lost.
 *
 * Every function is thread-safe, and nothing here fails.
 */
#ifndef RATE_LIMIT_H
#define RATE_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "call.h"
#include "redis.h"

enum { RATE_LIMIT_LEASE_MS = 1000, RATE_LIMIT_NAME_BYTES = 96 };

struct rate_limiter;

struct rate_limit_rule {
    const char *name;    /* a word; the bucket of a key is named limit:v1:NAME:KEY, at most RATE_LIMIT_NAME_BYTES */
    int64_t interval_us; /* at least 1 */
    int64_t burst;       /* at least 1; all intervals of a burst are less than a year */
    int64_t lease;       /* at least 1; 1: every token is asked for, and the limit is exact */
};

/* How to ask Redis. */
struct rate_limit_redis {
    struct redis *redis; /* NULL: there is none */
    struct call *call;
    struct arena *arena; /* for its answers */
};

struct rate_limit_result {
    bool allowed;
    int64_t limit;         /* tokens in a full bucket */
    int64_t remaining;     /* tokens in this one, as far as this node knows */
    int64_t reset_s;       /* until it is full, rounded up */
    int64_t retry_after_s; /* until there is a token, rounded up; 0: there is one */
};

/* Remembers about so many buckets, at least 1. NULL without memory. */
struct rate_limiter *rate_limiter_new(size_t buckets);

/* NULL is allowed. */
void rate_limiter_free(struct rate_limiter *limiter);

/* Takes a token, if there is one. */
struct rate_limit_result rate_limit_take(struct rate_limiter *limiter, const struct rate_limit_rule *rule,
                                         const char *key, const struct rate_limit_redis *redis);

/* Puts back a token that was taken and turned out not to count. */
void rate_limit_give_back(struct rate_limiter *limiter, const struct rate_limit_rule *rule, const char *key,
                          const struct rate_limit_redis *redis);

/* Takes nothing and waits for nobody: not allowed if this node knows that there is no token. */
struct rate_limit_result rate_limit_look(struct rate_limiter *limiter, const struct rate_limit_rule *rule,
                                         const char *key);

#endif
