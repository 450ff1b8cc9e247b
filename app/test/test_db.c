/* A MySQL that is away, silent, late or gone, and what that costs. What a real one answers is tested in tests/backends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db_bench.h"
#include "log_capture.h"
#include "metrics.h"
#include "wait.h"

/* The first is also what a whole login may take. */
enum { TIMEOUT_MS = 2000, SOON_MS = 40 };

static const struct db_statement read_something = {.sql = "SELECT 1", .params = "", .columns = "i", .repeatable = true};
static const struct db_statement read_more = {.sql = "SELECT 2", .params = "", .columns = "i", .repeatable = true};
static const struct db_statement write_something = {.sql = "DO ?, ?", .params = "is", .columns = ""};

static struct db *new_db_with(int64_t timeout_ms) {
    static char where[80];
    snprintf(where, sizeof where, "unix:%s", path);
    return new_db_at(where, "", timeout_ms);
}

static struct db *new_db(void) { return new_db_with(TIMEOUT_MS); }

static enum status run_within(struct db *db, const struct db_statement *statement, int64_t ms) {
    static const struct db_value params[] = {{.number = 1}, {.text = {"text", 4}}};
    struct call call = call_within(ms);
    return db_run(db, &call, statement, params, NULL, NULL);
}

static enum status run(struct db *db, const struct db_statement *statement) { return run_within(db, statement, 60000); }

/* To the millisecond, but for a machine that has other things to do. */
static void expect_spent(int64_t begun_us, int64_t ms) {
    int64_t spent_us = clock_monotonic_us() - begun_us;
    assert_true(spent_us >= ms * 1000);
    assert_true(spent_us < ms * 1000 + 5000000);
}

static void expect_failure(struct db *db, enum db_failure failure) { assert_int_equal(db_failure(db), failure); }

/* --- What goes well --- */

static void take_number(void *context, const struct db_value *columns) { *(int64_t *)context += columns[0].number + 1; }

static void a_statement_is_prepared_once(void **state) {
    (void)state;
    struct fake_mysql fake = {.script = {{'P', FAKE_WELL}, {'P', 1146}}};
    fake_start(&fake, path);
    struct db *db = new_db();
    struct call call = call_within(60000);
    int64_t rows = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(db_run(db, &call, &read_something, NULL, take_number, &rows), STATUS_OK);
    }
    assert_int_equal(rows, 3);
    assert_string_equal(fake_log(&fake), "RRR");
    assert_int_equal(fake.connections, 1);
    db_free(db);
    fake_stop(&fake);
}

static void a_write_tells_its_gtid_and_what_it_changed(void **state) {
    (void)state;
    static const char gtid[] = "3e11fa47-71ca-11e1-9e33-c80aa9429562:23";
    struct fake_mysql fake = {.gtid = gtid};
    fake_start(&fake, path);
    struct db *db = new_db();
    struct call call = call_within(60000);
    const struct db_value params[] = {{.number = 1}, {.text = {"text", 4}}};
    assert_int_equal(db_run(db, &call, &read_something, NULL, NULL, NULL), STATUS_OK);
    assert_string_equal(call.gtid, "");
    assert_int_equal(db_run(db, &call, &write_something, params, NULL, NULL), STATUS_OK);
    assert_string_equal(call.gtid, gtid);
    assert_int_equal(call.id_made, FAKE_ID);
    assert_int_equal(db_run(db, &call, &read_something, NULL, NULL, NULL), STATUS_OK);
    assert_string_equal(call.gtid, gtid); /* it stays */
    assert_int_equal(call.rows_changed, FAKE_ROWS);
    db_free(db);
    fake_stop(&fake);
}

/* --- Silence --- */

