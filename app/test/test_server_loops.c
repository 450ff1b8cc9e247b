/* Several event loops that share a listener. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_bench.h"

enum { LOOPS = 4, VISITORS = 8, ROUNDS = 200 };

struct visitor {
    pthread_t thread;
    struct bench *bench;
    int number;
};

static void *visit(void *argument) {
    const struct visitor *visitor = argument;
    char params[32], expected[64];
    for (int round = 0; round < ROUNDS; round++) {
        struct client *client = client_new(address(visitor->bench));
        for (int i = 0; i < 3; i++) {
            snprintf(params, sizeof params, "NAME=%d-%d\n", visitor->number, round);
            snprintf(expected, sizeof expected, HEAD "%d-%d", visitor->number, round);
            ask(client, params, expected);
        }
        client_free(client);
    }
    return NULL;
}

static void each_visitor_gets_its_own_answers(void **state) {
    (void)state;
    struct bench bench;
    struct visitor visitors[VISITORS];
    prepare(&bench);
    bench.options.loops = LOOPS;
    start(&bench);
    for (int i = 0; i < VISITORS; i++) {
        visitors[i] = (struct visitor){.bench = &bench, .number = i};
        assert_int_equal(pthread_create(&visitors[i].thread, NULL, visit, &visitors[i]), 0);
    }
    for (int i = 0; i < VISITORS; i++) {
        pthread_join(visitors[i].thread, NULL);
    }
    assert_int_equal(bench.seen, VISITORS * ROUNDS * 3);
    stop(&bench);
}

enum { HELD = 16 };

/* As many clients, whose requests are held back. */
static void start_holding(struct bench *bench, struct client *clients[static HELD]) {
    prepare(bench);
    bench->options.loops = LOOPS;
    start(bench);
    for (size_t i = 0; i < HELD; i++) {
        clients[i] = client_new(address(bench));
        client_ask(clients[i], 1, "DO=hold\nNAME=held\n");
    }
    wait_until(waiting_count(bench) == HELD);
}

static void release_all(struct bench *bench) {
    for (size_t i = 0; i < HELD; i++) {
        release(bench, 0);
    }
}

static void an_answer_of_another_thread_finds_its_loop(void **state) {
    (void)state;
    struct bench bench;
    struct client *clients[HELD];
    start_holding(&bench, clients);
    release_all(&bench);
    for (size_t i = 0; i < HELD; i++) {
        client_expect(clients[i], 1, HEAD "held");
        client_free(clients[i]);
    }
    stop(&bench);
}

/* The limit is of all loops together; who comes too late is served when there is room. */
static void the_number_of_connections_is_that_of_all_loops(void **state) {
    (void)state;
    struct bench bench;
    struct client *clients[4];
    prepare(&bench);
    bench.options.loops = LOOPS;
    bench.options.limits.connections = 3;
    start(&bench);
    for (size_t i = 0; i < 3; i++) {
        clients[i] = client_new(address(&bench));
        ask(clients[i], "NAME=in\n", HEAD "in");
    }
    clients[3] = client_new(address(&bench));
    client_ask(clients[3], 1, "NAME=late\n");
    let_the_loop_turn(clients[0]);
    assert_true(client_hears_nothing(clients[3]));
    assert_int_equal(metrics_get(METRIC_CONNECTIONS), 3);
    client_free(clients[1]);
    client_expect(clients[3], 1, HEAD "late");
    client_free(clients[0]);
    client_free(clients[2]);
    client_free(clients[3]);
    stop(&bench);
}

static void stopping_waits_for_the_requests_of_every_loop(void **state) {
    (void)state;
    struct bench bench;
    struct client *clients[HELD];
    start_holding(&bench, clients);
    server_stop(bench.server);
    wait_until(access(bench.path, F_OK) != 0);
    assert_false(atomic_load(&bench.returned));
    release_all(&bench);
    for (size_t i = 0; i < HELD; i++) {
        client_expect(clients[i], 1, HEAD "held");
        client_expect_close(clients[i]);
        client_free(clients[i]);
    }
    expect_return(&bench, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_visitor_gets_its_own_answers),
        cmocka_unit_test(an_answer_of_another_thread_finds_its_loop),
        cmocka_unit_test(the_number_of_connections_is_that_of_all_loops),
        cmocka_unit_test(stopping_waits_for_the_requests_of_every_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
