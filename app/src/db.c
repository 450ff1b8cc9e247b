#include "db.h"

#include <assert.h>
#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "db_connect.h"
#include "db_prepared.h"
#include "log.h"
#include "metrics.h"
#include "watchdog.h"

struct db {
    struct db_options options;
    MYSQL *mysql;       /* NULL: not connected */
    struct watch watch; /* its socket; open while connected */
    struct db_prepared prepared[DB_STATEMENTS_MAX];
    size_t prepared_count;

    /* The call that runs, or ran last. */
    struct deadline deadline;
    bool lasting; /* from now on it may have an effect that stays, and we would not know */
    enum db_failure failure;
    int64_t used_us; /* a call ended well then */

    bool in_transaction;
    enum status broken; /* what a statement of the transaction failed with; STATUS_OK: none did */

    /* Since the connection failed or could not be made, until there is one again. */
    int64_t away_since_us; /* 0: not away */
    unsigned away_code;    /* why; not logged again */
};

static struct watchdog *watchdog; /* of all connections, from db_library_init() to db_library_end() */

enum status db_library_init(void) {
    return mysql_library_init(0, NULL, NULL) == 0 ? watchdog_start(&watchdog) : STATUS_NO_MEMORY;
}

void db_library_end(void) {
    watchdog_stop(watchdog);
    watchdog = NULL;
    mysql_library_end();
}

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
        db_prepared_free(&db->prepared[i]);
    }
    db->prepared_count = 0;
    if (db->mysql != NULL) {
        metrics_add(METRIC_DB_CONNECTIONS, -1);
        mysql_close(db->mysql);
        watch_close(&db->watch);
    }
    db->mysql = NULL;
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

static enum db_failure failure_of(unsigned code, bool lasting) {
    switch (code) {
    case ER_OPTION_PREVENTS_STATEMENT: /* read_only, super_read_only */
    case ER_READ_ONLY_MODE:
        return DB_FAILURE_READ_ONLY;
    case ER_LOCK_DEADLOCK:
    case ER_LOCK_WAIT_TIMEOUT:
    case ER_TRANSACTION_ROLLBACK_DURING_COMMIT:
        return DB_FAILURE_UNDONE;
    case ER_DUP_ENTRY:
        return DB_FAILURE_DUPLICATE;
    case ER_CLIENT_INTERACTION_TIMEOUT: /* MySQL had closed the connection before it heard of the statement */
        return DB_FAILURE_LOST;
    default:
        break;
    }
    if (!connection_is_dead(code)) {
        return DB_FAILURE_REFUSED;
    }
    return lasting ? DB_FAILURE_UNKNOWN : DB_FAILURE_LOST;
}

/* While MySQL is away, the same failure again and again is counted and not logged. */
static void report(const struct db *db, const char *what, unsigned code, const char *text) {
    metrics_add(METRIC_DB_ERRORS, 1);
    if (db->away_since_us == 0 || code != db->away_code) {
        log_event(LOG_WARNING, "database", LOG_TEXT("server", db->options.name), LOG_TEXT("doing", what),
                  LOG_NUMBER("code", code), LOG_TEXT("error", text));
    }
}

/* There is no connection any more, because of code. libmysqlclient has one code for a lost server and for a silent one:
 * late tells them apart. */
static enum status lose(struct db *db, unsigned code, bool late) {
    disconnect(db);
    db->away_code = code;
    if (db->away_since_us == 0) {
        db->away_since_us = clock_monotonic_us();
    }
    return late ? STATUS_TIMEOUT : STATUS_GONE;
}

/* A call ends without success. What a refused statement was part of goes on. */
static enum status give_up(struct db *db, enum db_failure failure, enum status status) {
    bool refused = failure == DB_FAILURE_REFUSED || failure == DB_FAILURE_DUPLICATE;
    db->failure = failure;
    if (db->in_transaction && !refused) {
        db->broken = status;
    }
    return status;
}

