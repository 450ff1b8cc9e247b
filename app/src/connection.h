/*
 * connection -- the connections of a loop: a fcgi_conn, its socket, and its time. A part
 * of server, of which only loop uses it.
 *
 *   readable --> connection_handle: recv -> fcgi_conn -> on_request
 *   writable --> connection_handle: fcgi_conn -> sendmsg
 *   answered --> connection_take_back, connection_flush
 *   a tick   --> connections_close_slow
 *
 * A connection is closed at once, but its memory stays until no event of the round
 * and no request in work can name it: connections_sweep() frees what is left.
 * Everything here belongs to the thread of the loop.
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

/* Sends what can be sent now, then watches for what is left. May close the connection. */
void connection_flush(struct connection *connection);

/* Takes a request back whose response was set. The connection, now to be flushed, or
 * NULL if nobody waits for the answer any more. */
struct connection *connection_take_back(struct fcgi_request *request);

/* The loop that holds the connection of a request which was handed out. Any thread. */
struct loop *connection_loop(const struct fcgi_request *request);

/* True while the connection of request is reading and calls on_request: it flushes afterwards by itself. */
bool connections_reading(const struct connections *all, const struct fcgi_request *request);

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
