#include "shop.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "exchange.h"
#include "handlers.h"
#include "log.h"
#include "metrics.h"
#include "router.h"
#include "throttle.h"
#include "visitor.h"

/* Where a handler runs: on the loop, at once, for it needs no backend; or on a worker, in one of the two classes. */
enum place {
    ON_LOOP,
    ON_LOOP_UNKNOWN, /* but for a visitor with a session, which may be in Redis: vital */
    VITAL,
    BROWSING,
};

struct handler {
    void (*run)(struct exchange *exchange);
    enum place place;
};

/* The routes, in the order they are tried; handlers[i] is behind routes[i]. A path that takes several methods has a row
 * for each handler; they are one route to the metrics. */
#define ROUTES(X)                                                                                                      \
    X("/", page_home, ROUTER_GET, BROWSING)                                                                            \
    X("/products", page_products, ROUTER_GET, BROWSING)                                                                \
    X("/products/{id}", page_product, ROUTER_GET, BROWSING)                                                            \
    X("/search", page_search, ROUTER_GET, BROWSING)                                                                    \
    X("/signup", page_signup, ROUTER_GET, VITAL)                                                                       \
    X("/signup", page_signup_post, ROUTER_POST, VITAL)                                                                 \
    X("/login", page_login, ROUTER_GET, VITAL)                                                                         \
    X("/login", page_login_post, ROUTER_POST, VITAL)                                                                   \
    X("/logout", page_logout, ROUTER_GET, VITAL)                                                                       \
    X("/logout", page_logout_post, ROUTER_POST, VITAL)                                                                 \
    X("/cart", page_cart, ROUTER_GET, VITAL)                                                                           \
    X("/cart", page_cart_change, ROUTER_POST, VITAL)                                                                   \
    X("/checkout", page_checkout, ROUTER_GET, VITAL)                                                                   \
    X("/checkout", page_checkout_buy, ROUTER_POST, VITAL)                                                              \
    X("/orders", page_orders, ROUTER_GET, VITAL)                                                                       \
    X("/orders/{uuid}", page_order, ROUTER_GET, VITAL)                                                                 \
    X("/api/v1/products", api_products, ROUTER_GET, BROWSING)                                                          \
    X("/api/v1/products/{id}", api_product, ROUTER_GET, BROWSING)                                                      \
    X("/api/v1/search", api_search, ROUTER_GET, BROWSING)                                                              \
    X("/api/v1/users", api_users_post, ROUTER_POST, VITAL)                                                             \
    X("/api/v1/session", api_session, ROUTER_GET, VITAL)                                                               \
    X("/api/v1/session", api_session_post, ROUTER_POST, VITAL)                                                         \
    X("/api/v1/session", api_session_delete, ROUTER_DELETE, VITAL)                                                     \
    X("/api/v1/cart", api_cart, ROUTER_GET, VITAL)                                                                     \
    X("/api/v1/cart", api_cart_put, ROUTER_PUT, VITAL)                                                                 \
    X("/api/v1/cart", api_cart_delete, ROUTER_DELETE, VITAL)                                                           \
    X("/api/v1/orders", api_orders, ROUTER_GET, VITAL)                                                                 \
    X("/api/v1/orders", api_orders_post, ROUTER_POST, VITAL)                                                           \
    X("/api/v1/orders/{uuid}", api_order, ROUTER_GET, VITAL)                                                           \
    X("/livez", operations_livez, ROUTER_GET, ON_LOOP)                                                                 \
    X("/readyz", operations_readyz, ROUTER_GET, ON_LOOP)                                                               \
    X("/metrics", operations_metrics, ROUTER_GET, ON_LOOP)                                                             \
    X("/whoami", operations_whoami, ROUTER_GET, ON_LOOP_UNKNOWN)

enum {
#define ROW(pattern, run, methods, place) ROUTE_##run,
    ROUTES(ROW)
#undef ROW
        ROUTE_COUNT,
    ROUTE_UNMATCHED = ROUTE_COUNT, /* for counting: no such path, not a request we can read */
};

static const struct route routes[] = {
#define ROW(pattern, run, methods, place) {pattern, methods, ROUTE_##run},
    ROUTES(ROW)
#undef ROW
};

static const struct handler handlers[] = {
#define ROW(pattern, run, methods, place) {run, place},
    ROUTES(ROW)
#undef ROW
};

/* The routes as the metrics count them: by pattern, so that two rows of one path are one. Written by shop_init() alone. */
static struct {
    const char *names[ROUTE_COUNT + 1];
    size_t count;
    size_t of_route[ROUTE_COUNT + 1]; /* what routes[i] is counted as */
} labels;

static size_t label_of(const char *pattern) {
    for (size_t i = 0; i < labels.count; i++) {
        if (strcmp(labels.names[i], pattern) == 0) {
            return i;
        }
    }
    labels.names[labels.count] = pattern;
    return labels.count++;
}

