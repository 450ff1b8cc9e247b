/*
 * fcgi_conn -- one FastCGI connection, without its socket.
 *
 *                 feed()                       on_request()
 *   bytes in  ------------>  records, by id  ---------------->  the application
 *   bytes out <------------  STDOUT, END     <----------------
 *            output(), sent()                   respond()
 *
 * Several requests are open at once on one connection, told apart by their ids
 * (multiplexing, section 3.3); they may be answered in any order, and large responses
 * take turns, a record each, so that none waits for the whole of another. Management
 * records are answered here. What breaks the specification makes feed() return
 * STATUS_BAD_INPUT: the caller then closes the connection.
 *
 * No clock is read here: now_us is monotonic, from clock.h.
 *
 * A connection is used by one thread at a time: whoever owns it has a lock for that
 * (connection.c). A request that was handed out may be worked on by any thread without
 * the lock, which touches its arena and response only and may look at cancelled;
 * fcgi_conn_respond() is a use of the connection again. A request outlives its
 * connection: when the peer leaves or aborts, request->conn becomes NULL and
 * request->cancelled true, and respond() then only frees it.
 */
#ifndef FCGI_CONN_H
#define FCGI_CONN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "arena.h"
#include "fcgi.h"
#include "slice.h"
#include "status.h"

/* Requests that hold memory, of all connections together: open, answered and not yet sent,
 * or left by their peer and still worked on. Shared by threads. */
struct fcgi_budget {
    atomic_uint taken;
    unsigned most;
};

struct fcgi_limits {
    size_t params_bytes;  /* of one request; more: FCGI_FAULT_PARAMS_TOO_LARGE */
    size_t body_bytes;    /* of one request; more: FCGI_FAULT_BODY_TOO_LARGE */
    size_t memory_bytes;  /* of one request's arena, response included; params or body without room: a fault too */
    unsigned connections; /* of the whole server: the FCGI_MAX_CONNS we tell */
    unsigned requests;    /* open, or answered and not yet sent, on one connection; more: FCGI_OVERLOADED */
    struct fcgi_budget
        *budget; /* of the whole server; more: FCGI_OVERLOADED. The smaller is the FCGI_MAX_REQS we tell */
};

/* Why a request that was handed out cannot be served as it is. */
enum fcgi_fault {
    FCGI_FAULT_NONE,
    FCGI_FAULT_PARAMS_TOO_LARGE, /* params are empty */
    FCGI_FAULT_BODY_TOO_LARGE,   /* body is empty */
    FCGI_FAULT_TIMED_OUT,        /* did not come in whole; params and body are empty */
    FCGI_FAULT_CLOSING,          /* begun when the connection was about to close */
};

struct fcgi_conn;

struct fcgi_request {
    struct arena arena; /* params and body live here; the application's memory too */
    const struct fcgi_pair *params;
    size_t param_count;
    struct slice body;
    enum fcgi_fault fault;

    /* The response: a CGI header block with its empty line (RFC 3875 section 6),
     * and the content. Both are set by the application and live in the arena, or for ever. */
    struct slice head;
    struct slice content;

    atomic_bool cancelled;          /* nobody waits for the response any more */
    struct fcgi_conn *conn;         /* the connection's: NULL once the peer is gone */
    struct fcgi_request *next;      /* the connection's: the open requests, or the responses that wait */
    struct fcgi_request *next_done; /* the server's: answered, not yet taken back */
    void *application;              /* the server's: the connection it came by */
    uint16_t id;
    bool keep_conn;
};

struct fcgi_conn_events {
    /* A request has come in whole, or will not (FCGI_FAULT_TIMED_OUT). The receiver owes
     * one fcgi_conn_respond(), now or later. */
    void (*on_request)(void *context, struct fcgi_request *request);
    /* The peer broke no rule but asked for what we do not do; what is one of
     * "unknown_type", "unknown_role", "overloaded", "inactive_id". For counting. */
    void (*on_oddity)(void *context, const char *what);
    void *context;
};

/* Returns NULL without memory. limits and events must outlive the connection. */
struct fcgi_conn *fcgi_conn_new(const struct fcgi_limits *limits, const struct fcgi_conn_events *events);

/* Cancels the open requests, frees everything but those that are still being
 * worked on. NULL is allowed. */
void fcgi_conn_free(struct fcgi_conn *conn);

/* Takes all length bytes, split at any place. STATUS_BAD_INPUT: the peer broke the
 * specification, or lets 16 KiB of our replies wait; STATUS_NO_MEMORY: ours ended.
 * After either nothing more is taken: close. */
enum status fcgi_conn_feed(struct fcgi_conn *conn, const uint8_t *bytes, size_t length, int64_t now_us);

/* Hands out, with FCGI_FAULT_TIMED_OUT, the requests that began before before_us and have
 * not come in whole; what still comes for them is ignored. False: a record began before
 * then and has not come in whole, so nobody can say where the next one begins: close. */
bool fcgi_conn_expire(struct fcgi_conn *conn, int64_t before_us);

/* Queues the response of a request for output and takes the request back; it is freed
 * once that is sent, or now if the peer is gone. */
void fcgi_conn_respond(struct fcgi_request *request);

/* Fills at most max vectors with what waits to be sent, in order; returns how many.
 * They are valid until the next call of any other function of this connection. */
size_t fcgi_conn_output(struct fcgi_conn *conn, struct iovec *vectors, size_t max);

/* length bytes of the output have been sent. */
void fcgi_conn_sent(struct fcgi_conn *conn, size_t length);

/* Bytes that wait to be sent. */
size_t fcgi_conn_pending_bytes(const struct fcgi_conn *conn);

/* Requests that are open: begun and not yet answered. */
unsigned fcgi_conn_open_requests(const struct fcgi_conn *conn);

/* From now on the connection ends once its open requests are answered; those that begin
 * later get FCGI_FAULT_CLOSING. */
void fcgi_conn_drain(struct fcgi_conn *conn);

/* True when the connection is to be closed: everything is answered and sent, and
 * the peer did not ask to keep it (section 3.5), or it is being drained. */
bool fcgi_conn_finished(const struct fcgi_conn *conn);

/* The value of a param, the first of that name, or an empty slice with data NULL when
 * there is none. */
struct slice fcgi_param(const struct fcgi_request *request, const char *name);

#endif
