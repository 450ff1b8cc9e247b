/*
 * What only real servers can show: "a", the primary on port 3306, and "b", its replica on 3307. tests/backends/mysql.bats
 * starts them, in one process namespace and at one address with this program, and names the tests to run.
 *
 * Each of the two replicates from the other, so that whoever takes writes has a replica. A test puts back what it changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mysql.h>
#include <pthread.h>
#include <stdatomic.h>

#include "live_servers.h"

/* --- TLS --- */

static enum status ask_with(const char *server, const char *ca_file, struct texts *found) {
    struct db *db = new_db(server, ca_file);
    struct call call = new_call(5000);
    static const struct db_statement version = {
        .sql = "SHOW SESSION STATUS LIKE 'Ssl_version'", .params = "", .columns = "ss", .repeatable = true};
    enum status status = db_run(db, &call, &version, NULL, take_texts, found);
    db_free(db);
    return status;
}

static void tls_with_a_certificate_of_our_ca_is_trusted(void **state) {
    (void)state;
    struct texts found;
    assert_int_equal(ask_with(ADDRESS_A, "/certificates/ca.pem", &found), STATUS_OK);
    assert_string_equal(found.second, "TLSv1.3");
}

static void tls_with_a_certificate_of_another_ca_is_not(void **state) {
    (void)state;
    struct texts found;
    assert_int_equal(ask_with(ADDRESS_A, "/certificates/stranger.pem", &found), STATUS_GONE);
    assert_int_equal(ask_with(ADDRESS_A, "/certificates/none.pem", &found), STATUS_GONE);
    assert_int_equal(ask_with(ADDRESS_B, "/certificates/ca.pem", &found), STATUS_GONE); /* it has one of its own */
}

static void tls_with_a_certificate_for_another_address_is_not(void **state) {
    (void)state;
    struct texts found;
    assert_int_equal(ask_with("127.0.0.2:3306", "", &found), STATUS_OK); /* where it listens as well */
    assert_int_equal(ask_with("127.0.0.2:3306", "/certificates/ca.pem", &found), STATUS_GONE);
}

static void tls_is_used_over_tcp_in_any_case_and_not_on_a_unix_socket(void **state) {
    (void)state;
    struct texts found;
    assert_int_equal(ask_with(ADDRESS_B, "", &found), STATUS_OK);
    assert_string_equal(found.second, "TLSv1.3");
    assert_int_equal(ask_with("unix:/socket/a/mysqld.sock", "/certificates/ca.pem", &found), STATUS_OK);
    assert_string_equal(found.second, "");
}

/* --- Logging in --- */

/* caching_sha2_password remembers who has logged in, and asks for more only of whom it does not remember. */
static void login_works_with_a_cold_cache(void **state) {
    (void)state;
    static const char *const ways[] = {ADDRESS_A, "unix:/socket/a/mysqld.sock"};
    struct texts found;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        admin(SERVER_A, "FLUSH PRIVILEGES");
        assert_int_equal(ask_with(ways[i], "", &found), STATUS_OK);
        assert_int_equal(ask_with(ways[i], "", &found), STATUS_OK);
    }
}

/* --- Traces --- */

static void trace_is_a_query_attribute_of_every_statement(void **state) {
    (void)state;
    static const struct db_statement heard = {.sql = "SELECT ?, mysql_query_attribute_string('traceparent')",
                                              .params = "s",
                                              .columns = "ss",
                                              .repeatable = true};
    const struct db_value params[] = {{.text = slice_of("a parameter")}};
    struct db *db = new_db(ADDRESS_A, "");
    for (int i = 0; i < 3; i++) {
        struct call call = new_call(5000);
        struct texts found = {.first = ""};
        char traceparent[TRACE_PARENT_CHARS + 1];
        trace_format(&call.trace, traceparent);
        assert_int_equal(db_run(db, &call, &heard, params, take_texts, &found), STATUS_OK);
        assert_string_equal(found.first, "a parameter");
        assert_string_equal(found.second, traceparent);
    }
    db_free(db);
}

