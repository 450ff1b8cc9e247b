/* The API, /api/v1: the same as the pages, as JSON for programs. */
#include "handlers.h"
#include "products.h"

void api_products(struct exchange *exchange) {
    yyjson_mut_val *model;
    if (products_list(exchange, &model)) {
        exchange_json(exchange, 200, model);
    }
}

void api_product(struct exchange *exchange) {
    yyjson_mut_val *product;
    if (products_one(exchange, &product)) {
        exchange_json(exchange, 200, product);
    }
}
