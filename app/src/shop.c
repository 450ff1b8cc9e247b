#include "shop.h"

#include <stdatomic.h>

#include "clock.h"
#include "exchange.h"
#include "handlers.h"
#include "log.h"
#include "metrics.h"
#include "router.h"

struct handler {
    void (*run)(struct exchange *exchange);
    bool needs_backend; /* runs on a worker; else at once, on the loop */
};

/* The routes, in the order they are tried; handlers[i] is behind routes[i]. */
#define ROUTES(X)                                                                                                      \
    X("/", page_home, true)                                                                                            \
    X("/products", page_products, true)                                                                                \
    X("/products/{id}", page_product, true)                                                                            \
    X("/api/v1/products", api_products, true)                                                                          \
    X("/api/v1/products/{id}", api_product, true)                                                                      \
    X("/livez", operations_livez, false)                                                                               \
    X("/readyz", operations_readyz, false)                                                                             \
    X("/metrics", operations_metrics, false)                                                                           \
    X("/whoami", operations_whoami, false)

enum {
#define ROW(pattern, run, needs_backend) ROUTE_##run,
    ROUTES(ROW)
#undef ROW
        ROUTE_COUNT,
    ROUTE_UNMATCHED = ROUTE_COUNT, /* for counting: no such path, not a request we can read */
};

static const struct route routes[] = {
#define ROW(pattern, run, needs_backend) {pattern, ROUTER_GET, ROUTE_##run},
    ROUTES(ROW)
#undef ROW
};

static const struct handler handlers[] = {
#define ROW(pattern, run, needs_backend) {run, needs_backend},
    ROUTES(ROW)
#undef ROW
};

static const char *const route_names[] = {
#define ROW(pattern, run, needs_backend) pattern,
    ROUTES(ROW)
#undef ROW
        "unmatched",
};

void shop_init(void) { metrics_init(route_names, sizeof route_names / sizeof route_names[0]); }

/* --- The answer leaves ---------------------------------------------------------------- */

static void finish(struct exchange *exchange) {
    const struct http_request *in = &exchange->in;
    const struct route *route = exchange->match.route;
    int64_t duration_us = clock_monotonic_us() - exchange->started_us;
    if (exchange->call.db_role != DB_ROLE_NONE) {
        http_header(&exchange->out, "X-DB-Role", db_role_name(exchange->call.db_role));
    }
    http_finish(in, &exchange->out, exchange->request);
    metrics_request(route != NULL ? (size_t)route->handler : ROUTE_UNMATCHED, exchange->out.status, duration_us);
    log_event(LOG_INFO, "request", LOG_TEXT("request_id", in->request_id), LOG_TEXT("method", in->method_name),
              LOG_TEXT("path", in->path), LOG_NUMBER("status", exchange->out.status),
              LOG_NUMBER("duration_us", duration_us));
    server_respond(exchange->shop->server, exchange->request);
}

static void shed(struct exchange *exchange, const char *detail) {
    metrics_add(METRIC_REQUESTS_SHED, 1);
    exchange_problem(exchange, 503, detail);
    finish(exchange);
}

/* --- On a worker ---------------------------------------------------------------------- */

static void *open_worker(void *context) {
    const struct shop *shop = context;
    return database_new(shop->topology);
}

static void close_worker(void *state) {
    database_free(state);
    db_thread_end();
}

static void run_on_worker(void *state, void *job) {
    struct exchange *exchange = job;
    exchange->database = state;
    if (atomic_load(&exchange->request->cancelled)) {
        server_respond(exchange->shop->server, exchange->request);
    } else if (exchange->database == NULL || deadline_passed(exchange->call.deadline)) {
        shed(exchange, "The shop is too busy to answer in time. Please try again.");
    } else {
        handlers[exchange->match.route->handler].run(exchange);
        finish(exchange);
    }
}

enum status shop_start_workers(struct shop *shop) {
    const struct workers_options options = {
        .threads = (unsigned)shop->config->workers,
        .queue_length = (unsigned)shop->config->queue_length,
        .open = open_worker,
        .run = run_on_worker,
        .close = close_worker,
        .context = shop,
    };
    return workers_start(&options, &shop->workers);
}

/* --- On the loop ---------------------------------------------------------------------- */

/* Answers what needs no handler: broken, too large, unknown. True: answered. */
static bool refuse(struct exchange *exchange) {
    struct fcgi_request *request = exchange->request;
    enum status status = http_read_request(request, &exchange->in);
    if (request->fault == FCGI_FAULT_PARAMS_TOO_LARGE) {
        exchange_problem(exchange, 431, "The header of the request is too large.");
        return true;
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
        metrics_add(METRIC_REQUESTS_SHED, 1);
        server_respond(server, request);
        return;
    }
    if (refuse(exchange)) {
        finish(exchange);
        return;
    }
    const struct handler *handler = &handlers[exchange->match.route->handler];
    if (!handler->needs_backend) {
        handler->run(exchange);
        finish(exchange);
    } else if (!workers_submit(shop->workers, exchange)) {
        shed(exchange, "The shop is full at the moment. Please try again.");
    }
}
