/*
 * One request: its params and body with their limits, its response in records. Through fcgi_conn, as in life.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fcgi_peer.h"

#define HEAD "Status: 200 OK\r\n\r\n"

/* length bytes that say where they are, so that a lost or doubled one is seen. */
static struct slice pattern(size_t length) {
    char *data = malloc(length + 1);
    assert_non_null(data);
    for (size_t i = 0; i < length; i++) {
        data[i] = (char)(i % 251);
    }
    return (struct slice){data, length};
}

static void free_pattern(struct slice pattern) { free((void *)(uintptr_t)pattern.data); }

/* --- Params --- */

static struct fcgi_request *receive_one(struct peer *peer, struct bytes *in) {
    assert_int_equal(peer_send(peer, in), STATUS_OK);
    assert_int_equal(peer->held_count, 1);
    return peer->held[0];
}

static void finish(struct peer *peer) {
    answer(peer->held[0], HEAD, slice_of(""));
    peer_receive(peer);
    peer_free(peer);
}

static void params_are_found_by_name(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    put_request(&in, 1, 0, "METHOD=GET\nTWICE=first\nEMPTY=\n=no name\nTWICE=second\n", "");
    struct fcgi_request *request = receive_one(peer, &in);
    assert_int_equal(request->param_count, 5);
    assert_true(slice_equal(fcgi_param(request, "METHOD"), slice_of("GET")));
    assert_true(slice_equal(fcgi_param(request, "TWICE"), slice_of("first")));
    assert_true(slice_equal(fcgi_param(request, ""), slice_of("no name")));
    assert_true(slice_equal(request->params[4].value, slice_of("second")));
    assert_int_equal(fcgi_param(request, "EMPTY").length, 0);
    assert_non_null(fcgi_param(request, "EMPTY").data);
    assert_null(fcgi_param(request, "METHO").data);
    assert_null(fcgi_param(request, "METHODS").data);
    assert_null(fcgi_param(request, "method").data);
    finish(peer);
}

static void a_request_may_have_no_params(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    put_begin(&in, 1, FCGI_RESPONDER, 0);
    put_record(&in, FCGI_PARAMS, 1, "");
    put_record(&in, FCGI_STDIN, 1, "");
    struct fcgi_request *request = receive_one(peer, &in);
    assert_int_equal(request->param_count, 0);
    assert_int_equal(request->fault, FCGI_FAULT_NONE);
    assert_null(fcgi_param(request, "A").data);
    assert_int_equal(request->body.length, 0);
    finish(peer);
}

/* A pair whose name or value is longer than a byte can say, over many records. */
static void long_params_come_over_many_records(void **state) {
    (void)state;
    struct slice value = pattern(60000);
    uint8_t *pairs = malloc(61000);
    assert_non_null(pairs);
    size_t length = 0;
    fcgi_put_pair(pairs, 61000, &length, (struct fcgi_pair){slice_of("LONG"), value});
    fcgi_put_pair(pairs, 61000, &length, (struct fcgi_pair){slice_of("LAST"), slice_of("x")});

    struct peer *peer = peer_new();
    struct bytes in = {0};
    put_begin(&in, 1, FCGI_RESPONDER, 0);
    for (size_t at = 0, part; at < length; at += part) {
        part = length - at < 777 ? length - at : 777;
        put_padded(&in, FCGI_PARAMS, 1, (struct slice){(char *)pairs + at, part}, (uint8_t)(part % 8));
    }
    put_record(&in, FCGI_PARAMS, 1, "");
    put_record(&in, FCGI_STDIN, 1, "");
    struct fcgi_request *request = receive_one(peer, &in);
    assert_true(slice_equal(fcgi_param(request, "LONG"), value));
    assert_true(slice_equal(fcgi_param(request, "LAST"), slice_of("x")));
    finish(peer);
    free(pairs);
    free_pattern(value);
}

/* --- Limits --- */

