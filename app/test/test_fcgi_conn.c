/*
 * The conversation of one connection: several requests, answered in any order, aborted, left alone. What the rules
 * forbid is test_fcgi_rules.c; what params, bodies and responses look like, test_fcgi_exchange.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fcgi_peer.h"

#define HEAD "Status: 200 OK\r\n\r\n"

/* --- One request --- */

static void a_request_is_answered(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    put_request(&in, 1, FCGI_KEEP_CONN, "REQUEST_METHOD=GET\nQUERY_STRING=\n", "body");
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    expect_seen(peer, "request 1 keep fault 0: REQUEST_METHOD=GET QUERY_STRING= | body\n");
    assert_int_equal(fcgi_conn_open_requests(peer->conn), 1);
    assert_int_equal(fcgi_conn_pending_bytes(peer->conn), 0);

    answer(peer->held[0], HEAD, slice_of("hello"));
    assert_int_equal(fcgi_conn_open_requests(peer->conn), 0);
    assert_int_equal(fcgi_conn_pending_bytes(peer->conn), 8 + strlen(HEAD "hello") + 8 + 16);
    peer_receive(peer);
    expect_response(peer, 1, HEAD "hello");
    expect_nothing_more(peer);
    peer_free(peer);
}

static void it_is_handed_out_when_both_streams_have_ended(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    put_begin(&in, 1, FCGI_RESPONDER, 0);
    put_pairs(&in, FCGI_PARAMS, 1, "A=b\n");
    put_record(&in, FCGI_PARAMS, 1, "");
    put_record(&in, FCGI_STDIN, 1, "body");
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    assert_int_equal(peer->held_count, 0);
    assert_int_equal(fcgi_conn_open_requests(peer->conn), 1);
    put_record(&in, FCGI_STDIN, 1, "");
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    assert_int_equal(peer->held_count, 1);
    answer(peer->held[0], HEAD, slice_of(""));
    peer_free(peer); /* with the answer unsent */
}

static void keep_conn_decides_what_the_end_is(void **state) {
    (void)state;
    for (uint8_t keep = 0; keep <= 1; keep++) {
        struct peer *peer = peer_new();
        struct bytes in = {0};
        for (int turn = 0; turn < 3; turn++) {
            assert_false(fcgi_conn_finished(peer->conn));
            put_request(&in, 1, keep ? FCGI_KEEP_CONN : 0, "A=b\n", "");
            assert_int_equal(peer_send(peer, &in), STATUS_OK);
            assert_false(fcgi_conn_finished(peer->conn));
            answer(peer->held[turn], HEAD, slice_of(""));
            assert_false(fcgi_conn_finished(peer->conn));
            peer_receive_in(peer, 1, 1);
            assert_int_equal(fcgi_conn_finished(peer->conn), !keep);
            if (!keep) {
                break;
            }
        }
        peer_free(peer);
    }
}

static void a_drained_connection_ends_after_its_requests(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    put_request(&in, 1, FCGI_KEEP_CONN, "A=b\n", "");
    put_request(&in, 2, FCGI_KEEP_CONN, "A=b\n", "");
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    fcgi_conn_drain(peer->conn);
    assert_false(fcgi_conn_finished(peer->conn));
    answer(peer->held[0], HEAD, slice_of(""));
    peer_receive(peer);
    assert_false(fcgi_conn_finished(peer->conn));
    answer(peer->held[1], HEAD, slice_of(""));
    assert_false(fcgi_conn_finished(peer->conn));
    peer_receive(peer);
    assert_true(fcgi_conn_finished(peer->conn));
    peer_free(peer);

    peer = peer_new();
    assert_false(fcgi_conn_finished(peer->conn));
    fcgi_conn_drain(peer->conn);
    assert_true(fcgi_conn_finished(peer->conn));
    peer_free(peer);
}

/* --- Splits --- */

/* Everything a well-behaved server may say, and some of what it may not but we ignore. */
static void put_conversation(struct bytes *in) {
    uint8_t pairs[4096];
    size_t length = make_pairs(pairs, sizeof pairs, "REQUEST_METHOD=POST\nCONTENT_LENGTH=9\nEMPTY=\n");
    put_pairs(in, FCGI_GET_VALUES, 0, "FCGI_MPXS_CONNS=\nFCGI_MAX_REQS=\n");
    put_begin(in, 1, FCGI_RESPONDER, FCGI_KEEP_CONN);
    put_begin(in, 258, FCGI_RESPONDER, FCGI_KEEP_CONN);
    put_padded(in, FCGI_PARAMS, 1, (struct slice){(char *)pairs, 5}, 3);
    put_pairs(in, FCGI_PARAMS, 258, "A=1\n");
    put_padded(in, FCGI_PARAMS, 1, (struct slice){(char *)pairs + 5, length - 5}, 255);
    put_padded(in, FCGI_PARAMS, 1, slice_of(""), 8);
    put_record(in, FCGI_STDIN, 1, "four");
    put_record(in, FCGI_PARAMS, 258, "");
    put_padded(in, FCGI_STDIN, 258, slice_of("x"), 7);
    put_record(in, FCGI_DATA, 1, "data");
    put_padded(in, 77, 0, slice_of("?"), 1);
    put_padded(in, FCGI_STDIN, 1, slice_of("teen!"), 1);
    put_padded(in, FCGI_STDIN, 1, slice_of(""), 2);
    put_record(in, FCGI_STDIN, 99, "nobody");
    put_begin(in, 3, FCGI_FILTER, FCGI_KEEP_CONN);
    put_record(in, FCGI_ABORT_REQUEST, 258, "");
    put_request(in, 258, 0, "B=2\n", "again");
}

