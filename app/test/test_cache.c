/* What is asked of Redis for a cache, and what comes of its answers. What its scripts do is tested with a real one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache_bench.h"

/* --- Reading --- */

static struct cache_entry get(struct bench *bench) {
    return cache_get(&bench->cache, &bench->call, key, &bench->arena);
}

static void expect_found(struct slice answer, enum cache_state state, const char *value, int64_t ttl_ms,
                         enum metric metric) {
    struct fake_redis fake = {.script = {{.answers = {answer}}}};
    struct bench bench;
    begin(&bench, &fake);
    struct cache_entry entry = get(&bench);
    assert_int_equal(entry.state, state);
    assert_true(entry.ttl_ms <= ttl_ms && entry.ttl_ms >= ttl_ms - fake_passed_ms());
    if (value != NULL) {
        assert_true(slice_equal(entry.value, slice_of(value)));
    }
    assert_int_equal(counted(&bench, metric), 1);
    assert_int_equal(bench.call.calls[BACKEND_REDIS], 1); /* one round trip */
    end(&bench);
    assert_string_equal(bench.fake.heard, "GET product:7\n");
}

static void what_is_there_is_fresh_old_or_changed(void **state) {
    (void)state;
    expect_found(fake_cached("value", 42500), CACHE_FRESH, "value", 42500, METRIC_CACHE_HITS);
    expect_found(fake_cached("", 42500), CACHE_FRESH, "", 42500, METRIC_CACHE_HITS);
    expect_found(fake_cached("value", 0), CACHE_OLD, "value", 0, METRIC_CACHE_OLD);
    expect_found(fake_cached("value", -41500), CACHE_OLD, "value", -41500, METRIC_CACHE_OLD);
    expect_found(TOMBSTONE, CACHE_CHANGED, NULL, 0, METRIC_CACHE_MISSES);
    expect_found(NOTHING, CACHE_ABSENT, NULL, 0, METRIC_CACHE_MISSES);
}

static void what_says_no_time_is_not_there(void **state) {
    (void)state;
    static const struct slice answers[] = {SAY("$5\r\nvalue\r\n"),
                                           SAY("$6\r\n value\r\n"),
                                           SAY("$2\r\n12\r\n"),
                                           SAY("$4\r\n-1 v\r\n"),
                                           SAY("$4\r\n1\tv2\r\n"),
                                           SAY("$1\r\n \r\n"),
                                           SAY("$21\r\n1234567890123456789 v\r\n")};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        expect_found(answers[i], CACHE_ABSENT, NULL, 0, METRIC_CACHE_MISSES);
    }
}

static void everything_else_is_away(void **state) {
    (void)state;
    static const struct slice answers[] = {SAY("-ERR no\r\n"), SAY(":1\r\n"), SAY("nonsense\r\n"), SAY("*0\r\n")};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct fake_redis fake = {.script = {{.answers = {answers[i]}}}};
        struct bench bench;
        begin(&bench, &fake);
        assert_int_equal(get(&bench).state, CACHE_AWAY);
        assert_int_equal(counted(&bench, METRIC_CACHE_ERRORS), 1);
        end(&bench);
    }
}

static void redis_away_is_away(void **state) {
    (void)state;
    struct bench bench;
    struct cache_lock lock;
    begin(&bench, NULL);
    assert_int_equal(get(&bench).state, CACHE_AWAY);
    assert_int_equal(cache_lock(&bench.cache, &bench.call, key, &bench.arena, &lock).state, CACHE_AWAY);
    assert_false(lock.held);
    assert_false(cache_put(&bench.cache, &bench.call, key, slice_of("value"), 1000, &bench.arena, &lock));
    assert_false(cache_changed(&bench.cache, &bench.call, &key, 1, &bench.arena));
    assert_int_equal(counted(&bench, METRIC_CACHE_ERRORS), 1);
    assert_int_equal(counted(&bench, METRIC_CACHE_CHANGES_LOST), 1);
    end(&bench);
}

static void without_redis_nothing_is_counted(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench, NULL);
    const struct cache none = {.stale_ms = STALE_MS};
    assert_int_equal(cache_get(&none, &bench.call, key, &bench.arena).state, CACHE_AWAY);
    assert_true(cache_changed(&none, &bench.call, &key, 1, &bench.arena));
    assert_int_equal(counted(&bench, METRIC_CACHE_ERRORS), 0);
    assert_int_equal(bench.call.calls[BACKEND_REDIS], 0);
    end(&bench);
}

/* --- The lock --- */