static void params_over_the_limit_are_dropped(void **state) {
    (void)state;
    for (size_t over = 0; over <= 1; over++) {
        struct peer *peer = peer_new();
        struct bytes in = {0};
        peer->limits.params_bytes = 16 - over; /* the params take 16 bytes */
        put_begin(&in, 1, FCGI_RESPONDER, FCGI_KEEP_CONN);
        put_pairs(&in, FCGI_PARAMS, 1, "NAME=1\n");
        put_pairs(&in, FCGI_PARAMS, 1, "SECOND=2\n");
        put_record(&in, FCGI_PARAMS, 1, "");
        put_record(&in, FCGI_STDIN, 1, "a body");
        put_record(&in, FCGI_STDIN, 1, "");
        struct fcgi_request *request = receive_one(peer, &in);
        expect_seen(peer, over ? "request 1 keep fault 1: | \n" : "request 1 keep fault 0: NAME=1 SECOND=2 | a body\n");
        assert_true(over == 0 || request->arena.taken_bytes == 0);
        answer(request, HEAD, slice_of("still answered"));
        peer_receive(peer);
        expect_response(peer, 1, HEAD "still answered");
        peer_free(peer);
    }
}

static void a_body_over_the_limit_is_dropped(void **state) {
    (void)state;
    for (size_t over = 0; over <= 1; over++) {
        struct peer *peer = peer_new();
        struct bytes in = {0};
        peer->limits.body_bytes = 10 - over;
        put_begin(&in, 1, FCGI_RESPONDER, FCGI_KEEP_CONN);
        put_pairs(&in, FCGI_PARAMS, 1, "A=b\n");
        put_record(&in, FCGI_PARAMS, 1, "");
        put_record(&in, FCGI_STDIN, 1, "01234567");
        put_record(&in, FCGI_STDIN, 1, "89");
        put_record(&in, FCGI_STDIN, 1, "");
        receive_one(peer, &in);
        expect_seen(peer, over ? "request 1 keep fault 2: A=b | \n" : "request 1 keep fault 0: A=b | 0123456789\n");
        finish(peer);
    }
}

/* What is dropped is still read: the next request of the connection is whole. */
static void the_connection_goes_on_after_a_fault(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    struct slice large = pattern(60000);
    peer->limits.body_bytes = 100;
    put_begin(&in, 1, FCGI_RESPONDER, FCGI_KEEP_CONN);
    put_record(&in, FCGI_PARAMS, 1, "");
    for (int i = 0; i < 20; i++) {
        put_padded(&in, FCGI_STDIN, 1, large, 3);
    }
    put_record(&in, FCGI_STDIN, 1, "");
    put_request(&in, 2, FCGI_KEEP_CONN, "A=b\n", "body");
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    expect_seen(peer, "request 1 keep fault 2: | \nrequest 2 keep fault 0: A=b | body\n");
    assert_true(peer->held[0]->arena.taken_bytes < 8192);
    answer(peer->held[1], HEAD, slice_of(""));
    finish(peer);
    free_pattern(large);
}

/* The arena's limit is one request's trouble, not the connection's. */
static void a_small_arena_is_a_fault(void **state) {
    (void)state;
    struct slice large = pattern(3000);
    for (int i = 0; i < 2; i++) {
        struct peer *peer = peer_new();
        struct bytes in = {0};
        peer->limits.memory_bytes = 2500;
        put_begin(&in, 1, FCGI_RESPONDER, 0);
        if (i == 0) {
            put_padded(&in, FCGI_PARAMS, 1, large, 0);
        }
        put_record(&in, FCGI_PARAMS, 1, "");
        put_padded(&in, FCGI_STDIN, 1, large, 0);
        put_record(&in, FCGI_STDIN, 1, "");
        struct fcgi_request *request = receive_one(peer, &in);
        assert_int_equal(request->fault, i == 0 ? FCGI_FAULT_PARAMS_TOO_LARGE : FCGI_FAULT_BODY_TOO_LARGE);
        assert_false(arena_failed(&request->arena));
        finish(peer);
    }
    free_pattern(large);
}

/* Two bytes are a pair: the list of pairs takes sixteen times as much. */
static void a_flood_of_empty_pairs_stays_in_the_arena(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    char *zeros = calloc(1, 60000);
    assert_non_null(zeros);
    peer->limits.memory_bytes = 100000;
    put_begin(&in, 1, FCGI_RESPONDER, 0);
    put_padded(&in, FCGI_PARAMS, 1, (struct slice){zeros, 60000}, 0);
    put_record(&in, FCGI_PARAMS, 1, "");
    put_record(&in, FCGI_STDIN, 1, "");
    struct fcgi_request *request = receive_one(peer, &in);
    assert_int_equal(request->fault, FCGI_FAULT_PARAMS_TOO_LARGE);
    assert_int_equal(request->param_count, 0);
    finish(peer);
    free(zeros);
}

