#include "migrate.h"

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "db_connect.h"
#include "log.h"
#include "migrations.h"
#include "sql_script.h"

enum { SQL_BYTES = 512, LOOK_AGAIN_NS = 200000000 };

/* One run. */
struct run {
    const struct migrate_options *options;
    struct migrations migrations;
    struct deadline deadline; /* for the waiting, not for the work */
    MYSQL *mysql;             /* NULL: not connected */
    char *reason;
    size_t reason_size;
};

static enum status fail(struct run *run, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum status fail(struct run *run, enum status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->reason, run->reason_size, format, arguments);
    va_end(arguments);
    return status;
}

/* --- Asking --------------------------------------------------------------------------- */

/* What an error of MySQL means for another run. */
static enum status status_of(unsigned code) {
    switch (code) {
    case ER_LOCK_WAIT_TIMEOUT:
    case ER_LOCK_DEADLOCK:
    case ER_OPTION_PREVENTS_STATEMENT: /* it has become a replica */
        return STATUS_AGAIN;
    case ER_SERVER_SHUTDOWN:
        return STATUS_GONE;
    default:
        return code >= CR_MIN_ERROR && code <= CR_MAX_ERROR ? STATUS_GONE : STATUS_BAD_INPUT;
    }
}

/* MySQL has refused what was done for a file, or has gone meanwhile. */
static enum status fail_in_mysql(struct run *run, const char *where) {
    unsigned code = mysql_errno(run->mysql);
    return fail(run, status_of(code), "%s: %s (%u)", where, mysql_error(run->mysql), code);
}

/* Runs a statement and throws its rows away. Returns 0 or the error code. */
static unsigned execute(MYSQL *mysql, struct slice sql) {
    if (mysql_real_query(mysql, sql.data, sql.length) == 0) {
        mysql_free_result(mysql_store_result(mysql));
    }
    return mysql_errno(mysql);
}

/* The first column of the only row; -1: there is none. */
static long long ask(MYSQL *mysql, const char *sql) {
    long long answer = -1;
    MYSQL_RES *result = mysql_query(mysql, sql) == 0 ? mysql_store_result(mysql) : NULL;
    MYSQL_ROW row = result != NULL ? mysql_fetch_row(result) : NULL;
    if (row != NULL && row[0] != NULL) {
        answer = strtoll(row[0], NULL, 10);
    }
    mysql_free_result(result);
    return answer;
}

/* --- Finding the MySQL that takes writes ---------------------------------------------- */

static void disconnect(struct run *run) {
    if (run->mysql != NULL) {
        mysql_close(run->mysql);
    }
    run->mysql = NULL;
}

/* STATUS_OK: connected, and it takes writes. */
static enum status try_server(struct run *run, const char *name) {
    struct db_options login = run->options->account;
    enum status status = address_read(name, &login.address);
    run->mysql = status == STATUS_OK ? mysql_init(NULL) : NULL;
    if (run->mysql == NULL) {
        return fail(run, STATUS_NO_MEMORY, "no memory for a connection to %s", name);
    }
    status = db_connect(run->mysql, &login, deadline_in_ms(login.timeout_ms));
    if (status == STATUS_TIMEOUT) {
        status = fail(run, status, "%s does not answer in time", name);
    } else if (status != STATUS_OK) {
        status = fail(run, status, "%s: %s (%u)", name, mysql_error(run->mysql), mysql_errno(run->mysql));
    } else if (ask(run->mysql, "SELECT @@global.read_only") != 0) {
        status = fail(run, STATUS_AGAIN, "%s takes no writes", name);
    }
    if (status != STATUS_OK) {
        disconnect(run);
    }
    return status;
}

static enum status try_all(struct run *run) {
    char servers[CONFIG_TEXT_BYTES], *rest = servers;
    enum status status = STATUS_GONE;
    snprintf(servers, sizeof servers, "%s", run->options->servers);
    for (char *name; status != STATUS_OK && (name = strtok_r(rest, " ", &rest)) != NULL;) {
        status = try_server(run, name);
    }
    return status;
}

static enum status connect_to_primary(struct run *run) {
    const struct timespec pause = {.tv_nsec = LOOK_AGAIN_NS};
    enum status status = try_all(run);
    while (status != STATUS_OK && !deadline_passed(run->deadline)) {
        nanosleep(&pause, NULL);
        status = try_all(run);
    }
    return status;
}

/* --- One at a time -------------------------------------------------------------------- */

/* The lock is the connection's, and goes with it, however that ends. */
static enum status take_lock(struct run *run) {
    char sql[SQL_BYTES];
    snprintf(sql, sizeof sql, "SELECT GET_LOCK('shop-migrate', %lld)",
             (long long)(deadline_left_us(run->deadline) / 1000000));
    if (execute(run->mysql, slice_of("SET SESSION lock_wait_timeout = 5")) != 0) {
        return fail_in_mysql(run, "preparing");
    }
    long long taken = ask(run->mysql, sql);
    if (taken == 0) {
        return fail(run, STATUS_TIMEOUT, "another one is still at it");
    }
    return taken == 1 ? STATUS_OK : fail_in_mysql(run, "waiting for others");
}

/* --- Records -------------------------------------------------------------------------- */

