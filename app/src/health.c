#include "health.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "metrics.h"

struct health {
    struct db *db;
    int64_t interval_ms;
    atomic_int role; /* enum db_role; DB_ROLE_NONE: not up */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards stopping */
    pthread_cond_t stop;
    bool stopping;
};

static void look(struct health *health) {
    enum db_role role = db_ping(health->db) == STATUS_OK ? db_role(health->db) : DB_ROLE_NONE;
    atomic_store(&health->role, (int)role);
    metrics_set(METRIC_DB_UP, role != DB_ROLE_NONE);
}

/* Waits for the next look. False: there is none, we are to stop. */
static bool wait_interval(struct health *health) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += health->interval_ms / 1000;
    until.tv_nsec += health->interval_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    int waited = 0;
    pthread_mutex_lock(&health->lock);
    while (!health->stopping && waited == 0) {
        waited = pthread_cond_timedwait(&health->stop, &health->lock, &until);
    }
    bool go_on = !health->stopping;
    pthread_mutex_unlock(&health->lock);
    return go_on;
}

static void *keep_looking(void *argument) {
    struct health *health = argument;
    while (wait_interval(health)) {
        look(health);
    }
    db_thread_end();
    return NULL;
}

enum status health_start(const struct db_options *database, int64_t interval_ms, struct health **out) {
    struct health *health = calloc(1, sizeof *health);
    if (health == NULL) {
        return STATUS_NO_MEMORY;
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&health->stop, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&health->lock, NULL);
    health->interval_ms = interval_ms;
    health->db = db_new(database);
    if (health->db != NULL) {
        look(health);
        health->started = pthread_create(&health->thread, NULL, keep_looking, health) == 0;
    }
    if (!health->started) {
        health_stop(health);
        return STATUS_NO_MEMORY;
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
    pthread_mutex_lock(&health->lock);
    health->stopping = true;
    pthread_cond_signal(&health->stop);
    pthread_mutex_unlock(&health->lock);
    if (health->started) {
        pthread_join(health->thread, NULL);
    }
    db_free(health->db);
    pthread_cond_destroy(&health->stop);
    pthread_mutex_destroy(&health->lock);
    free(health);
}