static void the_lock_is_taken_if_nobody_has_it(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.answers = {LOCKED, NOTHING, BUSY, FRESH("value"), DONE}}}};
    struct bench bench;
    struct cache_lock lock, other;
    char expected[512];
    begin(&bench, &fake);
    assert_int_equal(cache_lock(&bench.cache, &bench.call, key, &bench.arena, &lock).state, CACHE_ABSENT);
    assert_true(lock.held);
    assert_int_equal(cache_lock(&bench.cache, &bench.call, key, &bench.arena, &other).state, CACHE_FRESH);
    assert_false(other.held);
    assert_string_not_equal(lock.token, other.token);
    assert_int_equal(bench.call.calls[BACKEND_REDIS], 2);
    cache_unlock(&bench.cache, &bench.call, key, &bench.arena, &lock);
    cache_unlock(&bench.cache, &bench.call, key, &bench.arena, &other); /* which is not held */
    assert_int_equal(bench.call.calls[BACKEND_REDIS], 3);
    end(&bench);
    snprintf(expected, sizeof expected,
             "SET lock:product:7 %s NX PX 1000\nGET product:7\n"
             "SET lock:product:7 %s NX PX 1000\nGET product:7\n",
             lock.token, other.token);
    assert_memory_equal(bench.fake.heard, expected, strlen(expected));
    assert_non_null(strstr(bench.fake.heard, " 1 lock:product:7 "));
}

/* --- Writing --- */

/* Stores once, and returns the lifetime that Redis was told, in ms. */
static long stored_lifetime(int64_t ttl_ms) {
    struct fake_redis fake = {.script = {{.answers = {DONE}}}};
    struct bench bench;
    const struct cache_lock lock = {true, "0123456789abcdef"};
    const int64_t now_ms = clock_wall_us() / 1000;
    begin(&bench, &fake);
    assert_true(cache_put(&bench.cache, &bench.call, key, slice_of("a value"), ttl_ms, &bench.arena, &lock));
    const int64_t passed_ms = clock_wall_us() / 1000 - now_ms;
    end(&bench);
    const char *arguments = strstr(bench.fake.heard, " 2 product:7 lock:product:7 ");
    long long until_ms;
    long lifetime_ms;
    char token[32];
    assert_memory_equal(bench.fake.heard, "EVAL ", 5);
    assert_non_null(arguments);
    assert_int_equal(
        sscanf(arguments, " 2 product:7 lock:product:7 %lld a value %ld %31s\n", &until_ms, &lifetime_ms, token), 3);
    assert_string_equal(token, lock.token);
    /* Fresh until then, and kept for longer. */
    assert_in_range(until_ms - now_ms, lifetime_ms - STALE_MS, lifetime_ms - STALE_MS + passed_ms);
    return lifetime_ms - STALE_MS;
}

static void lifetimes_are_spread_around_what_was_asked_for(void **state) {
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

static void what_redis_does_not_store_is_told(void **state) {
    (void)state;
    static const struct slice answers[] = {SAY(":0\r\n") /* on a tombstone */, SAY("-NOPERM no\r\n"), SAY("$-1\r\n")};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct fake_redis fake = {.script = {{.answers = {answers[i]}}}};
        struct bench bench;
        const struct cache_lock lock = {true, "0123456789abcdef"};
        begin(&bench, &fake);
        assert_false(cache_put(&bench.cache, &bench.call, key, slice_of("value"), 1000, &bench.arena, &lock));
        end(&bench);
    }
}

static void a_change_leaves_tombstones_in_one_round_trip(void **state) {
    (void)state;
    const struct slice keys[] = {slice_of("a"), slice_of("b"), slice_of("c")};
    struct fake_redis fake = {.script = {{.answers = {LOCKED, LOCKED, LOCKED}}}};
    struct bench bench;
    begin(&bench, &fake);
    assert_true(cache_changed(&bench.cache, &bench.call, keys, 3, &bench.arena));
    assert_true(cache_changed(&bench.cache, &bench.call, keys, 0, &bench.arena));
    assert_int_equal(bench.call.calls[BACKEND_REDIS], 1);
    assert_int_equal(counted(&bench, METRIC_CACHE_CHANGES), 3);
    end(&bench);
    assert_string_equal(bench.fake.heard, "SET a  PX 7000\nSET b  PX 7000\nSET c  PX 7000\n");
}

static void a_change_that_redis_refuses_is_lost(void **state) {
    (void)state;
    const struct slice keys[] = {slice_of("a"), slice_of("b")};
    struct fake_redis fake = {.script = {{.answers = {LOCKED, SAY("-OOM no\r\n")}}}};
    struct bench bench;
    begin(&bench, &fake);
    assert_false(cache_changed(&bench.cache, &bench.call, keys, 2, &bench.arena));
    assert_int_equal(counted(&bench, METRIC_CACHE_CHANGES_LOST), 2);
    end(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_there_is_fresh_old_or_changed),
        cmocka_unit_test(what_says_no_time_is_not_there),
        cmocka_unit_test(everything_else_is_away),
        cmocka_unit_test(redis_away_is_away),
        cmocka_unit_test(without_redis_nothing_is_counted),
        cmocka_unit_test(the_lock_is_taken_if_nobody_has_it),
        cmocka_unit_test(lifetimes_are_spread_around_what_was_asked_for),
        cmocka_unit_test(the_shortest_lifetime_is_one_that_redis_takes),
        cmocka_unit_test(what_redis_does_not_store_is_told),
        cmocka_unit_test(a_change_leaves_tombstones_in_one_round_trip),
        cmocka_unit_test(a_change_that_redis_refuses_is_lost),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
