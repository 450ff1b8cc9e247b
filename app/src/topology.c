#include "topology.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "metrics.h"
#include "watcher.h"

struct server {
    struct topology *topology;
    char *name;
    struct db_options login;
    struct breaker breaker;
    struct db *db; /* of the looks */
    struct watcher *watcher;
    atomic_int role;    /* enum db_role, at the last look */
    int64_t refused_us; /* when it last refused a write; under the topology's lock */
};

struct topology {
    struct topology_options options;
    unsigned count;
    struct server servers[TOPOLOGY_SERVERS_MAX];
    pthread_mutex_t lock; /* held by whoever changes what follows, or a role */
    atomic_int primary;   /* index or TOPOLOGY_NOBODY */
    bool rivals;          /* more than one says that it is the primary */
};

/* --- Reading where they are -------------------------------------------------------------- */

/* The next word of *text, as a new string; NULL: there is none, or no memory. */
static char *next_word(const char **text) {
    const char *start = *text + strspn(*text, " ");
    size_t length = strcspn(start, " ");
    *text = start + length;
    return length > 0 ? strndup(start, length) : NULL;
}

enum status topology_check(const char *servers) {
    unsigned count = 0;
    struct address address;
    enum status status = STATUS_OK;
    for (char *word; status == STATUS_OK && (word = next_word(&servers)) != NULL; free(word)) {
        status = ++count <= TOPOLOGY_SERVERS_MAX ? address_read(word, &address) : STATUS_BAD_INPUT;
    }
    return count > 0 ? status : STATUS_BAD_INPUT;
}

/* --- Who is the primary ------------------------------------------------------------------- */

static enum db_role role_of(const struct topology *topology, int index) {
    return index == TOPOLOGY_NOBODY ? DB_ROLE_NONE : (enum db_role)atomic_load(&topology->servers[index].role);
}

static const char *name_of(const struct topology *topology, int index) {
    return index == TOPOLOGY_NOBODY ? "none" : topology->servers[index].name;
}

/* The first that says so; *count is how many do. */
static int find_primary(const struct topology *topology, unsigned *count) {
    int found = TOPOLOGY_NOBODY;
    *count = 0;
    for (int i = 0; i < (int)topology->count; i++) {
        if (role_of(topology, i) == DB_ROLE_PRIMARY) {
            found = *count == 0 ? i : found;
            ++*count;
        }
    }
    return found;
}

static void elect(struct topology *topology) {
    unsigned claims;
    int before = atomic_load(&topology->primary), now = before, found = find_primary(topology, &claims);
    if (role_of(topology, before) != DB_ROLE_PRIMARY) {
        bool silent = before != TOPOLOGY_NOBODY && role_of(topology, before) == DB_ROLE_NONE;
        now = found != TOPOLOGY_NOBODY || !silent ? found : before;
    }
    if (now != before) {
        atomic_store(&topology->primary, now);
        log_event(now == TOPOLOGY_NOBODY ? LOG_WARNING : LOG_INFO, "primary",
                  LOG_TEXT("before", name_of(topology, before)), LOG_TEXT("now", name_of(topology, now)));
    }
    if (claims > 1 && !topology->rivals) {
        log_event(LOG_ERROR, "more than one MySQL takes writes", LOG_NUMBER("servers", claims),
                  LOG_TEXT("used", name_of(topology, now)));
    }
    topology->rivals = claims > 1;
}

/* With the lock. */
static void set_role(struct server *server, enum db_role role) {
    enum db_role before = (enum db_role)atomic_exchange(&server->role, (int)role);
    metrics_add(METRIC_DB_ROLE_CHANGES, before != role);
    elect(server->topology);
    metrics_set(METRIC_DB_UP, topology_best(server->topology) != DB_ROLE_NONE);
}

void topology_takes_no_writes(struct topology *topology, unsigned index) {
    struct server *server = &topology->servers[index];
    pthread_mutex_lock(&topology->lock);
    server->refused_us = clock_monotonic_us();
    set_role(server, DB_ROLE_REPLICA);
    pthread_mutex_unlock(&topology->lock);
}

/* --- Looking -------------------------------------------------------------------------------- */

/* read_only is on where super_read_only is, and is what stops the application's account. */
static const struct db_statement ask_role = {
    .sql = "SELECT @@global.read_only", .params = "", .columns = "i", .repeatable = true};

static void take_role(void *context, const struct db_value *columns) {
    enum db_role *role = context;
    *role = columns[0].number == 0 ? DB_ROLE_PRIMARY : DB_ROLE_REPLICA;
}