/* --- Reading one's own writes --- */

static void own_writes_are_read_from_the_replica(void **state) {
    (void)state;
    struct lab lab;
    open_lab_with(&lab, PATIENCE_MS);
    unsigned from_replica = 0;
    for (int64_t value = 1; value <= 50; value++) {
        struct call call = new_call(PATIENCE_MS);
        assert_int_equal(set_note(&lab, &call, 1, value), STATUS_OK);
        assert_int_equal(call.db_role, DB_ROLE_PRIMARY);
        assert_true(call.gtid[0] != '\0');
        assert_int_equal(get_note(&lab, &call, 1), value);
        from_replica += call.db_role == DB_ROLE_REPLICA;
    }
    assert_true(from_replica > 0); /* how often it is in time depends on the machine */
    close_lab(&lab);
}

static void own_writes_are_read_from_the_primary_if_the_replica_stands_still(void **state) {
    (void)state;
    struct lab lab;
    open_lab_with(&lab, PATIENCE_MS);
    struct call writer = new_call(60000), another = new_call(60000);
    assert_int_equal(set_note(&lab, &writer, 1, 100), STATUS_OK);
    wait_until(get_note(&lab, &another, 1) == 100 && another.db_role == DB_ROLE_REPLICA);
    admin(SERVER_B, "STOP REPLICA SQL_THREAD");

    assert_int_equal(set_note(&lab, &writer, 1, 101), STATUS_OK);
    int64_t begun_us = clock_monotonic_us();
    assert_int_equal(get_note(&lab, &writer, 1), 101);
    int64_t spent_ms = (clock_monotonic_us() - begun_us) / 1000;
    assert_int_equal(writer.db_role, DB_ROLE_PRIMARY);
    assert_in_range(spent_ms, GTID_WAIT_MS, GTID_WAIT_MS + 5000);
    assert_int_equal(get_note(&lab, &another, 1), 100); /* who has not written may see what was */
    assert_int_equal(another.db_role, DB_ROLE_REPLICA);
    wait_until(topology_is_behind(lab.topology, SERVER_B)); /* but not for ever */
    assert_int_equal(get_note(&lab, &another, 1), 101);
    assert_int_equal(another.db_role, DB_ROLE_PRIMARY);

    admin(SERVER_B, "START REPLICA SQL_THREAD");
    wait_until(get_note(&lab, &writer, 1) == 101 && writer.db_role == DB_ROLE_REPLICA);
    close_lab(&lab);
}

/* --- Deadlocks --- */

struct rival {
    struct lab *lab;
    struct database *database;
    pthread_barrier_t *meet;
    int64_t first, second; /* the rows, in the order it takes them */
    unsigned runs;
    enum status status;
};

static enum status take_both(struct database *database, struct call *call, void *context) {
    struct rival *rival = context;
    enum status status = add_to_note(database, call, rival->first);
    if (rival->runs++ == 0) {
        pthread_barrier_wait(rival->meet); /* each has one row, and wants the other's */
    }
    return status == STATUS_OK ? add_to_note(database, call, rival->second) : status;
}

static void *compete(void *argument) {
    struct rival *rival = argument;
    struct call call = new_call(PATIENCE_MS);
    rival->status = database_transaction(rival->database, &call, take_both, rival);
    database_free(rival->database);
    db_thread_end();
    return NULL;
}

