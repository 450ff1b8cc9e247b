#include "db.h"

#include <assert.h>
#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "metrics.h"

enum {
    TEXT_COLUMN_BYTES_MAX = 65536,
    QUICKLY_US = 500000, /* a connection that died while nobody used it shows within that */
};

/* A statement prepared on the present connection, with the buffers its rows land in. */
struct prepared {
    const struct db_statement *statement;
    MYSQL_STMT *handle;
    MYSQL_BIND columns[DB_COLUMNS_MAX];
    int64_t numbers[DB_COLUMNS_MAX];
    unsigned long lengths[DB_COLUMNS_MAX];
    bool nulls[DB_COLUMNS_MAX];
    char *texts; /* one block for all text columns */
};

struct db {
    struct db_options options;
    MYSQL *mysql; /* NULL: not connected */
    enum db_role role;
    struct prepared prepared[DB_STATEMENTS_MAX];
    size_t prepared_count;

    /* The call that runs, db_run() or db_ping(). */
    int64_t begun_us;
    bool lost_quickly; /* its connection turned out to be dead, and hardly any time was spent on that */

    /* Since the connection failed or could not be made, until there is one again. */
    int64_t away_since_us; /* 0: not away */
    unsigned away_code;    /* why; not logged again */
};

enum status db_library_init(void) { return mysql_library_init(0, NULL, NULL) == 0 ? STATUS_OK : STATUS_NO_MEMORY; }

void db_library_end(void) { mysql_library_end(); }

void db_thread_end(void) { mysql_thread_end(); }

struct db *db_new(const struct db_options *options) {
    struct db *db = calloc(1, sizeof *db);
    if (db != NULL) {
        db->options = *options;
    }
    return db;
}

static void disconnect(struct db *db) {
    for (size_t i = 0; i < db->prepared_count; i++) {
        mysql_stmt_close(db->prepared[i].handle);
        free(db->prepared[i].texts);
    }
    db->prepared_count = 0;
    if (db->mysql != NULL) {
        mysql_close(db->mysql);
    }
    db->mysql = NULL;
    db->role = DB_ROLE_NONE;
}

void db_free(struct db *db) {
    if (db != NULL) {
        disconnect(db);
        free(db);
    }
}

/* --- Errors --------------------------------------------------------------------------- */

/* Errors after which the connection is of no use any more. */
static bool connection_is_dead(unsigned code) {
    return (code >= CR_MIN_ERROR && code <= CR_MAX_ERROR) || code == ER_SERVER_SHUTDOWN ||
           code == ER_CLIENT_INTERACTION_TIMEOUT;
}

/* Errors that say: the connection had died before MySQL saw the statement, or while it ran. */
static bool connection_was_lost(unsigned code) {
    return code == CR_SERVER_GONE_ERROR || code == CR_SERVER_LOST || code == CR_SERVER_LOST_EXTENDED ||
           code == ER_CLIENT_INTERACTION_TIMEOUT;
}

/* While MySQL is away, the same failure again and again is counted and not logged. */
static void report(const struct db *db, const char *what, unsigned code, const char *text) {
    metrics_add(METRIC_DB_ERRORS, 1);
    if (db->away_since_us == 0 || code != db->away_code) {
        log_event(LOG_WARNING, "database", LOG_TEXT("doing", what), LOG_NUMBER("code", code), LOG_TEXT("error", text));
    }
}

/* There is no connection any more, because of code. libmysqlclient has one code for a lost and for a silent server;
 * the time that has gone tells them apart. */
static enum status lose(struct db *db, unsigned code) {
    int64_t now_us = clock_monotonic_us(), spent_us = now_us - db->begun_us;
    disconnect(db);
    db->lost_quickly = connection_was_lost(code) && spent_us < QUICKLY_US;
    db->away_code = code;
    if (db->away_since_us == 0) {
        db->away_since_us = now_us;
    }
    return spent_us >= db->options.timeout_s * INT64_C(1000000) ? STATUS_TIMEOUT : STATUS_GONE;
}

static enum status fail(struct db *db, const char *what, unsigned code, const char *text) {
    report(db, what, code, text);
    return connection_is_dead(code) ? lose(db, code) : STATUS_BAD_INPUT;
}

/* --- Connecting ----------------------------------------------------------------------- */

/* DB_ROLE_NONE: it could not be asked. */
static enum db_role ask_role(MYSQL *mysql) {
    if (mysql_query(mysql, "SELECT @@global.super_read_only") != 0) {
        return DB_ROLE_NONE;
    }
    enum db_role role = DB_ROLE_NONE;
    MYSQL_RES *result = mysql_store_result(mysql);
    MYSQL_ROW row = result != NULL ? mysql_fetch_row(result) : NULL;
    if (row != NULL && row[0] != NULL) {
        role = row[0][0] == '0' ? DB_ROLE_PRIMARY : DB_ROLE_REPLICA;
    }
    mysql_free_result(result);
    return role;
}

