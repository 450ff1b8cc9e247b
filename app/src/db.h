/*
 * db -- one connection to one MySQL, used by one thread.
 *
 * Connects when it is first needed and again when it was lost; a connection that MySQL
 * closed while nobody used it for DB_FRESH_US is replaced before anything is sent on it.
 * Statements are prepared once a connection and then only executed. Nothing is ever run
 * twice here: who may repeat what is decided above, see db_failure().
 *
 * No call lasts longer than its deadline, to the millisecond: connecting is done without
 * blocking, all else under a watchdog. Every statement carries the call's traceparent as
 * a query attribute.
 *
 * A MySQL that is away is logged when that is noticed, once a reason, and when it is
 * back, with how long it was away for this connection; each try is counted.
 *
 * Call db_library_init() once before any thread, and db_thread_end() at the end of
 * each thread that used a connection.
 */
#ifndef DB_H
#define DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "call.h"
#include "slice.h"
#include "status.h"

struct db;

struct db_options {
    const char *name; /* the address as people write it, for the log */
    struct address address;
    const char *user;
    const char *password;
    const char *database;
    const char *ca_file; /* over TCP: who signed MySQL's certificate; "": encrypted, not verified */
    int64_t timeout_ms;  /* of each call, connecting included, if its deadline is not sooner; at least 1 */
};

enum { DB_FRESH_US = 10000 };

enum { DB_PARAMS_MAX = 8, DB_COLUMNS_MAX = 16, DB_STATEMENTS_MAX = 64 }; /* the last: of a connection */

/* A statement; one static object each, known by its address. */
struct db_statement {
    const char *sql;
    const char *params;  /* one letter a parameter: i whole number, s text */
    const char *columns; /* one letter a column of the result, the same letters */
    bool repeatable;     /* running it twice does what running it once does */
};

/* A parameter, or a column; its letter says which field counts. NULL comes as 0, or as an empty text. */
struct db_value {
    int64_t number;
    struct slice text; /* valid UTF-8; of a column: valid during the row callback, and cut off at 64 KiB */
};

/* Called for each row, with one value a column. Must not use the connection. */
typedef void db_row(void *context, const struct db_value *columns);

/* STATUS_NO_MEMORY: the client library, or the watchdog, cannot start. */
enum status db_library_init(void);
void db_library_end(void); /* all connections must have been freed */
void db_thread_end(void);

/* The strings that options name must stay. NULL without memory. */
struct db *db_new(const struct db_options *options);

/* NULL is allowed. */
void db_free(struct db *db);

/*
 * Runs a statement with its parameters (NULL if it has none) and calls row (may be NULL)
 * for each row of the result, once all have come. A statement without columns leaves in
 * call->rows_changed and call->id_made what it did. A transaction that it committed leaves
 * its GTID in call->gtid, if MySQL has such; else that stays as it is.
 *
 * STATUS_GONE: MySQL is away, or takes no writes. STATUS_TIMEOUT: it did not answer by
 * the deadline. After both the next call connects anew if need be. STATUS_AGAIN: others
 * held the rows (deadlock, lock wait). STATUS_EXISTS: there is a row with that key; not
 * logged, as callers may have expected it. STATUS_BAD_INPUT: MySQL refused the statement
 * itself. STATUS_NO_MEMORY: none for a connection.
 */
enum status db_run(struct db *db, struct call *call, const struct db_statement *statement,
                   const struct db_value *params, db_row *row, void *context);

/*
 * A transaction. In one nothing is sent any more once a statement failed in another way
 * than by being refused: not on a new connection, and not behind a deadlock that has ended
 * the transaction, where it would be committed by itself. Each call says then what the
 * first one said. What was begun and is not committed has to be rolled back.
 */
enum status db_begin(struct db *db, struct call *call);
enum status db_commit(struct db *db, struct call *call);

/* Cannot fail: if MySQL does not answer the connection is dropped, which undoes as well. Keeps db_failure(). */
void db_rollback(struct db *db, struct call *call);

/* How the last call failed: what may be done about it. */
enum db_failure {
    DB_FAILURE_NONE,
    DB_FAILURE_LOST,      /* no connection, or no time: it has not happened. So is all of a transaction until COMMIT */
    DB_FAILURE_UNKNOWN,   /* the connection was lost, or the time over, while it ran: it may have happened */
    DB_FAILURE_READ_ONLY, /* this MySQL takes no writes: it has not happened */
    DB_FAILURE_UNDONE,    /* deadlock, or a lock wait that took too long: it has not happened */
    DB_FAILURE_DUPLICATE, /* a row with this PRIMARY or UNIQUE key exists: it has not happened */
    DB_FAILURE_REFUSED,   /* MySQL does not like the statement: it has not happened, and never will */
};
enum db_failure db_failure(const struct db *db);

const char *db_role_name(enum db_role role); /* "none", "primary", "replica" */

#endif
