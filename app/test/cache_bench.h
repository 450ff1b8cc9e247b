/*
 * cache_bench -- a cache in a fake Redis, with what a request brings along.
 *
 * set_up() and tear_down() of redis_place.h are for the group of tests. Include it after cmocka.h.
 */
#ifndef CACHE_BENCH_H
#define CACHE_BENCH_H

#include "cache.h"
#include "fake_redis.h"
#include "metrics.h"
#include "redis_place.h"

enum { TIMEOUT_MS = 5000, CALL_MS = 20000, STALE_MS = 5000, CHANGED_MS = 7000 };

static const struct slice key = {"product:7", 9};

/* What Redis answers to GET of one: fresh for 42 seconds still, or old for as many. */
#define NOTHING SAY("$-1\r\n")
#define FRESH(value) fake_cached(value, 42500)
#define OLD(value) fake_cached(value, -41500)
#define TOMBSTONE SAY("$0\r\n\r\n")

/* And to taking the lock, giving it back, and storing. */
#define LOCKED SAY("+OK\r\n")
#define BUSY SAY("$-1\r\n")
#define DONE SAY(":1\r\n")

struct bench {
    struct fake_redis fake;
    struct cache cache;
    struct call call;
    struct arena arena;
    int64_t looks[METRIC_COUNT]; /* what was counted before */
};

static inline void begin(struct bench *bench, struct fake_redis *script) {
    char where[PATH_BYTES + 5];
    struct redis_options options = {.user = "", .password = "", .ca_file = "", .timeout_ms = TIMEOUT_MS};
    snprintf(where, sizeof where, "unix:%s", path);
    assert_int_equal(address_read(where, &options.server), STATUS_OK);
    *bench = (struct bench){
        .cache = {.redis = redis_new(&options), .stale_ms = STALE_MS, .changed_ms = CHANGED_MS},
        .call = {.deadline = deadline_in_ms(CALL_MS)},
    };
    assert_non_null(bench->cache.redis);
    arena_init(&bench->arena, 65536);
    for (enum metric metric = 0; metric < METRIC_COUNT; metric++) {
        bench->looks[metric] = metrics_get(metric);
    }
    if (script != NULL) {
        bench->fake = *script;
        fake_start(&bench->fake, path);
    }
}

/* Ends it; bench->fake.heard can be read then. */
static inline void end(struct bench *bench) {
    redis_free(bench->cache.redis);
    arena_free(&bench->arena);
    if (bench->fake.fd != 0) {
        fake_stop(&bench->fake, path);
    }
}

static inline int64_t counted(const struct bench *bench, enum metric metric) {
    return metrics_get(metric) - bench->looks[metric];
}

#endif
