#include "health.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "metrics.h"
#include "watcher.h"

struct health {
    struct db *db;
    atomic_int role; /* enum db_role; DB_ROLE_NONE: not up */
    struct watcher *watcher;
};

static void look(void *context) {
    struct health *health = context;
    enum db_role role = db_ping(health->db) == STATUS_OK ? db_role(health->db) : DB_ROLE_NONE;
    atomic_store(&health->role, (int)role);
    metrics_set(METRIC_DB_UP, role != DB_ROLE_NONE);
}

static void end(void *context) {
    (void)context;
    db_thread_end();
}

enum status health_start(const struct db_options *database, int64_t interval_ms, struct health **out) {
    struct health *health = calloc(1, sizeof *health);
    if (health == NULL) {
        return STATUS_NO_MEMORY;
    }
    const struct watcher_options options = {interval_ms, look, end, health};
    enum status status = STATUS_NO_MEMORY;
    health->db = db_new(database);
    if (health->db != NULL) {
        look(health);
        status = watcher_start(&options, &health->watcher);
    }
    if (status != STATUS_OK) {
        health_stop(health);
        return status;
    }
    *out = health;
    return STATUS_OK;
}

bool health_db_up(const struct health *health) { return health_db_role(health) != DB_ROLE_NONE; }

enum db_role health_db_role(const struct health *health) { return (enum db_role)atomic_load(&health->role); }

void health_stop(struct health *health) {
    if (health == NULL) {
        return;
    }
    watcher_stop(health->watcher);
    db_free(health->db);
    free(health);
}
