#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mysql_pair.h"

/* --- Where they are --- */

static void servers_are_separated_by_spaces(void **state) {
    (void)state;
    static const char *const right[] = {"127.0.0.1:3306", "unix:/run/mysqld/mysqld.sock",
                                        "10.89.3.10:3306 10.89.3.11:3306", "  [::1]:1   unix:x ",
                                        "unix:1 unix:2 unix:3 unix:4 unix:5 unix:6 unix:7 unix:8"};
    static const char *const wrong[] = {"",
                                        "  ",
                                        "127.0.0.1",
                                        "mysql:3306",
                                        "127.0.0.1:3306,127.0.0.1:3307",
                                        "127.0.0.1:3306 x",
                                        "unix:1 unix:2 unix:3 unix:4 unix:5 unix:6 unix:7 unix:8 unix:9"};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        assert_int_equal(topology_check(right[i]), STATUS_OK);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(topology_check(wrong[i]), STATUS_BAD_INPUT);
    }
}

/* --- Who is what --- */

static void the_roles_are_known_once_it_has_started(void **state) {
    (void)state;
    struct pair pair = {0};
    struct topology_server server;
    start_pair(&pair);
    assert_int_equal(topology_primary(pair.topology), SERVER_A);
    assert_int_equal(topology_best(pair.topology), DB_ROLE_PRIMARY);
    assert_int_equal(role_of(&pair, SERVER_A), DB_ROLE_PRIMARY);
    assert_int_equal(role_of(&pair, SERVER_B), DB_ROLE_REPLICA);
    assert_true(topology_server(pair.topology, 1, &server));
    assert_string_equal(server.address, strchr(servers, ' ') + 1);
    assert_string_equal(server.breaker, "closed");
    assert_false(topology_server(pair.topology, 2, &server));
    stop(&pair);
}

static void a_moved_primary_is_followed(void **state) {
    (void)state;
    struct pair pair = {0};
    start_pair(&pair);
    atomic_store(&pair.a.read_only, true);
    wait_until(topology_primary(pair.topology) == TOPOLOGY_NOBODY);
    assert_int_equal(topology_best(pair.topology), DB_ROLE_REPLICA);
    atomic_store(&pair.b.read_only, false);
    wait_until(topology_primary(pair.topology) == SERVER_B);
    assert_int_equal(topology_best(pair.topology), DB_ROLE_PRIMARY);
    stop(&pair);
}

static void a_primary_that_is_away_stays_it_until_there_is_another(void **state) {
    (void)state;
    struct pair pair = {0};
    start_pair(&pair);
    fake_stop(&pair.a);
    wait_until(role_of(&pair, SERVER_A) == DB_ROLE_NONE);
    assert_int_equal(topology_primary(pair.topology), SERVER_A);
    assert_int_equal(topology_best(pair.topology), DB_ROLE_REPLICA);
    atomic_store(&pair.b.read_only, false);
    wait_until(topology_primary(pair.topology) == SERVER_B);
    pair.a = (struct fake_mysql){0}; /* it comes back and has not heard of that */
    fake_start(&pair.a, paths[SERVER_A]);
    wait_until(role_of(&pair, SERVER_A) == DB_ROLE_PRIMARY);
    assert_int_equal(topology_primary(pair.topology), SERVER_B);
    stop(&pair);
}

static void of_two_primaries_the_first_one_stays(void **state) {
    (void)state;
    struct pair pair = {0};
    start(&pair);
    assert_int_equal(role_of(&pair, SERVER_B), DB_ROLE_PRIMARY);
    assert_int_equal(topology_primary(pair.topology), SERVER_A);
    atomic_store(&pair.a.read_only, true);
    wait_until(topology_primary(pair.topology) == SERVER_B);
    atomic_store(&pair.a.read_only, false);
    wait_until(role_of(&pair, SERVER_A) == DB_ROLE_PRIMARY);
    assert_int_equal(topology_primary(pair.topology), SERVER_B);
    stop(&pair);
}

static void who_refused_a_write_is_a_replica_at_once(void **state) {
    (void)state;
    struct pair pair = {.options = {0}};
    start(&pair);
    topology_takes_no_writes(pair.topology, SERVER_A);
    assert_int_equal(topology_primary(pair.topology), SERVER_B);
    wait_until(role_of(&pair, SERVER_A) == DB_ROLE_PRIMARY); /* it says something else at the next look */
    assert_int_equal(topology_primary(pair.topology), SERVER_B);
    stop(&pair);
}

static void a_replica_that_stands_still_is_behind(void **state) {
    (void)state;
    struct pair pair = {0};
    start_pair(&pair);
    assert_false(topology_is_behind(pair.topology, SERVER_B));
    atomic_store(&pair.b.behind, true);
    wait_until(topology_is_behind(pair.topology, SERVER_B));
    assert_int_equal(role_of(&pair, SERVER_B), DB_ROLE_REPLICA);
    atomic_store(&pair.b.behind, false);
    wait_until(!topology_is_behind(pair.topology, SERVER_B));
    stop(&pair);
}

static void a_replica_that_is_only_a_little_late_is_not_behind(void **state) {
    (void)state;
    struct pair pair = {.options = {.lag_ms = 60000}};
    start_pair(&pair);
    atomic_store(&pair.b.behind, true);
    wait_until(atomic_load(&pair.b.told) >= 3);
    assert_false(topology_is_behind(pair.topology, SERVER_B));
    stop(&pair);
}

static void nothing_that_answers_is_nobody(void **state) {
    (void)state;
    struct topology *topology;
    const struct topology_options options = {
        .servers = servers,
        .account = {.user = "shop", .password = "", .database = "shop", .ca_file = "", .timeout_ms = TIMEOUT_MS},
        .interval_ms = LOOK_INTERVAL_MS,
        .breaker_failures = 1,
        .breaker_cooldown_ms = 1,
    };
    assert_int_equal(topology_start(&options, &topology), STATUS_OK);
    assert_int_equal(topology_best(topology), DB_ROLE_NONE);
    assert_int_equal(topology_primary(topology), TOPOLOGY_NOBODY);
    topology_stop(topology);
    topology_stop(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_are_separated_by_spaces),
        cmocka_unit_test(the_roles_are_known_once_it_has_started),
        cmocka_unit_test(a_moved_primary_is_followed),
        cmocka_unit_test(a_primary_that_is_away_stays_it_until_there_is_another),
        cmocka_unit_test(of_two_primaries_the_first_one_stays),
        cmocka_unit_test(who_refused_a_write_is_a_replica_at_once),
        cmocka_unit_test(a_replica_that_stands_still_is_behind),
        cmocka_unit_test(a_replica_that_is_only_a_little_late_is_not_behind),
        cmocka_unit_test(nothing_that_answers_is_nobody),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
