/* The event loop, as its peers see it: in time, gone, wrong, too many. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fcgi_exchange.h"
#include "server_bench.h"

/* --- Answers --- */

static void answers_come_at_once_and_connections_are_kept(void **state) {
    (void)state;
    for (int tcp = 0; tcp <= 1; tcp++) {
        struct bench bench;
        prepare(&bench);
        if (tcp) {
            bench.options.listen = "127.0.0.1:0";
        }
        start(&bench);
        int64_t accepted = metrics_get(METRIC_CONNECTIONS_ACCEPTED);
        struct client *client = client_new(address(&bench));
        for (int round = 0; round < 50; round++) {
            ask(client, "NAME=hello\n", HEAD "hello");
        }
        assert_true(client_hears_nothing(client));
        assert_int_equal(metrics_get(METRIC_CONNECTIONS_ACCEPTED), accepted + 1);
        assert_int_equal(metrics_get(METRIC_CONNECTIONS), 1);
        client_free(client);
        stop(&bench);
    }
}

static void a_connection_that_is_not_to_be_kept_is_closed(void **state) {
    (void)state;
    struct bench bench;
    struct bytes request = {0};
    prepare(&bench);
    start(&bench);
    struct client *client = client_new(address(&bench));
    put_request(&request, 1, 0, "NAME=once\n", "a body");
    client_send(client, &request);
    client_expect(client, 1, HEAD "once");
    client_expect_close(client);
    client_free(client);
    stop(&bench);
}

static void another_thread_answers(void **state) {
    (void)state;
    struct bench bench;
    prepare(&bench);
    start(&bench);
    struct client *client = client_new(address(&bench));
    for (int i = 0; i < 50; i++) {
        client_ask(client, 1, "DO=hold\nNAME=later\n");
        wait_until(waiting_count(&bench) == 1);
        assert_true(client_hears_nothing(client));
        release(&bench, 0);
        client_expect(client, 1, HEAD "later");
    }
    client_free(client);
    stop(&bench);
}

static void requests_of_one_connection_are_answered_in_any_order(void **state) {
    (void)state;
    struct bench bench;
    struct bytes requests = {0};
    prepare(&bench);
    start(&bench);
    struct client *client = client_new(address(&bench));
    put_request(&requests, 1, FCGI_KEEP_CONN, "DO=hold\nNAME=one\n", "");
    put_request(&requests, 2, FCGI_KEEP_CONN, "DO=hold\nNAME=two\n", "");
    put_request(&requests, 3, FCGI_KEEP_CONN, "DO=hold\nNAME=three\n", "");
    put_request(&requests, 4, FCGI_KEEP_CONN, "NAME=four\n", "");
    client_send(client, &requests);
    client_expect(client, 4, HEAD "four"); /* does not wait for those before it */
    wait_until(waiting_count(&bench) == 3);
    release(&bench, 2);
    client_expect(client, 3, HEAD "three");
    release(&bench, 0);
    client_expect(client, 1, HEAD "one");
    client_ask(client, 3, "NAME=three again\n");
    client_expect(client, 3, HEAD "three again");
    release(&bench, 0);
    client_expect(client, 2, HEAD "two");
    client_free(client);
    stop(&bench);
}

/* The loop itself may answer a request of another connection than the one it reads. */
static void the_loop_answers_for_another_connection(void **state) {
    (void)state;
    struct bench bench;
    prepare(&bench);
    start(&bench);
    struct client *first = client_new(address(&bench)), *second = client_new(address(&bench));
    client_ask(first, 1, "DO=hold\n");
    wait_until(waiting_count(&bench) == 1);
    client_ask(second, 1, "DO=hold\n");
    wait_until(waiting_count(&bench) == 2);
    client_ask(second, 2, "DO=release\nNAME=me\n");
    client_expect(first, 1, HEAD "released");
    expect_two(second);
    client_free(first);
    client_free(second);
    stop(&bench);
}

/* --- Peers that vanish, or break the rules --- */

static void a_peer_may_vanish_while_its_request_is_worked_on(void **state) {
    (void)state;
    struct bench bench;
    prepare(&bench);
    start(&bench);
    int64_t aborted = metrics_get(METRIC_REQUESTS_ABORTED);
    struct client *vanishing = client_new(address(&bench)), *client = client_new(address(&bench));
    client_ask(vanishing, 1, "DO=hold\nNAME=nobody\n");
    wait_until(waiting_count(&bench) == 1);
    struct fcgi_request *request = take_waiting(&bench, 0);
    assert_false(atomic_load(&request->cancelled));
    client_free(vanishing);
    wait_until(atomic_load(&request->cancelled));
    ask(client, "NAME=unharmed\n", HEAD "unharmed");
    respond(&bench, request, slice_of("for nobody"));
    wait_until(metrics_get(METRIC_REQUESTS_ABORTED) == aborted + 1);
    ask(client, "NAME=still\n", HEAD "still");
    client_free(client);
    stop(&bench);
}