void shop_init(void) {
    labels.count = 0;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        labels.of_route[i] = label_of(routes[i].pattern);
    }
    labels.of_route[ROUTE_UNMATCHED] = label_of("unmatched");
    metrics_init(labels.names, labels.count);
}

static enum place place_of(const struct exchange *exchange) {
    enum place place = handlers[exchange->match.route->handler].place;
    if (place == ON_LOOP_UNKNOWN) {
        return visitor_has_session(&exchange->in) ? VITAL : ON_LOOP;
    }
    return place;
}

/* --- The answer leaves ---------------------------------------------------------------- */

/* Appends one measure of Server-Timing, in milliseconds with three places. */
static void add_measure(struct text *timing, const char *name, int64_t us) {
    const char places[] = {'.', (char)('0' + us / 100 % 10), (char)('0' + us / 10 % 10), (char)('0' + us % 10)};
    text_put(timing, timing->length > 0 ? ", " : "");
    text_put(timing, name);
    text_put(timing, ";dur=");
    text_put_number(timing, us / 1000);
    text_put_slice(timing, (struct slice){places, sizeof places});
}

/* Where the time went, for those who look into their browser. */
static void add_timing(struct exchange *exchange, int64_t duration_us) {
    const struct call *call = &exchange->call;
    struct text timing;
    struct slice value;
    text_init(&timing, &exchange->request->arena);
    add_measure(&timing, "queue", exchange->queued_us);
    for (enum backend i = 0; i < BACKEND_COUNT; i++) {
        if (call->calls[i] > 0) {
            add_measure(&timing, backend_name(i), call->spent_us[i]);
        }
    }
    add_measure(&timing, "total", duration_us);
    text_put_slice(&timing, (struct slice){"", 1}); /* its NUL */
    if (text_slice(&timing, &value) == STATUS_OK) {
        http_header(&exchange->out, "Server-Timing", value.data);
    }
}

static void add_headers(struct exchange *exchange, int64_t duration_us) {
    const struct route *route = exchange->match.route;
    char traceparent[TRACE_PARENT_CHARS + 1];
    if (exchange->call.db_role != DB_ROLE_NONE) {
        http_header(&exchange->out, "X-DB-Role", db_role_name(exchange->call.db_role));
    }
    if (exchange->traced) {
        trace_format(&exchange->call.trace, traceparent);
        http_header(&exchange->out, "Traceparent", traceparent);
    }
    if (route != NULL && place_of(exchange) != ON_LOOP) {
        add_timing(exchange, duration_us);
    }
}

static void log_request(const struct exchange *exchange, int64_t duration_us) {
    const struct call *call = &exchange->call;
    char traceparent[TRACE_PARENT_CHARS + 1];
    trace_format(&call->trace, traceparent);
    log_event(LOG_INFO, "request", LOG_TEXT("request_id", exchange->in.request_id),
              LOG_TEXT("traceparent", traceparent), LOG_TEXT("method", exchange->in.method_name),
              LOG_TEXT("path", exchange->in.path), LOG_NUMBER("status", exchange->out.status),
              LOG_NUMBER("duration_us", duration_us), LOG_NUMBER("queue_us", exchange->queued_us),
              LOG_NUMBER("mysql_us", call->spent_us[BACKEND_MYSQL]),
              LOG_NUMBER("redis_us", call->spent_us[BACKEND_REDIS]));
}

static void finish(struct exchange *exchange) {
    const struct route *route = exchange->match.route;
    int64_t duration_us = clock_monotonic_us() - exchange->started_us;
    add_headers(exchange, duration_us);
    http_finish(&exchange->in, &exchange->out, exchange->request);
    size_t label = labels.of_route[route != NULL ? route->handler : ROUTE_UNMATCHED];
    metrics_request(label, exchange->out.status, duration_us);
    if (exchange->shop->config->log_requests) {
        log_request(exchange, duration_us);
    }
    server_respond(exchange->shop->server, exchange->request);
}

static enum workers_class class_of(const struct exchange *exchange) {
    return place_of(exchange) == VITAL ? WORKERS_VITAL : WORKERS_BROWSING;
}

enum reason { QUEUE_FULL, TOO_LATE };

static void shed(struct exchange *exchange, enum reason reason, const char *detail) {
    static const enum metric counters[WORKERS_CLASSES][2] = {
        [WORKERS_VITAL] = {METRIC_SHED_VITAL_QUEUE_FULL, METRIC_SHED_VITAL_TOO_LATE},
        [WORKERS_BROWSING] = {METRIC_SHED_BROWSING_QUEUE_FULL, METRIC_SHED_BROWSING_TOO_LATE},
    };
    metrics_add(counters[class_of(exchange)][reason], 1);
    exchange_problem(exchange, 503, detail);
    finish(exchange);
}

/* --- On a worker ---------------------------------------------------------------------- */

