/*
 * connection -- the connections of a loop: a fcgi_conn, its socket, and its time. A part
 * of server, of which only loop uses it.
 *
 *   readable --> connection_handle: recv -> fcgi_conn -> on_request
 *   writable --> connection_handle: fcgi_conn -> sendmsg
 *   answered --> connection_answer: fcgi_conn -> sendmsg, on the thread that has the answer
 *   a tick   --> connections_close_slow
 *
 * An answer is sent by the thread that made it, under the connection's lock: to wake the
 * loop for it would cost more than the sending. All else belongs to the thread of the loop.
 *
 * A connection is closed at once, but its memory stays until no event of the round and no
 * request in work can name it: connections_sweep() frees what is left.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "loop.h"

struct connection;
struct connections; /* all of one loop, open and closed */

/* shared must outlive them; epoll_fd, where their sockets are watched with the connection
 * as data, too. loop is what connection_loop() tells. NULL: no memory. */
struct connections *connections_new(struct loop_shared *shared, struct loop *loop, int epoll_fd);

/* All must have been closed and all requests given back. NULL is allowed. */
void connections_free(struct connections *all);

/* Those that are open. */
unsigned connections_count(const struct connections *all);

/* Begins a connection on a non-blocking socket and takes that over. False: it could
 * not, the socket is still the caller's. */
bool connections_add(struct connections *all, int fd);

/* Reads and writes as the EPOLL… events say. May close the connection. */
void connection_handle(struct connection *connection, uint32_t events);

/* Takes a request back whose response was set, and sends that as far as it can be sent now;
 * the request may be freed by then. Any thread. False: this thread is within on_request() of
 * another connection, and must not wait for the lock of this one; nothing was done. */
bool connection_answer(struct fcgi_request *request);

/* The loop that holds the connection of a request which was handed out. Any thread. */
struct loop *connection_loop(const struct fcgi_request *request);

/* Closes those whose peer reads too slowly, or sends half a record, or was silent for too
 * long. A request that does not come in whole is handed out as it is (fcgi_conn_expire()). */
void connections_close_slow(struct connections *all, int64_t now_us);

/* Takes what has come already; from now on each ends once its requests are answered. */
void connections_drain(struct connections *all);

/* Closes all; returns how many had a request in work, or an answer not sent. */
unsigned connections_give_up(struct connections *all);

/* Frees the closed ones without a request in work. At the end of each round. */
void connections_sweep(struct connections *all);

#endif