static void deadlock_is_repeated_as_a_whole(void **state) {
    (void)state;
    struct lab lab;
    open_lab_with(&lab, PATIENCE_MS);
    for (int round = 0; round < 5; round++) {
        pthread_barrier_t meet;
        pthread_t threads[2];
        struct call call = new_call(PATIENCE_MS);
        struct rival rivals[2] = {{&lab, database_new(lab.topology), &meet, 1, 2, 0, STATUS_OK},
                                  {&lab, database_new(lab.topology), &meet, 2, 1, 0, STATUS_OK}};
        assert_int_equal(set_note(&lab, &call, 1, 0), STATUS_OK);
        assert_int_equal(set_note(&lab, &call, 2, 0), STATUS_OK);
        pthread_barrier_init(&meet, NULL, 2);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, compete, &rivals[i]), 0);
        }
        for (int i = 0; i < 2; i++) {
            pthread_join(threads[i], NULL);
            assert_int_equal(rivals[i].status, STATUS_OK);
        }
        pthread_barrier_destroy(&meet);
        assert_int_equal(rivals[0].runs + rivals[1].runs, 3);
        assert_int_equal(get_note_on_primary(&lab, 1), 2);
        assert_int_equal(get_note_on_primary(&lab, 2), 2);
    }
    close_lab(&lab);
}

/* --- Connections that MySQL closes --- */

static void closed_connections_are_replaced_without_a_failure(void **state) {
    (void)state;
    struct lab lab;
    open_lab_with(&lab, PATIENCE_MS);
    for (int64_t value = 200; value < 203; value++) {
        struct call call = new_call(PATIENCE_MS);
        assert_int_equal(set_note(&lab, &call, 1, value), STATUS_OK);
        assert_int_equal(get_note(&lab, &call, 1), value);
        kill_connections(SERVER_A);
        kill_connections(SERVER_B);
        int64_t used_us = clock_monotonic_us();
        wait_until(clock_monotonic_us() - used_us > DB_FRESH_US);
        assert_int_equal(set_note(&lab, &call, 1, value + 100), STATUS_OK);
        assert_int_equal(get_note(&lab, &call, 1), value + 100);
    }
    close_lab(&lab);
}

/* --- Failover --- */

/* A visitor who writes one number after the other, and remembers which of them were acknowledged. */
enum { NUMBERS_MAX = 100000 };
struct writer {
    struct lab *lab;
    int64_t call_ms; /* what each of its calls may take */
    pthread_t thread;
    atomic_bool stop;
    atomic_uint acknowledged, failed;
    unsigned count;
    unsigned char done[NUMBERS_MAX]; /* 1: acknowledged */
    atomic_llong last_us, longest_gap_us;
};

static void *keep_writing(void *argument) {
    struct writer *writer = argument;
    struct database *database = database_new(writer->lab->topology);
    atomic_store(&writer->last_us, clock_monotonic_us());
    while (!atomic_load(&writer->stop) && writer->count < NUMBERS_MAX) {
        struct call call = new_call(writer->call_ms);
        unsigned number = writer->count++;
        if (add_number(database, &call, number) == STATUS_OK) {
            int64_t now_us = clock_monotonic_us(), gap_us = now_us - atomic_load(&writer->last_us);
            writer->done[number] = 1;
            atomic_fetch_add(&writer->acknowledged, 1);
            atomic_store(&writer->last_us, now_us);
            if (gap_us > atomic_load(&writer->longest_gap_us)) {
                atomic_store(&writer->longest_gap_us, gap_us);
            }
        } else {
            atomic_fetch_add(&writer->failed, 1);
            look_again_later();
        }
    }
    database_free(database);
    db_thread_end();
    return NULL;
}

static struct writer *start_writer(struct lab *lab, int64_t call_ms) {
    struct writer *writer = calloc(1, sizeof *writer);
    assert_non_null(writer);
    admin(SERVER_A, "TRUNCATE shop.numbers");
    wait_until_replicated(SERVER_A, SERVER_B);
    writer->lab = lab;
    writer->call_ms = call_ms;
    assert_int_equal(pthread_create(&writer->thread, NULL, keep_writing, writer), 0);
    wait_until(atomic_load(&writer->acknowledged) > 20);
    return writer;
}

static void wait_for_more_writes(struct writer *writer) {
    unsigned before = atomic_load(&writer->acknowledged);
    wait_until(atomic_load(&writer->acknowledged) > before + 20);
}

