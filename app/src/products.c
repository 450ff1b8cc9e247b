#include "products.h"

#include <stdio.h>

#include "catalog.h"
#include "json.h"

enum { PAGE_MAX = 1000000, KEY_BYTES = 32, PRODUCT_DEPTH = 2 };

/* --- One, through the cache ------------------------------------------------------------ */

/* What the cache holds is the product's JSON, as the API prints it. False: it is not there, or not that. */
static bool read_cached(struct exchange *exchange, struct slice key, yyjson_mut_val **product) {
    struct slice json;
    if (!cache_get(&exchange->cache, &exchange->call, key, &exchange->request->arena, &json)) {
        return false;
    }
    yyjson_val *root = json_read(json, PRODUCT_DEPTH, &exchange->request->arena);
    if (!yyjson_is_obj(root)) {
        return false;
    }
    *product = yyjson_val_mut_copy(exchange->doc, root);
    return *product != NULL;
}

static void cache_product(struct exchange *exchange, struct slice key, yyjson_mut_val *product) {
    yyjson_alc memory = exchange_memory(exchange);
    size_t length;
    const char *json = yyjson_mut_val_write_opts(product, YYJSON_WRITE_NOFLAG, &memory, &length, NULL);
    if (json != NULL) {
        cache_put(&exchange->cache, &exchange->call, key, (struct slice){json, length}, &exchange->request->arena);
    }
}

static enum status find_product(struct exchange *exchange, uint32_t id, yyjson_mut_val **product) {
    char key[KEY_BYTES];
    snprintf(key, sizeof key, "product:v1:%u", (unsigned)id);
    bool hit = read_cached(exchange, slice_of(key), product);
    if (exchange->cache.redis != NULL) {
        exchange->cached = hit ? CACHE_HIT : CACHE_MISS;
        http_header(&exchange->out, "Cache-Status", hit ? "shopd; hit" : "shopd; fwd=miss"); /* RFC 9211 */
    }
    if (hit) {
        return STATUS_OK;
    }
    enum status status = catalog_product(exchange->database, &exchange->call, id, exchange->doc, product);
    if (status == STATUS_OK && exchange->cache.redis != NULL) {
        cache_product(exchange, slice_of(key), *product);
    }
    return status;
}

/* --- For the handlers ------------------------------------------------------------------ */

bool products_one(struct exchange *exchange, yyjson_mut_val **product) {
    uint32_t id;
    struct slice param = exchange->match.params[0];
    const char *text = arena_copy(&exchange->request->arena, param.data, param.length);
    enum status status = STATUS_NOT_FOUND; /* no product has a name that is not a number */
    if (text != NULL && http_number(text, UINT32_MAX, &id) == STATUS_OK) {
        status = find_product(exchange, id, product);
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
