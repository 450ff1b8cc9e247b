#include "products.h"

#include <stdio.h>

#include "catalog.h"
#include "log.h"
#include "lookup.h"
#include "search.h"
#include "shop.h"

enum { PAGE_MAX = 1000000, KEY_BYTES = 32, CATEGORY_BYTES_MAX = 160 };

static bool is_on(const struct exchange *exchange, enum flag flag) {
    return flags_on(exchange->shop->backends.flags, flag);
}

/* --- Through the cache ----------------------------------------------------------------- */

static void tell(struct exchange *exchange, const struct lookup_story *story) {
    struct text *headers = &exchange->out.headers;
    if (exchange->cache.redis == NULL) {
        return;
    }
    bool hit = story->source == LOOKUP_FROM_CACHE;
    exchange->cached = !hit ? CACHE_MISS : story->ttl_ms > 0 ? CACHE_HIT : CACHE_STALE;
    text_put(headers, "Cache-Status: ");
    lookup_tell(story, headers);
    text_put(headers, "\r\n");
}

/* False: the exchange is answered. */
static bool look_up(struct exchange *exchange, const struct lookup_question *question, const char *not_found,
                    yyjson_mut_val **model) {
    struct lookup_story story;
    const struct lookup with = {
        .cache = &exchange->cache,
        .flights = exchange->shop->backends.flights,
        .call = &exchange->call,
        .arena = &exchange->request->arena,
        .doc = exchange->doc,
        .memory = exchange_memory(exchange),
        .renew_ms = LOOKUP_RENEW_MS,
    };
    enum status status = lookup(&with, question, model, &story);
    tell(exchange, &story);
    if (status != STATUS_OK) {
        exchange_failure(exchange, status, not_found);
    }
    return status == STATUS_OK;
}

/* What MySQL is asked, as the context of the questions below. */
struct wish {
    struct exchange *exchange;
    uint32_t id, page;
    const char *category; /* NULL: all */
};

/* --- One -------------------------------------------------------------------------------- */

static enum status ask_product(void *context, yyjson_mut_val **out) {
    const struct wish *wish = context;
    struct exchange *exchange = wish->exchange;
    yyjson_mut_val *product, *model = yyjson_mut_obj(exchange->doc);
    enum status status;
    if (is_on(exchange, FLAG_RECOMMENDATIONS)) {
        status = catalog_product_and_more(exchange->database, &exchange->call, wish->id, exchange->doc, model);
    } else {
        status = catalog_product(exchange->database, &exchange->call, wish->id, exchange->doc, &product);
        if (status == STATUS_OK) {
            yyjson_mut_obj_add_val(exchange->doc, model, "product", product);
        }
    }
    *out = model;
    return status;
}

/* Of the form that ask_product() makes: another form is another version. */
static void write_key(char key[static KEY_BYTES], uint32_t id) {
    snprintf(key, KEY_BYTES, "product:v2:%u", (unsigned)id);
}

bool products_one(struct exchange *exchange, yyjson_mut_val **model) {
    char key[KEY_BYTES];
    struct wish wish = {.exchange = exchange};
    struct slice param = exchange->match.params[0];
    const char *not_found = "There is no such product.";
    const char *text = arena_copy(&exchange->request->arena, param.data, param.length);
    if (text == NULL || http_number(text, UINT32_MAX, &wish.id) != STATUS_OK) {
        exchange_failure(exchange, STATUS_NOT_FOUND, not_found); /* no product has a name that is not a number */
        return false;
    }
    write_key(key, wish.id);
    const struct lookup_question question = {key, exchange->shop->config->cache_ttl_ms, ask_product, &wish};
    if (!look_up(exchange, &question, not_found, model)) {
        return false;
    }
    if (!is_on(exchange, FLAG_RECOMMENDATIONS)) {
        yyjson_mut_obj_remove_key(*model, "more"); /* of a time when it was on */
    }
    return true;
}

void products_changed(struct exchange *exchange, const uint32_t *ids, size_t count) {
    struct arena *arena = &exchange->request->arena;
    char(*names)[KEY_BYTES] = arena_alloc(arena, count * sizeof *names);
    struct slice *keys = arena_alloc(arena, count * sizeof *keys);
    if (names == NULL || keys == NULL) {
        return; /* http_finish() makes a 500 of it */
    }
    for (size_t i = 0; i < count; i++) {
        write_key(names[i], ids[i]);
        keys[i] = slice_of(names[i]);
    }
    if (!cache_changed(&exchange->cache, &exchange->call, keys, count, arena)) {
        log_event(LOG_WARNING, "cache", LOG_TEXT("doing", "tell a change"), LOG_NUMBER("products", (int64_t)count));
    }
}

/* --- Many ------------------------------------------------------------------------------- */

static bool read_page(struct exchange *exchange, uint32_t *page) {
    const char *text = http_query(&exchange->request->arena, exchange->in.query, "page");
    *page = 1;
    if (text != NULL && http_number(text, PAGE_MAX, page) != STATUS_OK) {
        exchange_problem(exchange, 400, "The page must be a whole number, such as ?page=2.");
        return false;
    }
    return true;
}