static enum status fail(struct db *db, const char *what, unsigned code, const char *text, bool late) {
    enum db_failure failure = failure_of(code, db->lasting);
    if (failure == DB_FAILURE_DUPLICATE) { /* its text has the row's values in it */
        return give_up(db, failure, STATUS_EXISTS);
    }
    report(db, what, code, late ? "no answer in time" : text);
    switch (failure) {
    case DB_FAILURE_READ_ONLY:
        return give_up(db, failure, STATUS_GONE);
    case DB_FAILURE_UNDONE:
        return give_up(db, failure, STATUS_AGAIN);
    case DB_FAILURE_REFUSED:
        return give_up(db, failure, STATUS_BAD_INPUT);
    default:
        return give_up(db, failure, lose(db, code, late));
    }
}

/* --- Connecting ----------------------------------------------------------------------- */

static void note_connected(struct db *db) {
    metrics_add(METRIC_DB_CONNECTS, 1);
    if (db->away_since_us != 0) {
        log_event(LOG_INFO, "database is back", LOG_TEXT("server", db->options.name),
                  LOG_NUMBER("away_ms", (clock_monotonic_us() - db->away_since_us) / 1000));
        db->away_since_us = 0;
    }
}

/* Asks MySQL to tell what a commit is called. One without GTIDs has nothing to say, and minds not. */
static unsigned track_gtids(struct db *db, bool *late) {
    watchdog_watch(watchdog, &db->watch, db->deadline);
    bool failed = mysql_query(db->mysql, "SET SESSION session_track_gtids = OWN_GTID") != 0;
    *late = watchdog_leave(watchdog, &db->watch);
    return failed ? mysql_errno(db->mysql) : 0;
}

/* Whatever the reason of a failure, such as a wrong password: there is no connection. */
static enum status connect_now(struct db *db) {
    db->watch.fd = -1;
    db->mysql = mysql_init(NULL);
    if (db->mysql == NULL) {
        return STATUS_NO_MEMORY;
    }
    metrics_add(METRIC_DB_CONNECTIONS, 1);
    enum status status = db_connect(db->mysql, &db->options, db->deadline);
    bool late = status == STATUS_TIMEOUT;
    unsigned code = late ? CR_SERVER_LOST : mysql_errno(db->mysql);
    if (status == STATUS_OK) {
        status = watch_open(&db->watch, db->mysql->net.fd);
        code = status == STATUS_OK ? track_gtids(db, &late) : CR_OUT_OF_MEMORY;
    }
    if (code != 0) {
        report(db, "connect", code, late ? "no answer in time" : mysql_error(db->mysql));
        return lose(db, code, late);
    }
    note_connected(db);
    return STATUS_OK;
}

/* MySQL says nothing unasked but that it hangs up. Seen before a statement is sent, that costs no more than a new
 * connection; seen after it, nobody knows whether it ran. */
static bool hung_up(const struct db *db) {
    struct pollfd socket = {.fd = db->watch.fd, .events = POLLIN};
    return poll(&socket, 1, 0) != 0;
}

/* Sees to it that there is a connection; not to a new one within a transaction, which has gone with the old one. */
static enum status make_sure_of_connection(struct db *db) {
    bool fresh = clock_monotonic_us() - db->used_us < DB_FRESH_US;
    if (db->mysql != NULL && !fresh && hung_up(db)) {
        disconnect(db);
    }
    if (db->mysql != NULL) {
        return STATUS_OK;
    }
    return db->in_transaction ? STATUS_GONE : connect_now(db);
}

/* Until end() the socket is watched. */
static enum status begin(struct db *db, const struct call *call) {
    if (db->in_transaction && db->broken != STATUS_OK) {
        return db->broken;
    }
    db->lasting = false;
    db->failure = DB_FAILURE_NONE;
    db->deadline = deadline_sooner(call->deadline, deadline_in_ms(db->options.timeout_ms));
    enum status status = deadline_passed(db->deadline) ? STATUS_TIMEOUT : make_sure_of_connection(db);
    if (status != STATUS_OK) {
        return give_up(db, DB_FAILURE_LOST, status);
    }
    watchdog_watch(watchdog, &db->watch, db->deadline);
    return STATUS_OK;
}

/* --- Running -------------------------------------------------------------------------- */

/* MySQL names a transaction in the answer that says it is committed. */
static void note_gtid(struct db *db, struct call *call) {
    const char *gtid;
    size_t length;
    if (mysql_session_track_get_first(db->mysql, SESSION_TRACK_GTIDS, &gtid, &length) == 0 &&
        length < CALL_GTID_BYTES) {
        memcpy(call->gtid, gtid, length);
        call->gtid[length] = '\0';
    }
}

