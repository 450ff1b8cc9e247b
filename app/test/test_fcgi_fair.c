/* Requests of one connection, and of all of them, next to each other: whose turn it is, whose time is up, and how many
 * there may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fcgi_peer.h"

#define HEAD "Status: 200 OK\r\n\r\n"

enum { LARGE = 3 * FCGI_CONTENT_MAX + 1000 };

static char large[LARGE];

/* --- Turns --- */

/* The ids of the STDOUT records that the peer got, one letter each, lower case; upper case: END. Ids count from 'a'. */
static void expect_order(struct peer *peer, const char *order) {
    char got[64] = "";
    for (size_t i = 0; peer->got.read < peer->got.length; i++) {
        struct slice content;
        struct fcgi_header header = next_record(peer, &content);
        assert_true(i < sizeof got - 1);
        got[i] = (char)((header.type == FCGI_END_REQUEST ? 'A' : 'a') + header.request_id - 1);
    }
    assert_string_equal(got, order);
}

static void ask_for(struct peer *peer, uint16_t count) {
    struct bytes in = {0};
    for (uint16_t id = 1; id <= count; id++) {
        put_request(&in, id, FCGI_KEEP_CONN, "A=b\n", "");
    }
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
}

static void large_responses_take_turns_and_small_ones_pass(void **state) {
    (void)state;
    static const size_t steps[] = {SIZE_MAX, 70000, 65543, 65535, 4097, 13, 8, 1};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct peer *peer = peer_new();
        ask_for(peer, 3);
        answer(peer->held[0], HEAD, (struct slice){large, LARGE});
        answer(peer->held[1], HEAD, (struct slice){large, LARGE});
        answer(peer->held[2], HEAD, slice_of("small"));
        peer_receive_in(peer, steps[i], 16);
        /* Four records each, the empty one that ends STDOUT, and the END. */
        expect_order(peer, "ab"
                           "ccC"
                           "ab"
                           "ab"
                           "aaAbbB");
        peer_free(peer);
    }
}

static void a_response_that_fills_its_records_has_its_end_in_the_last_turn_or_a_turn_of_its_own(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    ask_for(peer, 2);
    answer(peer->held[0], "", (struct slice){large, 2 * FCGI_CONTENT_MAX});
    answer(peer->held[1], HEAD, slice_of("small"));
    peer_receive(peer);
    expect_order(peer, "abbBaaA");
    peer_free(peer);
}

/* A reply goes between two records, never into one. */
static void a_reply_waits_for_the_end_of_a_record_only(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    struct iovec vector;
    struct slice content;
    ask_for(peer, 1);
    answer(peer->held[0], HEAD, (struct slice){large, LARGE});
    assert_int_equal(fcgi_conn_output(peer->conn, &vector, 1), 1);
    put_bytes(&peer->got, vector.iov_base, 5);
    fcgi_conn_sent(peer->conn, 5);
    put_record(&in, 99, 0, "what is this?");
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    peer_receive_in(peer, 1000, 2);
    assert_int_equal(next_record(peer, &content).type, FCGI_STDOUT);
    assert_int_equal(next_record(peer, &content).type, FCGI_UNKNOWN_TYPE);
    expect_order(peer, "aaaaA");
    peer_free(peer);
}

/* Also where the end of a response lies across the place where a full record would end. */
static void a_reply_never_goes_into_a_record(void **state) {
    (void)state;
    enum { AROUND = 40, RECORD = FCGI_HEADER_BYTES + FCGI_CONTENT_MAX };
    for (size_t length = FCGI_CONTENT_MAX - AROUND; length < FCGI_CONTENT_MAX + 3; length++) {
        for (size_t cut = RECORD - AROUND; cut < RECORD + AROUND; cut++) {
            struct peer *peer = peer_new();
            struct bytes in = {0};
            struct iovec vectors[4];
            ask_for(peer, 1);
            answer(peer->held[0], "", (struct slice){large, length});
            for (size_t left = cut; left > 0 && fcgi_conn_output(peer->conn, vectors, 4) > 0;) {
                size_t sent = vectors[0].iov_len < left ? vectors[0].iov_len : left;
                put_bytes(&peer->got, vectors[0].iov_base, sent);
                fcgi_conn_sent(peer->conn, sent);
                left -= sent;
            }
            put_record(&in, 99, 0, "what is this?");
            assert_int_equal(peer_send(peer, &in), STATUS_OK);
            peer_receive(peer);
            unsigned replies = 0, ends = 0;
            while (peer->got.read < peer->got.length) {
                struct slice content;
                struct fcgi_header header = next_record(peer, &content);
                replies += header.type == FCGI_UNKNOWN_TYPE && header.request_id == 0;
                ends += header.type == FCGI_END_REQUEST && header.request_id == 1;
            }
            assert_int_equal(replies, 1);
            assert_int_equal(ends, 1);
            peer_free(peer);
        }
    }
}