/* --- Bodies --- */

/* CONTENT_LENGTH is a hint: whatever it says, the body is what came. */
static void bodies_come_whole_whatever_content_length_says(void **state) {
    (void)state;
    static const char *const params[] = {
        "A=b\n",
        "CONTENT_LENGTH=200000\n",
        "CONTENT_LENGTH=\n",
        "CONTENT_LENGTH=0\n",
        "CONTENT_LENGTH=7\n",
        "CONTENT_LENGTH=-1\n",
        "CONTENT_LENGTH=12abc\n",
        "CONTENT_LENGTH= 12\n",
        "CONTENT_LENGTH=1048576\n",
        "CONTENT_LENGTH=99999999999999999999999999999999999999\n",
        "CONTENT_LENGTH=18446744073709551616\n",
    };
    struct slice body = pattern(200000);
    for (size_t i = 0; i < sizeof params / sizeof *params; i++) {
        struct peer *peer = peer_new();
        struct bytes in = {0};
        put_begin(&in, 1, FCGI_RESPONDER, 0);
        put_pairs(&in, FCGI_PARAMS, 1, params[i]);
        put_record(&in, FCGI_PARAMS, 1, "");
        for (size_t at = 0, part; at < body.length; at += part) {
            part = body.length - at < 32768 ? body.length - at : 32768;
            put_padded(&in, FCGI_STDIN, 1, (struct slice){body.data + at, part}, 0);
        }
        put_record(&in, FCGI_STDIN, 1, "");
        struct fcgi_request *request = receive_one(peer, &in);
        assert_int_equal(request->fault, FCGI_FAULT_NONE);
        assert_true(slice_equal(request->body, body));
        assert_true(request->arena.taken_bytes <= (1 << 20) + 8192);
        finish(peer);
    }
    free_pattern(body);
}

/* A hint that memory has no room for must not turn a small body away. */
static void an_enormous_hint_does_not_cost_the_request(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    peer->limits.memory_bytes = 10000;
    put_request(&in, 1, 0, "CONTENT_LENGTH=1000000\n", "small");
    struct fcgi_request *request = receive_one(peer, &in);
    assert_int_equal(request->fault, FCGI_FAULT_NONE);
    assert_true(slice_equal(request->body, slice_of("small")));
    assert_false(arena_failed(&request->arena));
    finish(peer);
}

/* A body of three records of 60,000 bytes; returns what its arena has taken. */
static size_t memory_of_a_body(const char *params, size_t limit) {
    struct slice body = pattern(180000);
    struct peer *peer = peer_new();
    struct bytes in = {0};
    peer->limits.body_bytes = limit;
    put_begin(&in, 1, FCGI_RESPONDER, 0);
    put_pairs(&in, FCGI_PARAMS, 1, params);
    put_record(&in, FCGI_PARAMS, 1, "");
    for (size_t at = 0; at < body.length; at += 60000) {
        put_padded(&in, FCGI_STDIN, 1, (struct slice){body.data + at, 60000}, 0);
    }
    put_record(&in, FCGI_STDIN, 1, "");
    struct fcgi_request *request = receive_one(peer, &in);
    assert_true(slice_equal(request->body, body));
    size_t taken = request->arena.taken_bytes;
    finish(peer);
    free_pattern(body);
    return taken;
}

/* With a right hint the body is read into its place, with none it takes its double at most, or the limit. */
static void a_body_costs_little_more_than_its_size(void **state) {
    (void)state;
    assert_in_range(memory_of_a_body("CONTENT_LENGTH=180000\n", 1 << 20), 180000, 180000 + 4096);
    assert_in_range(memory_of_a_body("A=b\n", 1 << 20), 180000, 360000 + 4096);
    assert_in_range(memory_of_a_body("A=b\n", 190000), 180000, 190000 + 4096);
    assert_in_range(memory_of_a_body("CONTENT_LENGTH=999999\n", 190000), 180000, 190000 + 4096);
}

