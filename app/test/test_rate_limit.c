/* Token buckets: without Redis, with one that says what it likes, and with one that is away. What a real one computes is
 * tested in tests/. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rate_limit.h"
#include "redis_bench.h"

enum { HOUR_S = 3600, BUCKETS = 64 };

/* So slow that no token comes back during a test. */
static const struct rate_limit_rule three_an_hour = {
    .name = "test", .interval_us = HOUR_S * INT64_C(1000000) / 3, .burst = 3, .lease = 1};
static const struct rate_limit_rule leased = {
    .name = "lease", .interval_us = HOUR_S * INT64_C(1000000), .burst = 100, .lease = 10};

static const struct rate_limit_redis nothing = {.redis = NULL};

static struct rate_limiter *open_limiter(size_t buckets) {
    struct rate_limiter *limiter = rate_limiter_new(buckets);
    assert_non_null(limiter);
    return limiter;
}

static bool may(struct rate_limiter *limiter, const char *key) {
    return rate_limit_take(limiter, &three_an_hour, key, &nothing).allowed;
}

/* What was so many seconds ahead at begun_us, or later, is so much nearer now. */
static void expect_seconds(int64_t seconds, int64_t at_first, int64_t begun_us) {
    assert_in_range(seconds, at_first - (clock_monotonic_us() - begun_us) / 1000000, at_first);
}

/* --- Without Redis --- */

static void a_bucket_gives_what_it_holds_and_says_when_more_comes(void **state) {
    (void)state;
    struct rate_limiter *limiter = open_limiter(BUCKETS);
    struct rate_limit_result result;
    int64_t begun_us = clock_monotonic_us();
    for (int64_t left = 2; left >= 0; left--) {
        result = rate_limit_take(limiter, &three_an_hour, "ada", &nothing);
        assert_true(result.allowed);
        assert_int_equal(result.limit, 3);
        assert_int_equal(result.remaining, left);
        expect_seconds(result.reset_s, (3 - left) * HOUR_S / 3, begun_us);
        if (left > 0) {
            assert_int_equal(result.retry_after_s, 0);
        } else {
            expect_seconds(result.retry_after_s, HOUR_S / 3, begun_us);
        }
    }
    for (int i = 0; i < 3; i++) { /* asking in vain makes it no worse */
        result = rate_limit_take(limiter, &three_an_hour, "ada", &nothing);
        assert_false(result.allowed);
        assert_int_equal(result.remaining, 0);
        expect_seconds(result.reset_s, HOUR_S, begun_us);
        expect_seconds(result.retry_after_s, HOUR_S / 3, begun_us);
    }
    rate_limiter_free(limiter);
}

static void each_key_and_each_rule_has_its_own_bucket(void **state) {
    (void)state;
    static const struct rate_limit_rule other = {.name = "other", .interval_us = 1000000000, .burst = 1, .lease = 1};
    struct rate_limiter *limiter = open_limiter(BUCKETS);
    for (int i = 0; i < 3; i++) {
        assert_true(may(limiter, "ada"));
    }
    assert_false(may(limiter, "ada"));
    assert_true(may(limiter, "bob"));
    assert_true(may(limiter, ""));
    assert_true(rate_limit_take(limiter, &other, "ada", &nothing).allowed);
    assert_false(rate_limit_take(limiter, &other, "ada", &nothing).allowed);
    rate_limiter_free(limiter);
}

static void tokens_come_back_one_by_one(void **state) {
    (void)state;
    static const struct rate_limit_rule quick = {.name = "quick", .interval_us = 50000, .burst = 2, .lease = 1};
    struct rate_limiter *limiter = open_limiter(BUCKETS);
    int64_t begun_us = clock_monotonic_us();
    unsigned taken = 0;
    while (taken < 6) {
        taken += rate_limit_take(limiter, &quick, "ada", &nothing).allowed;
        look_again_later();
    }
    assert_true(clock_monotonic_us() - begun_us >= 4 * quick.interval_us);
    wait_until(rate_limit_look(limiter, &quick, "ada").remaining == 2);
    assert_int_equal(rate_limit_look(limiter, &quick, "ada").reset_s, 0);
    rate_limiter_free(limiter);
}

static void a_token_that_is_given_back_can_be_taken_again(void **state) {
    (void)state;
    struct rate_limiter *limiter = open_limiter(BUCKETS);
    for (int i = 0; i < 10; i++) {
        assert_true(may(limiter, "ada"));
        rate_limit_give_back(limiter, &three_an_hour, "ada", &nothing);
    }
    rate_limit_give_back(limiter, &three_an_hour, "ada", &nothing); /* full is full */
    for (int i = 0; i < 3; i++) {
        assert_true(may(limiter, "ada"));
    }
    assert_false(may(limiter, "ada"));
    rate_limiter_free(limiter);
}

