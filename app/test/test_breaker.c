#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "breaker.h"

enum { LIMIT = 3, COOLDOWN_US = 1000, START_US = 50000 };

static int make(void **state) {
    static struct breaker breaker;
    breaker_init(&breaker, LIMIT, COOLDOWN_US);
    *state = &breaker;
    return 0;
}

static int destroy(void **state) {
    breaker_destroy(*state);
    return 0;
}

/* One call that is allowed, and how it goes. */
static void call(struct breaker *breaker, bool ok, int64_t now_us) {
    assert_true(breaker_allow(breaker, now_us));
    breaker_report(breaker, ok, now_us);
}

static void open_it(struct breaker *breaker) {
    for (int i = 0; i < LIMIT; i++) {
        call(breaker, false, START_US);
    }
    assert_int_equal(breaker_state(breaker), BREAKER_OPEN);
}

static void half_open_it(struct breaker *breaker) {
    open_it(breaker);
    assert_true(breaker_allow(breaker, START_US + COOLDOWN_US));
    assert_int_equal(breaker_state(breaker), BREAKER_HALF_OPEN);
}

static void the_states_have_names(void **state) {
    (void)state;
    assert_string_equal(breaker_state_name(BREAKER_CLOSED), "closed");
    assert_string_equal(breaker_state_name(BREAKER_OPEN), "open");
    assert_string_equal(breaker_state_name(BREAKER_HALF_OPEN), "half-open");
}

static void it_begins_closed_and_stays_so_while_calls_go_well(void **state) {
    for (int64_t now_us = 0; now_us < 100 * COOLDOWN_US; now_us += COOLDOWN_US / 2) {
        assert_int_equal(breaker_state(*state), BREAKER_CLOSED);
        call(*state, true, now_us);
    }
}

static void it_opens_at_the_limit_and_not_before(void **state) {
    call(*state, false, START_US);
    call(*state, false, START_US);
    assert_int_equal(breaker_state(*state), BREAKER_CLOSED);
    call(*state, false, START_US);
    assert_int_equal(breaker_state(*state), BREAKER_OPEN);
}

static void only_failures_in_a_row_count(void **state) {
    for (int i = 0; i < 10; i++) {
        call(*state, false, START_US);
        call(*state, false, START_US);
        call(*state, true, START_US);
    }
    assert_int_equal(breaker_state(*state), BREAKER_CLOSED);
    open_it(*state);
}

static void open_nobody_calls_until_the_cooldown_is_over(void **state) {
    open_it(*state);
    assert_false(breaker_allow(*state, START_US));
    assert_false(breaker_allow(*state, START_US + COOLDOWN_US - 1));
    assert_int_equal(breaker_state(*state), BREAKER_OPEN);
    assert_true(breaker_allow(*state, START_US + COOLDOWN_US));
    assert_int_equal(breaker_state(*state), BREAKER_HALF_OPEN);
}

/* A thread that read the clock before another opened the breaker. */
static void a_time_before_the_opening_is_no_cooldown(void **state) {
    open_it(*state);
    assert_false(breaker_allow(*state, 0));
}

static void the_cooldown_begins_with_the_last_failure(void **state) {
    call(*state, false, START_US);
    call(*state, false, START_US);
    call(*state, false, START_US + 700);
    assert_false(breaker_allow(*state, START_US + COOLDOWN_US));
    assert_true(breaker_allow(*state, START_US + 700 + COOLDOWN_US));
}

static void half_open_one_at_a_time_goes_to_see(void **state) {
    half_open_it(*state);
    assert_false(breaker_allow(*state, START_US + COOLDOWN_US));
    assert_false(breaker_allow(*state, START_US + 100 * COOLDOWN_US)); /* however long the trial takes */
}

static void a_trial_that_goes_well_closes_it(void **state) {
    half_open_it(*state);
    breaker_report(*state, true, START_US + COOLDOWN_US + 1);
    assert_int_equal(breaker_state(*state), BREAKER_CLOSED);
    call(*state, false, START_US + COOLDOWN_US + 2); /* and old failures are forgotten */
    call(*state, false, START_US + COOLDOWN_US + 2);
    assert_int_equal(breaker_state(*state), BREAKER_CLOSED);
}

static void a_trial_that_fails_opens_it_for_another_cooldown(void **state) {
    int64_t now_us = START_US + COOLDOWN_US;
    half_open_it(*state);
    for (int i = 0; i < 5; i++) {
        now_us += 10;
        breaker_report(*state, false, now_us);
        assert_int_equal(breaker_state(*state), BREAKER_OPEN);
        assert_false(breaker_allow(*state, now_us + COOLDOWN_US - 1));
        now_us += COOLDOWN_US;
        assert_true(breaker_allow(*state, now_us));
    }
    breaker_report(*state, true, now_us);
    assert_int_equal(breaker_state(*state), BREAKER_CLOSED);
}

