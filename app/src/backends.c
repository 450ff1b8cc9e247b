#include "backends.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "call.h"

/* --- Of the process ------------------------------------------------------------------- */

enum status backends_check(const struct config *config, char *reason, size_t reason_size) {
    struct address address;
    if (config->redis_server[0] != '\0' && address_read(config->redis_server, &address) != STATUS_OK) {
        snprintf(reason, reason_size, "REDIS_SERVER is \"%s\"; it must be unix:PATH or ADDRESS:PORT",
                 config->redis_server);
        return STATUS_BAD_INPUT;
    }
    if (topology_check(config->mysql_servers) != STATUS_OK) {
        snprintf(reason, reason_size,
                 "MYSQL_SERVERS is \"%s\"; it must be 1 to %d of unix:PATH or ADDRESS:PORT, separated by spaces",
                 config->mysql_servers, TOPOLOGY_SERVERS_MAX);
        return STATUS_BAD_INPUT;
    }
    return STATUS_OK;
}

static struct topology_options mysql_settings(const struct config *config) {
    return (struct topology_options){
        .servers = config->mysql_servers,
        .account =
            {
                .user = config->mysql_user,
                .password = config->mysql_password,
                .database = config->mysql_database,
                .ca_file = config->mysql_ca_file,
                .timeout_ms = config->mysql_timeout_ms,
            },
        .interval_ms = config->health_interval_ms,
        .lag_ms = config->replica_lag_ms,
        .gtid_wait_ms = config->gtid_wait_ms,
        .breaker_failures = (unsigned)config->breaker_failures,
        .breaker_cooldown_ms = config->breaker_cooldown_ms,
    };
}

static enum status start_redis(struct backends *backends, const struct config *config) {
    if (config->redis_server[0] == '\0') {
        return STATUS_OK;
    }
    breaker_init(&backends->redis_breaker, (unsigned)config->breaker_failures, config->breaker_cooldown_ms * 1000);
    backends->redis = (struct redis_options){
        .user = config->redis_user,
        .password = config->redis_password,
        .ca_file = config->redis_ca_file,
        .timeout_ms = config->redis_timeout_ms,
        .breaker = &backends->redis_breaker,
    };
    enum status status = address_read(config->redis_server, &backends->redis.server);
    return status == STATUS_OK ? redis_watch_start(&backends->redis, config->health_interval_ms, &backends->redis_watch)
                               : status;
}

/* In memory as SESSION_STORE says, else in Redis, which each worker has its own connection to. */
static enum status start_sessions(struct backends *backends, const struct config *config) {
    backends->sessions = (struct session_store){.idle_ms = config->session_idle_ms, .max_ms = config->session_max_ms};
    if (strcmp(config->session_store, "memory") != 0) {
        return STATUS_OK;
    }
    backends->sessions.memory = session_memory_new((unsigned)config->sessions_max, config->session_idle_ms);
    return backends->sessions.memory != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

/* No request that read MySQL before a change, or a replica that had not seen it yet, lasts longer. */
static int64_t changed_ms(const struct config *config) {
    return config->request_timeout_ms + config->replica_lag_ms + config->redis_timeout_ms;
}

static enum status start_flags(struct backends *backends, const struct config *config) {
    const struct flags_options options = {
        .topology = backends->topology,
        .interval_ms = config->flags_interval_ms,
        .timeout_ms = config->mysql_timeout_ms,
    };
    return flags_start(&options, &backends->flags);
}

enum status backends_start(struct backends *backends, const struct config *config) {
    const struct topology_options mysql = mysql_settings(config);
    *backends = (struct backends){
        .cache = {.stale_ms = config->cache_stale_ms, .changed_ms = changed_ms(config)},
        .flights = flights_new(config->flight_late_ms),
    };
    enum status status = backends->flights != NULL ? topology_start(&mysql, &backends->topology) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        status = start_redis(backends, config);
    }
    if (status == STATUS_OK) {
        status = start_sessions(backends, config);
    }
    return status == STATUS_OK ? start_flags(backends, config) : status;
}

void backends_stop(struct backends *backends) {
    flags_stop(backends->flags);
    redis_watch_stop(backends->redis_watch);
    if (backends->redis.breaker != NULL) {
        breaker_destroy(backends->redis.breaker);
    }
    topology_stop(backends->topology);
    session_memory_free(backends->sessions.memory);
    flights_free(backends->flights);
    *backends = (struct backends){0};
}

size_t backends_servers(struct backends *backends, struct metrics_server servers[static BACKENDS_SERVERS_MAX]) {
    struct topology_server mysql;
    size_t count = 0;
    while (topology_server(backends->topology, (unsigned)count, &mysql)) {
        servers[count++] =
            (struct metrics_server){BACKEND_MYSQL, mysql.address, db_role_name(mysql.role), mysql.breaker};
    }
    if (backends->redis_watch != NULL) {
        const char *breaker = breaker_state_name(breaker_state(&backends->redis_breaker));
        const struct address *server = &backends->redis.server;
        servers[count++] = (struct metrics_server){BACKEND_REDIS, server->path[0] != '\0' ? server->path : server->host,
                                                   NULL, breaker};
    }
    return count;
}

/* --- Of a worker ---------------------------------------------------------------------- */

struct clients *clients_new(struct backends *backends) {
    struct clients *clients = calloc(1, sizeof *clients);
    if (clients == NULL) {
        return NULL;
    }
    bool redis = backends->redis_watch != NULL;
    clients->database = database_new(backends->topology);
    clients->cache = backends->cache;
    clients->cache.redis = redis ? redis_new(&backends->redis) : NULL;
    clients->sessions = backends->sessions;
    clients->sessions.redis = clients->cache.redis;
    if (clients->database == NULL || (redis && clients->cache.redis == NULL)) {
        clients_free(clients);
        return NULL;
    }
    return clients;
}

void clients_free(struct clients *clients) {
    if (clients != NULL) {
        database_free(clients->database);
        redis_free(clients->cache.redis);
        free(clients);
    }
    db_thread_end();
}
