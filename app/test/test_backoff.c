#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backoff.h"
#include "random.h"

static const struct backoff backoff = {.base_us = 1000, .most_us = 20000, .tries = 3};

static struct deadline far_away(void) { return deadline_in_ms(3600 * INT64_C(1000)); }

static void the_most_doubles_up_to_a_bound(void **state) {
    (void)state;
    static const int64_t most_us[] = {1000, 2000, 4000, 8000, 16000, 20000, 20000};
    for (unsigned retry = 0; retry < sizeof most_us / sizeof most_us[0]; retry++) {
        assert_int_equal(backoff_wait_us(&backoff, retry, UINT64_MAX), most_us[retry]);
        assert_int_equal(backoff_wait_us(&backoff, retry, 0), 0);
    }
}

static void no_retry_is_too_late_to_be_computed(void **state) {
    (void)state;
    static const unsigned retries[] = {31, 32, 62, 63, 64, 65, 1000, UINT32_MAX};
    const struct backoff endless = {.base_us = 1, .most_us = INT64_MAX, .tries = UINT32_MAX};
    for (size_t i = 0; i < sizeof retries / sizeof retries[0]; i++) {
        assert_int_equal(backoff_wait_us(&backoff, retries[i], UINT64_MAX), backoff.most_us);
        int64_t expected = retries[i] < 63 ? INT64_C(1) << retries[i] : INT64_MAX;
        assert_int_equal(backoff_wait_us(&endless, retries[i], UINT64_MAX), expected);
        assert_int_equal(backoff_wait_us(&endless, retries[i], 0), 0);
    }
}

static void a_base_that_is_the_bound_stays_there(void **state) {
    (void)state;
    const struct backoff constant = {.base_us = 7, .most_us = 7, .tries = 2};
    for (unsigned retry = 0; retry < 70; retry++) {
        assert_int_equal(backoff_wait_us(&constant, retry, UINT64_MAX), 7);
    }
}

/* Full jitter: every wait from nothing to the most is as likely as any other. */
static void waits_are_spread_evenly(void **state) {
    (void)state;
    enum { DRAWS = 40000, TENTHS = 10 };
    int64_t most_us = 4000, sum_us = 0;
    int in_tenth[TENTHS] = {0};
    for (int i = 0; i < DRAWS; i++) {
        int64_t wait_us = backoff_wait_us(&backoff, 2, random_u64());
        assert_in_range(wait_us, 0, most_us);
        in_tenth[wait_us * TENTHS / (most_us + 1)]++;
        sum_us += wait_us;
    }
    for (int i = 0; i < TENTHS; i++) { /* 4000, give or take 10 times the standard deviation of 60 */
        assert_in_range(in_tenth[i], 3400, 4600);
    }
    assert_in_range(sum_us / DRAWS, 1940, 2060);
}

static void tries_are_counted_with_the_first(void **state) {
    (void)state;
    const struct backoff quick = {.base_us = 1, .most_us = 1, .tries = 3};
    assert_true(backoff_wait(&quick, 0, far_away()));
    assert_true(backoff_wait(&quick, 1, far_away()));
    assert_false(backoff_wait(&quick, 2, far_away()));
    assert_false(backoff_wait(&quick, 3, far_away()));
    assert_false(backoff_wait(&quick, UINT32_MAX, far_away()));
    const struct backoff once = {.base_us = 1, .most_us = 1, .tries = 1};
    assert_false(backoff_wait(&once, 0, far_away()));
}

static void it_waits(void **state) {
    (void)state;
    const struct backoff short_one = {.base_us = 500, .most_us = 1000, .tries = 1000};
    int64_t begun_us = clock_monotonic_us();
    for (unsigned retry = 0; retry < 20; retry++) { /* 20 of 0 to 1 ms: less than 1 ms together is one case in 10^18 */
        assert_true(backoff_wait(&short_one, retry, far_away()));
    }
    assert_true(clock_monotonic_us() - begun_us > 1000);
}

/* Of its waits one in 360,000 is shorter than the deadline below. */
static const struct backoff hours = {
    .base_us = 3600 * INT64_C(1000000), .most_us = 3600 * INT64_C(1000000), .tries = UINT32_MAX};

static void no_wait_goes_past_the_deadline(void **state) {
    (void)state;
    int64_t begun_us = clock_monotonic_us();
    assert_false(backoff_wait(&hours, 0, deadline_in_ms(10)));
    assert_true(clock_monotonic_us() - begun_us < 5000000); /* nor was the time that is left waited for */
}

static void nothing_is_tried_after_the_deadline(void **state) {
    (void)state;
    const struct backoff quick = {.base_us = 1, .most_us = 1, .tries = 100};
    struct deadline past = {clock_monotonic_us() - 1};
    for (unsigned retry = 0; retry < 50; retry++) { /* half of these waits are 0 */
        assert_false(backoff_wait(&quick, retry, past));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_doubles_up_to_a_bound),       cmocka_unit_test(no_retry_is_too_late_to_be_computed),
        cmocka_unit_test(a_base_that_is_the_bound_stays_there), cmocka_unit_test(waits_are_spread_evenly),
        cmocka_unit_test(tries_are_counted_with_the_first),     cmocka_unit_test(it_waits),
        cmocka_unit_test(no_wait_goes_past_the_deadline),       cmocka_unit_test(nothing_is_tried_after_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
