/*
 * metrics -- what shopd counts, in the text format of Prometheus (0.0.4).
 *
 * Each series is declared once, in the table below, under the name and the sentence of
 * its family. Counting is one relaxed atomic addition, from any thread. Requests are
 * counted by route pattern, never by path: the number of series is fixed at start.
 *
 * To add one, write a line of SERIES under the FAMILY it belongs to, or under a new FAMILY
 * with its type, name and sentence; labels are as Prometheus writes them, "" for none. Then
 * count with metrics_add(METRIC_NAME, 1) where it happens. The name of a counter ends in
 * _total; units are seconds and bytes. tests/backends/metrics.bats asks promtool.
 */
#ifndef METRICS_H
#define METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "call.h"
#include "status.h"
#include "text.h"

/* FAMILY(type, name, help), then its SERIES(name in enum metric, labels). Counters only grow; gauges go up and down. */
#define METRICS(FAMILY, SERIES)                                                                                        \
    FAMILY("counter", "shopd_fcgi_connections_total", "FastCGI connections accepted.")                                 \
    SERIES(CONNECTIONS_ACCEPTED, "")                                                                                   \
    FAMILY("gauge", "shopd_fcgi_connections", "FastCGI connections open now.")                                         \
    SERIES(CONNECTIONS, "")                                                                                            \
    FAMILY("counter", "shopd_fcgi_errors_total",                                                                       \
           "Faults on FastCGI connections; malformed, timeout and no_memory closed the connection.")                   \
    SERIES(CONNECTIONS_MALFORMED, "kind=\"malformed\"")                                                                \
    SERIES(CONNECTIONS_TIMED_OUT, "kind=\"timeout\"")                                                                  \
    SERIES(CONNECTIONS_NO_MEMORY, "kind=\"no_memory\"")                                                                \
    SERIES(FCGI_UNKNOWN_TYPE, "kind=\"unknown_type\"")                                                                 \
    SERIES(FCGI_UNKNOWN_ROLE, "kind=\"unknown_role\"")                                                                 \
    SERIES(FCGI_OVERLOADED, "kind=\"overloaded\"")                                                                     \
    SERIES(FCGI_INACTIVE_ID, "kind=\"inactive_id\"")                                                                   \
    FAMILY("counter", "shopd_requests_aborted_total", "Answers that nobody waited for any more.")                      \
    SERIES(REQUESTS_ABORTED, "")                                                                                       \
    FAMILY("counter", "shopd_requests_shed_total",                                                                     \
           "Requests answered 503 by class: no place in the queue, or their turn came after their deadline.")          \
    SERIES(SHED_VITAL_QUEUE_FULL, "class=\"vital\",reason=\"queue_full\"")                                             \
    SERIES(SHED_VITAL_TOO_LATE, "class=\"vital\",reason=\"too_late\"")                                                 \
    SERIES(SHED_BROWSING_QUEUE_FULL, "class=\"browsing\",reason=\"queue_full\"")                                       \
    SERIES(SHED_BROWSING_TOO_LATE, "class=\"browsing\",reason=\"too_late\"")                                           \
    FAMILY(                                                                                                            \
        "counter", "shopd_requests_refused_total",                                                                     \
        "Requests turned away before a page was asked: sent too slowly, no memory for them, or shopd was stopping.")   \
    SERIES(REFUSED_NOT_READ, "reason=\"not_read\"")                                                                    \
    SERIES(REFUSED_NO_MEMORY, "reason=\"no_memory\"")                                                                  \
    SERIES(REFUSED_STOPPING, "reason=\"stopping\"")                                                                    \
    FAMILY("counter", "shopd_requests_limited_total", "Requests answered 429: what was asked for too often.")          \
    SERIES(LIMITED_ADDRESS, "limit=\"address\"")                                                                       \
    SERIES(LIMITED_ACCOUNT, "limit=\"account\"")                                                                       \
    SERIES(LIMITED_LOGIN_ADDRESS, "limit=\"login_address\"")                                                           \
    SERIES(LIMITED_LOGIN_ACCOUNT, "limit=\"login_account\"")                                                           \
    SERIES(LIMITED_SIGN_UP, "limit=\"sign_up\"")                                                                       \
    FAMILY("counter", "shopd_logins_total", "Passwords that were right, and that were not, of known accounts or not.") \
    SERIES(LOGINS_RIGHT, "result=\"right\"")                                                                           \
    SERIES(LOGINS_WRONG, "result=\"wrong\"")                                                                           \
    FAMILY("counter", "shopd_password_hashes_total", "Hashes of passwords computed, to verify one or to store one.")   \
    SERIES(PASSWORDS_VERIFIED, "purpose=\"verify\"")                                                                   \
    SERIES(PASSWORDS_STORED, "purpose=\"store\"")                                                                      \
    FAMILY("gauge", "shopd_password_hashing", "Hashes of passwords being computed now.")                               \
    SERIES(PASSWORDS_HASHING, "")                                                                                      \
    FAMILY("counter", "shopd_password_waits_given_up_total", "Hashes not computed: no place came free in time.")       \
    SERIES(PASSWORDS_GIVEN_UP, "")                                                                                     \
    FAMILY("counter", "shopd_traces_total", "Traces of requests: brought along by the caller, or begun here.")         \
    SERIES(TRACES_TAKEN_OVER, "origin=\"caller\"")                                                                     \
    SERIES(TRACES_BEGUN, "origin=\"here\"")                                                                            \
    FAMILY("gauge", "shopd_queue_length", "Requests waiting for a worker now, by class.")                              \
    SERIES(QUEUED_VITAL, "class=\"vital\"")                                                                            \
    SERIES(QUEUED_BROWSING, "class=\"browsing\"")                                                                      \
    FAMILY("gauge", "shopd_queue_capacity", "Requests that may wait for a worker, by class.")                          \
    SERIES(QUEUE_CAPACITY_VITAL, "class=\"vital\"")                                                                    \
    SERIES(QUEUE_CAPACITY_BROWSING, "class=\"browsing\"")                                                              \
    FAMILY("gauge", "shopd_workers", "Threads for what waits on a backend.")                                           \
    SERIES(WORKERS, "")                                                                                                \
    FAMILY("gauge", "shopd_workers_busy", "Workers with a request now.")                                               \
    SERIES(BUSY, "")                                                                                                   \
    FAMILY("gauge", "shopd_db_up", "1 if the last look at MySQL went well.")                                           \
    SERIES(DB_UP, "")                                                                                                  \
    FAMILY("gauge", "shopd_db_connections", "Connections to MySQL open now.")                                          \
    SERIES(DB_CONNECTIONS, "")                                                                                         \
    FAMILY("counter", "shopd_db_connects_total", "Connections made to MySQL.")                                         \
    SERIES(DB_CONNECTS, "")                                                                                            \
    FAMILY("counter", "shopd_db_errors_total", "Statements and connections that failed in MySQL.")                     \
    SERIES(DB_ERRORS, "")                                                                                              \
    FAMILY("counter", "shopd_db_retries_total", "Statements sent to MySQL once more.")                                 \
    SERIES(DB_RETRIES, "")                                                                                             \
    FAMILY("counter", "shopd_db_deadlocks_total", "Transactions run once more after a deadlock.")                      \
    SERIES(DB_DEADLOCKS, "")                                                                                           \
    FAMILY("counter", "shopd_db_role_changes_total", "Servers of MySQL seen in another role than before.")             \
    SERIES(DB_ROLE_CHANGES, "")                                                                                        \
    FAMILY("counter", "shopd_db_fallbacks_total", "Reads that the primary answered because no replica could.")         \
    SERIES(DB_FALLBACKS, "")                                                                                           \
    FAMILY("counter", "shopd_db_gtid_timeouts_total", "Waits in vain for a replica to catch up with a write.")         \
    SERIES(DB_GTID_TIMEOUTS, "")                                                                                       \
    FAMILY("gauge", "shopd_redis_up", "1 if the last look at Redis went well.")                                        \
    SERIES(REDIS_UP, "")                                                                                               \
    FAMILY("gauge", "shopd_redis_connections", "Connections to Redis open now.")                                       \
    SERIES(REDIS_CONNECTIONS, "")                                                                                      \
    FAMILY("counter", "shopd_redis_connects_total", "Connections made to Redis.")                                      \
    SERIES(REDIS_CONNECTS, "")                                                                                         \
    FAMILY("counter", "shopd_redis_errors_total", "Commands and connections that failed in Redis.")                    \
    SERIES(REDIS_ERRORS, "")                                                                                           \
    FAMILY("counter", "shopd_cache_requests_total", "Looks into the cache, by result.")                                \
    SERIES(CACHE_HITS, "result=\"hit\"")                                                                               \
    SERIES(CACHE_OLD, "result=\"stale\"")                                                                              \
    SERIES(CACHE_MISSES, "result=\"miss\"")                                                                            \
    SERIES(CACHE_ERRORS, "result=\"error\"")                                                                           \
    FAMILY("counter", "shopd_cache_changes_total", "Products that were bought or edited, by whether Redis was told.")  \
    SERIES(CACHE_CHANGES, "result=\"told\"")                                                                           \
    SERIES(CACHE_CHANGES_LOST, "result=\"lost\"")                                                                      \
    FAMILY("counter", "shopd_lookup_questions_total", "Answers for the cache that MySQL was asked for.")               \
    SERIES(LOOKUP_QUESTIONS, "")                                                                                       \
    FAMILY("counter", "shopd_lookup_shared_total", "Answers taken over from a request that had asked already.")        \
    SERIES(LOOKUP_SHARED, "")                                                                                          \
    FAMILY("gauge", "shopd_flight_waiting", "Requests that wait now for what another one has asked.")                  \
    SERIES(FLIGHT_WAITING, "")                                                                                         \
    FAMILY("gauge", "shopd_flag", "1 for a part of the shop that is switched on, 0 for one that is off.")              \
    SERIES(FLAG_SEARCH, "flag=\"search\"")                                                                             \
    SERIES(FLAG_RECEIPTS, "flag=\"receipts\"")                                                                         \
    SERIES(FLAG_RECOMMENDATIONS, "flag=\"recommendations\"")                                                           \
    FAMILY("counter", "shopd_flags_errors_total", "Looks at the flags that failed; each kept its last value.")         \
    SERIES(FLAGS_ERRORS, "")                                                                                           \
    FAMILY("gauge", "shopd_sessions", "Sessions in this server's memory now; 0 where they are in Redis.")              \
    SERIES(SESSIONS, "")                                                                                               \
    FAMILY("counter", "shopd_sessions_begun_total", "Sessions begun here.")                                            \
    SERIES(SESSIONS_BEGUN, "")                                                                                         \
    FAMILY("counter", "shopd_session_requests_total", "Looks for the session that a cookie names, by result.")         \
    SERIES(SESSION_FOUND, "result=\"found\"")                                                                          \
    SERIES(SESSION_UNKNOWN, "result=\"unknown\"")                                                                      \
    SERIES(SESSION_ERRORS, "result=\"error\"")                                                                         \
    FAMILY("counter", "shopd_requests_forged_total",                                                                   \
           "Requests refused because nobody may have meant them: sent by another site, or a wrong token.")             \
    SERIES(REQUESTS_FORGED, "")                                                                                        \
    FAMILY("counter", "shopd_orders_total",                                                                            \
           "Orders that were asked for, by what became of them; failed: MySQL was away or late.")                      \
    SERIES(ORDERS_PLACED, "outcome=\"placed\"")                                                                        \
    SERIES(ORDERS_REPEATED, "outcome=\"repeated\"")                                                                    \
    SERIES(ORDERS_SOLD_OUT, "outcome=\"sold_out\"")                                                                    \
    SERIES(ORDERS_REFUSED, "outcome=\"refused\"")                                                                      \
    SERIES(ORDERS_FAILED, "outcome=\"failed\"")                                                                        \
    FAMILY("counter", "shopd_log_lines_dropped_total", "Log lines left out because standard error was too slow.")      \
    SERIES(LOG_DROPPED, "")

