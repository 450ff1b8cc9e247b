/* A Redis that refuses, or is away for longer: what is said of it, and what is spared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "log_capture.h"
#include "metrics.h"
#include "redis_bench.h"

/* --- Refusals --- */

static void an_error_is_an_answer_and_logged_once(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.answers = {SAY("-OOM full\r\n"), SAY("-OOM full\r\n"), SAY("+fine\r\n")}}}};
    struct bench bench;
    int64_t errors = metrics_get(METRIC_REDIS_ERRORS);
    begin(&fake, &bench);
    begin_log();
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    assert_int_equal(bench.replies[0].kind, REDIS_ERROR);
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    const char *log = end_log();
    expect_text(bench.replies[0], "fine");
    assert_int_equal(count(log, "\n"), 1);
    assert_int_equal(count(log, "\"error\":\"OOM full\""), 1);
    assert_int_equal(metrics_get(METRIC_REDIS_ERRORS), errors + 2);
    assert_int_equal(end(&fake, &bench), 1);
}

static void a_redis_that_is_no_use_is_away(void **state) {
    (void)state;
    static const struct slice refusals[] = {SAY("-LOADING Redis is loading\r\n"),
                                            SAY("-NOAUTH Authentication required.\r\n")};
    for (size_t i = 0; i < 2; i++) {
        struct fake_redis fake = {.script = {{.answers = {refusals[i]}}, {.answers = {refusals[i]}}}};
        struct bench bench;
        begin(&fake, &bench);
        begin_log();
        assert_int_equal(run(&bench, &get_k), STATUS_GONE);
        assert_int_equal(run(&bench, &get_k), STATUS_GONE);
        assert_int_equal(count(end_log(), "\n"), 1);
        assert_int_equal(end(&fake, &bench), 2);
    }
}

static void a_password_is_told_once_a_connection(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.answers = {SAY("+OK\r\n"), SAY("+one\r\n"), SAY("+two\r\n")}}}};
    struct redis_options options = options_for_fake();
    struct bench bench;
    options.user = "shop";
    options.password = "a secret";
    begin_with(&fake, &bench, &options);
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    expect_text(bench.replies[0], "two");
    assert_int_equal(end(&fake, &bench), 1);
    assert_string_equal(fake.heard, "AUTH shop a secret\nGET k\nGET k\n");
}

static void a_wrong_password_is_no_connection(void **state) {
    (void)state;
    struct fake_redis fake = {
        .script = {{.answers = {SAY("-WRONGPASS invalid\r\n")}}, {.answers = {SAY("-WRONGPASS invalid\r\n")}}}};
    struct redis_options options = options_for_fake();
    struct bench bench;
    options.password = "a secret";
    begin_with(&fake, &bench, &options);
    begin_log();
    assert_int_equal(run(&bench, &get_k), STATUS_GONE);
    assert_int_equal(run(&bench, &get_k), STATUS_GONE);
    const char *log = end_log();
    assert_int_equal(count(log, "\n"), 1);
    assert_int_equal(count(log, "WRONGPASS"), 1);
    assert_int_equal(count(log, "a secret"), 0);
    assert_int_equal(end(&fake, &bench), 2);
    assert_string_equal(fake.heard, "AUTH a secret\nAUTH a secret\n");
}

/* --- Away --- */

static void a_server_that_is_away_is_logged_once_and_when_it_is_back(void **state) {
    (void)state;
    enum { TRIES = 20 };
    struct fake_redis fake = {.script = {{.answers = {SAY("+one\r\n"), SAY("+two\r\n")}}}};
    const struct redis_options options = options_for_fake();
    struct bench bench;
    int64_t errors = metrics_get(METRIC_REDIS_ERRORS), connects = metrics_get(METRIC_REDIS_CONNECTS);
    set_up_bench(&bench, &options);
    begin_log();
    for (int i = 0; i < TRIES; i++) {
        assert_int_equal(run(&bench, &get_k), STATUS_GONE);
    }
    const char *log = end_log();
    assert_int_equal(count(log, "\n"), 1);
    assert_int_equal(count(log, "\"doing\":\"connect\""), 1);
    assert_int_equal(metrics_get(METRIC_REDIS_ERRORS), errors + TRIES);
    fake_start(&fake, path);
    begin_log();
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    log = end_log();
    assert_int_equal(count(log, "\n"), 1);
    assert_int_equal(count(log, "\"event\":\"redis is back\""), 1);
    assert_int_equal(metrics_get(METRIC_REDIS_CONNECTS), connects + 1);
    end(&fake, &bench);
}

static void behind_an_open_breaker_nothing_is_tried(void **state) {
    (void)state;
    enum { LIMIT = 2, COOLDOWN_MS = 2000 };
    struct fake_redis fake = {
        .script = {{.end = FAKE_HANGS_UP}, {.end = FAKE_HANGS_UP}, {.answers = {SAY("+back\r\n")}}}};
    struct redis_options options = options_for_fake();
    struct breaker breaker;
    struct bench bench;
    breaker_init(&breaker, LIMIT, COOLDOWN_MS * 1000);
    options.breaker = &breaker;
    begin_with(&fake, &bench, &options);
    int64_t errors = metrics_get(METRIC_REDIS_ERRORS), opened_us = 0;
    for (int i = 0; i < LIMIT; i++) {
        opened_us = clock_monotonic_us();
        assert_int_equal(run(&bench, &get_k), STATUS_GONE);
    }
    assert_int_equal(breaker_state(&breaker), BREAKER_OPEN);
    for (int i = 0; i < 1000 && clock_monotonic_us() - opened_us < COOLDOWN_MS * 1000 / 2; i++) {
        assert_int_equal(run(&bench, &get_k), STATUS_GONE);
    }
    assert_int_equal(fake.connections, LIMIT);
    assert_int_equal(metrics_get(METRIC_REDIS_ERRORS), errors + LIMIT);
    assert_int_equal(bench.call.calls[BACKEND_REDIS], LIMIT);
    wait_until(run(&bench, &get_k) == STATUS_OK);
    assert_int_equal(breaker_state(&breaker), BREAKER_CLOSED);
    assert_int_equal(end(&fake, &bench), LIMIT + 1);
    breaker_destroy(&breaker);
}

static void an_error_does_not_open_the_breaker(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.answers = {SAY("-ERR no\r\n")}}}};
    struct redis_options options = options_for_fake();
    struct breaker breaker;
    struct bench bench;
    breaker_init(&breaker, 1, CALL_MS * 1000);
    options.breaker = &breaker;
    begin_with(&fake, &bench, &options);
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    assert_int_equal(breaker_state(&breaker), BREAKER_CLOSED);
    end(&fake, &bench);
    breaker_destroy(&breaker);
}

static void nothing_is_freed_in_peace(void **state) {
    (void)state;
    redis_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_is_an_answer_and_logged_once),
        cmocka_unit_test(a_redis_that_is_no_use_is_away),
        cmocka_unit_test(a_password_is_told_once_a_connection),
        cmocka_unit_test(a_wrong_password_is_no_connection),
        cmocka_unit_test(a_server_that_is_away_is_logged_once_and_when_it_is_back),
        cmocka_unit_test(behind_an_open_breaker_nothing_is_tried),
        cmocka_unit_test(an_error_does_not_open_the_breaker),
        cmocka_unit_test(nothing_is_freed_in_peace),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
