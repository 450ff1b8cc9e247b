/* Which server a statement goes to, and what happens when that goes wrong. The servers are fakes that keep a log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mysql_pair.h"

static const char gtid[] = "3e11fa47-71ca-11e1-9e33-c80aa9429562:23";

static const struct db_statement a_read = {.sql = "SELECT 1", .params = "", .columns = "i", .repeatable = true};
static const struct db_statement a_read_that_counts = {.sql = "SELECT f()", .params = "", .columns = "i"};
static const struct db_statement a_write = {.sql = "UPDATE x", .params = "", .columns = ""};

static enum status read_one(struct pair *pair) {
    return database_read(pair->database, &pair->call, &a_read, NULL, NULL, NULL);
}

static enum status write_one(struct pair *pair) {
    return database_write(pair->database, &pair->call, &a_write, NULL, NULL, NULL);
}

static void expect_logs(struct pair *pair, const char *a, const char *b) {
    assert_string_equal(fake_log(&pair->a), a);
    assert_string_equal(fake_log(&pair->b), b);
}

static const char *breaker_of(struct pair *pair, unsigned index) {
    struct topology_server server;
    assert_true(topology_server(pair->topology, index, &server));
    return server.breaker;
}

/* --- Where to --- */

static void reads_go_to_the_replica_and_writes_to_the_primary(void **state) {
    (void)state;
    struct pair pair = {0};
    start_pair(&pair);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(read_one(&pair), STATUS_OK);
        assert_int_equal(pair.call.db_role, DB_ROLE_REPLICA);
        assert_int_equal(write_one(&pair), STATUS_OK);
        assert_int_equal(pair.call.db_role, DB_ROLE_PRIMARY);
    }
    expect_logs(&pair, "WW", "RR");
    assert_int_equal(pair.call.calls[BACKEND_MYSQL], 4);
    assert_true(pair.call.spent_us[BACKEND_MYSQL] > 0);
    stop(&pair);
}

static void replicas_take_turns(void **state) {
    (void)state;
    struct pair pair = {0};
    atomic_store(&pair.a.read_only, true);
    start_pair(&pair);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(read_one(&pair), STATUS_OK);
    }
    expect_logs(&pair, "RR", "RR");
    stop(&pair);
}

static void without_a_primary_reads_go_on_and_writes_end_at_once(void **state) {
    (void)state;
    struct pair pair = {0};
    atomic_store(&pair.a.read_only, true);
    start_pair(&pair);
    assert_int_equal(write_one(&pair), STATUS_GONE);
    assert_int_equal(read_one(&pair), STATUS_OK);
    assert_null(strchr(fake_log(&pair.a), 'W'));
    assert_null(strchr(fake_log(&pair.b), 'W'));
    stop(&pair);
}

static void a_replica_that_is_behind_is_read_if_nothing_else_answers(void **state) {
    (void)state;
    struct pair pair = {0};
    atomic_store(&pair.b.behind, true);
    start_pair(&pair);
    wait_until(topology_is_behind(pair.topology, SERVER_B));
    assert_int_equal(read_one(&pair), STATUS_OK);
    assert_int_equal(pair.call.db_role, DB_ROLE_PRIMARY);
    expect_logs(&pair, "R", "");
    fake_stop(&pair.a);
    assert_int_equal(read_one(&pair), STATUS_OK);
    assert_int_equal(pair.call.db_role, DB_ROLE_REPLICA);
    assert_string_equal(fake_log(&pair.b), "R");
    stop_watching(&pair);
    fake_stop(&pair.b);
}

/* --- Reads that go wrong --- */

static void a_read_falls_back_to_the_primary(void **state) {
    (void)state;
    static const int answers[] = {FAKE_CLOSE, FAKE_SILENT, 1213};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct pair pair = {.b.script = {{'R', answers[i]}}};
        start_pair(&pair);
        assert_int_equal(read_one(&pair), STATUS_OK);
        assert_int_equal(pair.call.db_role, DB_ROLE_PRIMARY);
        expect_logs(&pair, "R", "R");
        stop(&pair);
    }
}

