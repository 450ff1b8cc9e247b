/*
 * exchange -- one request on its way to its answer, as the handlers see it.
 *
 * A handler reads in and match, asks its backends with call, and ends with one of
 * exchange_page(), exchange_json(), exchange_text() or exchange_problem(). All its
 * memory is the request's and goes with it.
 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>
#include <yyjson.h>

#include "cache.h"
#include "call.h"
#include "database.h"
#include "http.h"
#include "router.h"
#include "status.h"
#include "template.h"

struct shop; /* what all requests share, see shop.h */

struct exchange {
    struct shop *shop;
    struct fcgi_request *request;
    struct http_request in;
    struct http_response out;
    struct router_match match;
    yyjson_mut_doc *doc;       /* of the models; in the request's arena */
    struct call call;          /* what goes along to every backend */
    struct database *database; /* the worker's; NULL in handlers that need no backend */
    struct cache cache;        /* the worker's */
    int64_t started_us;        /* the request had come in whole */
    int64_t queued_us;         /* it waited for a worker for so long; 0: it needed none */
    bool traced;               /* the caller's trace goes on; else it begins here */
};

/* The pages, each with a template; head.html and the like are parts of theirs. */
enum page { PAGE_HOME, PAGE_PRODUCTS, PAGE_PRODUCT, PAGE_ERROR, PAGE_COUNT };

/* The name of a page's template that is not in the set, or NULL: all are there. */
const char *exchange_missing_template(const struct template_set *set);

/* Begins an exchange in the arena of request. NULL: no memory. */
struct exchange *exchange_new(struct shop *shop, struct fcgi_request *request);

/* The request's memory, for yyjson: nothing of it needs freeing. */
yyjson_alc exchange_memory(const struct exchange *exchange);

/* Answers with an HTML page: its template, filled from model, an object of exchange->doc.
 * title, node, db_role and request_id are added to it here; title must live as long as the
 * request. Without memory the answer is a 500. */
void exchange_page(struct exchange *exchange, int status, enum page page, const char *title, yyjson_mut_val *model);

/* Answers with model as JSON; with a 500 if it holds a text that is not UTF-8. */
void exchange_json(struct exchange *exchange, int status, yyjson_mut_val *model);

/* Answers with text of another type. Both must live as long as the request. */
void exchange_text(struct exchange *exchange, int status, const char *content_type, struct slice content);

/* Answers with an error: application/problem+json (RFC 9457) below /api/, a page
 * elsewhere. detail is a sentence for a person, and must live as long as the request. 503
 * gets Retry-After (RFC 9110 section 10.2.3). */
void exchange_problem(struct exchange *exchange, int status, const char *detail);

/* Answers with what a failed backend call means to the visitor: 404 for
 * STATUS_NOT_FOUND, with not_found as its detail, 503 for a backend that is away, late or
 * in deadlocks, else 500. */
void exchange_failure(struct exchange *exchange, enum status status, const char *not_found);

#endif
