/*
 * Bytes in:
 *
 *   fcgi_conn_feed -> begin_record    may this record come now, and whose is it?
 *                  -> take_content    params and body go to the request's arena, as they come
 *                  -> end_record      BEGIN -> open list      STDIN ended -> on_request()
 *
 * Bytes out: fcgi_conn_respond, and the answers that are given here, into the outbox (fcgi_outbox.h).
 */
#include "fcgi_conn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_outbox.h"

enum { CONTROL_BYTES = 512 }; /* of a record that we have to see in one piece: BEGIN_REQUEST, GET_VALUES */

struct fcgi_conn {
    const struct fcgi_limits *limits;
    const struct fcgi_conn_events *events;
    bool closing; /* once nothing is open and nothing waits */

    /* The record that comes in. */
    enum status broken; /* why nothing more is taken */
    int64_t now_us;     /* of the feed() that runs, or ran last */
    int64_t record_begun_us;
    uint8_t header_bytes[FCGI_HEADER_BYTES];
    size_t header_length;
    struct fcgi_header header;
    size_t content_left;
    size_t padding_left;
    struct fcgi_exchange *target; /* whose PARAMS or STDIN it is, or NULL */
    struct fcgi_stream *stream;   /* which of the two */
    uint8_t control[CONTROL_BYTES];

    struct fcgi_request *open; /* begun and not answered, linked by next */
    unsigned open_count;
    struct fcgi_outbox outbox;
};

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

static void oddity(const struct fcgi_conn *conn, const char *what) {
    conn->events->on_oddity(conn->events->context, what);
}

/* --- Requests --- */

static struct fcgi_exchange *find_open(const struct fcgi_conn *conn, uint16_t id) {
    struct fcgi_request *request = conn->open;
    while (request != NULL && request->id != id) {
        request = request->next;
    }
    return request != NULL ? fcgi_exchange_of(request) : NULL;
}

/* The peer may not begin a request with this id: it has not seen an END for it. */
static bool id_in_use(const struct fcgi_conn *conn, uint16_t id) {
    return find_open(conn, id) != NULL || fcgi_outbox_holds(&conn->outbox, id);
}

/* The open request that the record is for, or NULL: then the record is ignored (section 3.3). */
static struct fcgi_exchange *find_for_record(const struct fcgi_conn *conn) {
    struct fcgi_exchange *exchange = find_open(conn, conn->header.request_id);
    if (exchange == NULL) {
        oddity(conn, "inactive_id");
    }
    return exchange;
}

static void remove_open(struct fcgi_conn *conn, const struct fcgi_request *request) {
    struct fcgi_request **link = &conn->open;
    while (*link != request) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = request->next;
    conn->open_count--;
}

/* Nobody waits for this request any more. It is freed, by respond() if it is being worked on. */
static void cancel(struct fcgi_request *request) {
    struct fcgi_exchange *exchange = fcgi_exchange_of(request);
    if (fcgi_exchange_complete(exchange)) {
        request->conn = NULL;
        atomic_store(&request->cancelled, true);
    } else {
        fcgi_exchange_free(exchange);
    }
}

/* Answers a request without a response; the peer may use the id again. */
static enum status end_request(struct fcgi_conn *conn, uint16_t id, bool keep_conn, enum fcgi_protocol_status why) {
    uint8_t record[FCGI_END_RECORD_BYTES];
    fcgi_put_end(record, id, 0, why);
    conn->closing = conn->closing || !keep_conn;
    return fcgi_outbox_reply(&conn->outbox, record, sizeof record);
}

