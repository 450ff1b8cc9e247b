/*
 * fcgi_outbox -- what waits to be sent on a FastCGI connection. A part of fcgi_conn,
 * which alone uses it.
 *
 * In this order: what is left of a record that was begun, the replies (to management
 * records, aborts and requests that are refused), then a turn of each response
 * (fcgi_exchange.h). A response that had its turn and is not through goes to the end of
 * the line, so that a large one does not keep the small ones waiting. A reply may overtake
 * responses: they are about other ids, for the peer may use an id again only when it has
 * seen its END.
 */
#ifndef FCGI_OUTBOX_H
#define FCGI_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "fcgi_exchange.h"
#include "status.h"

struct fcgi_outbox {
    uint8_t *replies; /* whole records that carry no response */
    size_t replies_length;
    size_t replies_capacity;
    struct fcgi_request *responses; /* linked by next, in the order of their turns */
    struct fcgi_request **responses_end;
    unsigned response_count;
    size_t pending_bytes; /* of all */
};

void fcgi_outbox_init(struct fcgi_outbox *outbox);

/* Frees what was not sent. */
void fcgi_outbox_clear(struct fcgi_outbox *outbox);

/* Adds whole records. STATUS_BAD_INPUT: the peer lets too many of them wait (16 KiB);
 * STATUS_NO_MEMORY. */
enum status fcgi_outbox_reply(struct fcgi_outbox *outbox, const uint8_t *bytes, size_t length);

/* Adds a response that was framed, and frees its request once it is sent. */
void fcgi_outbox_respond(struct fcgi_outbox *outbox, struct fcgi_exchange *exchange);

/* True: a response to this id waits. */
bool fcgi_outbox_holds(const struct fcgi_outbox *outbox, uint16_t id);

/* As fcgi_conn_output() and fcgi_conn_sent(). */
size_t fcgi_outbox_vectors(const struct fcgi_outbox *outbox, struct iovec *vectors, size_t max);
void fcgi_outbox_sent(struct fcgi_outbox *outbox, size_t length);

#endif