/* All that was acknowledged is there, on both; what was not may be. Once, as the number is a key. */
static void stop_writer(struct writer *writer, const char *what) {
    atomic_store(&writer->stop, true);
    pthread_join(writer->thread, NULL);
    wait_until_replicated(SERVER_A, SERVER_B);
    wait_until_replicated(SERVER_B, SERVER_A);
    for (unsigned server = SERVER_A; server <= SERVER_B; server++) {
        static unsigned char found[NUMBERS_MAX];
        find_numbers(server, found, NUMBERS_MAX);
        for (unsigned i = 0; i < writer->count; i++) {
            if (writer->done[i] && !found[i]) {
                fail_msg("%u was acknowledged and is not on server %u", i, server);
            }
        }
    }
    fprintf(stderr, "# %s: %u writes acknowledged, 0 lost; %u failed; longest gap %lld ms\n", what,
            atomic_load(&writer->acknowledged), atomic_load(&writer->failed),
            (long long)atomic_load(&writer->longest_gap_us) / 1000);
    free(writer);
}

static void move_primary(unsigned from, unsigned to) {
    admin(from, "SET GLOBAL super_read_only = ON");
    wait_until_replicated(from, to);
    admin(to, "SET GLOBAL read_only = OFF");
}

static void moved_primary_is_followed_within_a_second(void **state) {
    (void)state;
    struct lab lab;
    open_lab(&lab);
    struct writer *writer = start_writer(&lab, CALL_TIMEOUT_MS);
    for (unsigned i = 0; i < 4; i++) {
        unsigned from = i % 2 == 0 ? SERVER_A : SERVER_B, to = 1 - from;
        move_primary(from, to);
        int64_t moved_us = clock_monotonic_us();
        wait_until(topology_primary(lab.topology) == (int)to);
        unsigned acknowledged = atomic_load(&writer->acknowledged);
        wait_until(atomic_load(&writer->acknowledged) > acknowledged);
        assert_true(clock_monotonic_us() - moved_us < 1000000);
        struct call call = new_call(5000);
        wait_until(get_note(&lab, &call, 1) >= 0 && call.db_role == DB_ROLE_REPLICA);
    }
    stop_writer(writer, "primary moved 4 times");
    close_lab(&lab);
}

static void killed_primary_costs_writes_only(void **state) {
    (void)state;
    struct lab lab;
    open_lab_with(&lab, PATIENCE_MS);
    struct writer *writer = start_writer(&lab, CALL_TIMEOUT_MS);
    send_signal(SERVER_A, SIGKILL);
    unsigned reads = 0;
    /* Until it is back, every read is answered. */
    for (bool was_down = false; !was_down || !is_up(SERVER_A); look_again_later()) {
        struct call call = new_call(PATIENCE_MS);
        assert_true(get_note(&lab, &call, 1) >= 0);
        was_down = was_down || topology_best(lab.topology) != DB_ROLE_PRIMARY;
        reads++;
    }
    wait_for_more_writes(writer);
    fprintf(stderr, "# primary killed: %u reads answered meanwhile\n", reads);
    stop_writer(writer, "primary killed");
    close_lab(&lab);
}

static void killed_replica_costs_nothing(void **state) {
    (void)state;
    struct lab lab;
    open_lab_with(&lab, PATIENCE_MS);
    struct writer *writer = start_writer(&lab, PATIENCE_MS);
    send_signal(SERVER_B, SIGKILL);
    for (bool was_down = false; !was_down || !is_up(SERVER_B); look_again_later()) {
        struct call call = new_call(PATIENCE_MS);
        assert_true(get_note(&lab, &call, 1) >= 0);
        was_down = was_down || role_of(&lab, SERVER_B) == DB_ROLE_NONE;
    }
    wait_for_more_writes(writer);
    assert_int_equal(writer->failed, 0);
    stop_writer(writer, "replica killed");
    close_lab(&lab);
}

