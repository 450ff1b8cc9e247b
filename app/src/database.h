/*
 * database -- MySQL as the application sees it: writes go to the primary, reads to a
 * replica.
 *
 *   topology   one for the process: the servers, which of them is the primary now, a
 *              breaker for each. A thread a server looks again and again.
 *   database   one for a worker: a connection (db.h) to each server that it has used.
 *
 * Which server is the primary is asked, never configured: when it moves, the next call
 * follows. Reads fall back to the primary when no replica is usable, or none has seen in
 * time what the visitor wrote (call->gtid); a write never goes to a replica. A read is
 * tried again, elsewhere if there is an elsewhere, with backoff and within the deadline of
 * its call. A write is tried again only where it cannot have happened.
 */
#ifndef DATABASE_H
#define DATABASE_H

#include <stdbool.h>
#include <stdint.h>

#include "call.h"
#include "db.h"
#include "status.h"

struct topology;
struct database;

enum { TOPOLOGY_SERVERS_MAX = 8 };

struct topology_options {
    const char *servers; /* unix:PATH or ADDRESS:PORT, separated by spaces */
    struct db_options account;
    int64_t interval_ms;       /* between two looks at a server */
    int64_t gtid_wait_ms;      /* how long a read waits for a replica to see the visitor's write */
    unsigned breaker_failures; /* in a row, then the breaker opens */
    int64_t breaker_cooldown_ms;
};

/* STATUS_BAD_INPUT unless servers is of the form above, with 1 to TOPOLOGY_SERVERS_MAX of them. */
enum status topology_check(const char *servers);

/* The strings that options name must stay. Returns after the first look at every server.
 * STATUS_NO_MEMORY: nothing runs. */
enum status topology_start(const struct topology_options *options, struct topology **out);

/* Ends its threads. All databases must have been freed. NULL is allowed. */
void topology_stop(struct topology *topology);

/* What the last looks saw: DB_ROLE_PRIMARY: there is a primary; DB_ROLE_REPLICA: none, but
 * a replica; DB_ROLE_NONE: nothing answers. Instant, any thread. */
enum db_role topology_best(const struct topology *topology);

/* One server, for /readyz and /metrics; index from 0. False: there are not so many. */
struct topology_server {
    const char *address;
    enum db_role role; /* at the last look; DB_ROLE_NONE: it does not answer */
    const char *breaker;
};
bool topology_server(const struct topology *topology, unsigned index, struct topology_server *out);

/* NULL without memory. */
struct database *database_new(struct topology *topology);

/* NULL is allowed. */
void database_free(struct database *database);

/*
 * Runs a statement; see db_run() for parameters and rows. Sets call->db_role.
 * STATUS_GONE: no server that may run it answers; STATUS_TIMEOUT: the deadline passed;
 * STATUS_BAD_INPUT: MySQL refused the statement itself.
 */
enum status database_read(struct database *database, struct call *call, const struct db_statement *statement,
                          const struct db_value *params, db_row *row, void *context);

/* The same on the primary; sets call->gtid. STATUS_TIMEOUT, and STATUS_GONE of a connection
 * that broke while it ran: it may have happened. */
enum status database_write(struct database *database, struct call *call, const struct db_statement *statement,
                           const struct db_value *params, db_row *row, void *context);

/*
 * Runs body, whose statements go through database_write(), as one transaction. Committed
 * if it returns STATUS_OK, else rolled back and its status returned. After a deadlock, or
 * if the connection was lost before COMMIT was sent, body runs again from its start: it
 * must have no other effects.
 */
typedef enum status database_body(struct database *database, struct call *call, void *context);
enum status database_transaction(struct database *database, struct call *call, database_body *body, void *context);

#endif