/* Whatever the reason, such as a wrong password: there is no connection. */
static enum status fail_to_connect(struct db *db, const char *what) {
    unsigned code = mysql_errno(db->mysql);
    report(db, what, code, mysql_error(db->mysql));
    return lose(db, code);
}

static void note_connected(struct db *db) {
    metrics_add(METRIC_DB_CONNECTS, 1);
    if (db->away_since_us != 0) {
        log_event(LOG_INFO, "database is back",
                  LOG_NUMBER("away_ms", (clock_monotonic_us() - db->away_since_us) / 1000));
        db->away_since_us = 0;
    }
}

static enum status connect_now(struct db *db) {
    const struct db_options *o = &db->options;
    bool local = o->socket[0] != '\0';
    MYSQL *mysql = mysql_init(NULL);
    if (mysql == NULL) {
        return STATUS_NO_MEMORY;
    }
    mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &o->timeout_s);
    mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &o->timeout_s);
    mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &o->timeout_s);
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    db->mysql = mysql;
    if (mysql_real_connect(mysql, local ? NULL : o->host, o->user, o->password, o->database, o->port,
                           local ? o->socket : NULL, 0) == NULL) {
        return fail_to_connect(db, "connect");
    }
    db->role = ask_role(mysql);
    if (db->role == DB_ROLE_NONE) {
        return fail_to_connect(db, "ask for the role");
    }
    note_connected(db);
    return STATUS_OK;
}

static enum status make_sure_of_connection(struct db *db) { return db->mysql != NULL ? STATUS_OK : connect_now(db); }

/* --- Preparing ------------------------------------------------------------------------ */

/* Bytes to set aside for a text column; its declared length is known to the server. */
static size_t text_bytes(const MYSQL_FIELD *field) {
    return field->length < TEXT_COLUMN_BYTES_MAX ? field->length : TEXT_COLUMN_BYTES_MAX;
}

static void bind_column(struct prepared *p, size_t i, const MYSQL_FIELD *field, size_t *offset) {
    MYSQL_BIND *bind = &p->columns[i];
    bind->length = &p->lengths[i];
    bind->is_null = &p->nulls[i]; /* is_null_value is set in the library's own copy only */
    if (p->statement->columns[i] == 'i') {
        bind->buffer_type = MYSQL_TYPE_LONGLONG;
        bind->buffer = &p->numbers[i];
        bind->buffer_length = sizeof p->numbers[i];
    } else {
        bind->buffer_type = MYSQL_TYPE_STRING;
        bind->buffer = p->texts + *offset;
        bind->buffer_length = text_bytes(field);
        *offset += bind->buffer_length;
    }
}

/* Gives each column of the result a place to land. */
static enum status bind_columns(struct prepared *p) {
    size_t count = strlen(p->statement->columns), total = 0, offset = 0;
    if (count == 0) {
        return STATUS_OK;
    }
    MYSQL_RES *columns = mysql_stmt_result_metadata(p->handle);
    if (columns == NULL) {
        return STATUS_GONE;
    }
    assert(mysql_num_fields(columns) == count && count <= DB_COLUMNS_MAX);
    const MYSQL_FIELD *fields = mysql_fetch_fields(columns);
    for (size_t i = 0; i < count; i++) {
        total += p->statement->columns[i] == 's' ? text_bytes(&fields[i]) : 0;
    }
    p->texts = malloc(total + 1);
    for (size_t i = 0; i < count && p->texts != NULL; i++) {
        bind_column(p, i, &fields[i], &offset);
    }
    mysql_free_result(columns);
    if (p->texts == NULL) {
        return STATUS_NO_MEMORY;
    }
    return mysql_stmt_bind_result(p->handle, p->columns) ? STATUS_GONE : STATUS_OK;
}

static enum status prepare(struct db *db, const struct db_statement *statement, struct prepared **out) {
    for (size_t i = 0; i < db->prepared_count; i++) {
        if (db->prepared[i].statement == statement) {
            *out = &db->prepared[i];
            return STATUS_OK;
        }
    }
    assert(db->prepared_count < DB_STATEMENTS_MAX);
    struct prepared *p = &db->prepared[db->prepared_count];
    *p = (struct prepared){.statement = statement, .handle = mysql_stmt_init(db->mysql)};
    if (p->handle == NULL) {
        return STATUS_NO_MEMORY;
    }
    db->prepared_count++; /* from here on disconnect() frees it */
    if (mysql_stmt_prepare(p->handle, statement->sql, strlen(statement->sql)) != 0) {
        unsigned code = mysql_stmt_errno(p->handle);
        enum status status = fail(db, "prepare", code, mysql_stmt_error(p->handle));
        disconnect(db);
        return status;
    }
    enum status status = bind_columns(p);
    if (status != STATUS_OK) {
        disconnect(db);
        return status;
    }
    *out = p;
    return STATUS_OK;
}

