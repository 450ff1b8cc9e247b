/*
 * db -- one connection to MySQL, used by one thread.
 *
 * Connects when it is first needed and again when it was lost. Statements are
 * prepared once a connection and then only executed. A statement that may safely
 * run twice (a read) is tried once more when the connection turns out to be dead at
 * once; nothing else is repeated here, and nothing that has cost time: a call to a
 * MySQL that hangs takes about one time-out.
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

#include "call.h"
#include "slice.h"
#include "status.h"

struct db;

struct db_options {
    const char *socket; /* Unix socket; "": host and port are used */
    const char *host;
    unsigned port;
    const char *user;
    const char *password;
    const char *database;
    unsigned timeout_s; /* to connect, and for each answer */
};

enum { DB_PARAMS_MAX = 8, DB_COLUMNS_MAX = 16, DB_STATEMENTS_MAX = 32 };

/* A statement; one static object each, known by its address. */
struct db_statement {
    const char *sql;
    const char *params;  /* one letter a parameter: i whole number, s text */
    const char *columns; /* one letter a column of the result, the same letters */
    bool repeatable;     /* running it twice does what running it once does */
};

struct db_value {
    int64_t number;
    struct slice text; /* valid UTF-8; of a column: valid during the row callback */
};

/* Called for each row, with one value a column. */
typedef void db_row(void *context, const struct db_value *columns);

/* STATUS_NO_MEMORY: the client library cannot start. */
enum status db_library_init(void);
void db_library_end(void);
void db_thread_end(void);

/* The options, and the strings they name, must stay. NULL without memory. */
struct db *db_new(const struct db_options *options);

/* NULL is allowed. */
void db_free(struct db *db);

/*
 * Runs a statement with its parameters and calls row (may be NULL) for each row of
 * the result. STATUS_GONE: MySQL is away or refused us; STATUS_TIMEOUT: it did not
 * answer in timeout_s; after both the next call connects anew. STATUS_BAD_INPUT:
 * MySQL refused the statement itself.
 */
enum status db_run(struct db *db, const struct db_statement *statement, const struct db_value *params, db_row *row,
                   void *context);

/* Makes sure that the connection lives. STATUS_OK, STATUS_GONE or STATUS_TIMEOUT; never tries twice. */
enum status db_ping(struct db *db);

/* What the server behind the connection was when it was made. */
enum db_role db_role(const struct db *db);
const char *db_role_name(enum db_role role); /* "none", "primary", "replica" */

#endif