static enum status begin_request(struct fcgi_conn *conn) {
    const struct fcgi_limits *limits = conn->limits;
    struct fcgi_begin begin = fcgi_get_begin(conn->control);
    uint16_t id = conn->header.request_id;
    bool keep_conn = begin.flags & FCGI_KEEP_CONN;
    if (begin.role != FCGI_RESPONDER) {
        oddity(conn, "unknown_role");
        return end_request(conn, id, keep_conn, FCGI_UNKNOWN_ROLE);
    }
    /* Responses that a peer does not read cost memory like open requests, so they count like them. */
    if (conn->open_count + conn->outbox.response_count >= limits->requests || !fcgi_exchange_allowed(limits->budget)) {
        oddity(conn, "overloaded");
        return end_request(conn, id, keep_conn, FCGI_OVERLOADED);
    }
    struct fcgi_exchange *exchange = fcgi_exchange_new(limits, id, keep_conn, conn->now_us);
    if (exchange == NULL) {
        return STATUS_NO_MEMORY;
    }
    struct fcgi_request *request = &exchange->request;
    request->fault = conn->closing ? FCGI_FAULT_CLOSING : FCGI_FAULT_NONE;
    request->conn = conn;
    request->next = conn->open;
    conn->open = request;
    conn->open_count++;
    return STATUS_OK;
}

static enum status abort_request(struct fcgi_conn *conn) {
    struct fcgi_exchange *exchange = find_for_record(conn);
    if (exchange == NULL) {
        return STATUS_OK;
    }
    struct fcgi_request *request = &exchange->request;
    bool keep_conn = request->keep_conn;
    remove_open(conn, request);
    cancel(request);
    return end_request(conn, conn->header.request_id, keep_conn, FCGI_REQUEST_COMPLETE);
}

/* --- Management records (section 4) --- */

static enum status answer_values(struct fcgi_conn *conn) {
    static const char *const names[] = {"FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS"};
    const struct fcgi_limits *limits = conn->limits;
    /* The specification means the whole application; HAProxy takes it for the most on one connection. */
    unsigned requests = limits->requests < limits->budget->most ? limits->requests : limits->budget->most;
    const unsigned values[] = {limits->connections, requests, 1};
    enum { NAMES = sizeof names / sizeof *names };
    bool asked[NAMES] = {false};
    struct slice query = {(const char *)conn->control, conn->header.content_length};
    struct fcgi_pair pair;
    enum status status;
    while ((status = fcgi_next_pair(&query, &pair)) == STATUS_OK) {
        for (size_t i = 0; i < NAMES; i++) {
            asked[i] = asked[i] || slice_equal(pair.name, slice_of(names[i]));
        }
    }
    if (status == STATUS_BAD_INPUT) {
        return status;
    }
    uint8_t record[FCGI_HEADER_BYTES + 128]; /* a pair takes at most 2 + 15 + 20 bytes: all of them fit */
    size_t length = FCGI_HEADER_BYTES;
    for (size_t i = 0; i < NAMES; i++) {
        char value[24];
        snprintf(value, sizeof value, "%u", values[i]);
        pair = (struct fcgi_pair){slice_of(names[i]), slice_of(value)};
        if (asked[i]) {
            fcgi_put_pair(record, sizeof record, &length, pair);
        }
    }
    fcgi_put_header(record, (struct fcgi_header){.type = FCGI_GET_VALUES_RESULT,
                                                 .content_length = (uint16_t)(length - FCGI_HEADER_BYTES)});
    return fcgi_outbox_reply(&conn->outbox, record, length);
}

/* Only management records are answered; an application record of an unknown type means nothing to us. */
static enum status answer_unknown_type(struct fcgi_conn *conn) {
    uint8_t record[FCGI_END_RECORD_BYTES];
    oddity(conn, "unknown_type");
    if (conn->header.request_id != FCGI_NULL_REQUEST_ID) {
        return STATUS_OK;
    }
    fcgi_put_unknown_type(record, conn->header.type);
    return fcgi_outbox_reply(&conn->outbox, record, sizeof record);
}

/* --- Records --- */

/* PARAMS or STDIN: finds the request, which must be in the state for it. */
static enum status begin_stream(struct fcgi_conn *conn) {
    struct fcgi_exchange *exchange = find_for_record(conn);
    if (exchange == NULL || exchange->expired) {
        return STATUS_OK;
    }
    conn->target = exchange;
    conn->stream = fcgi_exchange_stream(exchange, conn->header.type);
    return conn->stream != NULL ? STATUS_OK : STATUS_BAD_INPUT;
}

