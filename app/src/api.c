/* The API, /api/v1: the same as the pages, as JSON for programs. */
#include "freshness.h"
#include "handlers.h"
#include "products.h"

static void answer(struct exchange *exchange, yyjson_mut_val *model) {
    exchange_json(exchange, 200, model);
    freshness_json(exchange);
}

void api_products(struct exchange *exchange) {
    yyjson_mut_val *model;
    if (products_list(exchange, &model)) {
        answer(exchange, model);
    }
}

void api_product(struct exchange *exchange) {
    yyjson_mut_val *model;
    if (products_one(exchange, &model)) {
        answer(exchange, yyjson_mut_obj_get(model, "product"));
    }
}

void api_search(struct exchange *exchange) {
    yyjson_mut_val *model;
    if (products_search(exchange, &model)) {
        answer(exchange, model);
    }
}
