#include "database.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoff.h"
#include "metrics.h"

struct database {
    struct topology *topology;
    struct db *connections[TOPOLOGY_SERVERS_MAX]; /* NULL: not used yet */
    unsigned turn;                                /* the server whose turn it is, if it is a replica */
    struct db *transaction;                       /* the connection of the one that is open; NULL: none is */
};

static const struct backoff backoff = {.base_us = 5000, .most_us = 100000, .tries = 3};

struct database *database_new(struct topology *topology) {
    struct database *database = calloc(1, sizeof *database);
    if (database != NULL) {
        database->topology = topology;
    }
    return database;
}

void database_free(struct database *database) {
    if (database != NULL) {
        for (unsigned i = 0; i < TOPOLOGY_SERVERS_MAX; i++) {
            db_free(database->connections[i]);
        }
        free(database);
    }
}

/* A statement with all that it takes to run it. */
struct query {
    const struct db_statement *statement;
    const struct db_value *params;
    db_row *row;
    void *context;
};

/* How a try went. */
struct outcome {
    enum status status;
    enum db_failure failure;
    bool tried; /* false: there was no server to try it on */
};

static const struct outcome untried = {STATUS_GONE, DB_FAILURE_LOST, false};

/* --- One try on one server ---------------------------------------------------------------- */

/* The connection to a server that may be called now; its breaker is owed a report. NULL: it may not, *why says so. */
static struct db *take(struct database *database, unsigned server, struct call *call, struct outcome *why) {
    struct db **connection = &database->connections[server];
    if (*connection == NULL) {
        *connection = db_new(topology_login(database->topology, server));
    }
    if (*connection == NULL) {
        *why = (struct outcome){STATUS_NO_MEMORY, DB_FAILURE_REFUSED, true};
    } else if (call_is_over(call)) {
        *why = (struct outcome){STATUS_TIMEOUT, DB_FAILURE_LOST, true};
    } else if (!breaker_allow(topology_breaker(database->topology, server), clock_monotonic_us())) {
        metrics_backend_spared(BACKEND_MYSQL);
        *why = untried;
    } else {
        return *connection;
    }
    return NULL;
}

/* What was learnt about the server by that. */
static void give_back(struct database *database, unsigned server, struct outcome outcome) {
    bool lives = outcome.failure != DB_FAILURE_LOST && outcome.failure != DB_FAILURE_UNKNOWN;
    breaker_report(topology_breaker(database->topology, server), lives, clock_monotonic_us());
    if (outcome.failure == DB_FAILURE_READ_ONLY) {
        topology_takes_no_writes(database->topology, server);
    }
}

static void account(struct call *call, enum status status, int64_t begun_us) {
    call_spent(call, BACKEND_MYSQL, begun_us);
    metrics_backend_call(BACKEND_MYSQL, status, clock_monotonic_us() - begun_us);
}

static struct outcome run(struct db *db, struct call *call, const struct query *query) {
    int64_t begun_us = clock_monotonic_us();
    enum status status = db_run(db, call, query->statement, query->params, query->row, query->context);
    account(call, status, begun_us);
    return (struct outcome){status, db_failure(db), true};
}

static struct outcome run_on(struct database *database, unsigned server, enum db_role role, struct call *call,
                             const struct query *query) {
    struct outcome outcome;
    struct db *db = take(database, server, call, &outcome);
    if (db == NULL) {
        return outcome;
    }
    outcome = run(db, call, query);
    give_back(database, server, outcome);
    if (outcome.status == STATUS_OK) {
        call->db_role = role;
    }
    return outcome;
}

static enum status run_in_transaction(struct database *database, struct call *call, const struct query *query) {
    call->db_role = DB_ROLE_PRIMARY;
    return run(database->transaction, call, query).status;
}

/* Whether another try can do good, and no harm. */
static bool may_go_on(struct outcome outcome, bool repeatable) {
    switch (outcome.failure) {
    case DB_FAILURE_LOST:
    case DB_FAILURE_READ_ONLY:
    case DB_FAILURE_UNDONE:
        return outcome.status != STATUS_TIMEOUT;
    case DB_FAILURE_UNKNOWN:
        return outcome.status != STATUS_TIMEOUT && repeatable;
    default:
        return false;
    }
}

/* Whether to do so after all servers that there are. Without any, a wait does not help: what the breakers are for is
 * that the visitor is told at once. */
static bool may_repeat(struct outcome outcome, bool repeatable, unsigned retry, const struct call *call) {
    bool again = outcome.tried && may_go_on(outcome, repeatable) && backoff_wait(&backoff, retry, call->deadline);
    if (again) {
        metrics_add(outcome.failure == DB_FAILURE_UNDONE ? METRIC_DB_DEADLOCKS : METRIC_DB_RETRIES, 1);
    }
    return again;
}

/* --- Reading ------------------------------------------------------------------------------ */

static const struct db_statement wait_for_write = {
    .sql = "SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?)", .params = "ss", .columns = "i", .repeatable = true};

static void take_number(void *context, const struct db_value *columns) {
    int64_t *number = context;
    *number = columns[0].number;
}