static const char CONVERSATION[] = "unknown_type\n"
                                   "request 1 keep fault 0: REQUEST_METHOD=POST CONTENT_LENGTH=9 EMPTY= | fourteen!\n"
                                   "inactive_id\n"
                                   "unknown_role\n"
                                   "request 258 fault 0: B=2 | again\n";

static struct peer *converse(const struct bytes *in, size_t first, size_t step) {
    struct peer *peer = peer_new();
    peer->echo = true;
    for (size_t at = 0, next = first; at < in->length; at += next, next = step) {
        next = next < in->length - at ? next : in->length - at;
        uint8_t *part = malloc(next + 1); /* of its own, so that the sanitizer sees a byte too far */
        assert_non_null(part);
        memcpy(part, in->data + at, next);
        assert_int_equal(fcgi_conn_feed(peer->conn, part, next, 0), STATUS_OK);
        free(part);
    }
    peer_receive(peer);
    assert_true(fcgi_conn_finished(peer->conn));
    return peer;
}

static void expect_same(struct peer *peer, const struct peer *whole) {
    assert_int_equal(peer->got.length, whole->got.length);
    assert_memory_equal(peer->got.data, whole->got.data, whole->got.length);
    expect_seen(peer, CONVERSATION);
    peer_free(peer);
}

static void records_may_be_split_anywhere(void **state) {
    (void)state;
    struct bytes in = {0};
    put_conversation(&in);
    struct peer *whole = converse(&in, in.length, in.length);
    for (size_t step = 1; step < 20; step++) {
        expect_same(converse(&in, step, step), whole);
    }
    for (size_t first = 1; first < in.length; first++) {
        expect_same(converse(&in, first, in.length), whole);
    }
    expect_seen(whole, CONVERSATION);
    peer_free(whole);
    free_bytes(&in);
}

/* --- Several requests at once --- */

static void interleaved_requests_are_told_apart(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    static const uint16_t ids[] = {1, 2, 257, 65535}; /* two with the same low byte */
    for (size_t i = 0; i < 4; i++) {
        put_begin(&in, ids[i], FCGI_RESPONDER, FCGI_KEEP_CONN);
    }
    for (size_t i = 0; i < 4; i++) {
        char line[] = "N=0\n";
        line[2] = (char)('0' + i);
        put_pairs(&in, FCGI_PARAMS, ids[i], line);
    }
    for (size_t i = 4; i-- > 0;) {
        put_record(&in, FCGI_PARAMS, ids[i], "");
    }
    for (int turn = 0; turn < 3; turn++) {
        for (size_t i = 0; i < 4; i++) {
            char body[] = "a";
            body[0] = (char)('a' + i);
            put_record(&in, FCGI_STDIN, ids[i], body);
        }
    }
    for (size_t i = 0; i < 4; i++) {
        put_record(&in, FCGI_STDIN, ids[i], "");
    }
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    expect_seen(peer, "request 1 keep fault 0: N=0 | aaa\n"
                      "request 2 keep fault 0: N=1 | bbb\n"
                      "request 257 keep fault 0: N=2 | ccc\n"
                      "request 65535 keep fault 0: N=3 | ddd\n");
    /* Answered in another order, and one id is used again while others are open. */
    answer(peer->held[2], HEAD, slice_of("third"));
    answer(peer->held[0], HEAD, slice_of("first"));
    peer_receive(peer);
    expect_response(peer, 257, HEAD "third");
    expect_response(peer, 1, HEAD "first");
    put_request(&in, 1, FCGI_KEEP_CONN, "N=5\n", "");
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    answer(peer->held[3], HEAD, slice_of("fourth"));
    answer(peer->held[4], HEAD, slice_of("fifth"));
    answer(peer->held[1], HEAD, slice_of("second"));
    peer_receive(peer);
    expect_response(peer, 65535, HEAD "fourth");
    expect_response(peer, 1, HEAD "fifth");
    expect_response(peer, 2, HEAD "second");
    expect_nothing_more(peer);
    peer_free(peer);
}

