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

#include "config.h"
#include "fcgi_conn.h"
#include "health.h"
#include "redis_watch.h"
#include "server.h"
#include "template.h"
#include "workers.h"

/* What all requests share. Only read once the server runs. */
struct shop {
    const struct config *config;
    const struct template_set *templates;
    struct health *health;
    struct workers *workers;
    struct server *server;
    struct db_options database;
    struct redis_options redis;
    struct breaker redis_breaker;
    struct redis_watch *redis_watch; /* NULL: there is no Redis */
};

/* Names the routes to the metrics; once, before there are threads. */
void shop_init(void);

/* Begins to look at the Redis that config names, if it names one; before the workers start. */
enum status shop_start_redis(struct shop *shop);

/* After the workers have stopped. */
void shop_stop_redis(struct shop *shop);

/* Starts the workers of a shop whose config and database are set. */
enum status shop_start_workers(struct shop *shop);

/* The server's on_request; context is a struct shop. */
void shop_on_request(void *context, struct server *server, struct fcgi_request *request);

#endif