static void note_change(const struct db_prepared *p, struct call *call) {
    if (p->statement->columns[0] == '\0') {
        call->rows_changed = mysql_stmt_affected_rows(p->handle);
        call->id_made = mysql_stmt_insert_id(p->handle);
    }
}

/* code and text are what the library came back with. */
static enum status end(struct db *db, struct call *call, const char *what, unsigned code, const char *text) {
    bool late = watchdog_leave(watchdog, &db->watch);
    if (code != 0) {
        return fail(db, what, code, text, late);
    }
    db->used_us = late ? 0 : clock_monotonic_us();
    note_gtid(db, call);
    return STATUS_OK; /* and if it was late: the next call finds the socket hung up */
}

static struct db_prepared *find(struct db *db, const struct db_statement *statement) {
    for (size_t i = 0; i < db->prepared_count; i++) {
        if (db->prepared[i].statement == statement) {
            return &db->prepared[i];
        }
    }
    return NULL;
}

enum status db_run(struct db *db, struct call *call, const struct db_statement *statement,
                   const struct db_value *params, db_row *row, void *context) {
    char traceparent[TRACE_PARENT_CHARS + 1];
    unsigned code = 0;
    enum status status = begin(db, call);
    if (status != STATUS_OK) {
        return status;
    }
    struct db_prepared *p = find(db, statement);
    if (p == NULL) {
        assert(db->prepared_count < DB_STATEMENTS_MAX);
        p = &db->prepared[db->prepared_count];
        code = db_prepared_make(p, db->mysql, statement);
        if (code != 0) {
            status = end(db, call, "prepare", code, db_prepared_error(p));
            db_prepared_free(p);
            return status;
        }
        db->prepared_count++;
    }
    trace_format(&call->trace, traceparent);
    db->lasting = !db->in_transaction;
    code = db_prepared_execute(p, params, traceparent);
    status = end(db, call, "execute", code, db_prepared_error(p));
    if (status == STATUS_OK) {
        note_change(p, call);
        db_prepared_rows(p, row, context);
    }
    return status;
}

/* --- Transactions --------------------------------------------------------------------- */

static enum status command(struct db *db, struct call *call, const char *sql, bool lasting) {
    char traceparent[TRACE_PARENT_CHARS + 1];
    const char *name = "traceparent";
    MYSQL_BIND attribute = {
        .buffer_type = MYSQL_TYPE_STRING, .buffer = traceparent, .buffer_length = TRACE_PARENT_CHARS};
    enum status status = begin(db, call);
    if (status != STATUS_OK) {
        return status;
    }
    trace_format(&call->trace, traceparent);
    db->lasting = lasting;
    bool failed = mysql_bind_param(db->mysql, 1, &attribute, &name) || mysql_query(db->mysql, sql) != 0;
    return end(db, call, sql, failed ? mysql_errno(db->mysql) : 0, mysql_error(db->mysql));
}

enum status db_begin(struct db *db, struct call *call) {
    assert(!db->in_transaction);
    enum status status = command(db, call, "START TRANSACTION", false);
    db->in_transaction = status == STATUS_OK;
    db->broken = STATUS_OK;
    return status;
}

enum status db_commit(struct db *db, struct call *call) {
    enum status status = command(db, call, "COMMIT", true);
    db->in_transaction = status != STATUS_OK; /* else there may be something to roll back */
    return status;
}

void db_rollback(struct db *db, struct call *call) {
    enum db_failure failure = db->failure;
    db->broken = STATUS_OK;
    if (db->mysql != NULL && (deadline_passed(call->deadline) || command(db, call, "ROLLBACK", false) != STATUS_OK)) {
        disconnect(db);
    }
    db->in_transaction = false;
    db->failure = failure;
}

enum db_failure db_failure(const struct db *db) { return db->failure; }

const char *db_role_name(enum db_role role) {
    static const char *const names[] = {
        [DB_ROLE_NONE] = "none", [DB_ROLE_PRIMARY] = "primary", [DB_ROLE_REPLICA] = "replica"};
    return names[role];
}
