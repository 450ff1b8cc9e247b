/* A MySQL that is away, silent or gone, and what that costs. What a real one answers is tested in tests/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "clock.h"
#include "db.h"
#include "fake_mysql.h"
#include "metrics.h"

enum { TIMEOUT_S = 1, TIMEOUT_US = TIMEOUT_S * 1000000 };

static char directory[] = "/tmp/test_db-XXXXXX";
static char path[64];

static const struct db_statement read_something = {.sql = "SELECT 1", .params = "", .columns = "i", .repeatable = true};
static const struct db_statement write_something = {.sql = "DO 1", .params = "", .columns = "", .repeatable = false};

static struct db *new_db(void) {
    static const struct db_options options = {
        .socket = path, .host = "", .user = "shop", .password = "", .database = "shop", .timeout_s = TIMEOUT_S};
    struct db *db = db_new(&options);
    assert_non_null(db);
    return db;
}

static enum status run(struct db *db, const struct db_statement *statement) {
    return db_run(db, statement, NULL, NULL, NULL);
}

/* One time-out, not two. */
static void expect_one_timeout(int64_t begun_us) {
    int64_t spent_us = clock_monotonic_us() - begun_us;
    assert_true(spent_us >= TIMEOUT_US);
    assert_true(spent_us < 2 * TIMEOUT_US);
}

static void expect_quickness(int64_t begun_us) { assert_true(clock_monotonic_us() - begun_us < TIMEOUT_US / 2); }

/* --- Silence --- */

static void a_silent_server_costs_one_timeout(void **state) {
    (void)state;
    static const enum fake_end silences[] = {FAKE_SILENT_AT_ONCE, FAKE_SILENT_AT_QUERY, FAKE_SILENT_AT_STATEMENT};
    for (size_t i = 0; i < sizeof silences / sizeof silences[0]; i++) {
        struct fake_mysql fake = {.script = {silences[i], FAKE_REFUSE_STATEMENT}};
        fake_start(&fake, path);
        struct db *db = new_db();
        int64_t begun_us = clock_monotonic_us();
        assert_int_equal(run(db, &read_something), STATUS_TIMEOUT);
        expect_one_timeout(begun_us);
        assert_int_equal(fake.connections, 1);
        db_free(db);
        fake_stop(&fake, path);
    }
}

static void a_statement_that_timed_out_on_an_open_connection_is_not_tried_again(void **state) {
    (void)state;
    struct fake_mysql fake = {.script = {FAKE_SILENT_AT_STATEMENT, FAKE_REFUSE_STATEMENT}};
    fake_start(&fake, path);
    struct db *db = new_db();
    assert_int_equal(db_ping(db), STATUS_OK);
    assert_int_equal(db_role(db), DB_ROLE_PRIMARY);
    int64_t begun_us = clock_monotonic_us();
    assert_int_equal(run(db, &read_something), STATUS_TIMEOUT);
    expect_one_timeout(begun_us);
    assert_int_equal(fake.connections, 1);
    assert_int_equal(db_role(db), DB_ROLE_NONE);
    db_free(db);
    fake_stop(&fake, path);
}

static void a_silent_server_is_pinged_once(void **state) {
    (void)state;
    struct fake_mysql fake = {.script = {FAKE_SILENT_AT_ONCE}};
    fake_start(&fake, path);
    struct db *db = new_db();
    int64_t begun_us = clock_monotonic_us();
    assert_int_equal(db_ping(db), STATUS_TIMEOUT);
    expect_one_timeout(begun_us);
    assert_int_equal(fake.connections, 1);
    db_free(db);
    fake_stop(&fake, path);
}

/* --- Lost connections --- */

static void a_connection_found_dead_is_replaced_once(void **state) {
    (void)state;
    struct fake_mysql fake = {.script = {FAKE_CLOSE_AT_STATEMENT, FAKE_REFUSE_STATEMENT}};
    fake_start(&fake, path);
    struct db *db = new_db();
    assert_int_equal(db_ping(db), STATUS_OK);
    int64_t begun_us = clock_monotonic_us();
    assert_int_equal(run(db, &read_something), STATUS_BAD_INPUT); /* the second connection's word */
    expect_quickness(begun_us);
    assert_int_equal(fake.connections, 2);
    db_free(db);
    fake_stop(&fake, path);
}

static void a_second_dead_connection_is_the_end(void **state) {
    (void)state;
    struct fake_mysql fake = {.script = {FAKE_CLOSE_AT_STATEMENT, FAKE_CLOSE_AT_STATEMENT, FAKE_REFUSE_STATEMENT}};
    fake_start(&fake, path);
    struct db *db = new_db();
    assert_int_equal(db_ping(db), STATUS_OK);
    assert_int_equal(run(db, &read_something), STATUS_GONE);
    assert_int_equal(fake.connections, 2);
    db_free(db);
    fake_stop(&fake, path);
}

