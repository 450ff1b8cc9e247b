/* Who asks for too much is told so, who does not is left alone. The buckets are this node's; rate_limit has its own tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exchange_bench.h"
#include "metrics.h"
#include "throttle.h"
#include "wait.h"

enum { A_SECOND = 2, AT_ONCE = 10, TRIES = 3 };

static int start_throttle(void **state) {
    if (set_up(state) != 0) {
        return -1;
    }
    struct bench *bench = *state;
    bench->config.limit_address_per_s = A_SECOND;
    bench->config.limit_account_per_s = A_SECOND;
    bench->config.limit_login_ms = 3600000;
    bench->config.limit_login_account = TRIES;
    bench->config.limit_login_address = 2 * TRIES;
    return throttle_new(&bench->config, &bench->shop.throttle) == STATUS_OK ? 0 : -1;
}

static int stop_throttle(void **state) {
    struct bench *bench = *state;
    throttle_free(bench->shop.throttle);
    return tear_down(state);
}

#define WITH_THROTTLE(name) cmocka_unit_test_setup_teardown(name, start_throttle, stop_throttle)

/* A request from an address, by a user (0: nobody); true: it may go on. */
static bool request(struct bench *bench, const char *address, uint64_t user) {
    static struct session session;
    char params[128];
    snprintf(params, sizeof params, "REMOTE_ADDR=%s\n", address);
    struct exchange *exchange = ask(bench, params, "");
    session.user = user;
    exchange->session = &session;
    return throttle_admit(exchange) && throttle_count_request(exchange);
}

static int64_t begun_us; /* when the first of many requests came */

/* How many of count requests may go on. */
static int requests(struct bench *bench, const char *address, uint64_t user, int count) {
    int allowed = 0;
    begun_us = clock_monotonic_us();
    for (int i = 0; i < count; i++) {
        allowed += request(bench, address, user);
    }
    return allowed;
}

/* So many since begun_us, or some more that have come back meanwhile. */
static void expect_limited(int allowed) {
    int64_t come_back = (clock_monotonic_us() - begun_us) * A_SECOND / 1000000 + 1;
    assert_in_range(allowed, AT_ONCE, AT_ONCE + come_back);
}

/* Until one may not go on: the last of many may be one that has just come back. */
static void be_refused(struct bench *bench, const char *address, uint64_t user) {
    wait_until(!request(bench, address, user));
}

static void an_address_over_its_limit_gets_429_and_others_do_not(void **state) {
    struct bench *bench = *state;
    int64_t before = metrics_get(METRIC_LIMITED_ADDRESS);
    int allowed = requests(bench, "192.0.2.1", 0, 100);
    expect_limited(allowed);
    assert_int_equal(metrics_get(METRIC_LIMITED_ADDRESS), before + 100 - allowed);
    be_refused(bench, "192.0.2.1", 0);
    assert_int_equal(bench->exchange->out.status, 429);
    expect_text(headers_of(bench->exchange), "Retry-After: 1\r\n");
    expect_text(headers_of(bench->exchange), "RateLimit-Limit: 10\r\nRateLimit-Remaining: 0\r\nRateLimit-Reset: ");
    expect_text(content_of(bench->exchange), "Too many requests from your address.");
    assert_int_equal(requests(bench, "192.0.2.2", 0, AT_ONCE), AT_ONCE);
}

static void who_is_over_the_limit_does_not_get_to_a_worker(void **state) {
    struct bench *bench = *state;
    int admitted = 0;
    expect_limited(requests(bench, "192.0.2.1", 0, 100));
    for (int i = 0; i < 100; i++) {
        admitted += throttle_admit(ask(bench, "REMOTE_ADDR=192.0.2.1\n", ""));
    }
    assert_in_range(admitted, 0, 99);
    assert_true(throttle_admit(ask(bench, "REMOTE_ADDR=192.0.2.2\n", "")));
}

static void the_api_gets_a_problem(void **state) {
    struct bench *bench = *state;
    bool allowed = true;
    for (int i = 0; i < 100 && allowed; i++) {
        allowed = throttle_count_request(ask(bench, "REMOTE_ADDR=192.0.2.1\nREQUEST_URI=/api/v1/products\n", ""));
    }
    assert_int_equal(bench->exchange->out.status, 429);
    assert_string_equal(bench->exchange->out.content_type, "application/problem+json");
}

static void an_account_is_limited_wherever_it_comes_from(void **state) {
    struct bench *bench = *state;
    char address[32];
    int allowed = 0;
    begun_us = clock_monotonic_us();
    for (int i = 0; i < 100; i++) {
        snprintf(address, sizeof address, "192.0.2.%d", i);
        allowed += request(bench, address, 7);
    }
    expect_limited(allowed);
    be_refused(bench, "192.0.2.100", 7);
    expect_text(content_of(bench->exchange), "Too many requests with your account.");
    assert_true(request(bench, "192.0.2.1", 8));
}