/* What a call of a server may take here: its time-out is told from what a busy machine needs. */
enum { FROZEN_MS = 3000 };

static void frozen_primary_costs_the_timeout(void **state) {
    (void)state;
    struct lab lab;
    open_lab_with(&lab, FROZEN_MS);
    struct call call = new_call(60000);
    assert_int_equal(set_note(&lab, &call, 1, 300), STATUS_OK);
    wait_until_replicated(SERVER_A, SERVER_B);
    send_signal(SERVER_A, SIGSTOP);
    call = new_call(60000);
    int64_t begun_us = clock_monotonic_us();
    assert_int_equal(set_note(&lab, &call, 1, 301), STATUS_TIMEOUT);
    assert_in_range((clock_monotonic_us() - begun_us) / 1000, FROZEN_MS, FROZEN_MS + 2000);
    assert_true(get_note(&lab, &call, 1) >= 300);
    assert_int_equal(call.db_role, DB_ROLE_REPLICA);
    call = new_call(50); /* the visitor has less time than we would wait */
    begun_us = clock_monotonic_us();
    assert_int_equal(set_note(&lab, &call, 1, 302), STATUS_TIMEOUT);
    assert_in_range((clock_monotonic_us() - begun_us) / 1000, 50, FROZEN_MS - 1);
    send_signal(SERVER_A, SIGCONT);
    wait_until((call = new_call(5000), set_note(&lab, &call, 1, 303)) == STATUS_OK);
    close_lab(&lab);
}

static void frozen_replica_costs_the_timeout_and_then_nothing(void **state) {
    (void)state;
    struct lab lab;
    open_lab_with(&lab, FROZEN_MS);
    struct call call = new_call(60000);
    int64_t note = get_note(&lab, &call, 1), begun_us = clock_monotonic_us();
    send_signal(SERVER_B, SIGSTOP);
    assert_int_equal(get_note(&lab, &call, 1), note);
    assert_int_equal(call.db_role, DB_ROLE_PRIMARY);
    assert_in_range((clock_monotonic_us() - begun_us) / 1000, FROZEN_MS, FROZEN_MS + 2000);
    wait_until(role_of(&lab, SERVER_B) == DB_ROLE_NONE);
    begun_us = clock_monotonic_us();
    assert_int_equal(get_note(&lab, &call, 1), note);
    assert_true(clock_monotonic_us() - begun_us < FROZEN_MS * 1000);
    send_signal(SERVER_B, SIGCONT);
    wait_until(get_note(&lab, &call, 1) == note && call.db_role == DB_ROLE_REPLICA);
    close_lab(&lab);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls_with_a_certificate_of_our_ca_is_trusted),
        cmocka_unit_test(tls_with_a_certificate_of_another_ca_is_not),
        cmocka_unit_test(tls_with_a_certificate_for_another_address_is_not),
        cmocka_unit_test(tls_is_used_over_tcp_in_any_case_and_not_on_a_unix_socket),
        cmocka_unit_test(login_works_with_a_cold_cache),
        cmocka_unit_test(trace_is_a_query_attribute_of_every_statement),
        cmocka_unit_test(own_writes_are_read_from_the_replica),
        cmocka_unit_test(own_writes_are_read_from_the_primary_if_the_replica_stands_still),
        cmocka_unit_test(deadlock_is_repeated_as_a_whole),
        cmocka_unit_test(closed_connections_are_replaced_without_a_failure),
        cmocka_unit_test(moved_primary_is_followed_within_a_second),
        cmocka_unit_test(killed_primary_costs_writes_only),
        cmocka_unit_test(killed_replica_costs_nothing),
        cmocka_unit_test(frozen_primary_costs_the_timeout),
        cmocka_unit_test(frozen_replica_costs_the_timeout_and_then_nothing),
    };
    cmocka_set_test_filter(argc == 2 ? argv[1] : "*");
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
