/* The event loop coming to its end, with requests in work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_bench.h"

static bool nobody_listens(const struct bench *bench) {
    int fd = connect_to(address(bench));
    if (fd >= 0) {
        close(fd);
    }
    return fd < 0;
}

static void stopping_answers_what_is_in_flight(void **state) {
    (void)state;
    for (int tcp = 0; tcp <= 1; tcp++) {
        struct bench bench;
        prepare(&bench);
        if (tcp) {
            bench.options.listen = "127.0.0.1:0";
        }
        start(&bench);
        struct client *working = client_new(address(&bench)), *idle = client_new(address(&bench));
        ask(idle, "NAME=idle\n", HEAD "idle");
        client_ask(working, 1, "DO=hold\nNAME=in flight\n");
        wait_until(waiting_count(&bench) == 1);
        server_stop(bench.server);
        assert_true(server_stopping(bench.server));
        client_expect_close(idle);
        wait_until(nobody_listens(&bench));
        assert_int_equal(access(bench.path, F_OK), -1);
        assert_false(bench.returned);
        assert_true(client_hears_nothing(working));
        release(&bench, 0);
        client_expect(working, 1, HEAD "in flight");
        client_expect_close(working);
        expect_return(&bench, true);
        client_free(working);
        client_free(idle);
    }
}

/* Whoever was connected and had asked when the end began is answered, accepted or not. */
static void stopping_loses_no_request_that_has_come(void **state) {
    (void)state;
    enum { PEERS = 60 };
    struct bench bench;
    struct client *peers[PEERS];
    prepare(&bench);
    open_server(&bench);
    for (int i = 0; i < PEERS; i++) {
        peers[i] = client_new(address(&bench));
        client_ask(peers[i], 1, "NAME=early\n");
    }
    server_stop(bench.server);
    start_loop(&bench);
    for (int i = 0; i < PEERS; i++) {
        client_expect(peers[i], 1, HEAD "early");
        client_expect_close(peers[i]);
        client_free(peers[i]);
    }
    expect_return(&bench, true);
}

static void a_lingering_server_still_accepts(void **state) {
    (void)state;
    struct bench bench;
    prepare(&bench);
    bench.options.linger_ms = 4000; /* in which two requests have to be sent */
    start(&bench);
    struct client *kept = client_new(address(&bench));
    ask(kept, "NAME=before\n", HEAD "before");
    int64_t stopped_us = clock_monotonic_us();
    server_stop(bench.server);
    struct client *client = client_new(address(&bench));
    ask(client, "NAME=balancers have not noticed\n", HEAD "balancers have not noticed");
    ask(kept, "NAME=still\n", HEAD "still");
    client_expect_close(kept);
    assert_true(clock_monotonic_us() - stopped_us >= 4000000);
    client_expect_close(client);
    expect_return(&bench, true);
    client_free(kept);
    client_free(client);
}

static void what_takes_too_long_is_given_up(void **state) {
    (void)state;
    struct bench bench;
    prepare(&bench);
    bench.options.stop_timeout_ms = 100;
    start(&bench);
    struct client *client = client_new(address(&bench));
    client_ask(client, 1, "DO=hold\nNAME=too late\n");
    wait_until(waiting_count(&bench) == 1);
    int64_t stopped_us = clock_monotonic_us();
    server_stop(bench.server);
    client_expect_close(client);
    assert_true(clock_monotonic_us() - stopped_us >= 100000);
    wait_until(bench.returned);
    release(&bench, 0); /* the worker comes back to a server that has ended */
    expect_return(&bench, false);
    client_free(client);
}

static void a_second_stop_ends_now(void **state) {
    (void)state;
    struct bench bench;
    prepare(&bench);
    bench.options.linger_ms = 60000;
    start(&bench);
    struct client *client = client_new(address(&bench));
    client_ask(client, 1, "DO=hold\nNAME=cut off\n");
    wait_until(waiting_count(&bench) == 1);
    server_stop(bench.server);
    struct client *other = client_new(address(&bench));
    ask(other, "NAME=lingering\n", HEAD "lingering");
    assert_false(bench.returned);
    server_stop(bench.server);
    client_expect_close(client);
    wait_until(bench.returned);
    release(&bench, 0);
    expect_return(&bench, false);
    client_free(client);
    client_free(other);
}

/* A request that was worked on and not delivered was not answered. */
static void an_answer_that_is_not_read_is_given_up_too(void **state) {
    (void)state;
    struct bench bench;
    prepare(&bench);
    bench.options.stop_timeout_ms = 100;
    start(&bench);
    struct client *deaf = client_new(address(&bench));
    client_ask(deaf, 1, "DO=big\nNAME=4000000\n");
    wait_until(bench.seen == 1);
    server_stop(bench.server);
    expect_return(&bench, false);
    client_free(deaf);
}

/* A peer that has left does not make the end a bad one. */
static void nobody_waits_for_a_peer_that_has_left(void **state) {
    (void)state;
    struct bench bench;
    prepare(&bench);
    start(&bench);
    struct client *client = client_new(address(&bench));
    client_ask(client, 1, "DO=hold\nNAME=nobody\n");
    wait_until(waiting_count(&bench) == 1);
    client_free(client);
    server_stop(bench.server);
    wait_until(bench.returned);
    release(&bench, 0);
    expect_return(&bench, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopping_answers_what_is_in_flight),
        cmocka_unit_test(stopping_loses_no_request_that_has_come),
        cmocka_unit_test(a_lingering_server_still_accepts),
        cmocka_unit_test(what_takes_too_long_is_given_up),
        cmocka_unit_test(a_second_stop_ends_now),
        cmocka_unit_test(an_answer_that_is_not_read_is_given_up_too),
        cmocka_unit_test(nobody_waits_for_a_peer_that_has_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