static void *open_worker(void *context) {
    struct shop *shop = context;
    return clients_new(&shop->backends);
}

static void close_worker(void *state) { clients_free(state); }

static void run_on_worker(void *state, void *job) {
    const struct clients *clients = state;
    struct exchange *exchange = job;
    exchange->queued_us = clock_monotonic_us() - exchange->started_us;
    if (atomic_load(&exchange->request->cancelled)) {
        server_respond(exchange->shop->server, exchange->request);
    } else if (clients == NULL || deadline_passed(exchange->call.deadline)) {
        shed(exchange, TOO_LATE, "The shop is too busy to answer in time. Please try again.");
    } else {
        exchange->database = clients->database;
        exchange->cache = clients->cache;
        exchange->sessions = clients->sessions;
        if (visitor_load(exchange) && throttle_count_request(exchange)) {
            handlers[exchange->match.route->handler].run(exchange);
        }
        visitor_leave(exchange);
        finish(exchange);
    }
}

static enum status start_workers(struct shop *shop) {
    const struct workers_options options = {
        .threads = (unsigned)shop->config->workers,
        .reserved = (unsigned)shop->config->reserved_workers,
        .queue_length = (unsigned)shop->config->queue_length,
        .open = open_worker,
        .run = run_on_worker,
        .close = close_worker,
        .context = shop,
    };
    return workers_start(&options, &shop->workers);
}

enum status shop_start(struct shop *shop) {
    const struct passwords_options passwords = {
        .memory_kib = shop->config->password_memory_kib,
        .passes = shop->config->password_passes,
        .parallel = (unsigned)shop->config->password_parallel,
    };
    enum status status = passwords_new(&passwords, &shop->passwords);
    if (status == STATUS_OK) {
        status = throttle_new(shop->config, &shop->throttle);
    }
    return status == STATUS_OK ? start_workers(shop) : status;
}

void shop_stop(struct shop *shop) {
    workers_stop(shop->workers);
    throttle_free(shop->throttle);
    passwords_free(shop->passwords);
}

/* --- On the loop ---------------------------------------------------------------------- */

/* Answers what needs no handler: broken, too large, unknown. True: answered. */
static bool refuse(struct exchange *exchange) {
    struct fcgi_request *request = exchange->request;
    enum status status = http_read_request(request, &exchange->in);
    switch (request->fault) {
    case FCGI_FAULT_TIMED_OUT:
        metrics_add(METRIC_REFUSED_NOT_READ, 1);
        exchange_problem(exchange, 408, "The request did not come in whole in time.");
        return true;
    case FCGI_FAULT_CLOSING:
        metrics_add(METRIC_REFUSED_STOPPING, 1);
        exchange_problem(exchange, 503, "This server is being stopped. Please try again.");
        return true;
    case FCGI_FAULT_PARAMS_TOO_LARGE:
        exchange_problem(exchange, 431, "The header of the request is too large.");
        return true;
    case FCGI_FAULT_BODY_TOO_LARGE:
    case FCGI_FAULT_NONE:
        break;
    }
    if (status != STATUS_OK) {
        exchange_problem(exchange, status == STATUS_NO_MEMORY ? 500 : 400, "The request cannot be read.");
        return true;
    }
    if (request->fault == FCGI_FAULT_BODY_TOO_LARGE) {
        exchange_problem(exchange, 413, "The body of the request is too large.");
        return true;
    }
    switch (router_match(routes, ROUTE_COUNT, exchange->in.method, exchange->in.path, &exchange->match)) {
    case ROUTER_NO_PATH:
        exchange_problem(exchange, 404, "There is no such page.");
        return true;
    case ROUTER_NO_METHOD:
        http_header(&exchange->out, "Allow", exchange->match.allow);
        exchange_problem(exchange, 405, "This page does not take that method.");
        return true;
    case ROUTER_FOUND:
        break;
    }
    return false;
}

void shop_on_request(void *context, struct server *server, struct fcgi_request *request) {
    struct shop *shop = context;
    struct exchange *exchange = exchange_new(shop, request);
    if (exchange == NULL) {
        /* Not even the memory for an exchange: an answer that needs none. */
        request->head = slice_of("Status: 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
        metrics_add(METRIC_REFUSED_NO_MEMORY, 1);
        server_respond(server, request);
        return;
    }
    metrics_add(exchange->traced ? METRIC_TRACES_TAKEN_OVER : METRIC_TRACES_BEGUN, 1);
    if (refuse(exchange)) {
        finish(exchange);
        return;
    }
    if (place_of(exchange) == ON_LOOP) {
        handlers[exchange->match.route->handler].run(exchange);
        finish(exchange);
        return;
    }
    if (!throttle_admit(exchange)) {
        finish(exchange);
    } else if (!workers_submit(shop->workers, class_of(exchange), exchange)) {
        shed(exchange, QUEUE_FULL, "The shop is full at the moment. Please try again.");
    }
}