/* Whether a replica has what the visitor wrote; it is given some time to get it. */
static bool has_seen(struct database *database, unsigned server, struct call *call) {
    int64_t wait_ms = topology_options(database->topology)->gtid_wait_ms, too_late = 1;
    char seconds[32];
    if (call->gtid[0] == '\0' || wait_ms == 0) {
        return call->gtid[0] == '\0'; /* to MySQL, 0 seconds is for ever */
    }
    snprintf(seconds, sizeof seconds, "%lld.%03d", (long long)(wait_ms / 1000), (int)(wait_ms % 1000));
    const struct db_value params[] = {{.text = slice_of(call->gtid)}, {.text = slice_of(seconds)}};
    const struct query query = {&wait_for_write, params, take_number, &too_late};
    bool seen = run_on(database, server, DB_ROLE_REPLICA, call, &query).status == STATUS_OK && too_late == 0;
    metrics_add(METRIC_DB_GTID_TIMEOUTS, !seen);
    return seen;
}

/* Every replica once, the one whose turn it is first. The visitor waits for one replica to catch up, not for each. */
static struct outcome read_from_replicas(struct database *database, struct call *call, const struct query *query) {
    unsigned count = topology_count(database->topology), first = database->turn++;
    struct outcome outcome = untried;
    for (unsigned i = 0; i < count && may_go_on(outcome, query->statement->repeatable); i++) {
        unsigned server = (first + i) % count;
        if (!topology_is_replica(database->topology, server)) {
            continue;
        }
        if (!has_seen(database, server, call)) {
            return outcome;
        }
        struct outcome next = run_on(database, server, DB_ROLE_REPLICA, call, query);
        outcome = next.tried ? next : outcome;
    }
    return outcome;
}

/* Late on a replica is not too late on the primary, if the visitor has time left. */
static struct outcome read_somewhere(struct database *database, struct call *call, const struct query *query) {
    struct outcome outcome = read_from_replicas(database, call, query);
    int primary = topology_primary(database->topology);
    bool elsewhere = outcome.status == STATUS_TIMEOUT && query->statement->repeatable;
    if (primary != TOPOLOGY_NOBODY && (elsewhere || may_go_on(outcome, query->statement->repeatable))) {
        struct outcome next = run_on(database, (unsigned)primary, DB_ROLE_PRIMARY, call, query);
        metrics_add(METRIC_DB_FALLBACKS, next.status == STATUS_OK && topology_count(database->topology) > 1);
        outcome = next.tried ? next : outcome;
    }
    return outcome;
}

enum status database_read(struct database *database, struct call *call, const struct db_statement *statement,
                          const struct db_value *params, db_row *row, void *context) {
    const struct query query = {statement, params, row, context};
    struct outcome outcome;
    unsigned retry = 0;
    if (database->transaction != NULL) {
        return run_in_transaction(database, call, &query);
    }
    do {
        outcome = read_somewhere(database, call, &query);
    } while (may_repeat(outcome, statement->repeatable, retry++, call));
    return outcome.status;
}

/* --- Writing ------------------------------------------------------------------------------ */

static struct outcome write_to_primary(struct database *database, struct call *call, const struct query *query) {
    int primary = topology_primary(database->topology);
    return primary != TOPOLOGY_NOBODY ? run_on(database, (unsigned)primary, DB_ROLE_PRIMARY, call, query) : untried;
}

enum status database_write(struct database *database, struct call *call, const struct db_statement *statement,
                           const struct db_value *params, db_row *row, void *context) {
    const struct query query = {statement, params, row, context};
    struct outcome outcome;
    unsigned retry = 0;
    if (database->transaction != NULL) {
        return run_in_transaction(database, call, &query);
    }
    do {
        outcome = write_to_primary(database, call, &query);
    } while (may_repeat(outcome, false, retry++, call));
    return outcome.status;
}

/* --- Transactions ------------------------------------------------------------------------- */

/* Commits what body did. */
static enum status run_body(struct database *database, struct db *db, struct call *call, database_body *body,
                            void *context) {
    database->transaction = db;
    enum status status = body(database, call, context);
    database->transaction = NULL;
    int64_t begun_us = clock_monotonic_us();
    if (status == STATUS_OK) {
        status = db_commit(db, call);
    }
    if (status != STATUS_OK) {
        db_rollback(db, call);
    }
    account(call, status, begun_us);
    return status;
}

static struct outcome transact_on(struct database *database, unsigned server, struct call *call, database_body *body,
                                  void *context) {
    struct outcome outcome;
    struct db *db = take(database, server, call, &outcome);
    if (db == NULL) {
        return outcome;
    }
    int64_t begun_us = clock_monotonic_us();
    enum status status = db_begin(db, call);
    account(call, status, begun_us);
    if (status == STATUS_OK) {
        status = run_body(database, db, call, body, context);
    }
    outcome = (struct outcome){status, db_failure(db), true};
    give_back(database, server, outcome);
    return outcome;
}

enum status database_transaction(struct database *database, struct call *call, database_body *body, void *context) {
    struct outcome outcome;
    unsigned retry = 0;
    assert(database->transaction == NULL);
    do {
        int primary = topology_primary(database->topology);
        outcome = untried;
        if (primary != TOPOLOGY_NOBODY) {
            outcome = transact_on(database, (unsigned)primary, call, body, context);
        }
    } while (may_repeat(outcome, false, retry++, call));
    return outcome.status;
}