static void a_look_takes_nothing(void **state) {
    (void)state;
    struct rate_limiter *limiter = open_limiter(BUCKETS);
    for (int i = 0; i < 10; i++) {
        assert_true(rate_limit_look(limiter, &three_an_hour, "ada").allowed);
    }
    int64_t begun_us = clock_monotonic_us();
    for (int i = 0; i < 3; i++) {
        assert_true(may(limiter, "ada"));
    }
    struct rate_limit_result result = rate_limit_look(limiter, &three_an_hour, "ada");
    assert_false(result.allowed);
    expect_seconds(result.retry_after_s, HOUR_S / 3, begun_us);
    rate_limiter_free(limiter);
}

static void what_is_remembered_is_bounded_and_the_newest_stays(void **state) {
    (void)state;
    struct rate_limiter *limiter = open_limiter(1); /* the least there is: one row */
    char key[16];
    for (int i = 0; i < 4; i++) {
        may(limiter, "ada");
    }
    assert_false(may(limiter, "ada"));
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "other-%d", i);
        assert_true(may(limiter, key));
        assert_false(may(limiter, "ada")); /* asks again and again, and is not forgotten by it */
    }
    for (int i = 0; i < 8; i++) {
        snprintf(key, sizeof key, "more-%d", i);
        assert_true(may(limiter, key));
    }
    assert_true(may(limiter, "ada")); /* was silent for longer than the others */
    rate_limiter_free(limiter);
}

enum { THREADS = 4, TRIES = 500 };

static void *take_many(void *argument) {
    static const struct rate_limit_rule rule = {.name = "many", .interval_us = 60000000, .burst = 1000, .lease = 1};
    uintptr_t taken = 0;
    for (int i = 0; i < TRIES; i++) {
        taken += rate_limit_take(argument, &rule, "all", &nothing).allowed;
    }
    return (void *)taken;
}

static void threads_share_a_bucket(void **state) {
    (void)state;
    struct rate_limiter *limiter = open_limiter(BUCKETS);
    pthread_t threads[THREADS];
    uintptr_t sum = 0;
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, limiter), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *taken;
        pthread_join(threads[i], &taken);
        sum += (uintptr_t)taken;
    }
    assert_int_equal(sum, 1000);
    rate_limiter_free(limiter);
}

/* --- With Redis --- */

/* A fake Redis, a connection to it, and a limiter. */
struct shared {
    struct fake_redis fake;
    struct bench bench;
    struct rate_limit_redis redis;
    struct rate_limiter *limiter;
};

static void begin_shared(struct shared *shared) {
    begin(&shared->fake, &shared->bench);
    shared->redis = (struct rate_limit_redis){shared->bench.redis, &shared->bench.call, &shared->bench.arena};
    shared->limiter = open_limiter(BUCKETS);
}

static void end_shared(struct shared *shared) {
    rate_limiter_free(shared->limiter);
    end(&shared->fake, &shared->bench);
}

static struct rate_limit_result take(struct shared *shared, const struct rate_limit_rule *rule) {
    return rate_limit_take(shared->limiter, rule, "ada", &shared->redis);
}

static unsigned times_heard(const struct shared *shared, const char *text) {
    unsigned times = 0;
    for (const char *at = shared->fake.heard; (at = strstr(at, text)) != NULL; at++) {
        times++;
    }
    return times;
}

static void redis_has_the_last_word(void **state) {
    (void)state;
    struct shared shared = {
        .fake = {.script = {{.answers = {SAY("$12\r\n1 1200000000\r\n"), SAY("$12\r\n0 3600000000\r\n")}}}}};
    begin_shared(&shared);
    struct rate_limit_result result = take(&shared, &three_an_hour);
    assert_true(result.allowed);
    assert_int_equal(result.remaining, 2);
    result = take(&shared, &three_an_hour); /* others have taken the rest */
    assert_false(result.allowed);
    assert_int_equal(result.remaining, 0);
    assert_int_equal(result.reset_s, HOUR_S);
    assert_int_equal(result.retry_after_s, HOUR_S / 3);
    assert_false(rate_limit_look(shared.limiter, &three_an_hour, "ada").allowed);
    end_shared(&shared);
    assert_int_equal(times_heard(&shared, " 1 limit:v1:test:ada 1200000000 3 1\n"), 2);
    assert_int_equal(times_heard(&shared, "EVALSHA "), 2);
}

static void a_redis_that_does_not_know_the_script_is_told_it(void **state) {
    (void)state;
    struct shared shared = {
        .fake = {.script = {{.answers = {SAY("-NOSCRIPT No matching script.\r\n"), SAY("$12\r\n1 1200000000\r\n")}}}}};
    begin_shared(&shared);
    assert_true(take(&shared, &three_an_hour).allowed);
    end_shared(&shared);
    assert_int_equal(times_heard(&shared, "EVALSHA "), 1);
    assert_int_equal(times_heard(&shared, "EVAL local interval"), 1);
}

