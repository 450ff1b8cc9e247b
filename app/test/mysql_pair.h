/*
 * mysql_pair -- two fake servers of MySQL and the topology that watches them: "a", the primary, and "b", its replica.
 *
 * set_up() and tear_down() are for the group of tests. Include it after cmocka.h.
 */
#ifndef MYSQL_PAIR_H
#define MYSQL_PAIR_H

#include <stdlib.h>

#include "database.h"
#include "fake_mysql.h"
#include "wait.h"

enum { SERVER_A, SERVER_B };
enum { LOOK_INTERVAL_MS = 5, TIMEOUT_MS = 2000, BREAKER_LIMIT = 3, COOLDOWN_MS = 100, LAG_MS = 20 };

static char directory[] = "/tmp/test_mysql-XXXXXX";
static char paths[2][64], servers[160];

struct pair {
    struct fake_mysql a, b;
    struct topology_options options;
    struct topology *topology;
    struct database *database;
    struct call call;
};

/* The scripts, and what else is in *pair, are set before. */
static inline void start(struct pair *pair) {
    pair->options.servers = servers;
    pair->options.account = (struct db_options){
        .user = "shop", .password = "", .database = "shop", .ca_file = "", .timeout_ms = TIMEOUT_MS};
    pair->options.interval_ms = LOOK_INTERVAL_MS;
    pair->options.lag_ms = pair->options.lag_ms > 0 ? pair->options.lag_ms : LAG_MS;
    pair->options.breaker_failures = BREAKER_LIMIT;
    pair->options.breaker_cooldown_ms = COOLDOWN_MS;
    fake_start(&pair->a, paths[SERVER_A]);
    fake_start(&pair->b, paths[SERVER_B]);
    assert_int_equal(topology_start(&pair->options, &pair->topology), STATUS_OK);
    pair->database = database_new(pair->topology);
    assert_non_null(pair->database);
    pair->call.deadline = deadline_in_ms(60000);
    trace_begin(&pair->call.trace, (struct slice){0});
}

/* A replica beside the primary, as most tests want it. */
static inline void start_pair(struct pair *pair) {
    atomic_store(&pair->b.read_only, true);
    start(pair);
}

static inline void stop_watching(struct pair *pair) {
    database_free(pair->database);
    topology_stop(pair->topology);
}

static inline void stop(struct pair *pair) {
    stop_watching(pair);
    fake_stop(&pair->a);
    fake_stop(&pair->b);
}

static inline enum db_role role_of(struct pair *pair, unsigned index) {
    struct topology_server server;
    assert_true(topology_server(pair->topology, index, &server));
    return server.role;
}

static inline int set_up(void **state) {
    (void)state;
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    snprintf(paths[SERVER_A], sizeof paths[SERVER_A], "%s/a", directory);
    snprintf(paths[SERVER_B], sizeof paths[SERVER_B], "%s/b", directory);
    snprintf(servers, sizeof servers, "unix:%s unix:%s", paths[SERVER_A], paths[SERVER_B]);
    return db_library_init() == STATUS_OK ? 0 : -1;
}

static inline int tear_down(void **state) {
    (void)state;
    db_library_end();
    return rmdir(directory);
}

#endif