/* --- Running -------------------------------------------------------------------------- */

static void bind_params(const struct db_statement *statement, const struct db_value *params,
                        MYSQL_BIND binds[static DB_PARAMS_MAX]) {
    for (size_t i = 0; statement->params[i] != '\0'; i++) {
        assert(i < DB_PARAMS_MAX);
        if (statement->params[i] == 'i') {
            binds[i].buffer_type = MYSQL_TYPE_LONGLONG;
            binds[i].buffer = (void *)&params[i].number;
        } else {
            binds[i].buffer_type = MYSQL_TYPE_STRING;
            binds[i].buffer = (void *)params[i].text.data;
            binds[i].buffer_length = params[i].text.length;
        }
    }
}

static void hand_out_row(const struct prepared *p, db_row *row, void *context) {
    struct db_value values[DB_COLUMNS_MAX] = {0};
    for (size_t i = 0; p->statement->columns[i] != '\0'; i++) {
        const MYSQL_BIND *bind = &p->columns[i];
        if (p->nulls[i]) {
            continue;
        }
        if (p->statement->columns[i] == 'i') {
            values[i].number = p->numbers[i];
        } else {
            size_t length = p->lengths[i] < bind->buffer_length ? p->lengths[i] : bind->buffer_length;
            values[i].text = (struct slice){bind->buffer, length};
        }
    }
    row(context, values);
}

/* Returns 0, or the error code of MySQL. */
static unsigned execute(struct prepared *p, const struct db_value *params, db_row *row, void *context) {
    MYSQL_BIND binds[DB_PARAMS_MAX] = {0};
    int fetched = MYSQL_NO_DATA;
    bind_params(p->statement, params, binds);
    if (p->statement->params[0] != '\0' && mysql_stmt_bind_param(p->handle, binds)) {
        return mysql_stmt_errno(p->handle);
    }
    if (mysql_stmt_execute(p->handle) != 0) {
        return mysql_stmt_errno(p->handle);
    }
    if (p->statement->columns[0] == '\0') {
        return 0;
    }
    /* All rows come over before the first is handed out: an answer is whole or it is an error. */
    if (mysql_stmt_store_result(p->handle) != 0) {
        return mysql_stmt_errno(p->handle);
    }
    while ((fetched = mysql_stmt_fetch(p->handle)) == 0 || fetched == MYSQL_DATA_TRUNCATED) {
        if (row != NULL) {
            hand_out_row(p, row, context);
        }
    }
    unsigned code = fetched == MYSQL_NO_DATA ? 0 : mysql_stmt_errno(p->handle);
    mysql_stmt_free_result(p->handle);
    return code;
}

static void begin(struct db *db) {
    db->begun_us = clock_monotonic_us();
    db->lost_quickly = false;
}

static enum status run_once(struct db *db, const struct db_statement *statement, const struct db_value *params,
                            db_row *row, void *context) {
    struct prepared *p;
    enum status status = make_sure_of_connection(db);
    if (status == STATUS_OK) {
        status = prepare(db, statement, &p);
    }
    if (status != STATUS_OK) {
        return status;
    }
    unsigned code = execute(p, params, row, context);
    return code == 0 ? STATUS_OK : fail(db, "execute", code, mysql_stmt_error(p->handle));
}

enum status db_run(struct db *db, const struct db_statement *statement, const struct db_value *params, db_row *row,
                   void *context) {
    bool fresh = db->mysql == NULL;
    begin(db);
    enum status status = run_once(db, statement, params, row, context);
    if (status != STATUS_OK && !fresh && db->lost_quickly && statement->repeatable) {
        status = run_once(db, statement, params, row, context);
    }
    return status;
}

enum status db_ping(struct db *db) {
    begin(db);
    enum status status = make_sure_of_connection(db);
    if (status == STATUS_OK && mysql_ping(db->mysql) != 0) {
        status = fail(db, "ping", mysql_errno(db->mysql), mysql_error(db->mysql));
    }
    return status;
}

enum db_role db_role(const struct db *db) { return db->role; }

const char *db_role_name(enum db_role role) {
    static const char *const names[] = {
        [DB_ROLE_NONE] = "none", [DB_ROLE_PRIMARY] = "primary", [DB_ROLE_REPLICA] = "replica"};
    return names[role];
}