static void an_id_is_free_again_when_its_end_was_sent(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    ask_for(peer, 1);
    put_begin(&in, 1, FCGI_RESPONDER, FCGI_KEEP_CONN);
    answer(peer->held[0], HEAD, slice_of("first"));
    peer_receive(peer);
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    peer_free(peer);

    peer = peer_new();
    ask_for(peer, 1);
    put_begin(&in, 1, FCGI_RESPONDER, FCGI_KEEP_CONN);
    answer(peer->held[0], HEAD, slice_of("not sent yet"));
    assert_int_equal(peer_send(peer, &in), STATUS_BAD_INPUT);
    peer_free(peer);
}

/* --- Time --- */

static void a_request_that_is_not_whole_in_time_is_handed_out_as_it_is(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    peer->now_us = 100;
    put_begin(&in, 1, FCGI_RESPONDER, FCGI_KEEP_CONN);
    put_pairs(&in, FCGI_PARAMS, 1, "A=1\n");
    put_record(&in, FCGI_PARAMS, 1, "");
    put_record(&in, FCGI_STDIN, 1, "some of it");
    put_request(&in, 2, FCGI_KEEP_CONN, "A=2\n", ""); /* whole, and in work */
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    peer->now_us = 150;
    put_begin(&in, 3, FCGI_RESPONDER, FCGI_KEEP_CONN);
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    expect_seen(peer, "request 2 keep fault 0: A=2 | \n");

    assert_true(fcgi_conn_expire(peer->conn, 100)); /* not older than that */
    assert_true(fcgi_conn_expire(peer->conn, 101));
    expect_seen(peer, "request 1 keep fault 3: | \n");
    assert_true(fcgi_conn_expire(peer->conn, 101)); /* once */
    assert_int_equal(peer->seen.length, 0);

    /* What still comes for it is ignored, before and after its answer. */
    put_record(&in, FCGI_STDIN, 1, "more");
    put_record(&in, FCGI_PARAMS, 1, "more");
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    answer(peer->held[1], HEAD, slice_of("late"));
    put_record(&in, FCGI_STDIN, 1, "");
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    expect_seen(peer, "inactive_id\n");
    peer_receive(peer);
    expect_response(peer, 1, HEAD "late");

    put_request(&in, 1, FCGI_KEEP_CONN, "A=again\n", "");
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    expect_seen(peer, "request 1 keep fault 0: A=again | \n");
    assert_int_equal(fcgi_conn_open_requests(peer->conn), 3);
    answer(peer->held[0], HEAD, slice_of(""));
    answer(peer->held[2], HEAD, slice_of(""));
    peer_free(peer);
}

static void all_that_are_late_are_handed_out(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    peer->echo = true;
    for (uint16_t id = 1; id <= 5; id++) {
        put_begin(&in, id, FCGI_RESPONDER, FCGI_KEEP_CONN);
    }
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    assert_true(fcgi_conn_expire(peer->conn, 1));
    assert_int_equal(fcgi_conn_open_requests(peer->conn), 0);
    peer_receive(peer);
    expect_order(peer, "eeEddDccCbbBaaA");
    peer_free(peer);
}

static void a_late_request_without_keep_conn_ends_the_connection(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    peer->echo = true;
    put_begin(&in, 1, FCGI_RESPONDER, 0);
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    assert_true(fcgi_conn_expire(peer->conn, 1));
    assert_false(fcgi_conn_finished(peer->conn));
    peer_receive(peer);
    assert_true(fcgi_conn_finished(peer->conn));
    peer_free(peer);
}

static void a_record_that_is_not_whole_in_time_is_the_end(void **state) {
    (void)state;
    struct bytes record = {0};
    put_padded(&record, FCGI_STDIN, 77, slice_of("nobody's"), 5);
    for (size_t part = 0; part <= record.length; part++) {
        struct peer *peer = peer_new();
        peer->now_us = 100;
        assert_int_equal(fcgi_conn_feed(peer->conn, record.data, part, 100), STATUS_OK);
        bool within = part > 0 && part < record.length;
        assert_true(fcgi_conn_expire(peer->conn, 100));
        assert_int_equal(fcgi_conn_expire(peer->conn, 101), !within);
        peer_free(peer);
    }
    free_bytes(&record);
}