static void the_second_try_may_cost_a_timeout_but_not_more(void **state) {
    (void)state;
    struct fake_mysql fake = {.script = {FAKE_CLOSE_AT_STATEMENT, FAKE_SILENT_AT_ONCE, FAKE_REFUSE_STATEMENT}};
    fake_start(&fake, path);
    struct db *db = new_db();
    assert_int_equal(db_ping(db), STATUS_OK);
    int64_t begun_us = clock_monotonic_us();
    assert_int_equal(run(db, &read_something), STATUS_TIMEOUT);
    expect_one_timeout(begun_us);
    assert_int_equal(fake.connections, 2);
    db_free(db);
    fake_stop(&fake, path);
}

static void what_may_not_run_twice_is_not_tried_again(void **state) {
    (void)state;
    struct fake_mysql fake = {.script = {FAKE_CLOSE_AT_STATEMENT, FAKE_REFUSE_STATEMENT}};
    fake_start(&fake, path);
    struct db *db = new_db();
    assert_int_equal(db_ping(db), STATUS_OK);
    assert_int_equal(run(db, &write_something), STATUS_GONE);
    assert_int_equal(fake.connections, 1);
    db_free(db);
    fake_stop(&fake, path);
}

/* --- The log --- */

static FILE *log_file;
static int real_stderr;

static void begin_log(void) {
    log_file = tmpfile();
    assert_non_null(log_file);
    real_stderr = dup(STDERR_FILENO);
    dup2(fileno(log_file), STDERR_FILENO);
}

/* Ends the log and returns its text, until the next one. */
static const char *end_log(void) {
    static char text[8192];
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    rewind(log_file);
    text[fread(text, 1, sizeof text - 1, log_file)] = '\0';
    fclose(log_file);
    return text;
}

static unsigned count(const char *text, const char *what) {
    unsigned found = 0;
    while ((text = strstr(text, what)) != NULL) {
        text += strlen(what);
        found++;
    }
    return found;
}

static void a_server_that_is_away_is_logged_once_and_when_it_is_back(void **state) {
    (void)state;
    enum { TRIES = 20, PAUSE_MS = 30 };
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
    struct fake_mysql fake = {.script = {FAKE_REFUSE_STATEMENT}};
    struct db *db = new_db();
    int64_t errors = metrics_get(METRIC_DB_ERRORS), connects = metrics_get(METRIC_DB_CONNECTS);
    int64_t begun_us = clock_monotonic_us();
    for (int round = 0; round < 2; round++) {
        begin_log();
        for (int i = 0; i < TRIES; i++) {
            assert_int_equal(i % 2 == 0 ? db_ping(db) : run(db, &read_something), STATUS_GONE);
        }
        const char *log = end_log();
        assert_int_equal(count(log, "\n"), round == 0 ? 1 : 0);
        assert_int_equal(count(log, "\"doing\":\"connect\""), round == 0 ? 1 : 0);
        nanosleep(&pause, NULL);
    }
    assert_int_equal(metrics_get(METRIC_DB_ERRORS), errors + 2 * TRIES);
    fake_start(&fake, path);
    begin_log();
    assert_int_equal(db_ping(db), STATUS_OK);
    assert_int_equal(db_ping(db), STATUS_OK);
    const char *log = end_log(), *away = strstr(log, "\"away_ms\":");
    assert_int_equal(count(log, "\n"), 1);
    assert_int_equal(count(log, "\"event\":\"database is back\""), 1);
    assert_non_null(away);
    long away_ms = strtol(away + strlen("\"away_ms\":"), NULL, 10);
    assert_true(away_ms >= 2 * PAUSE_MS); /* since the first try that failed */
    assert_true(away_ms <= (clock_monotonic_us() - begun_us) / 1000);
    assert_int_equal(metrics_get(METRIC_DB_CONNECTS), connects + 1);
    db_free(db);
    fake_stop(&fake, path);
}

/* A first connection is no recovery. */
static void a_server_that_is_there_is_not_logged(void **state) {
    (void)state;
    struct fake_mysql fake = {.script = {FAKE_REFUSE_STATEMENT}};
    fake_start(&fake, path);
    struct db *db = new_db();
    begin_log();
    assert_int_equal(db_ping(db), STATUS_OK);
    assert_string_equal(end_log(), "");
    db_free(db);
    fake_stop(&fake, path);
}

/* --- The surroundings --- */

static int set_up(void **state) {
    (void)state;
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/mysql.sock", directory);
    return db_library_init() == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    db_library_end();
    return rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_server_costs_one_timeout),
        cmocka_unit_test(a_statement_that_timed_out_on_an_open_connection_is_not_tried_again),
        cmocka_unit_test(a_silent_server_is_pinged_once),
        cmocka_unit_test(a_connection_found_dead_is_replaced_once),
        cmocka_unit_test(a_second_dead_connection_is_the_end),
        cmocka_unit_test(the_second_try_may_cost_a_timeout_but_not_more),
        cmocka_unit_test(what_may_not_run_twice_is_not_tried_again),
        cmocka_unit_test(a_server_that_is_away_is_logged_once_and_when_it_is_back),
        cmocka_unit_test(a_server_that_is_there_is_not_logged),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
