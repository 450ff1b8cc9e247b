/* What is asked of Redis for a cache, and what comes of its answers. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cache.h"
#include "fake_redis.h"
#include "metrics.h"

enum { TIMEOUT_MS = 1000, CALL_MS = 10000, PATH_BYTES = 64 };

static char directory[] = "/tmp/test_cache-XXXXXX";
static char path[PATH_BYTES];

struct bench {
    struct cache cache;
    struct call call;
    struct arena arena;
    int64_t hits, misses; /* before */
};

static void set_up_bench(struct bench *bench, int64_t ttl_ms) {
    char where[PATH_BYTES + 5];
    struct redis_options options = {.user = "", .password = "", .ca_file = "", .timeout_ms = TIMEOUT_MS};
    snprintf(where, sizeof where, "unix:%s", path);
    assert_int_equal(address_read(where, &options.server), STATUS_OK);
    *bench = (struct bench){
        .cache = {.redis = redis_new(&options), .ttl_ms = ttl_ms},
        .call = {.deadline = deadline_in_ms(CALL_MS)},
        .hits = metrics_get(METRIC_CACHE_HITS),
        .misses = (metrics_get(METRIC_CACHE_MISSES) + metrics_get(METRIC_CACHE_ERRORS)),
    };
    assert_non_null(bench->cache.redis);
    arena_init(&bench->arena, 65536);
}

static void tear_down_bench(struct bench *bench) {
    redis_free(bench->cache.redis);
    arena_free(&bench->arena);
}

static bool get(struct bench *bench, struct slice *value) {
    return cache_get(&bench->cache, &bench->call, slice_of("the key"), &bench->arena, value);
}

static void expect_counted(const struct bench *bench, int hits, int misses) {
    assert_int_equal(metrics_get(METRIC_CACHE_HITS) - bench->hits, hits);
    assert_int_equal((metrics_get(METRIC_CACHE_MISSES) + metrics_get(METRIC_CACHE_ERRORS)) - bench->misses, misses);
}

static void what_is_there_is_a_hit(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.answers = {SAY("$5\r\nvalue\r\n"), SAY("$0\r\n\r\n")}}}};
    struct bench bench;
    struct slice value;
    fake_start(&fake, path);
    set_up_bench(&bench, 1000);
    assert_true(get(&bench, &value));
    assert_true(slice_equal(value, slice_of("value")));
    assert_true(get(&bench, &value));
    assert_int_equal(value.length, 0);
    expect_counted(&bench, 2, 0);
    tear_down_bench(&bench);
    fake_stop(&fake, path);
    assert_string_equal(fake.heard, "GET the key\nGET the key\n");
}

static void everything_else_is_a_miss(void **state) {
    (void)state;
    static const struct slice answers[] = {SAY("$-1\r\n"), SAY("-ERR no\r\n"), SAY(":1\r\n"), SAY("nonsense\r\n")};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct fake_redis fake = {.script = {{.answers = {answers[i]}}}};
        struct bench bench;
        struct slice value = slice_of("untouched");
        fake_start(&fake, path);
        set_up_bench(&bench, 1000);
        assert_false(get(&bench, &value));
        assert_string_equal(value.data, "untouched");
        expect_counted(&bench, 0, 1);
        tear_down_bench(&bench);
        fake_stop(&fake, path);
    }
}

static void redis_away_is_a_miss(void **state) {
    (void)state;
    struct bench bench;
    struct slice value;
    set_up_bench(&bench, 1000);
    assert_false(get(&bench, &value));
    cache_put(&bench.cache, &bench.call, slice_of("the key"), slice_of("value"), &bench.arena);
    expect_counted(&bench, 0, 1);
    tear_down_bench(&bench);
}

static void without_redis_nothing_is_counted(void **state) {
    (void)state;
    struct bench bench;
    struct slice value;
    set_up_bench(&bench, 1000);
    const struct cache none = {.ttl_ms = 1000};
    assert_false(cache_get(&none, &bench.call, slice_of("the key"), &bench.arena, &value));
    cache_put(&none, &bench.call, slice_of("the key"), slice_of("value"), &bench.arena);
    expect_counted(&bench, 0, 0);
    assert_int_equal(bench.call.calls[BACKEND_REDIS], 0);
    tear_down_bench(&bench);
}

/* Stores once, and returns the lifetime that Redis was told, in ms. */
static long stored_lifetime(int64_t ttl_ms) {
    static const char said[] = "SET the key a value PX ";
    struct fake_redis fake = {.script = {{.answers = {SAY("+OK\r\n")}}}};
    struct bench bench;
    fake_start(&fake, path);
    set_up_bench(&bench, ttl_ms);
    cache_put(&bench.cache, &bench.call, slice_of("the key"), slice_of("a value"), &bench.arena);
    tear_down_bench(&bench);
    fake_stop(&fake, path);
    assert_memory_equal(fake.heard, said, strlen(said));
    return strtol(fake.heard + strlen(said), NULL, 10);
}

static void lifetimes_are_spread_around_the_setting(void **state) {
    (void)state;
    enum { TTL_MS = 1000, TIMES = 200 };
    long least = TTL_MS, most = TTL_MS;
    for (int i = 0; i < TIMES; i++) {
        long ms = stored_lifetime(TTL_MS);
        assert_in_range(ms, TTL_MS * 9 / 10, TTL_MS * 11 / 10);
        least = ms < least ? ms : least;
        most = ms > most ? ms : most;
    }
    assert_true(least < TTL_MS * 95 / 100 && most > TTL_MS * 105 / 100); /* not so: once in 10^25 runs */
}

static void the_shortest_lifetime_is_one_that_redis_takes(void **state) {
    (void)state;
    assert_int_equal(stored_lifetime(1), 1);
}

static int set_up(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/redis.sock", directory);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    return rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_there_is_a_hit),
        cmocka_unit_test(everything_else_is_a_miss),
        cmocka_unit_test(redis_away_is_a_miss),
        cmocka_unit_test(without_redis_nothing_is_counted),
        cmocka_unit_test(lifetimes_are_spread_around_the_setting),
        cmocka_unit_test(the_shortest_lifetime_is_one_that_redis_takes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
