#include "metrics.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "breaker.h"
#include "clock.h"
#include "process.h"
#include "version.h"

enum { ROUTES_MAX = 32, STATUS_FIRST = 100, STATUS_COUNT = 500 };

/* --- Counting ------------------------------------------------------------------------- */

/* Upper bounds of the latency buckets, in microseconds; the last, infinite one is not named. */
static const int64_t bounds_us[] = {50,    100,   250,    500,    1000,   2500,    5000,    10000,
                                    25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000};
enum { BUCKETS = sizeof bounds_us / sizeof bounds_us[0] + 1 };

struct histogram {
    atomic_llong buckets[BUCKETS]; /* not cumulative; rendering sums them up */
    atomic_llong sum_us;
};

struct route_metrics {
    atomic_llong by_status[STATUS_COUNT];
    struct histogram durations;
};

enum outcome { OUTCOME_OK, OUTCOME_GONE, OUTCOME_TIMEOUT, OUTCOME_REFUSED, OUTCOME_BREAKER_OPEN, OUTCOME_COUNT };

struct backend_metrics {
    atomic_llong by_outcome[OUTCOME_COUNT];
    struct histogram durations;
};

static atomic_llong values[METRIC_COUNT];
static struct backend_metrics backends[BACKEND_COUNT];
static struct route_metrics routes[ROUTES_MAX];
static const char *const *route_names;
static size_t route_count;
static int64_t started_wall_us;

static void count(atomic_llong *counter, int64_t amount) {
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

static long long counted(atomic_llong *counter) { return atomic_load_explicit(counter, memory_order_relaxed); }

static void observe(struct histogram *histogram, int64_t duration_us) {
    size_t bucket = 0;
    while (bucket < BUCKETS - 1 && duration_us > bounds_us[bucket]) {
        bucket++;
    }
    count(&histogram->buckets[bucket], 1);
    count(&histogram->sum_us, duration_us);
}

void metrics_init(const char *const *names, size_t name_count) {
    assert(name_count <= ROUTES_MAX);
    route_names = names;
    route_count = name_count;
    started_wall_us = clock_wall_us();
}

void metrics_add(enum metric metric, int64_t amount) { count(&values[metric], amount); }

void metrics_set(enum metric metric, int64_t value) {
    atomic_store_explicit(&values[metric], value, memory_order_relaxed);
}

int64_t metrics_get(enum metric metric) { return counted(&values[metric]); }

void metrics_fcgi_oddity(const char *what) {
    static const struct {
        const char *what;
        enum metric metric;
    } oddities[] = {
        {"unknown_type", METRIC_FCGI_UNKNOWN_TYPE},
        {"unknown_role", METRIC_FCGI_UNKNOWN_ROLE},
        {"overloaded", METRIC_FCGI_OVERLOADED},
        {"inactive_id", METRIC_FCGI_INACTIVE_ID},
    };
    size_t i = 0;
    while (strcmp(oddities[i].what, what) != 0) {
        i++;
        assert(i < sizeof oddities / sizeof oddities[0]);
    }
    metrics_add(oddities[i].metric, 1);
}

void metrics_request(size_t route, int status, int64_t duration_us) {
    assert(route < route_count && status >= STATUS_FIRST && status < STATUS_FIRST + STATUS_COUNT);
    count(&routes[route].by_status[status - STATUS_FIRST], 1);
    observe(&routes[route].durations, duration_us);
}

static enum outcome outcome_of(enum status status) {
    switch (status) {
    case STATUS_GONE:
        return OUTCOME_GONE;
    case STATUS_TIMEOUT:
        return OUTCOME_TIMEOUT;
    case STATUS_BAD_INPUT:
        return OUTCOME_REFUSED;
    default:
        return OUTCOME_OK;
    }
}

void metrics_backend_call(enum backend backend, enum status status, int64_t duration_us) {
    count(&backends[backend].by_outcome[outcome_of(status)], 1);
    observe(&backends[backend].durations, duration_us);
}

void metrics_backend_spared(enum backend backend) { count(&backends[backend].by_outcome[OUTCOME_BREAKER_OPEN], 1); }

/* --- Rendering ------------------------------------------------------------------------ */

static void put_family(struct text *out, const char *type, const char *name, const char *help) {
    text_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label with a value that is not ours: in the text format \ " and the end of a line are escaped. */
static void put_label(struct text *out, const char *name, const char *value) {
    text_format(out, "%s=\"", name);
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '\n') {
            text_put(out, "\\n");
        } else {
            text_format(out, *at == '\\' || *at == '"' ? "\\%c" : "%c", *at);
        }
    }
    text_put(out, "\"");
}

static void render_values(struct text *out) {
    /* As they stand in METRICS: a family has a type, each of its series has labels. */
    static const struct row {
        const char *type, *name, *help;
        const char *labels;
    } rows[] = {
#define FAMILY(type, name, help) {type, name, help, NULL},
#define SERIES(name, labels) {NULL, NULL, NULL, labels},
        METRICS(FAMILY, SERIES)
#undef FAMILY
#undef SERIES
    };
    const char *name = NULL;
    enum metric next = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        if (row->labels == NULL) {
            name = row->name;
            put_family(out, row->type, name, row->help);
        } else {
            bool bare = row->labels[0] == '\0';
            text_format(out, bare ? "%s%s %lld\n" : "%s{%s} %lld\n", name, row->labels, (long long)metrics_get(next++));
        }
    }
}

