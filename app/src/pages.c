/* The pages of the catalogue, for people. */
#include "freshness.h"
#include "handlers.h"
#include "products.h"
#include "shop.h"

static void add_search_box(struct exchange *exchange, yyjson_mut_val *model) {
    bool on = flags_on(exchange->shop->backends.flags, FLAG_SEARCH);
    yyjson_mut_obj_add_bool(exchange->doc, model, "search", on);
}

void page_home(struct exchange *exchange) {
    yyjson_mut_val *model;
    if (products_home(exchange, &model)) {
        exchange_page(exchange, 200, PAGE_HOME, "Useful things", model);
        freshness_page(exchange);
    }
}

void page_products(struct exchange *exchange) {
    yyjson_mut_val *model;
    if (products_list(exchange, &model)) {
        const char *category = yyjson_mut_get_str(yyjson_mut_obj_get(model, "category"));
        add_search_box(exchange, model);
        exchange_page(exchange, 200, PAGE_PRODUCTS, category != NULL ? category : "Products", model);
        freshness_page(exchange);
    }
}

/* For the link to all others of its kind. */
static void add_kind(struct exchange *exchange, yyjson_mut_val *model, const char *category) {
    const char *kind = http_encode(&exchange->request->arena, slice_of(category));
    yyjson_mut_obj_add_str(exchange->doc, model, "kind", kind);
}

void page_product(struct exchange *exchange) {
    yyjson_mut_val *model;
    if (products_one(exchange, &model)) {
        yyjson_mut_val *product = yyjson_mut_obj_get(model, "product");
        const char *name = yyjson_mut_get_str(yyjson_mut_obj_get(product, "name"));
        if (yyjson_mut_obj_get(model, "more") != NULL) {
            add_kind(exchange, model, yyjson_mut_get_str(yyjson_mut_obj_get(product, "category")));
        }
        exchange_page(exchange, 200, PAGE_PRODUCT, name, model);
        freshness_page(exchange);
    }
}

void page_search(struct exchange *exchange) {
    yyjson_mut_val *model;
    if (products_search(exchange, &model)) {
        add_search_box(exchange, model);
        exchange_page(exchange, 200, PAGE_SEARCH, "Search", model);
        freshness_page(exchange);
    }
}
