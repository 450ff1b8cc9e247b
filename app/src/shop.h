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
#include "server.h"
#include "template.h"
#include "workers.h"

/* What all requests share. What is in it does not change once the server runs. */
struct shop {
    const struct config *config;
    const struct template_set *templates;
    struct backends backends;
    struct workers *workers;
    struct server *server;
};

/* Names the routes to the metrics; once, before there are threads. */
void shop_init(void);

/* Starts the workers of a shop whose config is set and whose backends were started; ended by
 * workers_stop(). STATUS_NO_MEMORY: none run. */
enum status shop_start_workers(struct shop *shop);

/* The server's on_request; context is a struct shop. */
void shop_on_request(void *context, struct server *server, struct fcgi_request *request);

#endif