struct answerer {
    struct bench *bench;
    pthread_t thread;
    atomic_bool end;
};

static void *answer_all(void *argument) {
    struct answerer *answerer = argument;
    while (!atomic_load(&answerer->end) || waiting_count(answerer->bench) > 0) {
        struct fcgi_request *request = take_waiting(answerer->bench, 0);
        if (request != NULL) {
            respond(answerer->bench, request, fcgi_param(request, "NAME"));
        }
    }
    return NULL;
}

/* Answers and hang-ups cross each other, in every order that the machine comes up with. */
static void many_peers_vanish_while_others_are_answered(void **state) {
    (void)state;
    enum { ROUNDS = 40, PEERS = 10 };
    struct bench bench;
    prepare(&bench);
    start(&bench);
    struct answerer answerers[2];
    for (size_t i = 0; i < 2; i++) {
        answerers[i] = (struct answerer){.bench = &bench, .end = false};
        assert_int_equal(pthread_create(&answerers[i].thread, NULL, answer_all, &answerers[i]), 0);
    }
    for (int round = 0; round < ROUNDS; round++) {
        struct client *peers[PEERS];
        for (int i = 0; i < PEERS; i++) {
            peers[i] = client_new(address(&bench));
            client_ask(peers[i], 1, "DO=hold\nNAME=x\n");
            client_ask(peers[i], 2, "DO=hold\nNAME=x\n");
        }
        for (int i = 0; i < PEERS; i++) {
            if (i % 2 == 0) {
                expect_two(peers[i]);
            }
            client_free(peers[i]);
        }
    }
    for (size_t i = 0; i < 2; i++) {
        atomic_store(&answerers[i].end, true);
    }
    /* A request may be on its way to them still. */
    wait_until(metrics_get(METRIC_CONNECTIONS) == 0);
    for (size_t i = 0; i < 2; i++) {
        pthread_join(answerers[i].thread, NULL);
    }
    for (struct fcgi_request *request; (request = take_waiting(&bench, 0)) != NULL;) {
        respond(&bench, request, slice_of(""));
    }
    stop(&bench);
}

static void malformed_bytes_close_only_their_connection(void **state) {
    (void)state;
    static const char *const malformed[] = {
        "GET / HTTP/1.1\r\nHost: www\r\n\r\n", "\x01\x06\0\x01\0\0\0\0", /* STDOUT, which we send */
        "\x01\x01\0\x01\0\x04\0\0\0\x01\0",                              /* a BEGIN that is too short */
        "\x02\x01\0\x01\0\x08\0\0",                                      /* another version */
    };
    static const size_t lengths[] = {28, 8, 11, 8};
    struct bench bench;
    prepare(&bench);
    start(&bench);
    struct client *client = client_new(address(&bench));
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        int64_t counted = metrics_get(METRIC_CONNECTIONS_MALFORMED), aborted = metrics_get(METRIC_REQUESTS_ABORTED);
        struct client *bad = client_new(address(&bench));
        struct bytes bytes = {0};
        client_ask(bad, 7, "DO=hold\nNAME=lost with its connection\n");
        wait_until(waiting_count(&bench) == 1);
        put_bytes(&bytes, malformed[i], lengths[i]);
        client_send(bad, &bytes);
        client_expect_close(bad);
        assert_int_equal(metrics_get(METRIC_CONNECTIONS_MALFORMED), counted + 1);
        ask(client, "NAME=unharmed\n", HEAD "unharmed");
        release(&bench, 0);
        wait_until(metrics_get(METRIC_REQUESTS_ABORTED) == aborted + 1);
        client_free(bad);
    }
    client_free(client);
    stop(&bench);
}

/* Linked in place of the function that makes room for a request, see the Makefile. */
static atomic_bool memory_has_ended;
struct fcgi_exchange *__real_fcgi_exchange_new(const struct fcgi_limits *limits, uint16_t id, bool keep_conn,
                                               int64_t now_us);
struct fcgi_exchange *__wrap_fcgi_exchange_new(const struct fcgi_limits *limits, uint16_t id, bool keep_conn,
                                               int64_t now_us);
struct fcgi_exchange *__wrap_fcgi_exchange_new(const struct fcgi_limits *limits, uint16_t id, bool keep_conn,
                                               int64_t now_us) {
    if (atomic_load(&memory_has_ended)) {
        atomic_fetch_sub(&limits->budget->taken, 1);
        return NULL;
    }
    return __real_fcgi_exchange_new(limits, id, keep_conn, now_us);
}

