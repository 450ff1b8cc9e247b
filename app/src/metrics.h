/*
 * metrics -- what shopd counts, in the text format of Prometheus (0.0.4).
 *
 * Each series is declared once below, with its sentence. Counting is one atomic
 * addition, from any thread. Requests are counted and timed by route pattern,
 * never by path: the number of series is fixed at start.
 */
#ifndef METRICS_H
#define METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "text.h"

/* X(name, Prometheus name, help). Counters only grow. */
#define METRICS_COUNTERS(X)                                                                                            \
    X(CONNECTIONS_ACCEPTED, "shopd_fcgi_connections_total", "FastCGI connections accepted.")                           \
    X(CONNECTIONS_MALFORMED, "shopd_fcgi_malformed_total", "Connections closed because the peer broke FastCGI/1.0.")   \
    X(CONNECTIONS_NO_MEMORY, "shopd_fcgi_no_memory_total", "Connections closed because our memory ended.")             \
    X(CONNECTIONS_TIMED_OUT, "shopd_fcgi_timeouts_total", "Connections closed because the peer was too slow.")         \
    X(FCGI_ODDITIES, "shopd_fcgi_oddities_total", "Records and requests that are legal and not served.")               \
    X(REQUESTS_ABORTED, "shopd_requests_aborted_total", "Answers that nobody waited for any more.")                    \
    X(REQUESTS_SHED, "shopd_requests_shed_total", "Requests answered 503, the queue being full or slow.")              \
    X(DB_CONNECTS, "shopd_db_connects_total", "Connections made to MySQL.")                                            \
    X(DB_ERRORS, "shopd_db_errors_total", "Statements and connections that failed in MySQL.")                          \
    X(REDIS_CONNECTS, "shopd_redis_connects_total", "Connections made to Redis.")                                      \
    X(REDIS_ERRORS, "shopd_redis_errors_total", "Commands and connections that failed in Redis.")                      \
    X(CACHE_HITS, "shopd_cache_hits_total", "Answers found in the cache.")                                             \
    X(CACHE_MISSES, "shopd_cache_misses_total", "Answers not found in the cache, or Redis was away.")

/* Gauges go up and down. */
#define METRICS_GAUGES(X)                                                                                              \
    X(CONNECTIONS, "shopd_fcgi_connections", "FastCGI connections open now.")                                          \
    X(QUEUED, "shopd_queue_length", "Requests waiting for a worker now.")                                              \
    X(BUSY, "shopd_workers_busy", "Workers with a request now.")                                                       \
    X(DB_UP, "shopd_db_up", "1 if the last look at MySQL went well.")                                                  \
    X(REDIS_UP, "shopd_redis_up", "1 if the last look at Redis went well.")

enum metric {
#define METRIC(name, ...) METRIC_##name,
    METRICS_COUNTERS(METRIC) METRICS_GAUGES(METRIC)
#undef METRIC
        METRIC_COUNT
};

/* Names the routes that metrics_request() counts by; before there are threads. The
 * strings must stay. */
void metrics_init(const char *const *routes, size_t count);

void metrics_add(enum metric metric, int64_t amount);
void metrics_set(enum metric metric, int64_t value);
int64_t metrics_get(enum metric metric);

/* A request of routes[route] was answered with status (100..599) after duration_us. */
void metrics_request(size_t route, int status, int64_t duration_us);

/* Appends the whole exposition. */
void metrics_render(struct text *out);

#endif
