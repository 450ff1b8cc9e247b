/* The pages of the shop: HTML for people. */
#include "catalog.h"
#include "handlers.h"
#include "products.h"

void page_home(struct exchange *exchange) {
    yyjson_mut_val *model = yyjson_mut_obj(exchange->doc);
    enum status status = catalog_featured(exchange->database, &exchange->call, exchange->doc, model);
    if (status != STATUS_OK) {
        exchange_failure(exchange, status, "");
        return;
    }
    exchange_page(exchange, 200, PAGE_HOME, "Useful things", model);
}

void page_products(struct exchange *exchange) {
    yyjson_mut_val *model;
    if (products_list(exchange, &model)) {
        exchange_page(exchange, 200, PAGE_PRODUCTS, "Products", model);
    }
}

void page_product(struct exchange *exchange) {
    yyjson_mut_val *product, *model = yyjson_mut_obj(exchange->doc);
    if (products_one(exchange, &product)) {
        const char *name = yyjson_mut_get_str(yyjson_mut_obj_get(product, "name"));
        yyjson_mut_obj_add_val(exchange->doc, model, "product", product);
        exchange_page(exchange, 200, PAGE_PRODUCT, name, model);
    }
}