/* Our fault, and not counted as the peer's. */
static void without_memory_a_connection_is_closed(void **state) {
    (void)state;
    struct bench bench;
    prepare(&bench);
    start(&bench);
    int64_t counted = metrics_get(METRIC_CONNECTIONS_NO_MEMORY), malformed = metrics_get(METRIC_CONNECTIONS_MALFORMED);
    struct client *unlucky = client_new(address(&bench)), *client = client_new(address(&bench));
    ask(unlucky, "NAME=before\n", HEAD "before");
    atomic_store(&memory_has_ended, true);
    client_ask(unlucky, 1, "NAME=too much\n");
    client_expect_close(unlucky);
    atomic_store(&memory_has_ended, false);
    assert_int_equal(metrics_get(METRIC_CONNECTIONS_NO_MEMORY), counted + 1);
    assert_int_equal(metrics_get(METRIC_CONNECTIONS_MALFORMED), malformed);
    ask(client, "NAME=unharmed\n", HEAD "unharmed");
    client_free(unlucky);
    client_free(client);
    stop(&bench);
}

static void what_is_legal_and_not_served_is_counted(void **state) {
    (void)state;
    struct bench bench;
    struct bytes records = {0};
    prepare(&bench);
    start(&bench);
    int64_t inactive = metrics_get(METRIC_FCGI_INACTIVE_ID);
    struct client *client = client_new(address(&bench));
    put_record(&records, FCGI_ABORT_REQUEST, 77, "");
    client_send(client, &records);
    ask(client, "NAME=fine\n", HEAD "fine");
    assert_int_equal(metrics_get(METRIC_FCGI_INACTIVE_ID), inactive + 1);
    client_free(client);
    stop(&bench);
}

static void beyond_the_limit_connections_wait_their_turn(void **state) {
    (void)state;
    enum { LIMIT = 2, PEERS = 5 };
    struct bench bench;
    struct client *peers[PEERS];
    prepare(&bench);
    bench.options.limits.connections = LIMIT;
    open_server(&bench);
    for (int i = 0; i < PEERS; i++) { /* all of them are there when the loop begins */
        peers[i] = client_new(address(&bench));
        client_ask(peers[i], 1, "NAME=my turn\n");
    }
    start_loop(&bench);
    for (int i = 0; i < PEERS; i++) {
        client_expect(peers[i], 1, HEAD "my turn");
        if (i + 1 >= LIMIT && i + 1 < PEERS) {
            let_the_loop_turn(peers[i]);
            assert_true(client_hears_nothing(peers[i + 1]));
            assert_int_equal(metrics_get(METRIC_CONNECTIONS), LIMIT);
            client_free(peers[i + 1 - LIMIT]);
        }
    }
    client_free(peers[PEERS - 2]);
    client_free(peers[PEERS - 1]);
    stop(&bench);
}

/* --- No server --- */

static void an_address_in_use_or_malformed_is_no_server(void **state) {
    (void)state;
    struct bench bench, second;
    struct server *server = NULL;
    prepare(&bench);
    start(&bench);
    prepare(&second);
    second.options.listen = bench.options.listen;
    assert_int_equal(server_open(&second.options, &server), STATUS_GONE);
    second.options.listen = "nonsense";
    assert_int_equal(server_open(&second.options, &server), STATUS_BAD_INPUT);
    assert_null(server);
    server_free(NULL);
    struct client *client = client_new(address(&bench)); /* whose socket has not been taken away */
    ask(client, "NAME=here\n", HEAD "here");
    client_free(client);
    rmdir(second.directory);
    pthread_mutex_destroy(&second.lock);
    stop(&bench);
}

static void a_server_that_never_ran_can_be_freed(void **state) {
    (void)state;
    struct bench bench;
    prepare(&bench);
    open_server(&bench);
    server_free(bench.server);
    pthread_mutex_destroy(&bench.lock);
    assert_int_equal(rmdir(bench.directory), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_at_once_and_connections_are_kept),
        cmocka_unit_test(a_connection_that_is_not_to_be_kept_is_closed),
        cmocka_unit_test(another_thread_answers),
        cmocka_unit_test(requests_of_one_connection_are_answered_in_any_order),
        cmocka_unit_test(the_loop_answers_for_another_connection),
        cmocka_unit_test(a_peer_may_vanish_while_its_request_is_worked_on),
        cmocka_unit_test(many_peers_vanish_while_others_are_answered),
        cmocka_unit_test(malformed_bytes_close_only_their_connection),
        cmocka_unit_test(without_memory_a_connection_is_closed),
        cmocka_unit_test(what_is_legal_and_not_served_is_counted),
        cmocka_unit_test(beyond_the_limit_connections_wait_their_turn),
        cmocka_unit_test(an_address_in_use_or_malformed_is_no_server),
        cmocka_unit_test(a_server_that_never_ran_can_be_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