/* Adds what leads to the other pages of a list: "name=value&", to go before "page=2". */
static void add_link(struct exchange *exchange, yyjson_mut_val *model, const char *name, const char *value) {
    struct text link;
    struct slice out;
    const char *encoded = http_encode(&exchange->request->arena, slice_of(value));
    text_init(&link, &exchange->request->arena);
    text_format(&link, "%s=%s&", name, encoded != NULL ? encoded : "");
    if (text_slice(&link, &out) == STATUS_OK) {
        yyjson_mut_obj_add_strn(exchange->doc, model, "link", out.data, out.length);
    }
}

static enum status ask_page(void *context, yyjson_mut_val **out) {
    const struct wish *wish = context;
    struct exchange *exchange = wish->exchange;
    *out = yyjson_mut_obj(exchange->doc);
    if (wish->category != NULL) {
        yyjson_mut_obj_add_str(exchange->doc, *out, "category", wish->category);
        add_link(exchange, *out, "category", wish->category);
    }
    return catalog_page(exchange->database, &exchange->call, &exchange->shop->backends.catalog_size, wish->category,
                        wish->page, exchange->doc, *out);
}

bool products_list(struct exchange *exchange, yyjson_mut_val **model) {
    char key[KEY_BYTES + CATEGORY_BYTES_MAX];
    struct wish wish = {.exchange = exchange};
    wish.category = http_query(&exchange->request->arena, exchange->in.query, "category");
    if (!read_page(exchange, &wish.page)) {
        return false;
    }
    if (wish.category != NULL && strlen(wish.category) > CATEGORY_BYTES_MAX) {
        exchange_failure(exchange, STATUS_NOT_FOUND, "There is no such category.");
        return false;
    }
    snprintf(key, sizeof key, "list:v1:%u:%s", (unsigned)wish.page, wish.category != NULL ? wish.category : "");
    const struct lookup_question question = {key, exchange->shop->config->cache_list_ttl_ms, ask_page, &wish};
    return look_up(exchange, &question, "The list has no such page.", model);
}

static enum status ask_home(void *context, yyjson_mut_val **out) {
    const struct wish *wish = context;
    struct exchange *exchange = wish->exchange;
    *out = yyjson_mut_obj(exchange->doc);
    return catalog_featured(exchange->database, &exchange->call, &exchange->shop->backends.catalog_size, exchange->doc,
                            *out);
}

bool products_home(struct exchange *exchange, yyjson_mut_val **model) {
    struct wish wish = {.exchange = exchange};
    const struct lookup_question question = {"home:v1", exchange->shop->config->cache_list_ttl_ms, ask_home, &wish};
    return look_up(exchange, &question, "", model);
}

/* --- Searching: not through the cache, for hardly anybody asks what another one did ------ */

static void add_highlights(struct exchange *exchange, const struct search *search, yyjson_mut_val *product) {
    static const char *const keys[] = {"name", "description"};
    yyjson_mut_doc *doc = exchange->doc;
    yyjson_mut_val *highlights = yyjson_mut_obj_add_obj(doc, product, "highlights");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        yyjson_mut_val *text = yyjson_mut_obj_get(product, keys[i]);
        const struct slice bytes = {yyjson_mut_get_str(text), yyjson_mut_get_len(text)};
        yyjson_mut_obj_add_val(doc, highlights, keys[i], search_mark(search, bytes, doc));
    }
}

/* Without a word there is nothing to be found. */
static enum status find(struct exchange *exchange, const struct search *search, uint32_t page, yyjson_mut_val *model) {
    struct arena *arena = &exchange->request->arena;
    const char *all = search_all(search, arena), *any = search_any(search, arena);
    yyjson_mut_val *product;
    if (all == NULL || any == NULL) {
        return STATUS_NO_MEMORY;
    }
    enum status status = catalog_search(exchange->database, &exchange->call, all, any, page, exchange->doc, model);
    yyjson_mut_arr_iter found = yyjson_mut_arr_iter_with(yyjson_mut_obj_get(model, "products"));
    while ((product = yyjson_mut_arr_iter_next(&found)) != NULL) {
        add_highlights(exchange, search, product);
    }
    return status;
}

bool products_search(struct exchange *exchange, yyjson_mut_val **model) {
    struct search *search = arena_alloc(&exchange->request->arena, sizeof *search);
    const char *query = http_query(&exchange->request->arena, exchange->in.query, "q");
    uint32_t page;
    query = query != NULL ? query : "";
    if (!is_on(exchange, FLAG_SEARCH)) {
        exchange_problem(exchange, 503, "The search is switched off at the moment. Please look through the list.");
        return false;
    }
    if (!read_page(exchange, &page)) {
        return false;
    }
    if (search == NULL || !search_read(query, search)) {
        exchange_problem(exchange, 400, "Please search for at most 100 characters.");
        return false;
    }
    *model = yyjson_mut_obj(exchange->doc);
    yyjson_mut_obj_add_str(exchange->doc, *model, "query", query);
    yyjson_mut_obj_add_bool(exchange->doc, *model, "asked", search->count > 0);
    add_link(exchange, *model, "q", query);
    enum status status = search->count > 0 ? find(exchange, search, page, *model) : STATUS_OK;
    if (status != STATUS_OK) {
        exchange_failure(exchange, status, "There are not so many pages of that.");
    }
    return status == STATUS_OK;
}