static void a_silent_server_costs_the_timeout_and_no_more(void **state) {
    (void)state;
    static const char moments[] = "LAIPR";
    for (size_t i = 0; i < strlen(moments); i++) {
        struct fake_mysql fake = {.script = {{moments[i], FAKE_SILENT}}};
        fake_start(&fake, path);
        struct db *db = new_db();
        int64_t begun_us = clock_monotonic_us();
        assert_int_equal(run(db, &read_something), STATUS_TIMEOUT);
        expect_spent(begun_us, TIMEOUT_MS);
        expect_failure(db, moments[i] == 'R' ? DB_FAILURE_UNKNOWN : DB_FAILURE_LOST);
        assert_int_equal(fake.connections, 1);
        assert_int_equal(run(db, &read_something), STATUS_OK); /* on a new connection */
        assert_int_equal(fake.connections, 2);
        db_free(db);
        fake_stop(&fake);
    }
}

static void a_server_that_is_silent_when_asked_for_tls_costs_the_timeout(void **state) {
    (void)state;
    char where[32];
    struct fake_mysql fake = {.script = {{'T', FAKE_SILENT}}};
    snprintf(where, sizeof where, "127.0.0.1:%u", fake_start(&fake, ""));
    struct db *db = new_db_at(where, "", TIMEOUT_MS);
    int64_t begun_us = clock_monotonic_us();
    assert_int_equal(run(db, &read_something), STATUS_TIMEOUT);
    expect_spent(begun_us, TIMEOUT_MS);
    db_free(db);
    fake_stop(&fake);
}

static void the_deadline_of_the_call_may_be_sooner(void **state) {
    (void)state;
    struct fake_mysql fake = {.script = {{'L', FAKE_SILENT}, {'R', FAKE_SILENT}}};
    fake_start(&fake, path);
    struct db *db = new_db_with(PATIENCE_MS);
    for (int i = 0; i < 2; i++) {
        int64_t begun_us = clock_monotonic_us();
        assert_int_equal(run_within(db, &read_something, SOON_MS), STATUS_TIMEOUT);
        expect_spent(begun_us, SOON_MS);
    }
    db_free(db);
    fake_stop(&fake);
}

static void a_call_whose_time_is_over_is_not_begun(void **state) {
    (void)state;
    struct fake_mysql fake = {0};
    fake_start(&fake, path);
    struct db *db = new_db();
    assert_int_equal(run_within(db, &read_something, 0), STATUS_TIMEOUT);
    expect_failure(db, DB_FAILURE_LOST);
    assert_int_equal(fake.connections, 0);
    assert_int_equal(run(db, &read_something), STATUS_OK);
    assert_int_equal(run_within(db, &read_something, 0), STATUS_TIMEOUT);
    assert_int_equal(run(db, &read_something), STATUS_OK);
    assert_int_equal(fake.connections, 1); /* which has not suffered */
    db_free(db);
    fake_stop(&fake);
}

/* --- Lost connections --- */

static void a_connection_that_breaks_is_told_by_what_may_have_happened(void **state) {
    (void)state;
    static const struct {
        char moment;
        enum db_failure failure;
    } cases[] = {{'L', DB_FAILURE_LOST},
                 {'A', DB_FAILURE_LOST},
                 {'I', DB_FAILURE_LOST},
                 {'P', DB_FAILURE_LOST},
                 {'W', DB_FAILURE_UNKNOWN}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake_mysql fake = {.script = {{cases[i].moment, FAKE_CLOSE}}};
        fake_start(&fake, path);
        struct db *db = new_db();
        assert_int_equal(run(db, &write_something), STATUS_GONE);
        expect_failure(db, cases[i].failure);
        assert_int_equal(run(db, &write_something), STATUS_OK);
        expect_failure(db, DB_FAILURE_NONE);
        db_free(db);
        fake_stop(&fake);
    }
}

/* Nothing was sent on it, so nothing has to be repeated. */
static void a_connection_that_was_closed_while_idle_is_replaced_before_it_is_used(void **state) {
    (void)state;
    struct fake_mysql first = {0}, second = {0};
    fake_start(&first, path);
    struct db *db = new_db();
    assert_int_equal(run(db, &write_something), STATUS_OK);
    fake_stop(&first);
    fake_start(&second, path);
    int64_t used_us = clock_monotonic_us();
    wait_until(clock_monotonic_us() - used_us > DB_FRESH_US);
    assert_int_equal(run(db, &write_something), STATUS_OK);
    assert_string_equal(fake_log(&second), "W");
    db_free(db);
    fake_stop(&second);
}

