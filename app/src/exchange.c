#include "exchange.h"

#include <string.h>

#include "clock.h"
#include "json.h"
#include "shop.h"

enum {
    NO_ANSWER = 0,      /* a status that http_finish() makes a 500 of */
    PAGE_BYTES = 12288, /* most pages are smaller */
    HEADERS_BYTES = 1024,
};

static const struct {
    const char *template, *mark;
} pages[PAGE_COUNT] = {
#define PAGES_ROW(name, template) {template, "at_" template},
    PAGES(PAGES_ROW)
#undef PAGES_ROW
};

#define NO_SNIFFING "X-Content-Type-Options: nosniff\r\n"

/* Nothing but our own style sheet and pictures; no script, no frame around us, no form to elsewhere. "same-origin" and not
 * "no-referrer": with that a browser would not say where a form comes from, see visitor_check_form(). */
static const char page_headers[] =
    "Content-Security-Policy: default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'\r\n"
    "Referrer-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n" NO_SNIFFING;

/* Browsers want it over TLS only, and complain of it elsewhere. */
static const char secure_page_headers[] = "Cross-Origin-Opener-Policy: same-origin\r\n";

static const char *const retry_after_s = "1"; /* a restarted MySQL is back within about that */

yyjson_alc exchange_memory(const struct exchange *exchange) { return json_memory(&exchange->request->arena); }

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
        if (!template_exists(set, pages[i].template)) {
            return pages[i].template;
        }
    }
    return NULL;
}

/* What the head of every page shows of the visitor. */
static void add_visitor(const struct exchange *exchange, yyjson_mut_val *model) {
    yyjson_mut_doc *doc = exchange->doc;
    const struct session *session = exchange->session;
    bool signed_in = session != NULL && session->user != 0;
    if (session != NULL) {
        yyjson_mut_val *about = yyjson_mut_obj_add_obj(doc, model, "session");
        yyjson_mut_obj_add_bool(doc, about, "signed_in", signed_in);
        yyjson_mut_obj_add_str(doc, about, "name", session->user_name);
        yyjson_mut_obj_add_str(doc, about, "csrf", session->csrf);
        yyjson_mut_obj_add_uint(doc, about, "cart_count", session_pieces(session));
    }
    bool away = exchange->session_away;
    yyjson_mut_obj_add_bool(doc, model, "sign_in", exchange->session_looked_for && !signed_in && !away);
    yyjson_mut_obj_add_bool(doc, model, "session_away", away);
}

static void add_strip(const struct exchange *exchange, yyjson_mut_val *model) {
    yyjson_mut_doc *doc = exchange->doc;
    yyjson_mut_obj_add_str(doc, model, "node", exchange->shop->config->node);
    yyjson_mut_obj_add_str(doc, model, "db_role", db_role_name(exchange->call.db_role));
    yyjson_mut_obj_add_str(doc, model, "cache", cache_result_name(exchange->cached));
    yyjson_mut_obj_add_str(doc, model, "session_store", exchange->shop->config->session_store);
    yyjson_mut_obj_add_str(doc, model, "request_id", exchange->in.request_id);
}

static void retry_later(struct exchange *exchange, int status) {
    if (status == 503) {
        http_header(&exchange->out, "Retry-After", retry_after_s);
    }
}

void exchange_page(struct exchange *exchange, int status, enum page page, const char *title, yyjson_mut_val *model) {
    struct text html;
    struct slice content;
    retry_later(exchange, status);
    yyjson_mut_obj_add_str(exchange->doc, model, "title", title);
    yyjson_mut_obj_add_bool(exchange->doc, model, pages[page].mark, true);
    add_visitor(exchange, model);
    add_strip(exchange, model);
    text_reserve(&exchange->out.headers, HEADERS_BYTES);
    text_put(&exchange->out.headers, page_headers);
    text_put(&exchange->out.headers, http_is_secure(&exchange->in) ? secure_page_headers : "");
    text_init(&html, &exchange->request->arena);
    text_reserve(&html, PAGE_BYTES);
    if (template_render(exchange->shop->templates, pages[page].template, model, &html) != STATUS_OK ||
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
    text_put(&exchange->out.headers, NO_SNIFFING);
    exchange_text(exchange, json != NULL ? status : NO_ANSWER, content_type, (struct slice){json, length});
}

void exchange_json(struct exchange *exchange, int status, yyjson_mut_val *model) {
    put_json(exchange, status, "application/json", model);
}

/* A path as a browser takes it: "//host" and "/\\host" would lead to another one. */
static bool is_own_path(const char *path) {
    if (path == NULL || path[0] != '/' || path[1] == '/' || path[1] == '\\') {
        return false;
    }
    while (*path > ' ' && *path < 0x7f) {
        path++;
    }
    return *path == '\0';
}

void exchange_redirect(struct exchange *exchange, int status, const char *path) {
    http_header(&exchange->out, "Location", is_own_path(path) ? path : "/");
    exchange_text(exchange, status, NULL, slice_of(""));
}

bool exchange_body(struct exchange *exchange, yyjson_val **body) {
    if (!http_has_type(&exchange->in, "application/json")) {
        exchange_problem(exchange, 415, "The body must be application/json.");
        return false;
    }
    if (exchange->in.body.length > EXCHANGE_BODY_BYTES_MAX) {
        exchange_problem(exchange, 413, "The body of the request is too large.");
        return false;
    }
    yyjson_val *object = json_read(exchange->in.body, EXCHANGE_BODY_DEPTH_MAX, &exchange->request->arena);
    if (!yyjson_is_obj(object)) {
        exchange_problem(exchange, 400, "The body must be a JSON object.");
        return false;
    }
    *body = object;
    return true;
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
    yyjson_mut_obj_add_int(doc, model, "status", status);
    yyjson_mut_obj_add_str(doc, model, "detail", detail);
    if (!wants_json(exchange)) {
        exchange_page(exchange, status, PAGE_ERROR, title, model);
        return;
    }
    retry_later(exchange, status);
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
