#include "metrics.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { ROUTES_MAX = 32, STATUS_FIRST = 100, STATUS_COUNT = 500 };

/* Upper bounds of the latency buckets, in microseconds; the last, infinite one is not named. */
static const int64_t bounds_us[] = {250,   500,    1000,   2500,   5000,    10000,   25000,
                                    50000, 100000, 250000, 500000, 1000000, 2500000, 5000000};
enum { BUCKETS = sizeof bounds_us / sizeof bounds_us[0] + 1 };

struct route_metrics {
    atomic_llong by_status[STATUS_COUNT];
    atomic_llong buckets[BUCKETS]; /* not cumulative; rendering sums them up */
    atomic_llong duration_us;
};

static atomic_llong values[METRIC_COUNT];
static struct route_metrics routes[ROUTES_MAX];
static const char *const *route_names;
static size_t route_count;

void metrics_init(const char *const *names, size_t count) {
    assert(count <= ROUTES_MAX);
    route_names = names;
    route_count = count;
}

void metrics_add(enum metric metric, int64_t amount) {
    atomic_fetch_add_explicit(&values[metric], amount, memory_order_relaxed);
}

void metrics_set(enum metric metric, int64_t value) {
    atomic_store_explicit(&values[metric], value, memory_order_relaxed);
}

int64_t metrics_get(enum metric metric) { return atomic_load_explicit(&values[metric], memory_order_relaxed); }

void metrics_request(size_t route, int status, int64_t duration_us) {
    assert(route < route_count && status >= STATUS_FIRST && status < STATUS_FIRST + STATUS_COUNT);
    struct route_metrics *r = &routes[route];
    size_t bucket = 0;
    while (bucket < BUCKETS - 1 && duration_us > bounds_us[bucket]) {
        bucket++;
    }
    atomic_fetch_add_explicit(&r->by_status[status - STATUS_FIRST], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&r->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&r->duration_us, duration_us, memory_order_relaxed);
}

static void render_values(struct text *out) {
    static const struct {
        enum metric metric;
        const char *name, *kind, *help;
    } rows[] = {
#define ROW(metric, name, help) {METRIC_##metric, name, "counter", help},
        METRICS_COUNTERS(ROW)
#undef ROW
#define ROW(metric, name, help) {METRIC_##metric, name, "gauge", help},
            METRICS_GAUGES(ROW)
#undef ROW
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        text_format(out, "# HELP %s %s\n# TYPE %s %s\n%s %lld\n", rows[i].name, rows[i].help, rows[i].name,
                    rows[i].kind, rows[i].name, (long long)metrics_get(rows[i].metric));
    }
}

static void render_request_counts(struct text *out) {
    text_put(out, "# HELP shopd_http_requests_total Requests answered, by route and status.\n"
                  "# TYPE shopd_http_requests_total counter\n");
    for (size_t route = 0; route < route_count; route++) {
        for (int i = 0; i < STATUS_COUNT; i++) {
            long long count = atomic_load_explicit(&routes[route].by_status[i], memory_order_relaxed);
            if (count > 0) {
                text_format(out, "shopd_http_requests_total{route=\"%s\",code=\"%d\"} %lld\n", route_names[route],
                            i + STATUS_FIRST, count);
            }
        }
    }
}

static void render_durations(struct text *out) {
    text_put(out, "# HELP shopd_http_request_duration_seconds From a whole request to its answer, by route.\n"
                  "# TYPE shopd_http_request_duration_seconds histogram\n");
    for (size_t route = 0; route < route_count; route++) {
        long long count = 0;
        for (size_t i = 0; i < BUCKETS; i++) {
            count += atomic_load_explicit(&routes[route].buckets[i], memory_order_relaxed);
            text_format(out, "shopd_http_request_duration_seconds_bucket{route=\"%s\",le=\"", route_names[route]);
            if (i < BUCKETS - 1) {
                text_format(out, "%g", (double)bounds_us[i] / 1e6);
            } else {
                text_put(out, "+Inf");
            }
            text_format(out, "\"} %lld\n", count);
        }
        text_format(out,
                    "shopd_http_request_duration_seconds_sum{route=\"%s\"} %.6f\n"
                    "shopd_http_request_duration_seconds_count{route=\"%s\"} %lld\n",
                    route_names[route],
                    (double)atomic_load_explicit(&routes[route].duration_us, memory_order_relaxed) / 1e6,
                    route_names[route], count);
    }
}

void metrics_render(struct text *out) {
    render_values(out);
    render_request_counts(out);
    render_durations(out);
}
