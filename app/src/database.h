/*
 * database -- MySQL as the application sees it: writes go to the primary, reads to a
 * replica. One for a worker, with a connection (db.h) to each server that it has used.
 *
 * Reads fall back to another replica and to the primary when a replica is not usable, and
 * to the primary when it has not seen in time what the visitor wrote (call->gtid), or is
 * behind in general; one that is behind is read when nothing else answers. A write never
 * goes to a replica. A read is tried again, elsewhere if there is an elsewhere, with
 * backoff and within the deadline of its call. A write is tried again only where it cannot
 * have happened. Nothing is tried again where time ran out.
 *
 * A server that keeps failing is left alone for a while (breaker.h). That MySQL refuses a
 * statement is no failure of the server.
 */
#ifndef DATABASE_H
#define DATABASE_H

#include "call.h"
#include "db.h"
#include "status.h"
#include "topology.h"

struct database;

/* For one thread; topology must outlive it. NULL without memory. */
struct database *database_new(struct topology *topology);

/* NULL is allowed. On the thread that used it. */
void database_free(struct database *database);

/*
 * Runs a statement; see db_run() for parameters and rows, which only a try that went well
 * hands out. Sets call->db_role, accounts in call. Within a transaction it is part of that.
 * STATUS_GONE: no server that may run it answers; STATUS_TIMEOUT: the deadline passed, or
 * the visitor has gone; STATUS_AGAIN: deadlocks, each time it was tried; STATUS_BAD_INPUT:
 * MySQL refused the statement itself; STATUS_NO_MEMORY.
 */
enum status database_read(struct database *database, struct call *call, const struct db_statement *statement,
                          const struct db_value *params, db_row *row, void *context);

/* The same on the primary; sets call->gtid, and what the statement changed, see db_run().
 * STATUS_EXISTS: a row with that key is there already. STATUS_TIMEOUT, and STATUS_GONE of a
 * connection that broke while it ran: it may have happened. */
enum status database_write(struct database *database, struct call *call, const struct db_statement *statement,
                           const struct db_value *params, db_row *row, void *context);

/*
 * Runs body, whose statements go through database_write(), as one transaction. Committed
 * if it returns STATUS_OK and no statement of it failed but by being refused, else rolled
 * back and the status returned. After a deadlock, if the server takes no writes, or if the
 * connection was lost before COMMIT was sent, body runs again from its start, three times
 * in all at most: it must have no other effects. STATUS_TIMEOUT and STATUS_GONE may also
 * say that COMMIT was not answered: it may have happened. Not within another transaction.
 */
typedef enum status database_body(struct database *database, struct call *call, void *context);
enum status database_transaction(struct database *database, struct call *call, database_body *body, void *context);

#endif