static void too_many_requests_are_refused(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    peer->limits.requests = 2;
    put_request(&in, 1, FCGI_KEEP_CONN, "A=1\n", "");
    put_begin(&in, 2, FCGI_RESPONDER, FCGI_KEEP_CONN);
    put_request(&in, 3, FCGI_KEEP_CONN, "A=3\n", "");
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    peer_receive(peer);
    expect_end(peer, 3, FCGI_OVERLOADED);
    expect_nothing_more(peer);
    expect_seen(peer, "request 1 keep fault 0: A=1 | \noverloaded\ninactive_id\ninactive_id\ninactive_id\n");

    /* A response that is not read takes a place until it is sent. */
    answer(peer->held[0], HEAD, slice_of(""));
    put_begin(&in, 4, FCGI_RESPONDER, FCGI_KEEP_CONN);
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    expect_seen(peer, "overloaded\n");
    peer_receive(peer);
    put_request(&in, 5, FCGI_KEEP_CONN, "A=5\n", "");
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    expect_seen(peer, "request 5 keep fault 0: A=5 | \n");
    answer(peer->held[1], HEAD, slice_of(""));
    assert_false(fcgi_conn_finished(peer->conn));
    peer_free(peer);
}

static void a_refused_request_without_keep_conn_ends_the_connection(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    put_begin(&in, 1, FCGI_AUTHORIZER, 0);
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    assert_false(fcgi_conn_finished(peer->conn));
    peer_receive(peer);
    expect_end(peer, 1, FCGI_UNKNOWN_ROLE);
    assert_true(fcgi_conn_finished(peer->conn));
    peer_free(peer);
}

/* --- Aborts, and peers that leave --- */

static void an_abort_before_the_request_is_whole_frees_it(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    put_begin(&in, 1, FCGI_RESPONDER, FCGI_KEEP_CONN);
    put_pairs(&in, FCGI_PARAMS, 1, "A=b\n");
    put_record(&in, FCGI_ABORT_REQUEST, 1, "");
    put_record(&in, FCGI_STDIN, 1, "late");
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    assert_int_equal(fcgi_conn_open_requests(peer->conn), 0);
    peer_receive(peer);
    expect_end(peer, 1, FCGI_REQUEST_COMPLETE);
    expect_nothing_more(peer);
    expect_seen(peer, "inactive_id\n");
    assert_false(fcgi_conn_finished(peer->conn));
    peer_free(peer);
}

static void an_abort_orphans_a_request_that_is_being_worked_on(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    put_request(&in, 1, FCGI_KEEP_CONN, "A=b\n", "");
    put_request(&in, 2, 0, "A=c\n", "");
    put_record(&in, FCGI_ABORT_REQUEST, 1, "");
    put_request(&in, 1, FCGI_KEEP_CONN, "A=again\n", "");
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    assert_true(peer->held[0]->cancelled);
    assert_null(peer->held[0]->conn);
    assert_false(peer->held[1]->cancelled);
    assert_false(peer->held[2]->cancelled);
    assert_int_equal(fcgi_conn_open_requests(peer->conn), 2);

    answer(peer->held[0], HEAD, slice_of("nobody reads this"));
    answer(peer->held[2], HEAD, slice_of("again"));
    peer_receive(peer);
    expect_end(peer, 1, FCGI_REQUEST_COMPLETE);
    expect_response(peer, 1, HEAD "again");
    expect_nothing_more(peer);
    assert_false(fcgi_conn_finished(peer->conn));

    put_record(&in, FCGI_ABORT_REQUEST, 2, "");
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    peer_receive(peer);
    expect_end(peer, 2, FCGI_REQUEST_COMPLETE);
    assert_true(fcgi_conn_finished(peer->conn)); /* 2 did not ask to keep it */
    answer(peer->held[1], HEAD, slice_of("nor this"));
    peer_free(peer);
}

static void a_peer_that_leaves_orphans_its_requests(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    put_begin(&in, 3, FCGI_RESPONDER, FCGI_KEEP_CONN);
    put_pairs(&in, FCGI_PARAMS, 3, "A=unfinished\n");
    put_request(&in, 1, FCGI_KEEP_CONN, "A=b\n", "kept");
    put_request(&in, 2, FCGI_KEEP_CONN, "A=c\n", "");
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    struct fcgi_request *working = peer->held[0];
    answer(peer->held[1], HEAD, slice_of("unsent"));
    assert_false(working->cancelled);
    peer_free(peer);

    assert_true(working->cancelled);
    assert_null(working->conn);
    assert_memory_equal(working->body.data, "kept", 4); /* the worker may still read it */
    answer(working, HEAD, slice_of("nobody reads this"));
}

static void freeing_nothing_is_allowed(void **state) {
    (void)state;
    fcgi_conn_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_answered),
        cmocka_unit_test(it_is_handed_out_when_both_streams_have_ended),
        cmocka_unit_test(keep_conn_decides_what_the_end_is),
        cmocka_unit_test(a_drained_connection_ends_after_its_requests),
        cmocka_unit_test(records_may_be_split_anywhere),
        cmocka_unit_test(interleaved_requests_are_told_apart),
        cmocka_unit_test(too_many_requests_are_refused),
        cmocka_unit_test(a_refused_request_without_keep_conn_ends_the_connection),
        cmocka_unit_test(an_abort_before_the_request_is_whole_frees_it),
        cmocka_unit_test(an_abort_orphans_a_request_that_is_being_worked_on),
        cmocka_unit_test(a_peer_that_leaves_orphans_its_requests),
        cmocka_unit_test(freeing_nothing_is_allowed),
    };
    return cmocka_run_group_tests_name("fcgi_conn", tests, NULL, NULL);
}
