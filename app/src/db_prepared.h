/*
 * db_prepared -- one statement, prepared on one connection, and the buffers its rows land in.
 */
#ifndef DB_PREPARED_H
#define DB_PREPARED_H

#include <mysql.h>

#include "db.h"

struct db_prepared {
    const struct db_statement *statement; /* must outlive it */
    MYSQL_STMT *handle;                   /* NULL: no memory for it */
    MYSQL_BIND columns[DB_COLUMNS_MAX];
    int64_t numbers[DB_COLUMNS_MAX];
    unsigned long lengths[DB_COLUMNS_MAX];
    bool nulls[DB_COLUMNS_MAX];
    char *texts; /* one block for all text columns */
};

/* Prepares statement on mysql. Returns 0 or the error code of MySQL; *p is to be given to
 * db_prepared_free() either way. */
unsigned db_prepared_make(struct db_prepared *p, MYSQL *mysql, const struct db_statement *statement);
void db_prepared_free(struct db_prepared *p);

/* Executes it, with traceparent as a query attribute, and fetches the whole result.
 * Returns 0 or the error code of MySQL. */
unsigned db_prepared_execute(struct db_prepared *p, const struct db_value *params, const char *traceparent);

/* Hands out the rows that were fetched, as db_run() does, and forgets them. */
void db_prepared_rows(struct db_prepared *p, db_row *row, void *context);

/* The text of the last error, until the next call. */
const char *db_prepared_error(const struct db_prepared *p);

#endif