static void a_hint_alone_takes_no_memory(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    put_request(&in, 1, 0, "CONTENT_LENGTH=1000000\n", "");
    assert_true(receive_one(peer, &in)->arena.taken_bytes < 8192);
    finish(peer);
}

/* --- Responses --- */

/* The content of all STDOUT records up to the empty one, each no larger than it may be. */
static void expect_large_response(struct peer *peer, const char *head, struct slice content) {
    struct bytes all = {0};
    struct slice part;
    for (;;) {
        struct fcgi_header header = next_record(peer, &part);
        assert_int_equal(header.type, FCGI_STDOUT);
        assert_int_equal(header.request_id, 1);
        if (part.length == 0) {
            break;
        }
        put_bytes(&all, part.data, part.length);
    }
    expect_end(peer, 1, FCGI_REQUEST_COMPLETE);
    expect_nothing_more(peer);
    assert_int_equal(all.length, strlen(head) + content.length);
    assert_memory_equal(all.data, head, strlen(head));
    if (content.length > 0) {
        assert_memory_equal(all.data + strlen(head), content.data, content.length);
    }
    free_bytes(&all);
}

static void check(const char *head, size_t length, size_t step, size_t max) {
    struct peer *peer = peer_new();
    struct bytes in = {0};
    struct slice content = pattern(length);
    put_request(&in, 1, FCGI_KEEP_CONN, "A=b\n", "");
    receive_one(peer, &in);
    answer(peer->held[0], head, content);
    peer_receive_in(peer, step, max);
    expect_large_response(peer, head, content);
    peer_free(peer);
    free_pattern(content);
}

static void check_response(size_t length, size_t step, size_t max) { check(HEAD, length, step, max); }

static void responses_of_any_size_are_cut_into_records(void **state) {
    (void)state;
    const size_t head = strlen(HEAD), full = FCGI_CONTENT_MAX;
    const size_t sizes[] = {0,           1,           full - head - 1, full - head,     full - head + 1,
                            full,        2 * full,    2 * full - head, 3 * full - head, 3 * full - head + 1,
                            1000 * 1000, 7 * full + 3};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check_response(sizes[i], SIZE_MAX, 16);
        check_response(sizes[i], SIZE_MAX, 1);
        check_response(sizes[i], 65535, 4);
        check_response(sizes[i], 4099, 3);
    }
    check_response(0, 1, 1);
    check_response(300, 1, 16);
    check_response(full - head, 1, 16);
    check_response(full + 1, 1, 3);
}

static void the_head_may_be_larger_than_a_record(void **state) {
    (void)state;
    const size_t full = FCGI_CONTENT_MAX;
    const size_t sizes[] = {full - 1, full, full + 1, 2 * full, 2 * full + 5};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *head = malloc(sizes[i] + 1);
        assert_non_null(head);
        for (size_t at = 0; at < sizes[i]; at++) {
            head[at] = (char)('A' + at % 23);
        }
        head[sizes[i]] = '\0';
        check(head, 0, SIZE_MAX, 16);
        check(head, 10, SIZE_MAX, 1);
        check(head, 70000, 4099, 3);
        free(head);
    }
}

static void a_response_may_be_empty(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    put_request(&in, 1, FCGI_KEEP_CONN, "A=b\n", "");
    receive_one(peer, &in);
    fcgi_conn_respond(peer->held[0]); /* head and content as they were: empty */
    peer_receive(peer);
    expect_large_response(peer, "", (struct slice){NULL, 0});
    peer_free(peer);
}