/* The header has come: refuses what may not come now, before its content is taken. */
static enum status begin_record(struct fcgi_conn *conn) {
    struct fcgi_header *header = &conn->header;
    if (fcgi_get_header(conn->header_bytes, header) != STATUS_OK) {
        return STATUS_BAD_INPUT;
    }
    conn->content_left = header->content_length;
    conn->padding_left = header->padding_length;
    conn->target = NULL;
    bool management = header->request_id == FCGI_NULL_REQUEST_ID;
    switch (header->type) {
    case FCGI_BEGIN_REQUEST:
        return management || header->content_length != FCGI_BODY_BYTES || id_in_use(conn, header->request_id)
                   ? STATUS_BAD_INPUT
                   : STATUS_OK;
    case FCGI_PARAMS:
    case FCGI_STDIN:
        return management ? STATUS_BAD_INPUT : begin_stream(conn);
    case FCGI_ABORT_REQUEST:
    case FCGI_DATA:
        return management ? STATUS_BAD_INPUT : STATUS_OK;
    case FCGI_GET_VALUES:
        return !management || header->content_length > CONTROL_BYTES ? STATUS_BAD_INPUT : STATUS_OK;
    case FCGI_END_REQUEST:
    case FCGI_STDOUT:
    case FCGI_STDERR:
    case FCGI_GET_VALUES_RESULT:
    case FCGI_UNKNOWN_TYPE:
        return STATUS_BAD_INPUT;
    default:
        return STATUS_OK;
    }
}

/* length bytes of the content have come, and are counted off content_left by the caller. */
static void take_content(struct fcgi_conn *conn, const uint8_t *bytes, size_t length) {
    if (conn->target != NULL) {
        fcgi_exchange_append(conn->target, conn->stream, bytes, length, conn->content_left);
    } else if (conn->header.type == FCGI_BEGIN_REQUEST || conn->header.type == FCGI_GET_VALUES) {
        memcpy(conn->control + (conn->header.content_length - conn->content_left), bytes, length);
    }
}

/* A record of PARAMS or STDIN has come whole; an empty one ends the stream. */
static enum status end_stream_record(struct fcgi_conn *conn) {
    struct fcgi_exchange *exchange = conn->target;
    if (exchange == NULL || conn->header.content_length > 0) {
        return STATUS_OK;
    }
    enum status status = fcgi_exchange_end(exchange, conn->stream);
    if (status == STATUS_OK && fcgi_exchange_complete(exchange)) {
        conn->events->on_request(conn->events->context, &exchange->request);
    }
    return status;
}

/* The record has come whole, padding included. */
static enum status end_record(struct fcgi_conn *conn) {
    switch (conn->header.type) {
    case FCGI_BEGIN_REQUEST:
        return begin_request(conn);
    case FCGI_ABORT_REQUEST:
        return abort_request(conn);
    case FCGI_PARAMS:
    case FCGI_STDIN:
        return end_stream_record(conn);
    case FCGI_DATA:
        find_for_record(conn); /* a responder has no use for it */
        return STATUS_OK;
    case FCGI_GET_VALUES:
        return answer_values(conn);
    default:
        return answer_unknown_type(conn);
    }
}

/* Takes bytes of one part of a record: header, content or padding; says how many. */
static size_t take_part(struct fcgi_conn *conn, const uint8_t *bytes, size_t length) {
    size_t taken;
    if (conn->header_length < FCGI_HEADER_BYTES) {
        taken = smaller(length, FCGI_HEADER_BYTES - conn->header_length);
        conn->record_begun_us = conn->header_length == 0 ? conn->now_us : conn->record_begun_us;
        memcpy(conn->header_bytes + conn->header_length, bytes, taken);
        conn->header_length += taken;
        if (conn->header_length == FCGI_HEADER_BYTES) {
            conn->broken = begin_record(conn);
        }
    } else if (conn->content_left > 0) {
        taken = smaller(length, conn->content_left);
        take_content(conn, bytes, taken);
        conn->content_left -= taken;
    } else {
        taken = smaller(length, conn->padding_left);
        conn->padding_left -= taken;
    }
    return taken;
}