enum metric {
#define METRICS_FAMILY(type, name, help)
#define METRICS_SERIES(name, labels) METRIC_##name,
    METRICS(METRICS_FAMILY, METRICS_SERIES)
#undef METRICS_FAMILY
#undef METRICS_SERIES
        METRIC_COUNT
};

/* Names the routes that metrics_request() counts by, at most 32, and takes the time of the
 * start; before there are threads. The array and its strings must stay. */
void metrics_init(const char *const *routes, size_t count);

/* amount may be negative for a gauge; metrics_set() is for gauges. */
void metrics_add(enum metric metric, int64_t amount);
void metrics_set(enum metric metric, int64_t value);
int64_t metrics_get(enum metric metric);

/* Counts an oddity of fcgi_conn.h, told by its name. */
void metrics_fcgi_oddity(const char *what);

/* A request of routes[route] was answered with status (100..599) after duration_us. */
void metrics_request(size_t route, int status, int64_t duration_us);

/*
 * A call of a backend ended after duration_us. Counted by how the backend did: "gone",
 * "timeout", "refused" (STATUS_BAD_INPUT), else "ok": what we made of its answer says
 * nothing about it.
 */
void metrics_backend_call(enum backend backend, enum status status, int64_t duration_us);

/* A call that was not made, its breaker being open. */
void metrics_backend_spared(enum backend backend);

/* A server, as whoever asks for the exposition sees it at that moment. Its strings are not kept. */
struct metrics_server {
    enum backend backend;
    const char *address; /* any text that tells it from others */
    const char *role;    /* db_role_name(); NULL: its backend has no roles */
    const char *breaker; /* breaker_state_name() */
};

/* Appends the whole exposition, with a look at the process itself. Lack of memory shows in out. */
void metrics_render(struct text *out, const struct metrics_server *servers, size_t server_count);

#endif