/* The hot path: nothing is copied, and one system call can send several responses. */
static void small_responses_are_four_vectors_each(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    struct iovec vectors[16];
    static const char head[] = HEAD, content[] = "content";
    for (uint16_t id = 1; id <= 3; id++) {
        put_request(&in, id, FCGI_KEEP_CONN, "A=b\n", "");
    }
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    for (size_t i = 0; i < 3; i++) {
        answer(peer->held[i], head, slice_of(content));
    }
    assert_int_equal(fcgi_conn_output(peer->conn, vectors, 16), 12);
    for (size_t i = 0; i < 12; i += 4) {
        assert_int_equal(vectors[i].iov_len, FCGI_HEADER_BYTES);
        assert_ptr_equal(vectors[i + 1].iov_base, head);
        assert_int_equal(vectors[i + 1].iov_len, strlen(head));
        assert_ptr_equal(vectors[i + 2].iov_base, content);
        assert_int_equal(vectors[i + 2].iov_len, strlen(content));
        assert_int_equal(vectors[i + 3].iov_len, FCGI_HEADER_BYTES + FCGI_END_RECORD_BYTES);
    }
    assert_int_equal(fcgi_conn_output(peer->conn, vectors, 5), 5);
    assert_int_equal(fcgi_conn_output(peer->conn, vectors, 0), 0);
    peer_receive(peer);
    for (uint16_t id = 1; id <= 3; id++) {
        expect_response(peer, id, HEAD "content");
    }
    expect_nothing_more(peer);
    peer_free(peer);
}

/* A reply waits for the end of a response that was begun, but not for the ones behind it. */
static void replies_do_not_break_into_a_response(void **state) {
    (void)state;
    const size_t response = FCGI_HEADER_BYTES + strlen(HEAD "one") + FCGI_HEADER_BYTES + FCGI_END_RECORD_BYTES;
    for (size_t before = 0; before <= 2 * response; before++) {
        struct peer *peer = peer_new();
        struct bytes in = {0};
        struct iovec vectors[16];
        put_request(&in, 1, FCGI_KEEP_CONN, "A=b\n", "");
        put_request(&in, 2, FCGI_KEEP_CONN, "A=b\n", "");
        assert_int_equal(peer_send(peer, &in), STATUS_OK);
        answer(peer->held[0], HEAD, slice_of("one"));
        answer(peer->held[1], HEAD, slice_of("two"));
        for (size_t sent = 0, part; sent < before; sent += part) {
            fcgi_conn_output(peer->conn, vectors, 1);
            part = vectors[0].iov_len < before - sent ? vectors[0].iov_len : before - sent;
            put_bytes(&peer->got, vectors[0].iov_base, part);
            fcgi_conn_sent(peer->conn, part);
        }
        put_begin(&in, 3, FCGI_AUTHORIZER, FCGI_KEEP_CONN);
        assert_int_equal(peer_send(peer, &in), STATUS_OK);
        peer_receive_in(peer, 1 + before % 5, 1 + before % 3);
        for (size_t turn = 0; turn < 3; turn++) {
            size_t place = before == 0 ? 0 : before <= response ? 1 : 2; /* of the reply */
            if (turn == place) {
                expect_end(peer, 3, FCGI_UNKNOWN_ROLE);
            } else {
                bool first = turn == 0 || (turn == 1 && place == 0);
                expect_response(peer, first ? 1 : 2, first ? HEAD "one" : HEAD "two");
            }
        }
        expect_nothing_more(peer);
        peer_free(peer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(params_are_found_by_name),
        cmocka_unit_test(a_request_may_have_no_params),
        cmocka_unit_test(long_params_come_over_many_records),
        cmocka_unit_test(params_over_the_limit_are_dropped),
        cmocka_unit_test(a_body_over_the_limit_is_dropped),
        cmocka_unit_test(the_connection_goes_on_after_a_fault),
        cmocka_unit_test(a_small_arena_is_a_fault),
        cmocka_unit_test(a_flood_of_empty_pairs_stays_in_the_arena),
        cmocka_unit_test(bodies_come_whole_whatever_content_length_says),
        cmocka_unit_test(an_enormous_hint_does_not_cost_the_request),
        cmocka_unit_test(a_body_costs_little_more_than_its_size),
        cmocka_unit_test(a_hint_alone_takes_no_memory),
        cmocka_unit_test(responses_of_any_size_are_cut_into_records),
        cmocka_unit_test(the_head_may_be_larger_than_a_record),
        cmocka_unit_test(a_response_may_be_empty),
        cmocka_unit_test(small_responses_are_four_vectors_each),
        cmocka_unit_test(replies_do_not_break_into_a_response),
    };
    return cmocka_run_group_tests_name("fcgi_exchange", tests, NULL, NULL);
}