/* --- Refusals --- */

static void a_refusal_keeps_the_connection(void **state) {
    (void)state;
    static const struct {
        int code;
        enum status status;
        enum db_failure failure;
    } cases[] = {{1064, STATUS_BAD_INPUT, DB_FAILURE_REFUSED}, {1213, STATUS_AGAIN, DB_FAILURE_UNDONE},
                 {1205, STATUS_AGAIN, DB_FAILURE_UNDONE},      {1290, STATUS_GONE, DB_FAILURE_READ_ONLY},
                 {1836, STATUS_GONE, DB_FAILURE_READ_ONLY},    {3101, STATUS_AGAIN, DB_FAILURE_UNDONE},
                 {1062, STATUS_EXISTS, DB_FAILURE_DUPLICATE}};
    enum { CASES = sizeof cases / sizeof cases[0] };
    struct fake_mysql fake = {0};
    for (size_t i = 0; i < CASES; i++) {
        fake.script[i] = (struct fake_step){'W', cases[i].code};
    }
    fake_start(&fake, path);
    struct db *db = new_db();
    for (size_t i = 0; i < CASES; i++) {
        assert_int_equal(run(db, &write_something), cases[i].status);
        expect_failure(db, cases[i].failure);
    }
    assert_int_equal(run(db, &write_something), STATUS_OK);
    assert_int_equal(fake.connections, 1);
    db_free(db);
    fake_stop(&fake);
}

static void a_statement_that_cannot_be_prepared_is_refused_each_time(void **state) {
    (void)state;
    struct fake_mysql fake = {.script = {{'P', 1064}, {'P', 1064}}};
    fake_start(&fake, path);
    struct db *db = new_db();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(run(db, &read_something), STATUS_BAD_INPUT);
        expect_failure(db, DB_FAILURE_REFUSED);
    }
    assert_int_equal(run(db, &read_something), STATUS_OK);
    assert_int_equal(fake.connections, 1);
    db_free(db);
    fake_stop(&fake);
}

/* --- Transactions --- */

static void a_transaction_is_begun_and_committed(void **state) {
    (void)state;
    struct fake_mysql fake = {.gtid = "3e11fa47-71ca-11e1-9e33-c80aa9429562:7"};
    fake_start(&fake, path);
    struct db *db = new_db();
    struct call call = call_within(60000);
    assert_int_equal(db_begin(db, &call), STATUS_OK);
    assert_int_equal(run(db, &write_something), STATUS_OK);
    assert_string_equal(call.gtid, "");
    assert_int_equal(db_commit(db, &call), STATUS_OK);
    assert_string_equal(call.gtid, fake.gtid);
    assert_string_equal(fake_log(&fake), "BWC");
    db_free(db);
    fake_stop(&fake);
}