static void without_an_answer_the_node_goes_on_from_what_it_saw_last(void **state) {
    (void)state;
    static const struct slice useless[] = {SAY("-NOPERM no\r\n"), SAY("$3\r\nabc\r\n"), SAY(":1\r\n"), SAY("$-1\r\n")};
    for (size_t i = 0; i < sizeof useless / sizeof useless[0]; i++) {
        struct shared shared = {
            .fake = {.script = {{.answers = {SAY("$12\r\n1 2400000000\r\n"), useless[i]}, .end = FAKE_REPEATS}}}};
        begin_shared(&shared);
        assert_true(take(&shared, &three_an_hour).allowed);
        assert_true(take(&shared, &three_an_hour).allowed); /* one was left */
        assert_false(take(&shared, &three_an_hour).allowed);
        rate_limit_give_back(shared.limiter, &three_an_hour, "ada", &shared.redis);
        assert_true(take(&shared, &three_an_hour).allowed);
        end_shared(&shared);
    }
}

static void a_token_is_given_back_to_redis(void **state) {
    (void)state;
    struct shared shared = {
        .fake = {.script = {{.answers = {SAY("$12\r\n0 3600000000\r\n"), SAY("$13\r\n-1 2400000000\r\n")}}}}};
    begin_shared(&shared);
    assert_false(take(&shared, &three_an_hour).allowed);
    rate_limit_give_back(shared.limiter, &three_an_hour, "ada", &shared.redis);
    assert_int_equal(rate_limit_look(shared.limiter, &three_an_hour, "ada").remaining, 1);
    end_shared(&shared);
    assert_int_equal(times_heard(&shared, " limit:v1:test:ada 1200000000 3 -1\n"), 1);
}

static void a_lease_saves_round_trips(void **state) {
    (void)state;
    struct shared shared = {
        .fake = {.script = {{.answers = {SAY("$14\r\n10 36000000000\r\n"), SAY("$13\r\n3 46800000000\r\n"),
                                         SAY("$14\r\n0 360000000000\r\n")}}}}};
    begin_shared(&shared);
    for (int64_t left = 99; left >= 90; left--) {
        struct rate_limit_result result = take(&shared, &leased);
        assert_true(result.allowed);
        assert_int_equal(result.remaining, left);
    }
    for (int i = 0; i < 3; i++) { /* fewer than were wanted */
        assert_true(take(&shared, &leased).allowed);
    }
    assert_false(take(&shared, &leased).allowed);
    end_shared(&shared);
    assert_int_equal(times_heard(&shared, "EVALSHA "), 3);
    assert_int_equal(times_heard(&shared, " 3600000000 100 10\n"), 3);
}

static void what_is_left_of_a_lease_is_lost_in_time(void **state) {
    (void)state;
    struct shared shared = {
        .fake = {.script = {{.answers = {SAY("$15\r\n10 360000000000\r\n"), SAY("$14\r\n0 360000000000\r\n")}}}}};
    begin_shared(&shared);
    assert_true(take(&shared, &leased).allowed);
    assert_true(rate_limit_look(shared.limiter, &leased, "ada").allowed);
    wait_until(!rate_limit_look(shared.limiter, &leased, "ada").allowed);
    assert_false(take(&shared, &leased).allowed);
    end_shared(&shared);
}

static void without_redis_a_lease_is_no_licence(void **state) {
    (void)state;
    struct rate_limiter *limiter = open_limiter(BUCKETS);
    for (int i = 0; i < 100; i++) {
        assert_true(rate_limit_take(limiter, &leased, "ada", &nothing).allowed);
    }
    assert_false(rate_limit_take(limiter, &leased, "ada", &nothing).allowed);
    rate_limiter_free(limiter);
}

static void nothing_to_free_is_fine(void **state) {
    (void)state;
    rate_limiter_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_gives_what_it_holds_and_says_when_more_comes),
        cmocka_unit_test(each_key_and_each_rule_has_its_own_bucket),
        cmocka_unit_test(tokens_come_back_one_by_one),
        cmocka_unit_test(a_token_that_is_given_back_can_be_taken_again),
        cmocka_unit_test(a_look_takes_nothing),
        cmocka_unit_test(what_is_remembered_is_bounded_and_the_newest_stays),
        cmocka_unit_test(threads_share_a_bucket),
        cmocka_unit_test(redis_has_the_last_word),
        cmocka_unit_test(a_redis_that_does_not_know_the_script_is_told_it),
        cmocka_unit_test(without_an_answer_the_node_goes_on_from_what_it_saw_last),
        cmocka_unit_test(a_token_is_given_back_to_redis),
        cmocka_unit_test(a_lease_saves_round_trips),
        cmocka_unit_test(what_is_left_of_a_lease_is_lost_in_time),
        cmocka_unit_test(without_redis_a_lease_is_no_licence),
        cmocka_unit_test(nothing_to_free_is_fine),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