static void a_read_goes_to_another_replica_first(void **state) {
    (void)state;
    struct pair pair = {.a.script = {{'R', FAKE_CLOSE}}};
    atomic_store(&pair.a.read_only, true);
    start_pair(&pair);
    assert_int_equal(read_one(&pair), STATUS_OK);
    assert_int_equal(pair.call.db_role, DB_ROLE_REPLICA);
    expect_logs(&pair, "R", "R");
    stop(&pair);
}

static void a_read_is_tried_three_times_and_then_given_up(void **state) {
    (void)state;
    struct pair pair = {.a.script = {{'R', 1213}, {'R', 1213}, {'R', 1213}, {'R', 1213}}};
    atomic_store(&pair.a.read_only, true);
    start_pair(&pair);
    fake_stop(&pair.b);
    wait_until(role_of(&pair, SERVER_B) == DB_ROLE_NONE);
    assert_int_equal(read_one(&pair), STATUS_AGAIN);
    assert_string_equal(fake_log(&pair.a), "RRR");
    stop_watching(&pair);
    fake_stop(&pair.a);
}

static void a_read_that_is_not_repeatable_is_not_repeated_once_it_may_have_run(void **state) {
    (void)state;
    struct pair pair = {.b.script = {{'R', FAKE_CLOSE}}};
    start_pair(&pair);
    assert_int_equal(database_read(pair.database, &pair.call, &a_read_that_counts, NULL, NULL, NULL), STATUS_GONE);
    expect_logs(&pair, "", "R");
    stop(&pair);
}

static void a_refused_read_is_not_repeated(void **state) {
    (void)state;
    struct pair pair = {.b.script = {{'R', 1064}}};
    start_pair(&pair);
    assert_int_equal(read_one(&pair), STATUS_BAD_INPUT);
    expect_logs(&pair, "", "R");
    stop(&pair);
}

/* One deadline for all tries together. */
static void silent_servers_cost_the_deadline_of_the_call(void **state) {
    (void)state;
    enum { DEADLINE_MS = TIMEOUT_MS * 3 / 2 }; /* the second server has to be reached in what is left */
    struct pair pair = {.a.script = {{'R', FAKE_SILENT}}, .b.script = {{'R', FAKE_SILENT}}};
    start_pair(&pair);
    int64_t begun_us = clock_monotonic_us();
    pair.call.deadline = deadline_in_ms(DEADLINE_MS);
    assert_int_equal(read_one(&pair), STATUS_TIMEOUT);
    int64_t spent_us = clock_monotonic_us() - begun_us;
    assert_true(spent_us >= DEADLINE_MS * 1000);
    assert_true(spent_us < 2 * TIMEOUT_MS * 1000);
    expect_logs(&pair, "R", "R");
    stop(&pair);
}

/* --- What the visitor wrote --- */

static void a_read_after_a_write_waits_for_it_on_the_replica(void **state) {
    (void)state;
    struct pair pair = {.a.gtid = gtid, .options.gtid_wait_ms = 100};
    start_pair(&pair);
    assert_int_equal(write_one(&pair), STATUS_OK);
    assert_string_equal(pair.call.gtid, gtid);
    assert_int_equal(read_one(&pair), STATUS_OK);
    assert_int_equal(pair.call.db_role, DB_ROLE_REPLICA);
    expect_logs(&pair, "W", "GR");
    stop(&pair);
}

static void a_replica_that_has_not_seen_it_in_time_is_not_read(void **state) {
    (void)state;
    static const int answers[] = {FAKE_TOO_LATE, FAKE_CLOSE, 1772};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct pair pair = {.a.gtid = gtid, .b.script = {{'G', answers[i]}}, .options.gtid_wait_ms = 100};
        start_pair(&pair);
        assert_int_equal(write_one(&pair), STATUS_OK);
        assert_int_equal(read_one(&pair), STATUS_OK);
        assert_int_equal(pair.call.db_role, DB_ROLE_PRIMARY);
        expect_logs(&pair, "WR", "G");
        stop(&pair);
    }
}

static void who_does_not_want_to_wait_reads_from_the_primary(void **state) {
    (void)state;
    struct pair pair = {.a.gtid = gtid, .options.gtid_wait_ms = 0};
    start_pair(&pair);
    assert_int_equal(write_one(&pair), STATUS_OK);
    assert_int_equal(read_one(&pair), STATUS_OK);
    expect_logs(&pair, "WR", "");
    stop(&pair);
}