static enum status note_all(struct run *run, MYSQL_RES *records) {
    enum status status = STATUS_OK;
    for (MYSQL_ROW row; status == STATUS_OK && (row = mysql_fetch_row(records)) != NULL;) {
        status = migrations_note(&run->migrations, (unsigned)strtoul(row[0], NULL, 10), row[1], row[2][0] == '1',
                                 run->reason, run->reason_size);
    }
    return status;
}

/* A database without the table has no records. */
static enum status read_records(struct run *run) {
    int refused = mysql_query(run->mysql, "SELECT version, sha256, applied_at IS NOT NULL FROM schema_migrations");
    if (refused != 0 && mysql_errno(run->mysql) == ER_NO_SUCH_TABLE) {
        return STATUS_OK;
    }
    MYSQL_RES *records = refused == 0 ? mysql_store_result(run->mysql) : NULL;
    if (records == NULL) {
        return fail_in_mysql(run, "schema_migrations");
    }
    enum status status = note_all(run, records);
    mysql_free_result(records);
    return status;
}

static enum status record_begin(struct run *run, const struct migration *migration) {
    char sql[SQL_BYTES];
    snprintf(sql, sizeof sql,
             "INSERT INTO schema_migrations (version, name, sha256) VALUES (%u, '%s', '%s') AS new"
             " ON DUPLICATE KEY UPDATE name = new.name, sha256 = new.sha256",
             migration->version, migration->file, migration->sum);
    return execute(run->mysql, slice_of(sql)) == 0 ? STATUS_OK : fail_in_mysql(run, migration->file);
}

static enum status record_end(struct run *run, const struct migration *migration) {
    char sql[SQL_BYTES];
    snprintf(sql, sizeof sql, "UPDATE schema_migrations SET applied_at = CURRENT_TIMESTAMP WHERE version = %u",
             migration->version);
    return execute(run->mysql, slice_of(sql)) == 0 ? STATUS_OK : fail_in_mysql(run, migration->file);
}

/* --- Applying ------------------------------------------------------------------------- */

/* What a statement says that has been run before. */
static bool is_done_already(unsigned code) {
    switch (code) {
    case ER_TABLE_EXISTS_ERROR:
    case ER_BAD_TABLE_ERROR: /* DROP TABLE */
    case ER_DUP_FIELDNAME:
    case ER_DUP_KEYNAME:
    case ER_CANT_DROP_FIELD_OR_KEY:
        return true;
    default:
        return false;
    }
}

static enum status run_statements(struct run *run, const struct migration *migration) {
    struct slice rest = migration->sql, statement;
    char where[MIGRATION_FILE_BYTES + 32];
    for (unsigned number = 1; sql_script_next(&rest, &statement); number++) {
        unsigned code = execute(run->mysql, statement);
        if (code != 0 && !(migration->state == MIGRATION_BEGUN && is_done_already(code))) {
            snprintf(where, sizeof where, "%s, statement %u", migration->file, number);
            return fail_in_mysql(run, where);
        }
    }
    return STATUS_OK;
}

/* The first file makes the table of the records, so its own comes behind it. */
static enum status apply(struct run *run, const struct migration *migration) {
    int64_t begun_us = clock_monotonic_us();
    enum status status = migration->version > 0 ? record_begin(run, migration) : STATUS_OK;
    if (status == STATUS_OK) {
        status = run_statements(run, migration);
    }
    if (status == STATUS_OK && migration->version == 0) {
        status = record_begin(run, migration);
    }
    if (status == STATUS_OK) {
        status = record_end(run, migration);
    }
    if (status == STATUS_OK) {
        log_event(LOG_INFO, "migrated", LOG_TEXT("file", migration->file),
                  LOG_TEXT("before", migration->state == MIGRATION_BEGUN ? "begun" : "missing"),
                  LOG_NUMBER("duration_ms", (clock_monotonic_us() - begun_us) / 1000));
    }
    return status;
}

static enum status apply_missing(struct run *run) {
    enum status status = STATUS_OK;
    unsigned applied = 0;
    for (size_t i = 0; i < run->migrations.count && status == STATUS_OK; i++) {
        const struct migration *migration = &run->migrations.list[i];
        if (migration->state != MIGRATION_APPLIED) {
            status = apply(run, migration);
            applied++;
        }
    }
    if (status == STATUS_OK) {
        log_event(LOG_INFO, "schema is up to date", LOG_NUMBER("files", (int64_t)run->migrations.count),
                  LOG_NUMBER("applied", applied));
    }
    return status;
}

enum status migrate(const struct migrate_options *options, char *reason, size_t reason_size) {
    struct run run = {
        .options = options,
        .deadline = deadline_in_ms(options->wait_ms),
        .reason = reason,
        .reason_size = reason_size,
    };
    enum status status = migrations_read(options->schema_dir, &run.migrations, reason, reason_size);
    if (status == STATUS_OK && (run.migrations.count == 0 || run.migrations.list[0].version != 0)) {
        status = fail(&run, STATUS_NOT_FOUND, "%s has no 000-….sql, which makes the table of the records",
                      options->schema_dir);
    }
    if (status == STATUS_OK) {
        status = connect_to_primary(&run);
    }
    if (status == STATUS_OK) {
        status = take_lock(&run);
    }
    if (status == STATUS_OK) {
        status = read_records(&run);
    }
    if (status == STATUS_OK) {
        status = apply_missing(&run);
    }
    disconnect(&run);
    migrations_free(&run.migrations);
    return status;
}
