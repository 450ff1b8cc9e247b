#include "outbox.h"

#include <string.h>

static const char *const state_names[] = {
    [OUTBOX_NEW] = "new", [OUTBOX_SENT] = "sent", [OUTBOX_DONE] = "done", [OUTBOX_DEAD] = "dead"};

const char *outbox_state_name(enum outbox_state state) { return state_names[state]; }

/* What MySQL calls a state; it holds no other. */
static enum outbox_state state_of(struct slice name) {
    enum outbox_state state = OUTBOX_NEW;
    while (state + 1 < OUTBOX_STATES && !slice_equal(name, slice_of(state_names[state]))) {
        state++;
    }
    return state;
}

/* --- What there is to do -------------------------------------------------------------- */

/* It takes no lock: one on a range would keep the checkout from adding rows to it. */
static const struct db_statement find_due = {
    .sql = "SELECT id FROM outbox WHERE state IN ('new', 'sent') AND next_try_at <= CURRENT_TIMESTAMP(3)"
           " ORDER BY id LIMIT 32",
    .params = "",
    .columns = "i",
    .repeatable = true,
};

struct ids {
    int64_t *list;
    size_t count;
};

static void take_id(void *context, const struct db_value *column) {
    struct ids *ids = context;
    if (ids->count < OUTBOX_BATCH) {
        ids->list[ids->count++] = column[0].number;
    }
}

enum status outbox_due(struct database *database, struct call *call, int64_t ids[static OUTBOX_BATCH], size_t *count) {
    struct ids found = {.list = ids};
    enum status status = database_write(database, call, &find_due, NULL, take_id, &found);
    if (status == STATUS_OK) {
        *count = found.count;
    }
    return status;
}

/* --- One row -------------------------------------------------------------------------- */

#define ROW_COLUMNS "id, order_id, tries, state"
#define ROW_TYPES "iiis"

static const struct db_statement lock_row = {
    .sql = "SELECT " ROW_COLUMNS " FROM outbox WHERE id = ? FOR UPDATE", .params = "i", .columns = ROW_TYPES};

static const struct db_statement lock_due_row = {
    .sql = "SELECT " ROW_COLUMNS " FROM outbox WHERE id = ? AND state IN ('new', 'sent')"
           " AND next_try_at <= CURRENT_TIMESTAMP(3) FOR UPDATE SKIP LOCKED",
    .params = "i",
    .columns = ROW_TYPES,
};

static void take_row(void *context, const struct db_value *column) {
    struct outbox_row *row = context;
    *row = (struct outbox_row){
        .id = column[0].number,
        .order = column[1].number,
        .tries = (unsigned)column[2].number,
        .state = state_of(column[3].text),
    };
}

static enum status lock(struct database *database, struct call *call, const struct db_statement *statement, int64_t id,
                        struct outbox_row *out) {
    struct outbox_row row = {0}; /* ids count from 1 */
    const struct db_value params[] = {{.number = id}};
    enum status status = database_write(database, call, statement, params, take_row, &row);
    if (status == STATUS_OK && row.id == 0) {
        return STATUS_NOT_FOUND;
    }
    if (status == STATUS_OK) {
        *out = row;
    }
    return status;
}

enum status outbox_lock(struct database *database, struct call *call, int64_t id, struct outbox_row *out) {
    return lock(database, call, &lock_row, id, out);
}

enum status outbox_lock_due(struct database *database, struct call *call, int64_t id, struct outbox_row *out) {
    return lock(database, call, &lock_due_row, id, out);
}

static const struct db_statement set_done = {
    .sql = "UPDATE outbox SET state = 'done', error = NULL WHERE id = ?", .params = "i", .columns = ""};

enum status outbox_done(struct database *database, struct call *call, int64_t id) {
    const struct db_value params[] = {{.number = id}};
    return database_write(database, call, &set_done, params, NULL, NULL);
}

#define IN_MS "CURRENT_TIMESTAMP(3) + INTERVAL ? * 1000 MICROSECOND"

static const struct db_statement set_sent = {
    .sql = "UPDATE outbox SET state = 'sent', next_try_at = " IN_MS " WHERE id = ?", .params = "ii", .columns = ""};

enum status outbox_sent(struct database *database, struct call *call, int64_t id, int64_t resend_ms) {
    const struct db_value params[] = {{.number = resend_ms}, {.number = id}};
    return database_write(database, call, &set_sent, params, NULL, NULL);
}

static const struct db_statement set_failed = {
    .sql = "UPDATE outbox SET tries = tries + 1, error = LEFT(?, 200), state = ?, next_try_at = " IN_MS
           " WHERE id = ? AND state IN ('new', 'sent')",
    .params = "ssii",
    .columns = "",
};

enum status outbox_failed(struct database *database, struct call *call, int64_t id, const char *error, bool dead,
                          int64_t wait_ms) {
    const struct db_value params[] = {{.text = slice_of(error)},
                                      {.text = slice_of(state_names[dead ? OUTBOX_DEAD : OUTBOX_NEW])},
                                      {.number = wait_ms},
                                      {.number = id}};
    return database_write(database, call, &set_failed, params, NULL, NULL);
}

/* --- For people ----------------------------------------------------------------------- */

static const struct db_statement find_dead = {
    .sql =
        "SELECT outbox.id, COALESCE(BIN_TO_UUID(orders.uuid), ''), outbox.tries,"
        " DATE_FORMAT(outbox.created_at, '%Y-%m-%d %H:%i:%s'), COALESCE(outbox.error, '')"
        " FROM outbox LEFT JOIN orders ON orders.id = outbox.order_id WHERE outbox.state = 'dead' ORDER BY outbox.id",
    .params = "",
    .columns = "isiss",
    .repeatable = true,
};

enum status outbox_dead_letters(struct database *database, struct call *call, db_row *row, void *context) {
    return database_write(database, call, &find_dead, NULL, row, context);
}

static const struct db_statement requeue_dead = {
    .sql = "UPDATE outbox SET state = 'new', tries = 0, error = NULL, next_try_at = CURRENT_TIMESTAMP(3)"
           " WHERE state = 'dead'",
    .params = "",
    .columns = "",
};

enum status outbox_requeue(struct database *database, struct call *call) {
    return database_write(database, call, &requeue_dead, NULL, NULL, NULL);
}

static const struct db_statement count_rows = {
    .sql = "SELECT state, COUNT(*), TIMESTAMPDIFF(SECOND, MIN(created_at), CURRENT_TIMESTAMP(3)) FROM outbox"
           " WHERE state IN ('new', 'sent', 'dead') GROUP BY state",
    .params = "",
    .columns = "sii",
    .repeatable = true,
};

static void take_count(void *context, const struct db_value *column) {
    struct outbox_count *counts = context;
    counts[state_of(column[0].text)] = (struct outbox_count){column[1].number, column[2].number};
}

enum status outbox_count(struct database *database, struct call *call,
                         struct outbox_count counts[static OUTBOX_STATES]) {
    struct outbox_count found[OUTBOX_STATES] = {0};
    enum status status = database_write(database, call, &count_rows, NULL, take_count, found);
    if (status == STATUS_OK) {
        memcpy(counts, found, sizeof found);
    }
    return status;
}
