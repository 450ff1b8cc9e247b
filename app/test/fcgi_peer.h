/*
 * fcgi_peer -- both ends of one FastCGI connection, for tests: builds the records of a web server, feeds them to an
 * fcgi_conn, plays the application, and reads the records that come back.
 *
 * Include it after cmocka.h.
 */
#ifndef FCGI_PEER_H
#define FCGI_PEER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_conn.h"

struct bytes {
    uint8_t *data;
    size_t length;
    size_t room; /* doubles, so that what comes byte by byte is not copied with each of them */
    size_t read; /* from the front, by expect_record() */
};

static inline void put_bytes(struct bytes *bytes, const void *data, size_t length) {
    if (bytes->room <= bytes->length + length) {
        bytes->room = 2 * (bytes->length + length) + 1;
        bytes->data = realloc(bytes->data, bytes->room);
    }
    assert_non_null(bytes->data);
    if (length > 0) {
        memcpy(bytes->data + bytes->length, data, length);
    }
    bytes->length += length;
}

static inline void free_bytes(struct bytes *bytes) {
    free(bytes->data);
    *bytes = (struct bytes){0};
}

/* --- Records of the web server --- */

static inline void put_padded(struct bytes *bytes, uint8_t type, uint16_t id, struct slice content, uint8_t padding) {
    static const uint8_t junk[255] = {0xFF, 1, 2, 3, 0xFF};
    uint8_t header[FCGI_HEADER_BYTES];
    fcgi_put_header(header, (struct fcgi_header){type, id, (uint16_t)content.length, padding});
    put_bytes(bytes, header, sizeof header);
    put_bytes(bytes, content.data, content.length);
    put_bytes(bytes, junk, padding);
}

static inline void put_record(struct bytes *bytes, uint8_t type, uint16_t id, const char *content) {
    put_padded(bytes, type, id, slice_of(content), 0);
}

static inline void put_begin(struct bytes *bytes, uint16_t id, uint8_t role, uint8_t flags) {
    const char body[FCGI_BODY_BYTES] = {0, (char)role, (char)flags};
    put_padded(bytes, FCGI_BEGIN_REQUEST, id, (struct slice){body, sizeof body}, 0);
}

/* "NAME=value\nNAME=value\n" as name-value pairs. */
static inline size_t make_pairs(uint8_t *out, size_t capacity, const char *lines) {
    size_t length = 0;
    while (*lines != '\0') {
        size_t name = strcspn(lines, "="), value = strcspn(lines + name + 1, "\n");
        struct fcgi_pair pair = {{lines, name}, {lines + name + 1, value}};
        assert_int_equal(fcgi_put_pair(out, capacity, &length, pair), STATUS_OK);
        lines += name + value + 2;
    }
    return length;
}

static inline void put_pairs(struct bytes *bytes, uint8_t type, uint16_t id, const char *lines) {
    uint8_t pairs[4096];
    size_t length = make_pairs(pairs, sizeof pairs, lines);
    put_padded(bytes, type, id, (struct slice){(const char *)pairs, length}, 0);
}

/* A whole request. */
static inline void put_request(struct bytes *bytes, uint16_t id, uint8_t flags, const char *params, const char *body) {
    put_begin(bytes, id, FCGI_RESPONDER, flags);
    put_pairs(bytes, FCGI_PARAMS, id, params);
    put_record(bytes, FCGI_PARAMS, id, "");
    if (*body != '\0') {
        put_record(bytes, FCGI_STDIN, id, body);
    }
    put_record(bytes, FCGI_STDIN, id, "");
}

/* --- The two ends --- */

enum { HELD_MAX = 32 };

struct peer {
    struct fcgi_limits limits;
    struct fcgi_budget *budget; /* outlives the peer, as its orphaned requests do */
    int64_t now_us;             /* the clock of the test */
    struct fcgi_conn_events events;
    struct fcgi_conn *conn;
    bool echo;         /* answer at once with what was seen of the request; else hold it */
    struct bytes seen; /* a line for each request and each oddity */
    struct bytes got;  /* what the connection has sent */
    struct fcgi_request *held[HELD_MAX];
    size_t held_count;
};

static inline void answer(struct fcgi_request *request, const char *head, struct slice content) {
    request->head = slice_of(head);
    request->content = content;
    fcgi_conn_respond(request);
}

static inline void see_request(struct bytes *seen, const struct fcgi_request *request) {
    char line[128];
    int length = snprintf(line, sizeof line, "request %d%s fault %d:", request->id, request->keep_conn ? " keep" : "",
                          (int)request->fault);
    put_bytes(seen, line, (size_t)length);
    for (size_t i = 0; i < request->param_count; i++) {
        put_bytes(seen, " ", 1);
        put_bytes(seen, request->params[i].name.data, request->params[i].name.length);
        put_bytes(seen, "=", 1);
        put_bytes(seen, request->params[i].value.data, request->params[i].value.length);
    }
    put_bytes(seen, " | ", 3);
    put_bytes(seen, request->body.data, request->body.length);
    put_bytes(seen, "\n", 1);
}

