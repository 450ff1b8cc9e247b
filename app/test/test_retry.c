#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "retry.h"

static const struct retry_rules rules = {.tries = 5, .base_ms = 1000};

static enum retry judge(enum status status, unsigned tries, uint64_t random, int64_t *wait_ms) {
    *wait_ms = -1;
    return retry_judge(&rules, status, tries, random, wait_ms);
}

static void a_backend_that_is_away_is_not_the_fault_of_the_work(void **state) {
    (void)state;
    static const enum status away[] = {STATUS_GONE, STATUS_TIMEOUT, STATUS_AGAIN};
    int64_t wait_ms;
    for (size_t i = 0; i < sizeof away / sizeof away[0]; i++) {
        assert_int_equal(judge(away[i], 0, 0, &wait_ms), RETRY_WHEN_BACK);
        assert_int_equal(judge(away[i], 1000, 0, &wait_ms), RETRY_WHEN_BACK);
        assert_int_equal(wait_ms, -1);
    }
}

static void the_last_try_is_the_last(void **state) {
    (void)state;
    static const enum status faults[] = {STATUS_NOT_FOUND, STATUS_BAD_INPUT, STATUS_TOO_LARGE, STATUS_NO_MEMORY,
                                         STATUS_EXISTS};
    int64_t wait_ms;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        for (unsigned tries = 0; tries < 4; tries++) {
            assert_int_equal(judge(faults[i], tries, 0, &wait_ms), RETRY_LATER);
            assert_true(wait_ms >= 0);
        }
        assert_int_equal(judge(faults[i], 4, 0, &wait_ms), RETRY_GIVE_UP);
        assert_int_equal(judge(faults[i], 9, 0, &wait_ms), RETRY_GIVE_UP); /* WORKER_TRIES was lowered */
    }
}

static void who_has_one_try_has_no_second(void **state) {
    (void)state;
    const struct retry_rules one = {.tries = 1, .base_ms = 1};
    int64_t wait_ms = -1;
    assert_int_equal(retry_judge(&one, STATUS_BAD_INPUT, 0, 0, &wait_ms), RETRY_GIVE_UP);
}

/* Drawn at random, so the longest is what doubles, up to 64 times the first. */
static void waits_grow_and_have_an_end(void **state) {
    (void)state;
    const struct retry_rules many = {.tries = 100, .base_ms = 1000};
    int64_t wait_ms;
    for (unsigned tries = 0; tries < 99; tries++) {
        int64_t longest = tries < 6 ? INT64_C(1000) << tries : 64000;
        assert_int_equal(retry_judge(&many, STATUS_BAD_INPUT, tries, UINT64_MAX, &wait_ms), RETRY_LATER);
        assert_int_equal(wait_ms, longest);
        assert_int_equal(retry_judge(&many, STATUS_BAD_INPUT, tries, 0, &wait_ms), RETRY_LATER);
        assert_int_equal(wait_ms, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backend_that_is_away_is_not_the_fault_of_the_work),
        cmocka_unit_test(the_last_try_is_the_last),
        cmocka_unit_test(who_has_one_try_has_no_second),
        cmocka_unit_test(waits_grow_and_have_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
