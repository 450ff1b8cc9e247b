/*
 * fcgi_exchange -- one request of a FastCGI connection, from its BEGIN to the last
 * byte of its END. A part of fcgi_conn, which alone uses it.
 *
 *   PARAMS, STDIN --append, end--> struct fcgi_request --> the application
 *   record bytes  <----output----- head, content       <--
 *
 * Neither direction copies more than it must: params and body are copied once, into
 * the arena; a response is sent from where the application left it.
 */
#ifndef FCGI_EXCHANGE_H
#define FCGI_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "fcgi_conn.h"

/* PARAMS or STDIN, put together from its records. */
struct fcgi_stream {
    char *data; /* in the request's arena */
    size_t length;
    size_t capacity;
    size_t expected; /* what the peer says will come: a hint, may be anything */
    size_t limit;
    bool dropped; /* it went over a limit; the rest is read and forgotten */
    bool ended;
};

struct fcgi_exchange {
    struct fcgi_request request; /* first, so that the application's pointer is ours too */
    struct fcgi_stream params;
    struct fcgi_stream body;
    struct fcgi_budget *budget; /* it counts against this one */
    int64_t begun_us;
    bool expired; /* handed out before it was whole; its further records are ignored */

    size_t wire_bytes; /* of the whole response, record headers included */
    size_t sent_bytes;
    uint8_t full_header[FCGI_HEADER_BYTES];                     /* of the records that are full */
    uint8_t last_header[FCGI_HEADER_BYTES];                     /* of the one that is not */
    uint8_t trailer[FCGI_HEADER_BYTES + FCGI_END_RECORD_BYTES]; /* the empty STDOUT, END_REQUEST */
};

/* True: one more may begin, which is then counted against the budget. */
bool fcgi_exchange_allowed(struct fcgi_budget *budget);

/* Of an exchange that was allowed. Returns NULL without memory: it is no longer counted. */
struct fcgi_exchange *fcgi_exchange_new(const struct fcgi_limits *limits, uint16_t id, bool keep_conn, int64_t now_us);

void fcgi_exchange_free(struct fcgi_exchange *exchange);

/* The exchange that a request is part of. */
struct fcgi_exchange *fcgi_exchange_of(struct fcgi_request *request);

/* The stream that a record of type FCGI_PARAMS or FCGI_STDIN goes to, or NULL if it
 * may not come now: STDIN follows PARAMS, and nothing follows the end of a stream. */
struct fcgi_stream *fcgi_exchange_stream(struct fcgi_exchange *exchange, uint8_t type);

/* Takes bytes of a stream, the first of the record_left that its record still brings. What
 * goes over the limit, or finds no room, is dropped: fcgi_exchange_end() makes a fault of it. */
void fcgi_exchange_append(struct fcgi_exchange *exchange, struct fcgi_stream *stream, const uint8_t *bytes,
                          size_t length, size_t record_left);

/* The stream has ended; after the body the request is ready for the application.
 * STATUS_BAD_INPUT: the params end within a pair. */
enum status fcgi_exchange_end(struct fcgi_exchange *exchange, struct fcgi_stream *stream);

/* Ends both streams where they are; nothing of them is handed out. */
void fcgi_exchange_expire(struct fcgi_exchange *exchange);

/* True once both streams have ended. */
bool fcgi_exchange_complete(const struct fcgi_exchange *exchange);

/* The response was set: makes its records, which what follows is about. */
void fcgi_exchange_frame(struct fcgi_exchange *exchange);

/* True while a record of the response has been sent in part: nothing else may come between. */
bool fcgi_exchange_in_record(const struct fcgi_exchange *exchange);

/* What is left of the turn: of one STDOUT record, and of what ends the response if this
 * record is the last. Counted in bytes on the wire. */
size_t fcgi_exchange_turn_bytes(const struct fcgi_exchange *exchange);

/* Fills at most max vectors with what is left of the turn, returns how many. */
size_t fcgi_exchange_output(const struct fcgi_exchange *exchange, struct iovec *vectors, size_t max);

#endif
