/*
 * server -- a listening socket, the loops that hold its FastCGI connections, and the
 * stages of stopping.
 *
 * server_run() runs the loops, each a thread (loop.h): they accept, read, feed fcgi_conn,
 * and call on_request for every request that has come in whole. The answer is given by
 * server_respond(), at once or later, from any thread. Slow and silent peers cost only
 * their own connection: unread output stops the reading of that connection, a request that
 * does not come in whole is answered for them, and an idle connection ends after a time.
 *
 * server_stop() begins the end: the server lingers (still accepting, so that balancers
 * notice that /readyz went red), then closes its listener, answers what is open and
 * returns.
 */
#ifndef SERVER_H
#define SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fcgi_conn.h"
#include "status.h"

struct server;

struct server_options {
    const char *listen;        /* unix:PATH or ADDRESS:PORT */
    mode_t socket_mode;        /* of the Unix socket, as chmod(2) takes it */
    unsigned loops;            /* threads, at least 1; server_run() is one of them */
    struct fcgi_limits limits; /* of all loops together; budget is set by the server */
    unsigned requests;         /* open at once on all connections: the budget */
    size_t output_bytes;       /* unsent on one connection before it is no longer read */
    int64_t read_timeout_ms;   /* a begun request comes in whole, output leaves */
    int64_t idle_timeout_ms;   /* a connection without a request */
    int64_t linger_ms;         /* between server_stop() and the closing of the listener */
    int64_t stop_timeout_ms;   /* after that, until the open requests are given up */
    /* Called by the loop that holds the connection; several loops may call at once. */
    void (*on_request)(void *context, struct server *server, struct fcgi_request *request);
    void *context;
};

/* Opens the listener. STATUS_BAD_INPUT: listen is malformed; STATUS_GONE: the address
 * cannot be used (logged with the reason); STATUS_NO_MEMORY: no memory, or no descriptors,
 * for the loops. A Unix socket that a killed server left behind is replaced, one that
 * still answers is not. options are copied; context must stay. */
enum status server_open(const struct server_options *options, struct server **out);

/* The address in use, with the port that the kernel chose for ADDRESS:0; lives as long as server. */
const char *server_address(const struct server *server);

/* Runs until server_stop() has done its work. True: every request was answered. False: some
 * were given up, or there was no thread for a loop (logged): then it stops by itself. */
bool server_run(struct server *server);

/* Sends the response that was set in request (head, content) and takes the request
 * back. Any thread; once per request. */
void server_respond(struct server *server, struct fcgi_request *request);

/* Begins the end; a second call ends now. Any thread. */
void server_stop(struct server *server);

/* True from server_stop() on. Any thread. */
bool server_stopping(const struct server *server);

/* NULL is allowed. All requests must have been given back. */
void server_free(struct server *server);

#endif