static void open_late_reports_change_nothing(void **state) {
    assert_true(breaker_allow(*state, START_US)); /* two that take long */
    assert_true(breaker_allow(*state, START_US));
    open_it(*state);
    breaker_report(*state, true, START_US + 500);
    assert_int_equal(breaker_state(*state), BREAKER_OPEN);
    breaker_report(*state, false, START_US + 500);
    assert_true(breaker_allow(*state, START_US + COOLDOWN_US)); /* the cooldown is no longer than it was */
}

static void half_open_a_late_report_is_news_too(void **state) {
    assert_true(breaker_allow(*state, START_US));
    half_open_it(*state);
    int64_t now_us = START_US + COOLDOWN_US + 10;
    breaker_report(*state, false, now_us); /* the late one; the trial has not come back */
    assert_int_equal(breaker_state(*state), BREAKER_OPEN);
    breaker_report(*state, true, now_us); /* the trial: open, nothing changes */
    assert_int_equal(breaker_state(*state), BREAKER_OPEN);
    call(*state, true, now_us + COOLDOWN_US);
    assert_int_equal(breaker_state(*state), BREAKER_CLOSED);
}

static void a_limit_of_one_opens_at_once(void **state) {
    (void)state;
    struct breaker breaker;
    breaker_init(&breaker, 1, 0);
    call(&breaker, false, START_US);
    assert_int_equal(breaker_state(&breaker), BREAKER_OPEN);
    call(&breaker, true, START_US); /* without a cooldown the next one may see */
    assert_int_equal(breaker_state(&breaker), BREAKER_CLOSED);
    breaker_destroy(&breaker);
}

/* --- Several threads ------------------------------------------------------------------ */

enum { THREADS = 8, ROUNDS = 500 };

struct crowd {
    struct breaker *breaker;
    pthread_barrier_t together;
    atomic_int allowed, under_way;
    atomic_bool two_at_once;
};

/* Round after round all ask at the same moment, a cooldown later than the last time. */
static void *ask(void *argument) {
    struct crowd *crowd = argument;
    int64_t now_us = START_US;
    for (int round = 0; round < ROUNDS; round++) {
        now_us += COOLDOWN_US;
        pthread_barrier_wait(&crowd->together);
        bool allowed = breaker_allow(crowd->breaker, now_us);
        if (allowed) {
            atomic_fetch_add(&crowd->allowed, 1);
            if (atomic_fetch_add(&crowd->under_way, 1) != 0) {
                atomic_store(&crowd->two_at_once, true);
            }
        }
        pthread_barrier_wait(&crowd->together);
        if (allowed) {
            atomic_fetch_sub(&crowd->under_way, 1);
            breaker_report(crowd->breaker, false, now_us);
        }
    }
    return NULL;
}

static void of_a_crowd_exactly_one_goes_to_see(void **state) {
    struct crowd crowd = {.breaker = *state};
    pthread_t threads[THREADS];
    open_it(*state);
    assert_int_equal(pthread_barrier_init(&crowd.together, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &crowd), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_barrier_destroy(&crowd.together);
    assert_int_equal(crowd.allowed, ROUNDS);
    assert_false(crowd.two_at_once);
    assert_int_equal(breaker_state(*state), BREAKER_OPEN);
}

int main(void) {
#define WITH_A_BREAKER(test) cmocka_unit_test_setup_teardown(test, make, destroy)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_states_have_names),
        WITH_A_BREAKER(it_begins_closed_and_stays_so_while_calls_go_well),
        WITH_A_BREAKER(it_opens_at_the_limit_and_not_before),
        WITH_A_BREAKER(only_failures_in_a_row_count),
        WITH_A_BREAKER(open_nobody_calls_until_the_cooldown_is_over),
        WITH_A_BREAKER(a_time_before_the_opening_is_no_cooldown),
        WITH_A_BREAKER(the_cooldown_begins_with_the_last_failure),
        WITH_A_BREAKER(half_open_one_at_a_time_goes_to_see),
        WITH_A_BREAKER(a_trial_that_goes_well_closes_it),
        WITH_A_BREAKER(a_trial_that_fails_opens_it_for_another_cooldown),
        WITH_A_BREAKER(open_late_reports_change_nothing),
        WITH_A_BREAKER(half_open_a_late_report_is_news_too),
        cmocka_unit_test(a_limit_of_one_opens_at_once),
        WITH_A_BREAKER(of_a_crowd_exactly_one_goes_to_see),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