/* The request is late, the record is not: its rest belongs to nobody. */
static void the_record_of_a_late_request_may_still_end(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0}, record = {0};
    put_begin(&in, 1, FCGI_RESPONDER, FCGI_KEEP_CONN);
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    put_record(&record, FCGI_PARAMS, 1, "twelve bytes");
    assert_int_equal(fcgi_conn_feed(peer->conn, record.data, 13, 100), STATUS_OK);
    assert_true(fcgi_conn_expire(peer->conn, 50));
    assert_int_equal(fcgi_conn_feed(peer->conn, record.data + 13, record.length - 13, 200), STATUS_OK);
    expect_seen(peer, "request 1 keep fault 3: | \n");
    answer(peer->held[0], HEAD, slice_of(""));
    peer_receive(peer);
    free_bytes(&record);
    peer_free(peer);
}

/* --- Numbers --- */

static void the_server_has_a_budget_of_requests(void **state) {
    (void)state;
    struct peer *one = peer_new(), *other = peer_new();
    struct bytes in = {0};
    one->budget->most = 2;
    ask_for(one, 1);
    ask_for(other, 1);
    put_begin(&in, 2, FCGI_RESPONDER, FCGI_KEEP_CONN);
    assert_int_equal(peer_send(one, &in), STATUS_OK);
    peer_receive(one);
    expect_end(one, 2, FCGI_OVERLOADED);

    /* One whose peer has left counts until it is given back. */
    struct fcgi_request *orphan = other->held[0];
    peer_free(other);
    put_begin(&in, 2, FCGI_RESPONDER, FCGI_KEEP_CONN);
    assert_int_equal(peer_send(one, &in), STATUS_OK);
    peer_receive(one);
    expect_end(one, 2, FCGI_OVERLOADED);
    answer(orphan, HEAD, slice_of(""));
    put_begin(&in, 2, FCGI_RESPONDER, FCGI_KEEP_CONN);
    assert_int_equal(peer_send(one, &in), STATUS_OK);
    peer_receive(one);
    expect_nothing_more(one);
    answer(one->held[0], HEAD, slice_of(""));
    struct fcgi_budget *budget = one->budget;
    peer_free(one);
    assert_int_equal(budget->taken, 0);
}

static void what_begins_on_a_closing_connection_is_told_so(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    ask_for(peer, 1);
    expect_seen(peer, "request 1 keep fault 0: A=b | \n");
    fcgi_conn_drain(peer->conn);
    put_request(&in, 2, FCGI_KEEP_CONN, "A=c\n", "");
    assert_int_equal(peer_send(peer, &in), STATUS_OK);
    expect_seen(peer, "request 2 keep fault 4: A=c | \n");
    answer(peer->held[1], HEAD, slice_of("no more"));
    answer(peer->held[0], HEAD, slice_of("the last"));
    peer_receive(peer);
    expect_response(peer, 2, HEAD "no more");
    expect_response(peer, 1, HEAD "the last");
    assert_true(fcgi_conn_finished(peer->conn));
    peer_free(peer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_responses_take_turns_and_small_ones_pass),
        cmocka_unit_test(a_response_that_fills_its_records_has_its_end_in_the_last_turn_or_a_turn_of_its_own),
        cmocka_unit_test(a_reply_waits_for_the_end_of_a_record_only),
        cmocka_unit_test(a_reply_never_goes_into_a_record),
        cmocka_unit_test(an_id_is_free_again_when_its_end_was_sent),
        cmocka_unit_test(a_request_that_is_not_whole_in_time_is_handed_out_as_it_is),
        cmocka_unit_test(all_that_are_late_are_handed_out),
        cmocka_unit_test(a_late_request_without_keep_conn_ends_the_connection),
        cmocka_unit_test(a_record_that_is_not_whole_in_time_is_the_end),
        cmocka_unit_test(the_record_of_a_late_request_may_still_end),
        cmocka_unit_test(the_server_has_a_budget_of_requests),
        cmocka_unit_test(what_begins_on_a_closing_connection_is_told_so),
    };
    return cmocka_run_group_tests_name("fcgi_fair", tests, NULL, NULL);
}
