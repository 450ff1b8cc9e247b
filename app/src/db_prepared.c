#include "db_prepared.h"

#include <assert.h>
#include <errmsg.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_COLUMN_BYTES_MAX = 65536 };

/* --- Preparing ------------------------------------------------------------------------ */

/* Bytes to set aside for a text column; its declared length is known to the server. */
static size_t text_bytes(const MYSQL_FIELD *field) {
    return field->length < TEXT_COLUMN_BYTES_MAX ? field->length : TEXT_COLUMN_BYTES_MAX;
}

static void bind_column(struct db_prepared *p, size_t i, const MYSQL_FIELD *field, size_t *offset) {
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
static unsigned bind_columns(struct db_prepared *p) {
    size_t count = strlen(p->statement->columns), total = 0, offset = 0;
    if (count == 0) {
        return 0;
    }
    MYSQL_RES *columns = mysql_stmt_result_metadata(p->handle);
    if (columns == NULL) {
        return CR_OUT_OF_MEMORY;
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
    return p->texts == NULL || mysql_stmt_bind_result(p->handle, p->columns) ? CR_OUT_OF_MEMORY : 0;
}

unsigned db_prepared_make(struct db_prepared *p, MYSQL *mysql, const struct db_statement *statement) {
    *p = (struct db_prepared){.statement = statement, .handle = mysql_stmt_init(mysql)};
    if (p->handle == NULL) {
        return CR_OUT_OF_MEMORY;
    }
    if (mysql_stmt_prepare(p->handle, statement->sql, strlen(statement->sql)) != 0) {
        return mysql_stmt_errno(p->handle);
    }
    return bind_columns(p);
}

void db_prepared_free(struct db_prepared *p) {
    if (p->handle != NULL) {
        mysql_stmt_close(p->handle);
    }
    free(p->texts);
}

const char *db_prepared_error(const struct db_prepared *p) {
    return p->handle != NULL ? mysql_stmt_error(p->handle) : "out of memory";
}

/* --- Running -------------------------------------------------------------------------- */

/* The parameters, which have no name, and behind them the query attribute, which has one. */
static bool bind_params(const struct db_prepared *p, const struct db_value *params, const char *traceparent,
                        MYSQL_BIND binds[static DB_PARAMS_MAX + 1]) {
    const char *names[DB_PARAMS_MAX + 1] = {0};
    unsigned count = 0;
    for (; p->statement->params[count] != '\0'; count++) {
        assert(count < DB_PARAMS_MAX);
        if (p->statement->params[count] == 'i') {
            binds[count].buffer_type = MYSQL_TYPE_LONGLONG;
            binds[count].buffer = (void *)&params[count].number;
        } else {
            binds[count].buffer_type = MYSQL_TYPE_STRING;
            binds[count].buffer = (void *)params[count].text.data;
            binds[count].buffer_length = params[count].text.length;
        }
    }
    names[count] = "traceparent";
    binds[count].buffer_type = MYSQL_TYPE_STRING;
    binds[count].buffer = (void *)traceparent;
    binds[count].buffer_length = strlen(traceparent);
    return mysql_stmt_bind_named_param(p->handle, binds, count + 1, names);
}

unsigned db_prepared_execute(struct db_prepared *p, const struct db_value *params, const char *traceparent) {
    MYSQL_BIND binds[DB_PARAMS_MAX + 1] = {0};
    if (bind_params(p, params, traceparent, binds) || mysql_stmt_execute(p->handle) != 0) {
        return mysql_stmt_errno(p->handle);
    }
    /* All rows come over before the first is handed out: an answer is whole or it is an error. */
    if (p->statement->columns[0] != '\0' && mysql_stmt_store_result(p->handle) != 0) {
        return mysql_stmt_errno(p->handle);
    }
    return 0;
}

static void hand_out(const struct db_prepared *p, db_row *row, void *context) {
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

void db_prepared_rows(struct db_prepared *p, db_row *row, void *context) {
    if (p->statement->columns[0] == '\0') {
        return;
    }
    for (int fetched;
         row != NULL && ((fetched = mysql_stmt_fetch(p->handle)) == 0 || fetched == MYSQL_DATA_TRUNCATED);) {
        hand_out(p, row, context);
    }
    mysql_stmt_free_result(p->handle);
}