static void look(void *context) {
    struct server *server = context;
    int64_t begun_us = clock_monotonic_us();
    struct call call = {.deadline = deadline_in_ms(server->login.timeout_ms)};
    enum db_role role = DB_ROLE_NONE;
    trace_begin(&call.trace, (struct slice){0});
    if (db_run(server->db, &call, &ask_role, NULL, take_role, &role) != STATUS_OK) {
        role = DB_ROLE_NONE;
    }
    pthread_mutex_lock(&server->topology->lock);
    if (begun_us > server->refused_us) { /* what it said before it refused a write is out of date */
        set_role(server, role);
    }
    pthread_mutex_unlock(&server->topology->lock);
}

static void end(void *context) {
    (void)context;
    db_thread_end();
}

/* --- Start and stop ------------------------------------------------------------------------- */

/* Fills in a server, but for its watcher. */
static enum status add_server(struct topology *topology, char *name) {
    const struct topology_options *options = &topology->options;
    struct server *server = &topology->servers[topology->count];
    *server = (struct server){.topology = topology, .name = name, .login = options->account};
    server->login.name = name;
    enum status status = address_read(name, &server->login.address);
    breaker_init(&server->breaker, options->breaker_failures, options->breaker_cooldown_ms * 1000);
    topology->count++; /* from here on topology_stop() frees it */
    if (status != STATUS_OK) {
        return status;
    }
    server->db = db_new(&server->login);
    return server->db != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status add_servers(struct topology *topology) {
    const char *rest = topology->options.servers;
    enum status status = STATUS_OK;
    for (char *name; status == STATUS_OK && (name = next_word(&rest)) != NULL;) {
        status = add_server(topology, name);
    }
    return status == STATUS_OK && topology->count == 0 ? STATUS_NO_MEMORY : status;
}

static enum status watch_all(struct topology *topology) {
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < topology->count; i++) {
        look(&topology->servers[i]);
    }
    for (unsigned i = 0; i < topology->count && status == STATUS_OK; i++) {
        const struct watcher_options options = {topology->options.interval_ms, look, end, &topology->servers[i]};
        status = watcher_start(&options, &topology->servers[i].watcher);
    }
    return status;
}

enum status topology_start(const struct topology_options *options, struct topology **out) {
    struct topology *topology = calloc(1, sizeof *topology);
    if (topology == NULL) {
        return STATUS_NO_MEMORY;
    }
    topology->options = *options;
    pthread_mutex_init(&topology->lock, NULL);
    atomic_init(&topology->primary, TOPOLOGY_NOBODY);
    enum status status = add_servers(topology);
    if (status == STATUS_OK) {
        status = watch_all(topology);
    }
    if (status != STATUS_OK) {
        topology_stop(topology);
        return status;
    }
    *out = topology;
    return STATUS_OK;
}

void topology_stop(struct topology *topology) {
    if (topology == NULL) {
        return;
    }
    for (unsigned i = 0; i < topology->count; i++) {
        watcher_stop(topology->servers[i].watcher);
    }
    for (unsigned i = 0; i < topology->count; i++) {
        db_free(topology->servers[i].db);
        breaker_destroy(&topology->servers[i].breaker);
        free(topology->servers[i].name);
    }
    pthread_mutex_destroy(&topology->lock);
    free(topology);
}

/* --- What is known -------------------------------------------------------------------------- */

enum db_role topology_best(const struct topology *topology) {
    enum db_role best = DB_ROLE_NONE;
    for (int i = 0; i < (int)topology->count; i++) {
        enum db_role role = role_of(topology, i);
        best = best == DB_ROLE_PRIMARY || role == DB_ROLE_NONE ? best : role;
    }
    return best;
}

bool topology_server(struct topology *topology, unsigned index, struct topology_server *out) {
    if (index >= topology->count) {
        return false;
    }
    struct server *server = &topology->servers[index];
    *out = (struct topology_server){
        .address = server->name,
        .role = role_of(topology, (int)index),
        .breaker = breaker_state_name(breaker_state(&server->breaker)),
    };
    return true;
}

unsigned topology_count(const struct topology *topology) { return topology->count; }

const struct topology_options *topology_options(const struct topology *topology) { return &topology->options; }

const struct db_options *topology_login(const struct topology *topology, unsigned index) {
    return &topology->servers[index].login;
}

struct breaker *topology_breaker(struct topology *topology, unsigned index) {
    return &topology->servers[index].breaker;
}

bool topology_is_replica(const struct topology *topology, unsigned index) {
    return role_of(topology, (int)index) == DB_ROLE_REPLICA;
}

int topology_primary(const struct topology *topology) { return atomic_load(&topology->primary); }