static void a_network_of_ipv6_is_one_address(void **state) {
    struct bench *bench = *state;
    char address[64];
    int allowed = 0;
    begun_us = clock_monotonic_us();
    for (int i = 0; i < 100; i++) {
        snprintf(address, sizeof address, "2001:db8:0:1:%d::%d", i, i);
        allowed += request(bench, address, 0);
    }
    expect_limited(allowed);
    assert_true(request(bench, "2001:db8:0:2::1", 0));
}

static void ipv4_within_ipv6_is_ipv4(void **state) {
    struct bench *bench = *state;
    expect_limited(requests(bench, "192.0.2.1", 0, 100));
    assert_int_equal(requests(bench, "::ffff:192.0.2.2", 0, AT_ONCE), AT_ONCE);
    assert_in_range(requests(bench, "::ffff:192.0.2.1", 0, AT_ONCE), 0, AT_ONCE - 1);
}

static void who_has_no_address_is_not_limited(void **state) {
    struct bench *bench = *state;
    static const char *const none[] = {"", "unix:", "not an address", "192.0.2.1, 192.0.2.2"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(requests(bench, none[i], 0, 100), 100);
    }
    for (int i = 0; i < 100; i++) {
        assert_true(throttle_count_request(ask(bench, "", "")));
    }
}

static void without_a_limit_nobody_is_limited(void **state) {
    struct bench *bench = *state;
    throttle_free(bench->shop.throttle);
    bench->config.limit_address_per_s = bench->config.limit_account_per_s = 0;
    assert_int_equal(throttle_new(&bench->config, &bench->shop.throttle), STATUS_OK);
    assert_int_equal(requests(bench, "192.0.2.1", 7, 100), 100);
    for (int i = 0; i < 100; i++) { /* is 0 in this bench */
        assert_true(throttle_take(bench->exchange, LIMIT_SIGN_UP, NULL));
    }
}

static void passwords_are_counted_by_account_and_by_address(void **state) {
    struct bench *bench = *state;
    struct exchange *exchange = ask(bench, "REMOTE_ADDR=192.0.2.1\n", "");
    begun_us = clock_monotonic_us();
    for (int i = 0; i < TRIES; i++) {
        assert_true(throttle_take(exchange, LIMIT_LOGIN_ACCOUNT, "ada@example.com"));
    }
    assert_false(throttle_take(exchange, LIMIT_LOGIN_ACCOUNT, "ada@example.com"));
    const char *retry = strstr(headers_of(exchange), "Retry-After: ");
    assert_non_null(retry);
    long retry_s = strtol(retry + strlen("Retry-After: "), NULL, 10);
    assert_in_range(retry_s, 1200 - (clock_monotonic_us() - begun_us) / 1000000, 1200);
    expect_text(retry, "\r\nRateLimit-Limit: 3\r\n");
    exchange = ask(bench, "REMOTE_ADDR=192.0.2.9\n", "");
    assert_false(throttle_take(exchange, LIMIT_LOGIN_ACCOUNT, "ada@example.com"));
    assert_true(throttle_take(exchange, LIMIT_LOGIN_ACCOUNT, "bob@example.com"));
    for (int i = 0; i < 2 * TRIES; i++) {
        assert_true(throttle_take(exchange, LIMIT_LOGIN_ADDRESS, NULL));
    }
    assert_false(throttle_take(exchange, LIMIT_LOGIN_ADDRESS, NULL));
    throttle_give_back(exchange, LIMIT_LOGIN_ADDRESS, NULL);
    assert_true(throttle_take(exchange, LIMIT_LOGIN_ADDRESS, NULL));
    throttle_give_back(exchange, LIMIT_SIGN_UP, NULL); /* has no limit */
}

static void nothing_to_free_is_fine(void **state) {
    (void)state;
    throttle_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_THROTTLE(an_address_over_its_limit_gets_429_and_others_do_not),
        WITH_THROTTLE(who_is_over_the_limit_does_not_get_to_a_worker),
        WITH_THROTTLE(the_api_gets_a_problem),
        WITH_THROTTLE(an_account_is_limited_wherever_it_comes_from),
        WITH_THROTTLE(a_network_of_ipv6_is_one_address),
        WITH_THROTTLE(ipv4_within_ipv6_is_ipv4),
        WITH_THROTTLE(who_has_no_address_is_not_limited),
        WITH_THROTTLE(without_a_limit_nobody_is_limited),
        WITH_THROTTLE(passwords_are_counted_by_account_and_by_address),
        cmocka_unit_test(nothing_to_free_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