/* Else they would be committed one by one, on a new connection or behind the transaction's end. */
static void after_a_failure_nothing_more_of_a_transaction_is_sent(void **state) {
    (void)state;
    static const struct {
        int answer;
        enum status status;
        enum db_failure failure;
        const char *log;
    } cases[] = {{1213, STATUS_AGAIN, DB_FAILURE_UNDONE, "BWX"},
                 {1290, STATUS_GONE, DB_FAILURE_READ_ONLY, "BWX"},
                 {FAKE_CLOSE, STATUS_GONE, DB_FAILURE_LOST, "BW"},
                 {FAKE_SILENT, STATUS_TIMEOUT, DB_FAILURE_LOST, "BW"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake_mysql fake = {.script = {{'W', cases[i].answer}}};
        fake_start(&fake, path);
        struct db *db = new_db();
        struct call call = call_within(60000);
        assert_int_equal(db_begin(db, &call), STATUS_OK);
        for (int j = 0; j < 2; j++) {
            assert_int_equal(run(db, &write_something), cases[i].status);
            expect_failure(db, cases[i].failure);
        }
        assert_int_equal(db_commit(db, &call), cases[i].status);
        db_rollback(db, &call);
        expect_failure(db, cases[i].failure);
        assert_string_equal(fake_log(&fake), cases[i].log);
        assert_int_equal(run(db, &write_something), STATUS_OK); /* the transaction is over */
        db_free(db);
        fake_stop(&fake);
    }
}

/* The next statement could be sent on a new connection, and would be committed by itself. */
static void a_transaction_ends_with_its_connection(void **state) {
    (void)state;
    struct fake_mysql fake = {.script = {{'W', FAKE_WELL_THEN_CLOSE}}};
    fake_start(&fake, path);
    struct db *db = new_db();
    struct call call = call_within(60000);
    assert_int_equal(db_begin(db, &call), STATUS_OK);
    assert_int_equal(run(db, &write_something), STATUS_OK);
    wait_until(fake_has_closed(&fake, 0));
    assert_int_equal(run(db, &write_something), STATUS_GONE);
    expect_failure(db, DB_FAILURE_LOST);
    assert_int_equal(db_commit(db, &call), STATUS_GONE);
    db_rollback(db, &call);
    assert_string_equal(fake_log(&fake), "BW");
    assert_int_equal(fake.connections, 1);
    db_free(db);
    fake_stop(&fake);
}

static void a_refused_statement_leaves_the_transaction_open(void **state) {
    (void)state;
    struct fake_mysql fake = {.script = {{'W', 1064}, {'W', 1062}}};
    fake_start(&fake, path);
    struct db *db = new_db();
    struct call call = call_within(60000);
    assert_int_equal(db_begin(db, &call), STATUS_OK);
    assert_int_equal(run(db, &write_something), STATUS_BAD_INPUT);
    assert_int_equal(run(db, &write_something), STATUS_EXISTS);
    assert_int_equal(run(db, &write_something), STATUS_OK);
    assert_int_equal(db_commit(db, &call), STATUS_OK);
    assert_string_equal(fake_log(&fake), "BWWWC");
    db_free(db);
    fake_stop(&fake);
}

static void a_commit_without_an_answer_may_have_happened(void **state) {
    (void)state;
    struct fake_mysql fake = {.script = {{'C', FAKE_CLOSE}}};
    fake_start(&fake, path);
    struct db *db = new_db();
    struct call call = call_within(60000);
    assert_int_equal(db_begin(db, &call), STATUS_OK);
    assert_int_equal(db_commit(db, &call), STATUS_GONE);
    expect_failure(db, DB_FAILURE_UNKNOWN);
    db_rollback(db, &call);
    db_free(db);
    fake_stop(&fake);
}

static void a_rollback_without_an_answer_drops_the_connection(void **state) {
    (void)state;
    struct fake_mysql fake = {.script = {{'X', FAKE_SILENT}}};
    fake_start(&fake, path);
    struct db *db = new_db();
    struct call call = call_within(60000);
    assert_int_equal(db_begin(db, &call), STATUS_OK);
    call.deadline = deadline_in_ms(SOON_MS);
    db_rollback(db, &call);
    assert_int_equal(run(db, &read_more), STATUS_OK);
    assert_int_equal(fake.connections, 2);
    db_free(db);
    fake_stop(&fake);
}

/* --- The log --- */

static void a_server_that_is_away_is_logged_once_and_when_it_is_back(void **state) {
    (void)state;
    enum { TRIES = 20, PAUSE_MS = 30 };
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
    struct fake_mysql fake = {0};
    struct db *db = new_db();
    int64_t errors = metrics_get(METRIC_DB_ERRORS), connects = metrics_get(METRIC_DB_CONNECTS);
    int64_t begun_us = clock_monotonic_us();
    for (int round = 0; round < 2; round++) {
        begin_log();
        for (int i = 0; i < TRIES; i++) {
            assert_int_equal(run(db, &read_something), STATUS_GONE);
        }
        const char *log = end_log();
        assert_int_equal(count(log, "\n"), round == 0 ? 1 : 0);
        assert_int_equal(count(log, "\"doing\":\"connect\""), round == 0 ? 1 : 0);
        assert_int_equal(count(log, "\"server\":\"unix:"), round == 0 ? 1 : 0);
        nanosleep(&pause, NULL);
    }
    assert_int_equal(metrics_get(METRIC_DB_ERRORS), errors + 2 * TRIES);
    fake_start(&fake, path);
    begin_log();
    assert_int_equal(run(db, &read_something), STATUS_OK);
    assert_int_equal(run(db, &read_something), STATUS_OK);
    const char *log = end_log(), *away = strstr(log, "\"away_ms\":");
    assert_int_equal(count(log, "\n"), 1);
    assert_int_equal(count(log, "\"event\":\"database is back\""), 1);
    assert_non_null(away);
    long away_ms = strtol(away + strlen("\"away_ms\":"), NULL, 10);
    assert_true(away_ms >= 2 * PAUSE_MS); /* since the first try that failed */
    assert_true(away_ms <= (clock_monotonic_us() - begun_us) / 1000);
    assert_int_equal(metrics_get(METRIC_DB_CONNECTS), connects + 1);
    db_free(db);
    fake_stop(&fake);
}

/* The text of that error has the row's values in it, which may be a person's address. */
static void a_key_that_exists_is_not_logged(void **state) {
    (void)state;
    struct fake_mysql fake = {.script = {{'W', 1062}}};
    fake_start(&fake, path);
    struct db *db = new_db();
    begin_log();
    assert_int_equal(run(db, &write_something), STATUS_EXISTS);
    assert_string_equal(end_log(), "");
    db_free(db);
    fake_stop(&fake);
}

/* A first connection is no recovery. */
static void a_server_that_is_there_is_not_logged(void **state) {
    (void)state;
    struct fake_mysql fake = {0};
    fake_start(&fake, path);
    struct db *db = new_db();
    begin_log();
    assert_int_equal(run(db, &read_something), STATUS_OK);
    assert_string_equal(end_log(), "");
    db_free(db);
    fake_stop(&fake);
}

/* --- The surroundings --- */

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_statement_is_prepared_once),
        cmocka_unit_test(a_write_tells_its_gtid_and_what_it_changed),
        cmocka_unit_test(a_silent_server_costs_the_timeout_and_no_more),
        cmocka_unit_test(a_server_that_is_silent_when_asked_for_tls_costs_the_timeout),
        cmocka_unit_test(the_deadline_of_the_call_may_be_sooner),
        cmocka_unit_test(a_call_whose_time_is_over_is_not_begun),
        cmocka_unit_test(a_connection_that_breaks_is_told_by_what_may_have_happened),
        cmocka_unit_test(a_connection_that_was_closed_while_idle_is_replaced_before_it_is_used),
        cmocka_unit_test(a_refusal_keeps_the_connection),
        cmocka_unit_test(a_statement_that_cannot_be_prepared_is_refused_each_time),
        cmocka_unit_test(a_transaction_is_begun_and_committed),
        cmocka_unit_test(after_a_failure_nothing_more_of_a_transaction_is_sent),
        cmocka_unit_test(a_transaction_ends_with_its_connection),
        cmocka_unit_test(a_refused_statement_leaves_the_transaction_open),
        cmocka_unit_test(a_commit_without_an_answer_may_have_happened),
        cmocka_unit_test(a_rollback_without_an_answer_drops_the_connection),
        cmocka_unit_test(a_server_that_is_away_is_logged_once_and_when_it_is_back),
        cmocka_unit_test(a_key_that_exists_is_not_logged),
        cmocka_unit_test(a_server_that_is_there_is_not_logged),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
