/* For those who run the site: is it alive, may it get traffic, what does it count, who am I talking to. */
#include "handlers.h"
#include "metrics.h"
#include "shop.h"

/* The process answers: that is all it says, whatever the backends do. */
void operations_livez(struct exchange *exchange) {
    exchange_text(exchange, 200, "text/plain; charset=utf-8", slice_of("alive\n"));
}

void operations_readyz(struct exchange *exchange) {
    const struct shop *shop = exchange->shop;
    yyjson_mut_doc *doc = exchange->doc;
    yyjson_mut_val *model = yyjson_mut_obj(doc);
    unsigned queued = workers_queued(shop->workers, WORKERS_BROWSING);
    bool room = queued < (unsigned)shop->config->queue_length;
    bool database = health_db_up(shop->health);
    bool stopping = server_stopping(shop->server);
    bool ready = room && database && !stopping;
    yyjson_mut_obj_add_bool(doc, model, "ready", ready);
    yyjson_mut_obj_add_str(doc, model, "process", stopping ? "stopping" : "running");
    yyjson_mut_val *queue = yyjson_mut_obj_add_obj(doc, model, "queue");
    yyjson_mut_obj_add_str(doc, queue, "state", room ? "ok" : "full");
    yyjson_mut_obj_add_uint(doc, queue, "length", queued);
    yyjson_mut_obj_add_int(doc, queue, "capacity", shop->config->queue_length);
    yyjson_mut_val *db = yyjson_mut_obj_add_obj(doc, model, "database");
    yyjson_mut_obj_add_str(doc, db, "state", database ? "up" : "down");
    yyjson_mut_obj_add_str(doc, db, "role", db_role_name(health_db_role(shop->health)));
    exchange_json(exchange, ready ? 200 : 503, model);
}

void operations_metrics(struct exchange *exchange) {
    const struct shop *shop = exchange->shop;
    struct text out;
    struct slice content = {0};
    metrics_set(METRIC_QUEUED_VITAL, workers_queued(shop->workers, WORKERS_VITAL));
    metrics_set(METRIC_QUEUED_BROWSING, workers_queued(shop->workers, WORKERS_BROWSING));
    metrics_set(METRIC_QUEUE_CAPACITY_VITAL, shop->config->queue_length);
    metrics_set(METRIC_QUEUE_CAPACITY_BROWSING, shop->config->queue_length);
    metrics_set(METRIC_WORKERS, shop->config->workers);
    metrics_set(METRIC_BUSY, workers_busy(shop->workers));
    text_init(&out, &exchange->request->arena);
    metrics_render(&out, NULL, 0);
    text_slice(&out, &content);
    exchange_text(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", content);
}

void operations_whoami(struct exchange *exchange) {
    yyjson_mut_doc *doc = exchange->doc;
    yyjson_mut_val *model = yyjson_mut_obj(doc);
    yyjson_mut_obj_add_str(doc, model, "node", exchange->shop->config->node);
    yyjson_mut_obj_add_str(doc, model, "request_id", exchange->in.request_id);
    yyjson_mut_obj_add_str(doc, model, "db_role", db_role_name(health_db_role(exchange->shop->health)));
    yyjson_mut_obj_add_null(doc, model, "session");
    exchange_json(exchange, 200, model);
}
