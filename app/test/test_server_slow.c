/* The event loop and peers that are slow, silent, or do not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_bench.h"

static void silent_peers_do_not_disturb_the_others(void **state) {
    (void)state;
    struct bench bench;
    struct bytes half = {0};
    prepare(&bench);
    start(&bench);
    struct client *silent = client_new(address(&bench)), *begun = client_new(address(&bench));
    put_begin(&half, 1, FCGI_RESPONDER, FCGI_KEEP_CONN);
    client_send(begun, &half);
    struct client *client = client_new(address(&bench));
    let_the_loop_turn(client);
    ask(silent, "NAME=awake\n", HEAD "awake");
    client_free(silent);
    client_free(begun);
    client_free(client);
    stop(&bench);
}

static void a_request_may_come_byte_by_byte(void **state) {
    (void)state;
    struct bench bench;
    struct bytes request = {0};
    prepare(&bench);
    start(&bench);
    struct client *slow = client_new(address(&bench)), *client = client_new(address(&bench));
    put_request(&request, 1, FCGI_KEEP_CONN, "NAME=slow\n", "body");
    for (size_t i = 0; i < request.length; i++) {
        assert_int_equal(send(slow->fd, request.data + i, 1, MSG_NOSIGNAL), 1);
        ask(client, "NAME=quick\n", HEAD "quick"); /* so the byte has been read by itself */
    }
    client_expect(slow, 1, HEAD "slow");
    free_bytes(&request);
    client_free(slow);
    client_free(client);
    stop(&bench);
}

/* Sends what is given and behind it, at once, a record that never ends: byte by byte, until the server has had enough. */
static void trickle_until_closed(struct client *client, struct bytes *before, uint8_t type, uint16_t id) {
    uint8_t header[FCGI_HEADER_BYTES];
    fcgi_put_header(header, (struct fcgi_header){type, id, 60000, 0});
    put_bytes(before, header, sizeof header);
    client_send(client, before);
    wait_until(send(client->fd, "x", 1, MSG_NOSIGNAL) < 0);
}

static void a_request_that_never_ends_is_closed_after_a_time(void **state) {
    (void)state;
    struct bench bench;
    struct bytes begin = {0};
    prepare(&bench);
    bench.options.read_timeout_ms = 150;
    start(&bench);
    int64_t timed_out = metrics_get(METRIC_CONNECTIONS_TIMED_OUT), begun_us = clock_monotonic_us();
    struct client *slow = client_new(address(&bench)), *client = client_new(address(&bench));
    put_begin(&begin, 1, FCGI_RESPONDER, FCGI_KEEP_CONN);
    trickle_until_closed(slow, &begin, FCGI_PARAMS, 1);
    assert_true(clock_monotonic_us() - begun_us >= 150000);
    assert_int_equal(metrics_get(METRIC_CONNECTIONS_TIMED_OUT), timed_out + 1);
    ask(client, "NAME=kept\n", HEAD "kept");
    client_free(slow);
    client_free(client);
    stop(&bench);
}

/* One that is never heard of again is answered for its peer, which may go on. */
static void a_request_that_stops_between_records_is_answered_after_a_time(void **state) {
    (void)state;
    struct bench bench;
    struct bytes records = {0}, text;
    uint16_t id;
    prepare(&bench);
    bench.options.read_timeout_ms = 1000;
    start(&bench);
    int64_t timed_out = metrics_get(METRIC_CONNECTIONS_TIMED_OUT), begun_us = clock_monotonic_us();
    struct client *client = client_new(address(&bench));
    put_begin(&records, 7, FCGI_RESPONDER, FCGI_KEEP_CONN);
    put_pairs(&records, FCGI_PARAMS, 7, "NAME=lost\n");
    client_send(client, &records);
    do { /* its neighbours do not notice */
        look_again_later();
        client_ask(client, 1, "NAME=quick\n");
        id = client_answer(client, &text);
        assert_string_equal((char *)text.data, id == 7 ? HEAD : HEAD "quick");
        free_bytes(&text);
    } while (id == 1);
    assert_int_equal(id, 7);
    client_expect(client, 1, HEAD "quick");
    assert_true(clock_monotonic_us() - begun_us >= 1000000);
    put_record(&records, FCGI_STDIN, 7, "late");
    client_send(client, &records);
    ask(client, "NAME=kept\n", HEAD "kept");
    assert_int_equal(metrics_get(METRIC_CONNECTIONS_TIMED_OUT), timed_out);
    client_free(client);
    stop(&bench);
}

