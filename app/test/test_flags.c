#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flags.h"
#include "metrics.h"
#include "mysql_pair.h"

static void begin(struct pair *pair, struct flags **flags) {
    start_pair(pair);
    const struct flags_options options = {
        .topology = pair->topology, .interval_ms = LOOK_INTERVAL_MS, .timeout_ms = TIMEOUT_MS};
    assert_int_equal(flags_start(&options, flags), STATUS_OK);
}

static void end(struct pair *pair, struct flags *flags) {
    flags_stop(flags);
    stop(pair);
}

/* The same table on both servers: the flags are read from either. */
static void set_table(struct pair *pair, const char *flag, bool enabled) {
    struct fake_mysql *const fakes[] = {&pair->a, &pair->b};
    for (int i = 0; i < 2; i++) {
        atomic_store(&fakes[i]->flag_enabled, enabled);
        atomic_store(&fakes[i]->flag, flag);
    }
}

static void what_the_table_does_not_name_is_on(void **state) {
    (void)state;
    struct pair pair = {0};
    struct flags *flags;
    begin(&pair, &flags);
    for (enum flag flag = 0; flag < FLAG_COUNT; flag++) {
        assert_true(flags_on(flags, flag));
    }
    assert_int_equal(metrics_get(METRIC_FLAG_SEARCH), 1);
    end(&pair, flags);
}

static void the_first_look_is_over_when_it_starts(void **state) {
    (void)state;
    struct pair pair = {0};
    struct flags *flags;
    set_table(&pair, "search", false);
    begin(&pair, &flags);
    assert_false(flags_on(flags, FLAG_SEARCH));
    assert_true(flags_on(flags, FLAG_RECEIPTS));
    assert_true(flags_on(flags, FLAG_RECOMMENDATIONS));
    assert_int_equal(metrics_get(METRIC_FLAG_SEARCH), 0);
    assert_int_equal(metrics_get(METRIC_FLAG_RECEIPTS), 1);
    end(&pair, flags);
}

static void a_flag_follows_the_table(void **state) {
    (void)state;
    struct pair pair = {0};
    struct flags *flags;
    begin(&pair, &flags);
    set_table(&pair, "recommendations", false);
    wait_until(!flags_on(flags, FLAG_RECOMMENDATIONS) && metrics_get(METRIC_FLAG_RECOMMENDATIONS) == 0);
    set_table(&pair, "recommendations", true);
    wait_until(flags_on(flags, FLAG_RECOMMENDATIONS) && metrics_get(METRIC_FLAG_RECOMMENDATIONS) == 1);
    set_table(&pair, "receipts", false);
    wait_until(!flags_on(flags, FLAG_RECEIPTS));
    set_table(&pair, NULL, false); /* the row is gone: on again */
    wait_until(flags_on(flags, FLAG_RECEIPTS));
    end(&pair, flags);
}

static void a_flag_of_another_version_changes_nothing(void **state) {
    (void)state;
    struct pair pair = {0};
    struct flags *flags;
    set_table(&pair, "recommend", false);
    begin(&pair, &flags);
    for (enum flag flag = 0; flag < FLAG_COUNT; flag++) {
        assert_true(flags_on(flags, flag));
    }
    end(&pair, flags);
}

static void a_table_that_cannot_be_read_changes_nothing(void **state) {
    (void)state;
    struct pair pair = {0};
    struct flags *flags;
    set_table(&pair, "search", false);
    begin(&pair, &flags);
    int64_t errors = metrics_get(METRIC_FLAGS_ERRORS);
    set_table(&pair, "", false);
    wait_until(metrics_get(METRIC_FLAGS_ERRORS) > errors + 2);
    assert_false(flags_on(flags, FLAG_SEARCH));
    assert_true(flags_on(flags, FLAG_RECEIPTS));
    end(&pair, flags);
}

static void without_mysql_all_are_on(void **state) {
    (void)state;
    struct pair pair = {0};
    struct flags *flags;
    set_table(&pair, "", false);
    begin(&pair, &flags);
    for (enum flag flag = 0; flag < FLAG_COUNT; flag++) {
        assert_true(flags_on(flags, flag));
    }
    end(&pair, flags);
}

static void without_a_reader_all_are_on(void **state) {
    (void)state;
    assert_true(flags_on(NULL, FLAG_SEARCH));
    flags_stop(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_table_does_not_name_is_on),
        cmocka_unit_test(the_first_look_is_over_when_it_starts),
        cmocka_unit_test(a_flag_follows_the_table),
        cmocka_unit_test(a_flag_of_another_version_changes_nothing),
        cmocka_unit_test(a_table_that_cannot_be_read_changes_nothing),
        cmocka_unit_test(without_mysql_all_are_on),
        cmocka_unit_test(without_a_reader_all_are_on),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