static inline void peer_on_request(void *context, struct fcgi_request *request) {
    struct peer *peer = context;
    size_t before = peer->seen.length;
    see_request(&peer->seen, request);
    if (peer->echo) {
        size_t length = peer->seen.length - before;
        const char *copy = arena_copy(&request->arena, (char *)peer->seen.data + before, length);
        assert_non_null(copy);
        answer(request, "Status: 200 OK\r\n\r\n", (struct slice){copy, length});
    } else {
        assert_true(peer->held_count < HELD_MAX);
        peer->held[peer->held_count++] = request;
    }
}

static inline void peer_on_oddity(void *context, const char *what) {
    struct peer *peer = context;
    put_bytes(&peer->seen, what, strlen(what));
    put_bytes(&peer->seen, "\n", 1);
}

static inline struct peer *peer_new(void) {
    static struct fcgi_budget budget;
    struct peer *peer = calloc(1, sizeof *peer);
    assert_non_null(peer);
    peer->limits = (struct fcgi_limits){.params_bytes = 65536,
                                        .body_bytes = 1 << 20,
                                        .memory_bytes = 4 << 20,
                                        .connections = 100,
                                        .requests = 8,
                                        .budget = &budget};
    peer->budget = &budget;
    budget.most = 1000;
    peer->events = (struct fcgi_conn_events){peer_on_request, peer_on_oddity, peer};
    peer->conn = fcgi_conn_new(&peer->limits, &peer->events);
    assert_non_null(peer->conn);
    return peer;
}

static inline void peer_free(struct peer *peer) {
    fcgi_conn_free(peer->conn);
    free_bytes(&peer->seen);
    free_bytes(&peer->got);
    free(peer);
}

/* Feeds the bytes and empties them. */
static inline enum status peer_send(struct peer *peer, struct bytes *bytes) {
    /* No more room than needed: AddressSanitizer sees who reads on behind it. */
    bytes->data = realloc(bytes->data, bytes->length + 1);
    enum status status = fcgi_conn_feed(peer->conn, bytes->data, bytes->length, peer->now_us);
    free_bytes(bytes);
    return status;
}

/* Takes the output, at most step bytes and max vectors at a time. */
static inline void peer_receive_in(struct peer *peer, size_t step, size_t max) {
    struct iovec vectors[16];
    size_t count;
    while ((count = fcgi_conn_output(peer->conn, vectors, max)) > 0) {
        size_t sent = 0;
        assert_true(count <= max);
        for (size_t i = 0; i < count && sent < step; i++) {
            size_t length = vectors[i].iov_len < step - sent ? vectors[i].iov_len : step - sent;
            assert_true(length > 0);
            put_bytes(&peer->got, vectors[i].iov_base, length);
            sent += length;
        }
        fcgi_conn_sent(peer->conn, sent);
    }
    assert_int_equal(fcgi_conn_pending_bytes(peer->conn), 0);
}

static inline void peer_receive(struct peer *peer) { peer_receive_in(peer, SIZE_MAX, 16); }

/* --- What came --- */

static inline void expect_seen(struct peer *peer, const char *lines) {
    put_bytes(&peer->seen, "", 1);
    assert_string_equal((char *)peer->seen.data, lines);
    free_bytes(&peer->seen);
}

/* The next record that the connection has sent. */
static inline struct fcgi_header next_record(struct peer *peer, struct slice *content) {
    struct bytes *got = &peer->got;
    struct fcgi_header header;
    assert_true(got->length - got->read >= FCGI_HEADER_BYTES);
    assert_int_equal(fcgi_get_header(got->data + got->read, &header), STATUS_OK);
    got->read += FCGI_HEADER_BYTES;
    assert_true(got->length - got->read >= (size_t)header.content_length + header.padding_length);
    *content = (struct slice){(char *)got->data + got->read, header.content_length};
    got->read += (size_t)header.content_length + header.padding_length;
    return header;
}

static inline void expect_nothing_more(const struct peer *peer) { assert_int_equal(peer->got.read, peer->got.length); }

static inline void expect_record(struct peer *peer, uint8_t type, uint16_t id, const void *bytes, size_t length) {
    struct slice content;
    struct fcgi_header header = next_record(peer, &content);
    assert_int_equal(header.type, type);
    assert_int_equal(header.request_id, id);
    assert_int_equal(content.length, length);
    if (length > 0) {
        assert_memory_equal(content.data, bytes, length);
    }
}

static inline void expect_end(struct peer *peer, uint16_t id, enum fcgi_protocol_status status) {
    const uint8_t body[FCGI_BODY_BYTES] = {0, 0, 0, 0, (uint8_t)status};
    expect_record(peer, FCGI_END_REQUEST, id, body, sizeof body);
}

/* A response of one record of STDOUT. */
static inline void expect_response(struct peer *peer, uint16_t id, const char *text) {
    expect_record(peer, FCGI_STDOUT, id, text, strlen(text));
    expect_record(peer, FCGI_STDOUT, id, "", 0);
    expect_end(peer, id, FCGI_REQUEST_COMPLETE);
}

#endif
