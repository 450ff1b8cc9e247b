/*
 * loop -- an event loop: a thread with its own connections. A part of server, which alone
 * uses it.
 *
 *   epoll_wait
 *     listener readable --> accept_some         new connections
 *     connection ready  --> connection_handle   bytes in, on_request, bytes out
 *     wake_fd           --> answer_done         answers that had to wait; or the server stops
 *   every 50 ms         --> look_after          time-outs, the stages of stopping
 *
 * Loops share the listening socket and what stands in struct loop_shared, nothing else.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server.h"

struct loop;

/* Must outlive the loops, and what it points to, too. */
struct loop_shared {
    const struct server_options *options;
    struct server *server;   /* what on_request gets */
    atomic_uint connections; /* of all loops, against the limit */
    atomic_uint stops_asked;
    atomic_llong stopped_us; /* when the first stop was asked for */
    const char *path;        /* of the Unix socket, or NULL */
    atomic_flag removed;     /* its name is gone */
};

/* Removes the name of the Unix socket, once. To be called while somebody still listens:
 * afterwards another server may have put its own there. */
void loop_remove_name(struct loop_shared *shared);

/* fd is the listening socket, of which the loop keeps a duplicate. NULL: no memory, or no
 * descriptors. */
struct loop *loop_new(struct loop_shared *shared, int fd);

/* Runs on the calling thread until stopping is done; returns how many connections were
 * given up with a request in work, or an answer not sent. */
unsigned loop_run(struct loop *loop);

/* Makes it look at the shared state now. Any thread. */
void loop_wake(struct loop *loop);

/* Sends the answer of a request; if this thread may not do so now, the loop that holds the
 * connection does. Any thread. */
void loop_respond(struct fcgi_request *request);

/* NULL is allowed. Closes its connections; frees the requests that were given back and not
 * taken. All others must have been given back. */
void loop_free(struct loop *loop);

#endif