/* --- Writes that go wrong --- */

static void a_write_that_may_have_happened_is_not_repeated(void **state) {
    (void)state;
    static const struct {
        int answer;
        enum status status;
    } cases[] = {
        {FAKE_CLOSE, STATUS_GONE}, {FAKE_SILENT, STATUS_TIMEOUT}, {1064, STATUS_BAD_INPUT}, {1062, STATUS_EXISTS}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair pair = {.a.script = {{'W', cases[i].answer}}};
        start_pair(&pair);
        assert_int_equal(write_one(&pair), cases[i].status);
        expect_logs(&pair, "W", "");
        stop(&pair);
    }
}

static void a_write_that_cannot_have_happened_is(void **state) {
    (void)state;
    static const struct {
        struct fake_step step;
        const char *log;
    } cases[] = {{{'P', FAKE_CLOSE}, "W"}, {{'W', 1213}, "WW"}, {{'W', 1205}, "WW"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair pair = {.a.script = {cases[i].step}};
        start_pair(&pair);
        assert_int_equal(write_one(&pair), STATUS_OK);
        expect_logs(&pair, cases[i].log, "");
        stop(&pair);
    }
}

static void a_write_follows_the_primary(void **state) {
    (void)state;
    struct pair pair = {.a.script = {{'W', 1290}}};
    start(&pair); /* both say that they are the primary; the first is used */
    assert_int_equal(write_one(&pair), STATUS_OK);
    expect_logs(&pair, "W", "W");
    assert_int_equal(write_one(&pair), STATUS_OK);
    expect_logs(&pair, "W", "WW");
    stop(&pair);
}

static void a_write_is_never_sent_to_a_replica(void **state) {
    (void)state;
    struct pair pair = {.a.script = {{'W', 1290}, {'W', 1290}}};
    atomic_store(&pair.b.read_only, true);
    start_pair(&pair);
    atomic_store(&pair.a.read_only, true);
    assert_int_equal(write_one(&pair), STATUS_GONE);
    wait_until(topology_primary(pair.topology) == TOPOLOGY_NOBODY);
    assert_int_equal(write_one(&pair), STATUS_GONE);
    assert_string_equal(fake_log(&pair.b), "");
    stop(&pair);
}

/* --- Transactions --- */

struct steps {
    unsigned runs;
    enum status ends_with;
};

static enum status two_writes(struct database *database, struct call *call, void *context) {
    struct steps *steps = context;
    steps->runs++;
    for (int i = 0; i < 2; i++) {
        enum status status = database_write(database, call, &a_write, NULL, NULL, NULL);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return steps->ends_with;
}

static enum status transact(struct pair *pair, struct steps *steps) {
    return database_transaction(pair->database, &pair->call, two_writes, steps);
}

static void a_transaction_is_committed_on_the_primary(void **state) {
    (void)state;
    struct pair pair = {.a.gtid = gtid};
    struct steps steps = {0};
    start_pair(&pair);
    assert_int_equal(transact(&pair, &steps), STATUS_OK);
    assert_string_equal(pair.call.gtid, gtid);
    assert_int_equal(pair.call.db_role, DB_ROLE_PRIMARY);
    expect_logs(&pair, "BWWC", "");
    stop(&pair);
}

static void what_its_body_does_not_want_is_rolled_back(void **state) {
    (void)state;
    struct pair pair = {0};
    struct steps steps = {.ends_with = STATUS_NOT_FOUND};
    start_pair(&pair);
    assert_int_equal(transact(&pair, &steps), STATUS_NOT_FOUND);
    assert_int_equal(steps.runs, 1);
    assert_int_equal(write_one(&pair), STATUS_OK); /* by itself again */
    expect_logs(&pair, "BWWXW", "");
    stop(&pair);
}

static void a_transaction_that_was_undone_runs_again_from_its_start(void **state) {
    (void)state;
    static const struct {
        struct fake_step steps[3];
        const char *log;
    } cases[] = {
        {{{'W', FAKE_WELL}, {'W', 1213}}, "BWWXBWWC"}, /* deadlock: never the second write alone */
        {{{'W', 1205}}, "BWXBWWC"},
        {{{'W', FAKE_CLOSE}}, "BWBWWC"}, /* gone with its connection */
        {{{'B', FAKE_CLOSE}}, "BBWWC"},
        {{{'C', 3101}}, "BWWCXBWWC"},
        {{{'C', 1213}}, "BWWCXBWWC"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair pair = {0};
        struct steps steps = {0};
        memcpy(pair.a.script, cases[i].steps, sizeof cases[i].steps);
        start_pair(&pair);
        assert_int_equal(transact(&pair, &steps), STATUS_OK);
        expect_logs(&pair, cases[i].log, "");
        stop(&pair);
    }
}

static void a_transaction_is_not_repeated_once_commit_was_sent(void **state) {
    (void)state;
    static const struct {
        int answer;
        enum status status;
    } cases[] = {{FAKE_CLOSE, STATUS_GONE}, {FAKE_SILENT, STATUS_TIMEOUT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair pair = {.a.script = {{'C', cases[i].answer}}};
        struct steps steps = {0};
        start_pair(&pair);
        assert_int_equal(transact(&pair, &steps), cases[i].status);
        assert_int_equal(steps.runs, 1);
        expect_logs(&pair, "BWWC", "");
        stop(&pair);
    }
}

static void a_key_that_exists_ends_a_transaction_and_nothing_else(void **state) {
    (void)state;
    struct pair pair = {.a.script = {{'W', 1062}}};
    struct steps steps = {0};
    start_pair(&pair);
    assert_int_equal(transact(&pair, &steps), STATUS_EXISTS);
    assert_int_equal(steps.runs, 1);
    expect_logs(&pair, "BWX", "");
    stop(&pair);
}

static void a_transaction_gives_up_after_three_deadlocks(void **state) {
    (void)state;
    struct pair pair = {.a.script = {{'W', 1213}, {'W', 1213}, {'W', 1213}, {'W', 1213}}};
    struct steps steps = {0};
    start_pair(&pair);
    assert_int_equal(transact(&pair, &steps), STATUS_AGAIN);
    assert_int_equal(steps.runs, 3);
    expect_logs(&pair, "BWXBWXBWX", "");
    stop(&pair);
}

static void a_transaction_follows_the_primary(void **state) {
    (void)state;
    struct pair pair = {.a.script = {{'W', 1290}}};
    struct steps steps = {0};
    start(&pair);
    assert_int_equal(transact(&pair, &steps), STATUS_OK);
    expect_logs(&pair, "BWX", "BWWC");
    stop(&pair);
}

/* A body that does not look must not get half of its work committed. */
static enum status careless(struct database *database, struct call *call, void *context) {
    ++*(unsigned *)context;
    database_write(database, call, &a_write, NULL, NULL, NULL);
    database_read(database, call, &a_read, NULL, NULL, NULL);
    return STATUS_OK;
}

static void a_failure_that_the_body_ignores_is_not_committed(void **state) {
    (void)state;
    struct pair pair = {.a.script = {{'W', 1213}}};
    unsigned runs = 0;
    start_pair(&pair);
    assert_int_equal(database_transaction(pair.database, &pair.call, careless, &runs), STATUS_OK);
    assert_int_equal(runs, 2);
    expect_logs(&pair, "BWXBWRC", "");
    stop(&pair);
}

/* --- The breaker --- */

static void a_server_that_keeps_failing_is_left_alone_for_a_while(void **state) {
    (void)state;
    struct pair pair = {.b.script = {{'R', FAKE_CLOSE}, {'R', FAKE_CLOSE}, {'R', FAKE_CLOSE}}};
    int64_t opened_us = 0; /* or a little earlier */
    start_pair(&pair);
    for (int i = 0; i < BREAKER_LIMIT; i++) {
        assert_string_equal(breaker_of(&pair, SERVER_B), "closed");
        opened_us = clock_monotonic_us();
        assert_int_equal(read_one(&pair), STATUS_OK);
    }
    assert_string_equal(breaker_of(&pair, SERVER_B), "open");
    assert_int_equal(read_one(&pair), STATUS_OK);
    if (clock_monotonic_us() - opened_us < COOLDOWN_MS * 1000) {
        expect_logs(&pair, "RRRR", "RRR"); /* not called */
    }
    do { /* until somebody goes to see, and finds it well */
        look_again_later();
        assert_int_equal(read_one(&pair), STATUS_OK);
    } while (pair.call.db_role != DB_ROLE_REPLICA);
    assert_true(clock_monotonic_us() - opened_us >= COOLDOWN_MS * 1000 / 2);
    assert_string_equal(breaker_of(&pair, SERVER_B), "closed");
    stop(&pair);
}

static void a_refusal_is_no_failure_of_the_server(void **state) {
    (void)state;
    struct pair pair = {.a.script = {{'W', 1062}, {'W', 1062}, {'W', 1062}, {'W', 1064}}};
    start_pair(&pair);
    for (int i = 0; i < BREAKER_LIMIT; i++) {
        assert_int_equal(write_one(&pair), STATUS_EXISTS);
    }
    assert_int_equal(write_one(&pair), STATUS_BAD_INPUT);
    assert_string_equal(breaker_of(&pair, SERVER_A), "closed");
    assert_int_equal(write_one(&pair), STATUS_OK);
    stop(&pair);
}

static void with_all_breakers_open_the_visitor_is_told_at_once(void **state) {
    (void)state;
    struct pair pair = {0};
    start_pair(&pair);
    fake_stop(&pair.a);
    fake_stop(&pair.b);
    int64_t begun_us = clock_monotonic_us(); /* before any of them opened */
    for (int i = 0; i < BREAKER_LIMIT; i++) {
        assert_int_equal(read_one(&pair), STATUS_GONE);
        assert_int_equal(write_one(&pair), STATUS_GONE);
    }
    assert_string_equal(breaker_of(&pair, SERVER_A), "open");
    unsigned calls = pair.call.calls[BACKEND_MYSQL];
    assert_int_equal(write_one(&pair), STATUS_GONE);
    if (clock_monotonic_us() - begun_us < COOLDOWN_MS * 1000) {
        assert_int_equal(pair.call.calls[BACKEND_MYSQL], calls);
    }
    stop_watching(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_go_to_the_replica_and_writes_to_the_primary),
        cmocka_unit_test(replicas_take_turns),
        cmocka_unit_test(without_a_primary_reads_go_on_and_writes_end_at_once),
        cmocka_unit_test(a_replica_that_is_behind_is_read_if_nothing_else_answers),
        cmocka_unit_test(a_read_falls_back_to_the_primary),
        cmocka_unit_test(a_read_goes_to_another_replica_first),
        cmocka_unit_test(a_read_is_tried_three_times_and_then_given_up),
        cmocka_unit_test(a_read_that_is_not_repeatable_is_not_repeated_once_it_may_have_run),
        cmocka_unit_test(a_refused_read_is_not_repeated),
        cmocka_unit_test(silent_servers_cost_the_deadline_of_the_call),
        cmocka_unit_test(a_read_after_a_write_waits_for_it_on_the_replica),
        cmocka_unit_test(a_replica_that_has_not_seen_it_in_time_is_not_read),
        cmocka_unit_test(who_does_not_want_to_wait_reads_from_the_primary),
        cmocka_unit_test(a_write_that_may_have_happened_is_not_repeated),
        cmocka_unit_test(a_write_that_cannot_have_happened_is),
        cmocka_unit_test(a_write_follows_the_primary),
        cmocka_unit_test(a_write_is_never_sent_to_a_replica),
        cmocka_unit_test(a_transaction_is_committed_on_the_primary),
        cmocka_unit_test(what_its_body_does_not_want_is_rolled_back),
        cmocka_unit_test(a_transaction_that_was_undone_runs_again_from_its_start),
        cmocka_unit_test(a_transaction_is_not_repeated_once_commit_was_sent),
        cmocka_unit_test(a_key_that_exists_ends_a_transaction_and_nothing_else),
        cmocka_unit_test(a_transaction_gives_up_after_three_deadlocks),
        cmocka_unit_test(a_transaction_follows_the_primary),
        cmocka_unit_test(a_failure_that_the_body_ignores_is_not_committed),
        cmocka_unit_test(a_server_that_keeps_failing_is_left_alone_for_a_while),
        cmocka_unit_test(a_refusal_is_no_failure_of_the_server),
        cmocka_unit_test(with_all_breakers_open_the_visitor_is_told_at_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
