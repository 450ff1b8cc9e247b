#include "exchange.h"

#include <string.h>

#include "clock.h"
#include "shop.h"

enum {
    NO_ANSWER = 0,      /* a status that http_finish() makes a 500 of */
    PAGE_BYTES = 12288, /* most pages are smaller */
};

static const char *const templates[PAGE_COUNT] = {
    [PAGE_HOME] = "home", [PAGE_PRODUCTS] = "products", [PAGE_PRODUCT] = "product", [PAGE_ERROR] = "error"};

static const char *const retry_after_s = "1"; /* a restarted MySQL is back within about that */

static void *json_malloc(void *arena, size_t size) { return arena_alloc(arena, size); }
static void *json_realloc(void *arena, void *piece, size_t old_size, size_t size) {
    return arena_grow(arena, piece, old_size, size);
}
static void json_free(void *arena, void *piece) {
    (void)arena;
    (void)piece;
}

yyjson_alc exchange_memory(const struct exchange *exchange) {
    return (yyjson_alc){
        .malloc = json_malloc, .realloc = json_realloc, .free = json_free, .ctx = &exchange->request->arena};
}

struct exchange *exchange_new(struct shop *shop, struct fcgi_request *request) {
    struct exchange *exchange = arena_alloc(&request->arena, sizeof *exchange);
    if (exchange == NULL) {
        return NULL;
    }
    *exchange = (struct exchange){.shop = shop, .request = request, .started_us = clock_monotonic_us()};
    exchange->call.deadline.at_us = exchange->started_us + shop->config->request_timeout_ms * 1000;
    exchange->call.cancelled = &request->cancelled;
    exchange->traced = trace_begin(&exchange->call.trace, fcgi_param(request, "HTTP_TRACEPARENT"));
    yyjson_alc memory = exchange_memory(exchange);
    exchange->doc = yyjson_mut_doc_new(&memory);
    http_response_init(&exchange->out, &request->arena);
    return exchange->doc != NULL ? exchange : NULL;
}

void exchange_text(struct exchange *exchange, int status, const char *content_type, struct slice content) {
    exchange->out.status = status;
    exchange->out.content_type = content_type;
    exchange->out.content = content;
}

const char *exchange_missing_template(const struct template_set *set) {
    for (size_t i = 0; i < PAGE_COUNT; i++) {
        if (!template_exists(set, templates[i])) {
            return templates[i];
        }
    }
    return NULL;
}

void exchange_page(struct exchange *exchange, int status, enum page page, const char *title, yyjson_mut_val *model) {
    struct text html;
    struct slice content;
    yyjson_mut_doc *doc = exchange->doc;
    yyjson_mut_obj_add_str(doc, model, "title", title);
    yyjson_mut_obj_add_str(doc, model, "node", exchange->shop->config->node);
    yyjson_mut_obj_add_str(doc, model, "db_role", db_role_name(exchange->call.db_role));
    yyjson_mut_obj_add_str(doc, model, "request_id", exchange->in.request_id);
    text_init(&html, &exchange->request->arena);
    text_reserve(&html, PAGE_BYTES);
    if (template_render(exchange->shop->templates, templates[page], model, &html) != STATUS_OK ||
        text_slice(&html, &content) != STATUS_OK) {
        content = slice_of("");
        status = NO_ANSWER;
    }
    exchange_text(exchange, status, "text/html; charset=utf-8", content);
}

static void put_json(struct exchange *exchange, int status, const char *content_type, yyjson_mut_val *model) {
    yyjson_alc memory = exchange_memory(exchange);
    size_t length = 0; /* stays so if the model holds a text that is not UTF-8 */
    char *json = yyjson_mut_val_write_opts(model, YYJSON_WRITE_NEWLINE_AT_END, &memory, &length, NULL);
    exchange_text(exchange, json != NULL ? status : NO_ANSWER, content_type, (struct slice){json, length});
}

void exchange_json(struct exchange *exchange, int status, yyjson_mut_val *model) {
    put_json(exchange, status, "application/json", model);
}

/* By the path, and by what was sent where that could not be read as one. */
static bool wants_json(const struct exchange *exchange) {
    static const char api[] = "/api/";
    struct slice uri = fcgi_param(exchange->request, "REQUEST_URI");
    return strncmp(exchange->in.path, api, strlen(api)) == 0 ||
           (uri.length >= strlen(api) && memcmp(uri.data, api, strlen(api)) == 0);
}

void exchange_problem(struct exchange *exchange, int status, const char *detail) {
    yyjson_mut_doc *doc = exchange->doc;
    yyjson_mut_val *model = yyjson_mut_obj(doc);
    const char *title = http_phrase(status);
    if (status == 503) {
        http_header(&exchange->out, "Retry-After", retry_after_s);
    }
    yyjson_mut_obj_add_int(doc, model, "status", status);
    yyjson_mut_obj_add_str(doc, model, "detail", detail);
    if (!wants_json(exchange)) {
        exchange_page(exchange, status, PAGE_ERROR, title, model);
        return;
    }
    yyjson_mut_obj_add_str(doc, model, "type", "about:blank");
    yyjson_mut_obj_add_str(doc, model, "title", title);
    yyjson_mut_obj_add_str(doc, model, "request_id", exchange->in.request_id);
    put_json(exchange, status, "application/problem+json", model);
}

void exchange_failure(struct exchange *exchange, enum status status, const char *not_found) {
    switch (status) {
    case STATUS_NOT_FOUND:
        exchange_problem(exchange, 404, not_found);
        break;
    case STATUS_GONE:
    case STATUS_TIMEOUT:
    case STATUS_AGAIN:
        exchange_problem(exchange, 503, "The database does not answer at the moment. Please try again.");
        break;
    default:
        exchange_problem(exchange, 500, "Something went wrong on our side. The log has the details.");
    }
}