enum status fcgi_conn_feed(struct fcgi_conn *conn, const uint8_t *bytes, size_t length, int64_t now_us) {
    conn->now_us = now_us;
    while (conn->broken == STATUS_OK && length > 0) {
        size_t taken = take_part(conn, bytes, length);
        bytes += taken;
        length -= taken;
        bool whole = conn->header_length == FCGI_HEADER_BYTES && conn->content_left == 0 && conn->padding_left == 0;
        if (conn->broken == STATUS_OK && whole) {
            conn->header_length = 0;
            conn->broken = end_record(conn);
        }
    }
    return conn->broken;
}

/* --- Time --- */

/* An open request that is older than that and not yet whole, or NULL. */
static struct fcgi_exchange *find_late(const struct fcgi_conn *conn, int64_t before_us) {
    for (struct fcgi_request *request = conn->open; request != NULL; request = request->next) {
        struct fcgi_exchange *exchange = fcgi_exchange_of(request);
        if (exchange->begun_us < before_us && !fcgi_exchange_complete(exchange)) {
            return exchange;
        }
    }
    return NULL;
}

bool fcgi_conn_expire(struct fcgi_conn *conn, int64_t before_us) {
    if (conn->header_length > 0 && conn->record_begun_us < before_us) {
        return false;
    }
    struct fcgi_exchange *late;
    while ((late = find_late(conn, before_us)) != NULL) { /* from the start: its answer changes the list */
        if (conn->target == late) {
            conn->target = NULL; /* the rest of the record is nobody's */
        }
        fcgi_exchange_expire(late);
        conn->events->on_request(conn->events->context, &late->request);
    }
    return true;
}

/* --- Responses --- */

void fcgi_conn_respond(struct fcgi_request *request) {
    struct fcgi_exchange *exchange = fcgi_exchange_of(request);
    struct fcgi_conn *conn = request->conn;
    assert(fcgi_exchange_complete(exchange));
    if (conn == NULL) {
        fcgi_exchange_free(exchange);
        return;
    }
    remove_open(conn, request);
    fcgi_exchange_frame(exchange);
    fcgi_outbox_respond(&conn->outbox, exchange);
    conn->closing = conn->closing || !request->keep_conn;
}

size_t fcgi_conn_output(struct fcgi_conn *conn, struct iovec *vectors, size_t max) {
    return fcgi_outbox_vectors(&conn->outbox, vectors, max);
}

void fcgi_conn_sent(struct fcgi_conn *conn, size_t length) { fcgi_outbox_sent(&conn->outbox, length); }

size_t fcgi_conn_pending_bytes(const struct fcgi_conn *conn) { return conn->outbox.pending_bytes; }

/* --- The connection --- */

struct fcgi_conn *fcgi_conn_new(const struct fcgi_limits *limits, const struct fcgi_conn_events *events) {
    struct fcgi_conn *conn = calloc(1, sizeof *conn);
    if (conn != NULL) {
        conn->limits = limits;
        conn->events = events;
        conn->broken = STATUS_OK;
        fcgi_outbox_init(&conn->outbox);
    }
    return conn;
}

void fcgi_conn_free(struct fcgi_conn *conn) {
    if (conn == NULL) {
        return;
    }
    for (struct fcgi_request *request = conn->open, *next; request != NULL; request = next) {
        next = request->next;
        cancel(request);
    }
    fcgi_outbox_clear(&conn->outbox);
    free(conn);
}

unsigned fcgi_conn_open_requests(const struct fcgi_conn *conn) { return conn->open_count; }

void fcgi_conn_drain(struct fcgi_conn *conn) { conn->closing = true; }

bool fcgi_conn_finished(const struct fcgi_conn *conn) {
    return conn->closing && conn->open_count == 0 && conn->outbox.pending_bytes == 0;
}

struct slice fcgi_param(const struct fcgi_request *request, const char *name) {
    struct slice wanted = slice_of(name);
    for (size_t i = 0; i < request->param_count; i++) {
        if (slice_equal(request->params[i].name, wanted)) {
            return request->params[i].value;
        }
    }
    return (struct slice){NULL, 0};
}
