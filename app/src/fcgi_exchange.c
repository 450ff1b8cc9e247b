/*
 * A response on the wire: records that are full, one that is not, the trailer. It is not copied into them:
 * wire_piece() says which bytes stand at a given place. A turn ends where a full record ends, or with the trailer.
 *
 *   | header | head, content ...  | header | ... content | empty STDOUT | END_REQUEST |
 *   '------ RECORD_BYTES_MAX -----'                      '---------- trailer ---------'
 */
#include "fcgi_exchange.h"

#include <stdlib.h>
#include <string.h>

enum {
    RECORD_BYTES_MAX = FCGI_HEADER_BYTES + FCGI_CONTENT_MAX,
    TRAILER_BYTES = sizeof(((struct fcgi_exchange *)NULL)->trailer),
};

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

bool fcgi_exchange_allowed(struct fcgi_budget *budget) {
    if (atomic_fetch_add(&budget->taken, 1) < budget->most) {
        return true;
    }
    atomic_fetch_sub(&budget->taken, 1);
    return false;
}

struct fcgi_exchange *fcgi_exchange_new(const struct fcgi_limits *limits, uint16_t id, bool keep_conn, int64_t now_us) {
    struct fcgi_exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL) {
        atomic_fetch_sub(&limits->budget->taken, 1);
        return NULL;
    }
    arena_init(&exchange->request.arena, limits->memory_bytes);
    exchange->request.id = id;
    exchange->request.keep_conn = keep_conn;
    exchange->params.limit = limits->params_bytes;
    exchange->body.limit = limits->body_bytes;
    exchange->budget = limits->budget;
    exchange->begun_us = now_us;
    return exchange;
}

void fcgi_exchange_free(struct fcgi_exchange *exchange) {
    atomic_fetch_sub(&exchange->budget->taken, 1);
    arena_free(&exchange->request.arena);
    free(exchange);
}

struct fcgi_exchange *fcgi_exchange_of(struct fcgi_request *request) { return (struct fcgi_exchange *)request; }

/* --- In: params and body --- */

struct fcgi_stream *fcgi_exchange_stream(struct fcgi_exchange *exchange, uint8_t type) {
    if (type == FCGI_PARAMS) {
        return exchange->params.ended ? NULL : &exchange->params;
    }
    return exchange->params.ended && !exchange->body.ended ? &exchange->body : NULL;
}

/* Room for length bytes more, and for what is expected if that can be had. */
static bool reserve(struct arena *arena, struct fcgi_stream *stream, size_t length) {
    size_t needed = stream->length + length;
    if (needed <= stream->capacity) {
        return true;
    }
    size_t wanted = smaller(larger(larger(needed, stream->expected), stream->capacity * 2), stream->limit);
    char *data = arena_grow(arena, stream->data, stream->capacity, wanted);
    if (data == NULL) {
        wanted = needed;
        data = arena_grow(arena, stream->data, stream->capacity, wanted);
    }
    arena->failed = false; /* the fault says it; the application starts with a clean arena */
    if (data == NULL) {
        return false;
    }
    stream->data = data;
    stream->capacity = wanted;
    return true;
}

void fcgi_exchange_append(struct fcgi_exchange *exchange, struct fcgi_stream *stream, const uint8_t *bytes,
                          size_t length, size_t record_left) {
    stream->dropped = stream->dropped || record_left > stream->limit - stream->length ||
                      !reserve(&exchange->request.arena, stream, record_left);
    if (!stream->dropped) {
        memcpy(stream->data + stream->length, bytes, length);
        stream->length += length;
    }
}

/* CONTENT_LENGTH, as far as the limit goes, or 0. It is a stranger's text: the body's size is what comes. */
static size_t expected_body(const struct fcgi_request *request, size_t limit) {
    struct slice text = fcgi_param(request, "CONTENT_LENGTH");
    size_t value = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }
        if (value > limit / 10) {
            return limit;
        }
        value = value * 10 + (size_t)(text.data[i] - '0');
    }
    return value;
}

/* Reads the params once to count them and once to keep them. STATUS_BAD_INPUT: they end within a pair. */
static enum status read_params(struct fcgi_exchange *exchange) {
    struct fcgi_request *request = &exchange->request;
    struct slice all = {exchange->params.data, exchange->params.length}, rest = all;
    struct fcgi_pair pair;
    size_t count = 0;
    enum status status;
    while ((status = fcgi_next_pair(&rest, &pair)) == STATUS_OK) {
        count++;
    }
    if (status == STATUS_BAD_INPUT) {
        return status;
    }
    struct fcgi_pair *pairs = arena_alloc(&request->arena, count * sizeof *pairs);
    if (pairs == NULL) {
        exchange->params.dropped = true;
        return STATUS_OK;
    }
    for (size_t i = 0; i < count; i++) {
        fcgi_next_pair(&all, &pairs[i]);
    }
    request->params = pairs;
    request->param_count = count;
    return STATUS_OK;
}

