#include "fcgi_outbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { REPLIES_MAX_BYTES = 16384 }; /* a peer that lets so many wait does not read them */

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

void fcgi_outbox_init(struct fcgi_outbox *outbox) {
    *outbox = (struct fcgi_outbox){0};
    outbox->responses_end = &outbox->responses;
}

/* --- In ------------------------------------------------------------------------------- */

enum status fcgi_outbox_reply(struct fcgi_outbox *outbox, const uint8_t *bytes, size_t length) {
    size_t wanted = outbox->replies_length + length;
    if (wanted > REPLIES_MAX_BYTES) {
        return STATUS_BAD_INPUT;
    }
    if (wanted > outbox->replies_capacity) {
        size_t capacity = smaller(wanted * 2, REPLIES_MAX_BYTES);
        uint8_t *replies = realloc(outbox->replies, capacity);
        if (replies == NULL) {
            return STATUS_NO_MEMORY;
        }
        outbox->replies = replies;
        outbox->replies_capacity = capacity;
    }
    memcpy(outbox->replies + outbox->replies_length, bytes, length);
    outbox->replies_length = wanted;
    outbox->pending_bytes += length;
    return STATUS_OK;
}

static void append(struct fcgi_outbox *outbox, struct fcgi_request *request) {
    request->next = NULL;
    *outbox->responses_end = request;
    outbox->responses_end = &request->next;
    outbox->response_count++;
}

void fcgi_outbox_respond(struct fcgi_outbox *outbox, struct fcgi_exchange *exchange) {
    append(outbox, &exchange->request);
    outbox->pending_bytes += exchange->wire_bytes;
}

bool fcgi_outbox_holds(const struct fcgi_outbox *outbox, uint16_t id) {
    const struct fcgi_request *request = outbox->responses;
    while (request != NULL && request->id != id) {
        request = request->next;
    }
    return request != NULL;
}

/* --- Out ------------------------------------------------------------------------------ */

static bool in_record(const struct fcgi_outbox *outbox) {
    return outbox->responses != NULL && fcgi_exchange_in_record(fcgi_exchange_of(outbox->responses));
}

size_t fcgi_outbox_vectors(const struct fcgi_outbox *outbox, struct iovec *vectors, size_t max) {
    struct fcgi_request *next = outbox->responses;
    size_t count = 0;
    if (in_record(outbox)) {
        count = fcgi_exchange_output(fcgi_exchange_of(next), vectors, max);
        next = next->next;
    }
    if (outbox->replies_length > 0 && count < max) {
        vectors[count++] = (struct iovec){.iov_base = outbox->replies, .iov_len = outbox->replies_length};
    }
    for (; next != NULL && count < max; next = next->next) {
        count += fcgi_exchange_output(fcgi_exchange_of(next), vectors + count, max - count);
    }
    return count;
}

static struct fcgi_request *take_first(struct fcgi_outbox *outbox) {
    struct fcgi_request *request = outbox->responses;
    outbox->responses = request->next;
    if (outbox->responses == NULL) {
        outbox->responses_end = &outbox->responses;
    }
    outbox->response_count--;
    return request;
}

/* Counts up to length bytes as sent from the response whose turn it is; says how many that were. */
static size_t response_sent(struct fcgi_outbox *outbox, size_t length) {
    assert(outbox->responses != NULL); /* what is pending and is not a reply belongs to a response */
    struct fcgi_exchange *exchange = fcgi_exchange_of(outbox->responses);
    size_t turn = fcgi_exchange_turn_bytes(exchange), sent = smaller(length, turn);
    exchange->sent_bytes += sent;
    if (sent == turn) {
        struct fcgi_request *request = take_first(outbox);
        if (exchange->sent_bytes < exchange->wire_bytes) {
            append(outbox, request);
        } else {
            fcgi_exchange_free(exchange);
        }
    }
    return sent;
}

static size_t replies_sent(struct fcgi_outbox *outbox, size_t length) {
    size_t sent = smaller(length, outbox->replies_length);
    outbox->replies_length -= sent;
    if (outbox->replies_length > 0) {
        memmove(outbox->replies, outbox->replies + sent, outbox->replies_length);
    }
    return sent;
}

/* Follows the order of fcgi_outbox_vectors(). */
void fcgi_outbox_sent(struct fcgi_outbox *outbox, size_t length) {
    assert(length <= outbox->pending_bytes);
    outbox->pending_bytes -= length;
    if (in_record(outbox)) {
        length -= response_sent(outbox, length);
    }
    length -= replies_sent(outbox, length);
    while (length > 0) {
        length -= response_sent(outbox, length);
    }
}

void fcgi_outbox_clear(struct fcgi_outbox *outbox) {
    while (outbox->responses != NULL) {
        fcgi_exchange_free(fcgi_exchange_of(take_first(outbox)));
    }
    free(outbox->replies);
    fcgi_outbox_init(outbox);
}
