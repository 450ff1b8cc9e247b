/* For those who run the site: is it alive, may it get traffic, what does it count, who am I talking to. */
#include "handlers.h"
#include "metrics.h"
#include "shop.h"
#include "visitor.h"

/* The process answers: that is all it says, whatever the backends do. */
void operations_livez(struct exchange *exchange) {
    exchange_text(exchange, 200, "text/plain; charset=utf-8", slice_of("alive\n"));
}

/* Only told: without Redis the shop is slower, but right. */
static void add_redis(yyjson_mut_doc *doc, yyjson_mut_val *model, struct backends *backends) {
    yyjson_mut_val *redis = yyjson_mut_obj_add_obj(doc, model, "redis");
    if (backends->redis_watch == NULL) {
        yyjson_mut_obj_add_str(doc, redis, "state", "none");
        return;
    }
    yyjson_mut_obj_add_str(doc, redis, "state", redis_watch_up(backends->redis_watch) ? "up" : "down");
    yyjson_mut_obj_add_str(doc, redis, "breaker", breaker_state_name(breaker_state(&backends->redis_breaker)));
}

/* Each MySQL, with its role at the last look. */
static void add_servers(yyjson_mut_doc *doc, yyjson_mut_val *model, struct topology *topology) {
    yyjson_mut_val *servers = yyjson_mut_obj_add_arr(doc, model, "servers");
    struct topology_server seen;
    for (unsigned i = 0; topology_server(topology, i, &seen); i++) {
        yyjson_mut_val *server = yyjson_mut_arr_add_obj(doc, servers);
        yyjson_mut_obj_add_str(doc, server, "address", seen.address);
        yyjson_mut_obj_add_str(doc, server, "role", db_role_name(seen.role));
        yyjson_mut_obj_add_bool(doc, server, "behind", seen.behind);
        yyjson_mut_obj_add_str(doc, server, "breaker", seen.breaker);
    }
}

/* Ready without a primary: a shop that can only be looked at is better than none. Writes get a 503. */
void operations_readyz(struct exchange *exchange) {
    struct shop *shop = exchange->shop;
    yyjson_mut_doc *doc = exchange->doc;
    yyjson_mut_val *model = yyjson_mut_obj(doc);
    unsigned queued = workers_queued(shop->workers, WORKERS_BROWSING);
    bool room = queued < (unsigned)shop->config->queue_length;
    enum db_role best = topology_best(shop->backends.topology);
    bool stopping = server_stopping(shop->server);
    bool ready = room && best != DB_ROLE_NONE && !stopping;
    yyjson_mut_obj_add_bool(doc, model, "ready", ready);
    yyjson_mut_obj_add_str(doc, model, "process", stopping ? "stopping" : "running");
    yyjson_mut_val *queue = yyjson_mut_obj_add_obj(doc, model, "queue");
    yyjson_mut_obj_add_str(doc, queue, "state", room ? "ok" : "full");
    yyjson_mut_obj_add_uint(doc, queue, "length", queued);
    yyjson_mut_obj_add_int(doc, queue, "capacity", shop->config->queue_length);
    yyjson_mut_val *db = yyjson_mut_obj_add_obj(doc, model, "database");
    yyjson_mut_obj_add_str(doc, db, "state", best != DB_ROLE_NONE ? "up" : "down");
    yyjson_mut_obj_add_bool(doc, db, "primary", best == DB_ROLE_PRIMARY);
    add_servers(doc, db, shop->backends.topology);
    add_redis(doc, model, &shop->backends);
    exchange_json(exchange, ready ? 200 : 503, model);
}

void operations_metrics(struct exchange *exchange) {
    struct shop *shop = exchange->shop;
    struct metrics_server servers[BACKENDS_SERVERS_MAX] = {0};
    struct text out;
    struct slice content = {0};
    metrics_set(METRIC_QUEUED_VITAL, workers_queued(shop->workers, WORKERS_VITAL));
    metrics_set(METRIC_QUEUED_BROWSING, workers_queued(shop->workers, WORKERS_BROWSING));
    metrics_set(METRIC_QUEUE_CAPACITY_VITAL, shop->config->queue_length);
    metrics_set(METRIC_QUEUE_CAPACITY_BROWSING, shop->config->queue_length);
    metrics_set(METRIC_WORKERS, shop->config->workers);
    metrics_set(METRIC_BUSY, workers_busy(shop->workers));
    text_init(&out, &exchange->request->arena);
    metrics_render(&out, servers, backends_servers(&shop->backends, servers));
    text_slice(&out, &content);
    exchange_text(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", content);
}

/* The start of the session's hash: enough to see that it is the same one, or another. In Redis its key begins with it. */
static void add_session(const struct exchange *exchange, yyjson_mut_val *model) {
    enum { SHORT_CHARS = 12 };
    yyjson_mut_doc *doc = exchange->doc;
    char hash[SECRET_HASH_CHARS + 1];
    yyjson_mut_val *session = yyjson_mut_obj_add_obj(doc, model, "session");
    yyjson_mut_obj_add_str(doc, session, "store", exchange->shop->config->session_store);
    yyjson_mut_obj_add_bool(doc, session, "away", exchange->session_away);
    yyjson_mut_obj_add_bool(doc, session, "signed_in", visitor_user(exchange) != 0);
    if (exchange->session != NULL) {
        secret_hash(slice_of(exchange->session->id), hash);
        yyjson_mut_obj_add_strncpy(doc, session, "id_hash", hash, SHORT_CHARS);
    } else {
        yyjson_mut_obj_add_null(doc, session, "id_hash");
    }
}

void operations_whoami(struct exchange *exchange) {
    yyjson_mut_doc *doc = exchange->doc;
    yyjson_mut_val *model = yyjson_mut_obj(doc);
    yyjson_mut_obj_add_str(doc, model, "node", exchange->shop->config->node);
    yyjson_mut_obj_add_str(doc, model, "request_id", exchange->in.request_id);
    yyjson_mut_obj_add_str(doc, model, "db_role", db_role_name(topology_best(exchange->shop->backends.topology)));
    add_session(exchange, model);
    exchange_json(exchange, 200, model);
}