/* A request that the application takes long over is not a slow peer. */
static void a_request_in_work_does_not_time_out(void **state) {
    (void)state;
    struct bench bench;
    struct bytes begin = {0};
    prepare(&bench);
    bench.options.read_timeout_ms = 500;
    bench.options.idle_timeout_ms = 500;
    open_server(&bench);
    struct client *working = client_new(address(&bench)), *slow = client_new(address(&bench));
    client_ask(working, 1, "DO=hold\nNAME=worth waiting for\n");
    put_begin(&begin, 1, FCGI_RESPONDER, FCGI_KEEP_CONN);
    client_send(slow, &begin);
    start_loop(&bench); /* only now, so that neither is idle before it has begun */
    wait_until(waiting_count(&bench) == 1);
    client_expect_close(slow); /* so that the time has passed */
    assert_true(client_hears_nothing(working));
    release(&bench, 0);
    client_expect(working, 1, HEAD "worth waiting for");
    client_free(working);
    client_free(slow);
    stop(&bench);
}

/* An aborted request that is still being worked on is not taken for another one, which never ends. */
static void an_aborted_request_does_not_hide_a_slow_one(void **state) {
    (void)state;
    struct bench bench;
    struct bytes records = {0};
    prepare(&bench);
    bench.options.read_timeout_ms = 100;
    start(&bench);
    int64_t aborted = metrics_get(METRIC_REQUESTS_ABORTED);
    struct client *client = client_new(address(&bench));
    client_ask(client, 1, "DO=hold\n");
    wait_until(waiting_count(&bench) == 1);
    put_record(&records, FCGI_ABORT_REQUEST, 1, "");
    put_begin(&records, 2, FCGI_RESPONDER, FCGI_KEEP_CONN);
    client_send(client, &records);
    client_expect(client, 1, "");
    client_expect(client, 2, HEAD); /* its time is up */
    release(&bench, 0);
    ask(client, "NAME=kept\n", HEAD "kept");
    assert_int_equal(metrics_get(METRIC_REQUESTS_ABORTED), aborted + 1);
    client_free(client);
    stop(&bench);
}

static void an_idle_connection_is_closed_after_a_time(void **state) {
    (void)state;
    struct bench bench;
    prepare(&bench);
    bench.options.idle_timeout_ms = 500;
    open_server(&bench);
    int64_t timed_out = metrics_get(METRIC_CONNECTIONS_TIMED_OUT);
    struct client *never_used = client_new(address(&bench)), *used = client_new(address(&bench));
    int64_t used_us = clock_monotonic_us();
    client_ask(used, 1, "NAME=used\n");
    start_loop(&bench); /* only now, so that it is not idle before it has asked */
    client_expect(used, 1, HEAD "used");
    client_expect_close(used);
    assert_true(clock_monotonic_us() - used_us >= 500000);
    client_expect_close(never_used);
    assert_int_equal(metrics_get(METRIC_CONNECTIONS_TIMED_OUT), timed_out); /* idleness is nobody's fault */
    client_free(never_used);
    client_free(used);
    stop(&bench);
}

/* An answer that says where each byte belongs. */
static void expect_big(const struct bytes *text, size_t length) {
    assert_int_equal(text->length, strlen(HEAD) + length);
    assert_memory_equal(text->data, HEAD, strlen(HEAD));
    for (size_t i = 0; i < length; i++) {
        if (text->data[strlen(HEAD) + i] != 'a' + i % 23) {
            fail_msg("byte %zu is wrong", i);
        }
    }
}

enum { MANY = 100, BODY = 60000, BIG = 100000 };

static void put_many(struct bytes *requests) {
    char *body = malloc(BODY + 1), params[64];
    assert_non_null(body);
    memset(body, 'b', BODY);
    body[BODY] = '\0';
    snprintf(params, sizeof params, "DO=big\nNAME=%d\n", BIG);
    for (uint16_t id = 1; id <= MANY; id++) {
        put_request(requests, id, FCGI_KEEP_CONN, params, body);
    }
    free(body);
}

