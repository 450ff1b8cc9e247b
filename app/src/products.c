#include "products.h"

#include "catalog.h"

enum { PAGE_MAX = 1000000 };

bool products_one(struct exchange *exchange, yyjson_mut_val **product) {
    uint32_t id;
    struct slice param = exchange->match.params[0];
    const char *text = arena_copy(&exchange->request->arena, param.data, param.length);
    enum status status = STATUS_NOT_FOUND; /* no product has a name that is not a number */
    if (text != NULL && http_number(text, UINT32_MAX, &id) == STATUS_OK) {
        status = catalog_product(exchange->database, &exchange->call, id, exchange->doc, product);
    }
    if (status != STATUS_OK) {
        exchange_failure(exchange, status, "There is no such product.");
    }
    return status == STATUS_OK;
}

bool products_list(struct exchange *exchange, yyjson_mut_val **model) {
    uint32_t page = 1;
    const char *text = http_query(&exchange->request->arena, exchange->in.query, "page");
    if (text != NULL && http_number(text, PAGE_MAX, &page) != STATUS_OK) {
        exchange_problem(exchange, 400, "The page must be a whole number, such as ?page=2.");
        return false;
    }
    *model = yyjson_mut_obj(exchange->doc);
    enum status status = catalog_page(exchange->database, &exchange->call, page, exchange->doc, *model);
    if (status != STATUS_OK) {
        exchange_failure(exchange, status, "The list has no such page.");
    }
    return status == STATUS_OK;
}