static void render_histogram(struct text *out, const char *name, const char *label, const char *value,
                             struct histogram *histogram) {
    long long total = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        total += counted(&histogram->buckets[i]);
        text_format(out, "%s_bucket{%s=\"%s\",le=\"", name, label, value);
        if (i < BUCKETS - 1) {
            text_format(out, "%g", (double)bounds_us[i] / 1e6);
        } else {
            text_put(out, "+Inf");
        }
        text_format(out, "\"} %lld\n", total);
    }
    text_format(out, "%s_sum{%s=\"%s\"} %.6f\n", name, label, value, (double)counted(&histogram->sum_us) / 1e6);
    text_format(out, "%s_count{%s=\"%s\"} %lld\n", name, label, value, total);
}

static void render_requests(struct text *out) {
    static const char total[] = "shopd_http_requests_total", duration[] = "shopd_http_request_duration_seconds";
    put_family(out, "counter", total, "Requests answered, by route and status.");
    for (size_t route = 0; route < route_count; route++) {
        for (int i = 0; i < STATUS_COUNT; i++) {
            long long requests = counted(&routes[route].by_status[i]);
            if (requests > 0) {
                text_format(out, "%s{route=\"%s\",code=\"%d\"} %lld\n", total, route_names[route], i + STATUS_FIRST,
                            requests);
            }
        }
    }
    put_family(out, "histogram", duration, "From a whole request to its answer, by route.");
    for (size_t route = 0; route < route_count; route++) {
        render_histogram(out, duration, "route", route_names[route], &routes[route].durations);
    }
}

static const char *const backend_names[] = {[BACKEND_MYSQL] = "mysql", [BACKEND_REDIS] = "redis"};

static void render_backends(struct text *out) {
    static const char total[] = "shopd_backend_calls_total", duration[] = "shopd_backend_call_duration_seconds";
    static const char *const outcomes[] = {[OUTCOME_OK] = "ok",
                                           [OUTCOME_GONE] = "gone",
                                           [OUTCOME_TIMEOUT] = "timeout",
                                           [OUTCOME_REFUSED] = "refused",
                                           [OUTCOME_BREAKER_OPEN] = "breaker_open"};
    put_family(out, "counter", total, "Calls of a backend, by outcome; breaker_open was not made.");
    for (size_t backend = 0; backend < BACKEND_COUNT; backend++) {
        for (size_t i = 0; i < OUTCOME_COUNT; i++) {
            text_format(out, "%s{backend=\"%s\",outcome=\"%s\"} %lld\n", total, backend_names[backend], outcomes[i],
                        counted(&backends[backend].by_outcome[i]));
        }
    }
    put_family(out, "histogram", duration, "From a call of a backend to its end, whatever the outcome.");
    for (size_t backend = 0; backend < BACKEND_COUNT; backend++) {
        render_histogram(out, duration, "backend", backend_names[backend], &backends[backend].durations);
    }
}

/* One series for each state that the server can be in, of which one is 1. */
static void render_state(struct text *out, const char *family, const struct metrics_server *server, const char *label,
                         const char *state, bool current) {
    text_format(out, "%s{backend=\"%s\",", family, backend_names[server->backend]);
    put_label(out, "server", server->address);
    text_format(out, ",%s=\"%s\"} %d\n", label, state, current);
}

static void render_servers(struct text *out, const struct metrics_server *servers, size_t server_count) {
    static const char breaker[] = "shopd_breaker_state", role[] = "shopd_server_role";
    static const char *const roles[] = {"primary", "replica"};
    put_family(out, "gauge", breaker, "1 for the state that the breaker of a server is in, 0 for the others.");
    for (size_t i = 0; i < server_count; i++) {
        for (enum breaker_state state = BREAKER_CLOSED; state <= BREAKER_HALF_OPEN; state++) {
            const char *name = breaker_state_name(state);
            render_state(out, breaker, &servers[i], "state", name, strcmp(name, servers[i].breaker) == 0);
        }
    }
    put_family(out, "gauge", role, "1 for the role that a server had at the last look; none: it did not answer.");
    for (size_t i = 0; i < server_count; i++) {
        for (size_t r = 0; servers[i].role != NULL && r < sizeof roles / sizeof roles[0]; r++) {
            render_state(out, role, &servers[i], "role", roles[r], strcmp(roles[r], servers[i].role) == 0);
        }
    }
}

/* The names that Prometheus' own client libraries use. */
static void render_process(struct text *out) {
    put_family(out, "gauge", "shopd_build_info", "1; the labels say what runs.");
    text_put(out, "shopd_build_info{");
    put_label(out, "version", SHOPD_VERSION);
    text_put(out, ",");
    put_label(out, "compiler", __VERSION__);
    text_put(out, "} 1\n");
    put_family(out, "gauge", "process_start_time_seconds", "Start of the process, in seconds since 1970.");
    text_format(out, "process_start_time_seconds %.3f\n", (double)started_wall_us / 1e6);
    put_family(out, "counter", "process_cpu_seconds_total", "CPU time spent, in user and system mode.");
    text_format(out, "process_cpu_seconds_total %.6f\n", (double)process_cpu_us() / 1e6);
    put_family(out, "gauge", "process_resident_memory_bytes", "Memory of the process that is in RAM.");
    text_format(out, "process_resident_memory_bytes %lld\n", (long long)process_resident_bytes());
    put_family(out, "gauge", "process_open_fds", "Open files and sockets.");
    text_format(out, "process_open_fds %lld\n", (long long)process_open_fds());
}

void metrics_render(struct text *out, const struct metrics_server *servers, size_t server_count) {
    render_values(out);
    render_requests(out);
    render_backends(out);
    render_servers(out, servers, server_count);
    render_process(out);
}
