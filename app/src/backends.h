/*
 * backends -- MySQL and Redis: as the process has them, and as each worker has them.
 *
 *   backends   one for the process: the servers, a breaker for each, and the threads that
 *              look at them, so that /readyz and the choice of a server need not wait.
 *   clients    one for a worker: its own connections to them.
 */
#ifndef BACKENDS_H
#define BACKENDS_H

#include <stddef.h>
#include <stdint.h>

#include "breaker.h"
#include "cache.h"
#include "catalog.h"
#include "config.h"
#include "database.h"
#include "flags.h"
#include "flight.h"
#include "metrics.h"
#include "redis.h"
#include "redis_watch.h"
#include "session_store.h"
#include "status.h"
#include "topology.h"

/* Read by all, changed by none between start and stop, but for what breaker and watch do, and for catalog_size. */
struct backends {
    struct topology *topology;
    struct redis_options redis; /* with redis_breaker; without Redis all zeros */
    struct breaker redis_breaker;
    struct redis_watch *redis_watch; /* NULL: there is no Redis */
    struct session_store sessions;   /* as every worker gets it, but for its connection */
    struct cache cache;              /* as every worker gets it, but for its connection */
    struct flights *flights;         /* what is being asked of MySQL now, for the cache */
    struct flags *flags;
    struct catalog_size catalog_size;
};

/* STATUS_BAD_INPUT, and reason says in one line which address in config is none. Opens nothing. */
enum status backends_check(const struct config *config, char *reason, size_t reason_size);

/* Reads its part of config, which must stay, and begins to look, after db_library_init();
 * returns after the first looks, each of which may take its time-out. STATUS_NO_MEMORY, or
 * STATUS_BAD_INPUT where the address of a server is none: what has begun is ended by
 * backends_stop(). */
enum status backends_start(struct backends *backends, const struct config *config);

/* All clients must have been freed. Also of one that is all zeros. */
void backends_stop(struct backends *backends);

enum { BACKENDS_SERVERS_MAX = TOPOLOGY_SERVERS_MAX + 1 };

/* Every server as it is now, for the metrics; returns how many. Their strings live as long
 * as backends. */
size_t backends_servers(struct backends *backends, struct metrics_server servers[static BACKENDS_SERVERS_MAX]);

struct clients {
    struct database *database;
    struct cache cache; /* its redis is NULL without Redis */
    struct session_store sessions;
};

/* NULL without memory. For one thread; connects when first used. backends must outlive it. */
struct clients *clients_new(struct backends *backends);

/* NULL is allowed. On the thread that used them, which then calls MySQL no more (db_thread_end()). */
void clients_free(struct clients *clients);

#endif