static enum status end_params(struct fcgi_exchange *exchange) {
    struct fcgi_request *request = &exchange->request;
    struct fcgi_stream *params = &exchange->params;
    if (!params->dropped && read_params(exchange) != STATUS_OK) {
        return STATUS_BAD_INPUT;
    }
    if (params->dropped) {
        arena_free(&request->arena);
        request->fault = FCGI_FAULT_PARAMS_TOO_LARGE;
        exchange->body.dropped = true; /* nobody can say what it would be for */
        return STATUS_OK;
    }
    exchange->body.expected = expected_body(request, exchange->body.limit);
    return STATUS_OK;
}

enum status fcgi_exchange_end(struct fcgi_exchange *exchange, struct fcgi_stream *stream) {
    struct fcgi_request *request = &exchange->request;
    stream->ended = true;
    if (stream == &exchange->params) {
        return end_params(exchange);
    }
    if (!stream->dropped) {
        request->body = (struct slice){stream->data, stream->length};
    } else if (request->fault == FCGI_FAULT_NONE) {
        request->fault = FCGI_FAULT_BODY_TOO_LARGE;
    }
    return STATUS_OK;
}

void fcgi_exchange_expire(struct fcgi_exchange *exchange) {
    struct fcgi_request *request = &exchange->request;
    arena_free(&request->arena);
    request->params = NULL;
    request->param_count = 0;
    request->fault = FCGI_FAULT_TIMED_OUT;
    exchange->params.ended = exchange->body.ended = exchange->expired = true;
}

bool fcgi_exchange_complete(const struct fcgi_exchange *exchange) { return exchange->body.ended; }

/* --- Out: the response --- */

void fcgi_exchange_frame(struct fcgi_exchange *exchange) {
    uint16_t id = exchange->request.id;
    size_t total = exchange->request.head.length + exchange->request.content.length;
    size_t last = total % FCGI_CONTENT_MAX;
    size_t records = total / FCGI_CONTENT_MAX + (last > 0);
    fcgi_put_header(exchange->full_header, (struct fcgi_header){FCGI_STDOUT, id, FCGI_CONTENT_MAX, 0});
    fcgi_put_header(exchange->last_header, (struct fcgi_header){FCGI_STDOUT, id, (uint16_t)last, 0});
    fcgi_put_header(exchange->trailer, (struct fcgi_header){FCGI_STDOUT, id, 0, 0});
    fcgi_put_end(exchange->trailer + FCGI_HEADER_BYTES, id, 0, FCGI_REQUEST_COMPLETE);
    exchange->wire_bytes = records * FCGI_HEADER_BYTES + total + TRAILER_BYTES;
    exchange->sent_bytes = 0;
}

static struct iovec piece(const void *data, size_t from, size_t to) {
    return (struct iovec){.iov_base = (char *)data + from, .iov_len = to - from};
}

/* The bytes of the response from offset on that lie together. */
static struct iovec wire_piece(const struct fcgi_exchange *exchange, size_t offset) {
    struct slice head = exchange->request.head, content = exchange->request.content;
    size_t total = head.length + content.length;
    size_t trailer_at = exchange->wire_bytes - TRAILER_BYTES;
    if (offset >= trailer_at) {
        return piece(exchange->trailer, offset - trailer_at, TRAILER_BYTES);
    }
    size_t record_start = offset / RECORD_BYTES_MAX * FCGI_CONTENT_MAX; /* counted in head and content */
    size_t record_end = smaller(record_start + FCGI_CONTENT_MAX, total);
    size_t at = offset % RECORD_BYTES_MAX; /* counted in the record */
    if (at < FCGI_HEADER_BYTES) {
        bool full = record_end - record_start == FCGI_CONTENT_MAX;
        return piece(full ? exchange->full_header : exchange->last_header, at, FCGI_HEADER_BYTES);
    }
    size_t from = record_start + at - FCGI_HEADER_BYTES;
    if (from < head.length) {
        return piece(head.data, from, smaller(head.length, record_end));
    }
    return piece(content.data, from - head.length, record_end - head.length);
}

bool fcgi_exchange_in_record(const struct fcgi_exchange *exchange) {
    /* Where a full record ends another begins, but not behind the last one: there the trailer is under way. */
    bool in_trailer = exchange->sent_bytes > exchange->wire_bytes - TRAILER_BYTES;
    return exchange->sent_bytes % RECORD_BYTES_MAX != 0 || in_trailer;
}

size_t fcgi_exchange_turn_bytes(const struct fcgi_exchange *exchange) {
    size_t record_end = (exchange->sent_bytes / RECORD_BYTES_MAX + 1) * RECORD_BYTES_MAX;
    bool last = record_end >= exchange->wire_bytes - TRAILER_BYTES;
    return (last ? exchange->wire_bytes : record_end) - exchange->sent_bytes;
}

size_t fcgi_exchange_output(const struct fcgi_exchange *exchange, struct iovec *vectors, size_t max) {
    size_t end = exchange->sent_bytes + fcgi_exchange_turn_bytes(exchange), count = 0;
    for (size_t at = exchange->sent_bytes; at < end && count < max; count++) {
        vectors[count] = wire_piece(exchange, at);
        at += vectors[count].iov_len;
    }
    return count;
}
