#include "cache.h"

#include <stdio.h>

#include "metrics.h"
#include "random.h"

bool cache_get(const struct cache *cache, struct call *call, struct slice key, struct arena *arena,
               struct slice *value) {
    struct redis_reply reply;
    const struct redis_command get = {.arguments = {slice_of("GET"), key}, .count = 2, .repeatable = true};
    if (cache->redis == NULL) {
        return false;
    }
    enum status status = redis_run(cache->redis, call, &get, 1, arena, &reply);
    bool hit = status == STATUS_OK && reply.kind == REDIS_TEXT, miss = status == STATUS_OK && reply.kind == REDIS_NIL;
    metrics_add(hit ? METRIC_CACHE_HITS : miss ? METRIC_CACHE_MISSES : METRIC_CACHE_ERRORS, 1);
    if (hit) {
        *value = reply.text;
    }
    return hit;
}

static int64_t draw_lifetime_ms(int64_t ttl_ms) {
    int64_t tenth = ttl_ms / 10;
    return ttl_ms - tenth + (int64_t)(random_u64() % (uint64_t)(2 * tenth + 1));
}

void cache_put(const struct cache *cache, struct call *call, struct slice key, struct slice value,
               struct arena *arena) {
    char lifetime[24];
    struct redis_reply reply;
    if (cache->redis == NULL) {
        return;
    }
    snprintf(lifetime, sizeof lifetime, "%lld", (long long)draw_lifetime_ms(cache->ttl_ms));
    const struct redis_command set = {
        .arguments = {slice_of("SET"), key, value, slice_of("PX"), slice_of(lifetime)}, .count = 5, .repeatable = true};
    redis_run(cache->redis, call, &set, 1, arena, &reply);
}