/* Sends what the server takes while nothing is read; returns how many bytes that were. */
static size_t send_until_stuck(struct client *client, struct client *other, const struct bytes *bytes) {
    size_t at = 0;
    for (int stuck = 0; stuck < 5 && at < bytes->length;) {
        ssize_t sent = send(client->fd, bytes->data + at, bytes->length - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        stuck = sent > 0 ? 0 : stuck + 1;
        at += sent > 0 ? (size_t)sent : 0;
        let_the_loop_turn(other);
    }
    return at;
}

static void a_peer_that_does_not_read_stops_only_itself(void **state) {
    (void)state;
    struct bench bench;
    struct bytes requests = {0};
    prepare(&bench);
    bench.options.output_bytes = BIG;
    start(&bench);
    struct client *deaf = client_new(address(&bench)), *client = client_new(address(&bench));
    put_many(&requests);
    size_t at = send_until_stuck(deaf, client, &requests);
    assert_true(at < requests.length);
    /* What is served, and costs memory, is bounded by the two buffers, ours and the kernel's. */
    let_the_loop_turn(client);
    unsigned before = atomic_load(&bench.seen);
    let_the_loop_turn(client);
    assert_int_equal(atomic_load(&bench.seen), before + 20);
    assert_true(at < 20 * (size_t)BODY);

    /* It reads again, and everything comes. */
    for (int answered = 0; answered < MANY;) {
        if (at < requests.length) {
            ssize_t sent = send(deaf->fd, requests.data + at, requests.length - at, MSG_NOSIGNAL | MSG_DONTWAIT);
            at += sent > 0 ? (size_t)sent : 0;
        }
        struct bytes text;
        if (client_take_answer(deaf, &text) != 0) {
            expect_big(&text, BIG);
            free_bytes(&text);
            answered++;
        } else {
            assert_true(client_receive(deaf));
        }
    }
    free_bytes(&requests);
    client_free(deaf);
    client_free(client);
    stop(&bench);
}

/* Also one that goes on sending, so that it does not look idle. */
static void a_peer_that_never_reads_is_closed_after_a_time(void **state) {
    (void)state;
    struct bench bench;
    struct bytes request = {0};
    prepare(&bench);
    bench.options.read_timeout_ms = 150;
    bench.options.output_bytes = 64 << 20;
    start(&bench);
    int64_t timed_out = metrics_get(METRIC_CONNECTIONS_TIMED_OUT);
    struct client *deaf = client_new(address(&bench)), *client = client_new(address(&bench));
    put_request(&request, 1, FCGI_KEEP_CONN, "DO=big\nNAME=4000000\n", "");
    trickle_until_closed(deaf, &request, 42, 9); /* a record that means nothing */
    assert_int_equal(metrics_get(METRIC_CONNECTIONS_TIMED_OUT), timed_out + 1);
    ask(client, "NAME=unharmed\n", HEAD "unharmed");
    client_free(deaf);
    client_free(client);
    stop(&bench);
}

static void a_peer_that_reads_slowly_gets_everything(void **state) {
    (void)state;
    enum { LENGTH = 3000000 };
    struct bench bench;
    struct bytes text;
    prepare(&bench);
    bench.options.read_timeout_ms = 3000; /* which a reader that stands still for a moment must not need */
    start(&bench);
    struct client *slow = client_new(address(&bench));
    int64_t begun_us = clock_monotonic_us();
    client_ask(slow, 1, "DO=big\nNAME=3000000\n");
    while (client_take_answer(slow, &text) == 0) {
        assert_true(client_receive(slow));
        const struct timespec pause = {.tv_nsec = 75000000};
        nanosleep(&pause, NULL);
    }
    assert_true(clock_monotonic_us() - begun_us > 3000000);
    expect_big(&text, LENGTH);
    free_bytes(&text);
    client_free(slow);
    stop(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent_peers_do_not_disturb_the_others),
        cmocka_unit_test(a_request_may_come_byte_by_byte),
        cmocka_unit_test(a_request_that_never_ends_is_closed_after_a_time),
        cmocka_unit_test(a_request_that_stops_between_records_is_answered_after_a_time),
        cmocka_unit_test(a_request_in_work_does_not_time_out),
        cmocka_unit_test(an_aborted_request_does_not_hide_a_slow_one),
        cmocka_unit_test(an_idle_connection_is_closed_after_a_time),
        cmocka_unit_test(a_peer_that_does_not_read_stops_only_itself),
        cmocka_unit_test(a_peer_that_never_reads_is_closed_after_a_time),
        cmocka_unit_test(a_peer_that_reads_slowly_gets_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
