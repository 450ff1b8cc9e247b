/*
 * What a connection answers by itself, and what it refuses: management records, unknown roles and types, and every
 * way to break the specification.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fcgi_peer.h"

#define HEAD "Status: 200 OK\r\n\r\n"

static void expect_bad(struct bytes *bytes) {
    struct peer *peer = peer_new();
    assert_int_equal(peer_send(peer, bytes), STATUS_BAD_INPUT);
    assert_int_equal(peer->held_count, 0);
    peer_free(peer);
}

/* --- Management and what is unknown --- */

static void expect_values(struct peer *peer, const char *lines) {
    uint8_t pairs[256];
    size_t length = make_pairs(pairs, sizeof pairs, lines);
    expect_record(peer, FCGI_GET_VALUES_RESULT, 0, pairs, length);
    expect_nothing_more(peer);
}

static void values_that_are_asked_for_are_told(void **state) {
    (void)state;
    static const struct {
        const char *asked, *told;
    } cases[] = {
        {"FCGI_MAX_CONNS=\nFCGI_MAX_REQS=\nFCGI_MPXS_CONNS=\n",
         "FCGI_MAX_CONNS=100\nFCGI_MAX_REQS=8\nFCGI_MPXS_CONNS=1\n"},
        {"FCGI_MPXS_CONNS=\n", "FCGI_MPXS_CONNS=1\n"},
        {"FCGI_MAX_REQS=ignored\nFCGI_MAX_REQS=\n", "FCGI_MAX_REQS=8\n"},
        {"FCGI_OTHER=\nFCGI_MAX_CONN=\nfcgi_max_conns=\n", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer *peer = peer_new();
        struct bytes in = {0};
        put_pairs(&in, FCGI_GET_VALUES, 0, cases[i].asked);
        assert_int_equal(peer_send(peer, &in), STATUS_OK);
        peer_receive(peer);
        expect_values(peer, cases[i].told);
        peer_free(peer);
    }
}

/* HAProxy takes FCGI_MAX_REQS for the most on one connection. */
static void the_smaller_limit_of_requests_is_told(void **state) {
    (void)state;
    static const struct {
        unsigned connection, server;
        const char *told;
    } cases[] = {
        {8, 7, "FCGI_MAX_REQS=7\n"},
        {8, 9, "FCGI_MAX_REQS=8\n"},
        {4294967295u, 4294967295u, "FCGI_MAX_REQS=4294967295\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer *peer = peer_new();
        struct bytes in = {0};
        peer->limits.requests = cases[i].connection;
        peer->budget->most = cases[i].server;
        put_pairs(&in, FCGI_GET_VALUES, 0, "FCGI_MAX_REQS=\n");
        assert_int_equal(peer_send(peer, &in), STATUS_OK);
        peer_receive(peer);
        expect_values(peer, cases[i].told);
        peer_free(peer);
    }
}

static void unknown_types_are_named(void **state) {
    (void)state;
    static const uint8_t types[] = {0, 12, 255};
    for (size_t i = 0; i < sizeof types; i++) {
        const uint8_t body[FCGI_BODY_BYTES] = {types[i]};
        struct peer *peer = peer_new();
        struct bytes in = {0};
        put_padded(&in, types[i], 0, slice_of("whatever"), 9);
        put_record(&in, types[i], 5, "not management: not answered");
        put_request(&in, 1, FCGI_KEEP_CONN, "A=b\n", "");
        assert_int_equal(peer_send(peer, &in), STATUS_OK);
        peer_receive(peer);
        expect_record(peer, FCGI_UNKNOWN_TYPE, 0, body, sizeof body);
        expect_nothing_more(peer);
        expect_seen(peer, "unknown_type\nunknown_type\nrequest 1 keep fault 0: A=b | \n");
        answer(peer->held[0], HEAD, slice_of(""));
        peer_free(peer);
    }
}

static void only_responders_are_known(void **state) {
    (void)state;
    static const uint8_t roles[] = {0, FCGI_AUTHORIZER, FCGI_FILTER, 4, 255};
    for (size_t i = 0; i < sizeof roles; i++) {
        struct peer *peer = peer_new();
        struct bytes in = {0};
        put_begin(&in, 7, roles[i], FCGI_KEEP_CONN);
        put_pairs(&in, FCGI_PARAMS, 7, "A=1\n");
        put_record(&in, FCGI_ABORT_REQUEST, 7, "");
        assert_int_equal(peer_send(peer, &in), STATUS_OK);
        peer_receive(peer);
        expect_end(peer, 7, FCGI_UNKNOWN_ROLE);
        expect_nothing_more(peer);
        expect_seen(peer, "unknown_role\ninactive_id\ninactive_id\n");
        assert_int_equal(fcgi_conn_open_requests(peer->conn), 0);
        peer_free(peer);
    }
}

static void a_peer_that_asks_and_does_not_read_is_bounded(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    enum status status = STATUS_OK;
    int asked = 0;
    for (; status == STATUS_OK && asked < 100000; asked++) {
        put_pairs(&in, FCGI_GET_VALUES, 0, "FCGI_MPXS_CONNS=\n");
        status = peer_send(peer, &in);
        assert_true(fcgi_conn_pending_bytes(peer->conn) <= 16384);
    }
    assert_int_equal(status, STATUS_BAD_INPUT);
    assert_true(asked > 100);
    peer_free(peer);

    peer = peer_new(); /* one that reads may go on for ever */
    for (int i = 0; i < 5000; i++) {
        put_pairs(&in, FCGI_GET_VALUES, 0, "FCGI_MPXS_CONNS=\n");
        assert_int_equal(peer_send(peer, &in), STATUS_OK);
        peer_receive_in(peer, 11, 1);
    }
    peer_free(peer);
}

/* --- What breaks the specification --- */

static void another_version_is_refused(void **state) {
    (void)state;
    for (int version = 0; version <= 255; version += version == 0 ? 2 : 1) {
        struct bytes in = {0};
        put_request(&in, 1, 0, "A=b\n", "");
        in.data[0] = (uint8_t)version;
        expect_bad(&in);
    }
}

static void begin_has_a_body_of_eight_bytes(void **state) {
    (void)state;
    static const char body[16] = {0, 1};
    for (size_t length = 0; length <= sizeof body; length += length == 7 ? 2 : 1) {
        struct bytes in = {0};
        put_padded(&in, FCGI_BEGIN_REQUEST, 1, (struct slice){body, length}, 0);
        expect_bad(&in);
    }
}

static void an_open_id_cannot_begin(void **state) {
    (void)state;
    struct bytes in = {0};
    put_begin(&in, 1, FCGI_RESPONDER, FCGI_KEEP_CONN);
    put_begin(&in, 2, FCGI_RESPONDER, FCGI_KEEP_CONN);
    put_begin(&in, 1, FCGI_RESPONDER, FCGI_KEEP_CONN);
    expect_bad(&in);
}

static void application_records_need_an_id(void **state) {
    (void)state;
    static const uint8_t types[] = {FCGI_ABORT_REQUEST, FCGI_PARAMS, FCGI_STDIN, FCGI_DATA};
    struct bytes in = {0};
    put_begin(&in, 0, FCGI_RESPONDER, 0);
    expect_bad(&in);
    for (size_t i = 0; i < sizeof types; i++) {
        put_record(&in, types[i], 0, "");
        expect_bad(&in);
    }
    put_pairs(&in, FCGI_GET_VALUES, 1, "FCGI_MAX_REQS=\n");
    expect_bad(&in);
}

static void streams_come_in_order(void **state) {
    (void)state;
    struct bytes in = {0};
    put_begin(&in, 1, FCGI_RESPONDER, 0);
    put_record(&in, FCGI_STDIN, 1, "before PARAMS ended");
    expect_bad(&in);

    put_begin(&in, 1, FCGI_RESPONDER, 0);
    put_record(&in, FCGI_STDIN, 1, "");
    expect_bad(&in);

    for (int empty = 0; empty <= 1; empty++) {
        put_begin(&in, 1, FCGI_RESPONDER, 0);
        put_record(&in, FCGI_PARAMS, 1, "");
        put_pairs(&in, FCGI_PARAMS, 1, empty ? "" : "A=after PARAMS ended\n");
        expect_bad(&in);
    }
}

static void nothing_follows_the_end_of_stdin(void **state) {
    (void)state;
    static const struct {
        uint8_t type;
        const char *content;
    } late[] = {{FCGI_STDIN, "more"}, {FCGI_STDIN, ""}, {FCGI_PARAMS, ""}, {FCGI_PARAMS, "more"}};
    for (size_t i = 0; i < sizeof late / sizeof *late; i++) {
        struct peer *peer = peer_new();
        struct bytes in = {0};
        put_request(&in, 1, 0, "A=b\n", "");
        put_record(&in, late[i].type, 1, late[i].content);
        assert_int_equal(peer_send(peer, &in), STATUS_BAD_INPUT);
        answer(peer->held[0], HEAD, slice_of(""));
        peer_free(peer);
    }
}

static void params_that_end_within_a_pair_are_refused(void **state) {
    (void)state;
    uint8_t pairs[64];
    size_t length = make_pairs(pairs, sizeof pairs, "FIRST=1\nSECOND=2\n");
    for (size_t cut = 1; cut < length; cut++) {
        struct peer *peer = peer_new();
        struct bytes in = {0};
        put_begin(&in, 1, FCGI_RESPONDER, 0);
        put_padded(&in, FCGI_PARAMS, 1, (struct slice){(char *)pairs, cut}, 0);
        assert_int_equal(peer_send(peer, &in), STATUS_OK);
        put_record(&in, FCGI_PARAMS, 1, "");
        assert_int_equal(peer_send(peer, &in), cut == 8 ? STATUS_OK : STATUS_BAD_INPUT);
        peer_free(peer);
    }
}

static void what_only_an_application_sends_is_refused(void **state) {
    (void)state;
    static const uint8_t types[] = {FCGI_END_REQUEST, FCGI_STDOUT, FCGI_STDERR, FCGI_GET_VALUES_RESULT,
                                    FCGI_UNKNOWN_TYPE};
    for (size_t i = 0; i < sizeof types; i++) {
        for (uint16_t id = 0; id <= 1; id++) {
            struct bytes in = {0};
            put_record(&in, types[i], id, "");
            expect_bad(&in);
        }
    }
}

static void malformed_questions_are_refused(void **state) {
    (void)state;
    struct bytes in = {0};
    put_record(&in, FCGI_GET_VALUES, 0, "\x05\x05short");
    expect_bad(&in);

    char large[600] = {0}; /* 300 empty pairs: by the rules, but nobody asks so */
    put_padded(&in, FCGI_GET_VALUES, 0, (struct slice){large, sizeof large}, 0);
    expect_bad(&in);
}

static void nothing_is_taken_after_a_broken_rule(void **state) {
    (void)state;
    struct peer *peer = peer_new();
    struct bytes in = {0};
    put_record(&in, FCGI_STDOUT, 1, "");
    put_request(&in, 1, 0, "A=b\n", "");
    assert_int_equal(peer_send(peer, &in), STATUS_BAD_INPUT);
    put_request(&in, 1, 0, "A=b\n", "");
    assert_int_equal(peer_send(peer, &in), STATUS_BAD_INPUT);
    assert_int_equal(peer->held_count, 0);
    peer_free(peer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_that_are_asked_for_are_told),
        cmocka_unit_test(the_smaller_limit_of_requests_is_told),
        cmocka_unit_test(unknown_types_are_named),
        cmocka_unit_test(only_responders_are_known),
        cmocka_unit_test(a_peer_that_asks_and_does_not_read_is_bounded),
        cmocka_unit_test(another_version_is_refused),
        cmocka_unit_test(begin_has_a_body_of_eight_bytes),
        cmocka_unit_test(an_open_id_cannot_begin),
        cmocka_unit_test(application_records_need_an_id),
        cmocka_unit_test(streams_come_in_order),
        cmocka_unit_test(nothing_follows_the_end_of_stdin),
        cmocka_unit_test(params_that_end_within_a_pair_are_refused),
        cmocka_unit_test(what_only_an_application_sends_is_refused),
        cmocka_unit_test(malformed_questions_are_refused),
        cmocka_unit_test(nothing_is_taken_after_a_broken_rule),
    };
    return cmocka_run_group_tests_name("fcgi_rules", tests, NULL, NULL);
}
