/*
 * shop -- the application: takes requests from the server, sees that they are
 * answered.
 *
 *   server --> shop_on_request: read, route --> needs no backend: its handler, now, on the loop
 *                                           --> needs one: workers --> its handler, on a worker
 *                                           --> queue full, or too late: 503
 */
#ifndef SHOP_H
#define SHOP_H

#include "backends.h"
#include "config.h"
#include "fcgi_conn.h"
#include "password.h"
#include "server.h"
#include "template.h"
#include "throttle.h"
#include "workers.h"

/* What all requests share. What is in it does not change once the server runs. */
struct shop {
    const struct config *config;
    const struct template_set *templates;
    struct backends backends;
    struct passwords *passwords;
    struct throttle *throttle;
    struct workers *workers;
    struct server *server;
};

/* Names the routes to the metrics; once, before there are threads. */
void shop_init(void);

/* Starts the workers, and what they share, of a shop whose config is set and whose backends
 * were started. STATUS_NO_MEMORY: what has begun is ended by shop_stop(). */
enum status shop_start(struct shop *shop);

/* Runs what is queued, ends the workers. Also of a shop that was not started. */
void shop_stop(struct shop *shop);

/* The server's on_request; context is a struct shop. */
void shop_on_request(void *context, struct server *server, struct fcgi_request *request);

#endif
