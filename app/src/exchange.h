/*
 * exchange -- one request on its way to its answer, as the handlers see it.
 *
 * A handler reads in and match, asks its backends with call, and ends with one of
 * exchange_page(), exchange_json(), exchange_text(), exchange_redirect() or
 * exchange_problem(). All its memory is the request's and goes with it.
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
#include "session_store.h"
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
    enum cache_result cached;  /* what the cache did for this answer */
    int64_t started_us;        /* the request had come in whole */
    int64_t queued_us;         /* it waited for a worker for so long; 0: it needed none */
    bool traced;               /* the caller's trace goes on; else it begins here */

    /* The visitor, see visitor.h. */
    struct session_store sessions; /* the worker's */
    struct session *session;       /* NULL: none, or nobody knows */
    uint64_t token_user;           /* of an API request with a token: whose it is; 0: nobody's, or not asked yet */
    bool session_looked_for;       /* else nobody knows whether there is one */
    bool session_away;             /* it was looked for, and its store does not answer */
    bool session_changed;          /* to be saved when the answer leaves */
    enum { COOKIE_KEPT, COOKIE_SET, COOKIE_CLEARED } session_cookie; /* when the answer leaves */
};

/* The pages: X(name in enum page, template). head.html and the like are parts of theirs. */
#define PAGES(X)                                                                                                       \
    X(HOME, "home")                                                                                                    \
    X(PRODUCTS, "products")                                                                                            \
    X(PRODUCT, "product")                                                                                              \
    X(SEARCH, "search")                                                                                                \
    X(SIGNUP, "signup")                                                                                                \
    X(LOGIN, "login")                                                                                                  \
    X(LOGOUT, "logout")                                                                                                \
    X(CART, "cart")                                                                                                    \
    X(CHECKOUT, "checkout")                                                                                            \
    X(RETRY, "retry")                                                                                                  \
    X(ORDERS, "orders")                                                                                                \
    X(ORDER, "order")                                                                                                  \
    X(ERROR, "error")

enum page {
#define PAGES_NAME(name, template) PAGE_##name,
    PAGES(PAGES_NAME)
#undef PAGES_NAME
        PAGE_COUNT
};

/* The name of a page's template that is not in the set, or NULL: all are there. */
const char *exchange_missing_template(const struct template_set *set);

/* Begins an exchange in the arena of request. NULL: no memory. */
struct exchange *exchange_new(struct shop *shop, struct fcgi_request *request);

/* The request's memory, for yyjson: nothing of it needs freeing. */
yyjson_alc exchange_memory(const struct exchange *exchange);

/*
 * Answers with an HTML page: its template, filled from model, an object of exchange->doc, and
 * the header fields that keep others from abusing it; 503 gets Retry-After. Without memory
 * the answer is a 500. title must live as long as the request. Added to the model here:
 *
 *   title, at_TEMPLATE (true, such as at_home: which page this is)
 *   session {signed_in, name, csrf, cart_count}  if the visitor has one
 *   sign_in (true: the visitor can), session_away
 *   node, db_role, cache, session_store, request_id  for the strip at the foot
 */
void exchange_page(struct exchange *exchange, int status, enum page page, const char *title, yyjson_mut_val *model);

/* Answers with model as JSON; with a 500 if it holds a text that is not UTF-8. */
void exchange_json(struct exchange *exchange, int status, yyjson_mut_val *model);

/* Answers with text of another type. Both must live as long as the request. */
void exchange_text(struct exchange *exchange, int status, const char *content_type, struct slice content);

/* Answers with a redirection to a path of this site, its query included: 303 after a form. A
 * path that somebody else may have chosen is welcome: what does not lead into this site, or
 * is no URL as it should be sent, becomes "/". */
void exchange_redirect(struct exchange *exchange, int status, const char *path);

/*
 * Reads the body of an API request, a JSON object, into the request's memory. False: it is
 * answered with 415 (not application/json), 413 (over EXCHANGE_BODY_BYTES_MAX) or 400 (no
 * JSON, no object, nested deeper than EXCHANGE_BODY_DEPTH_MAX). Its texts are best read by
 * json_text().
 */
enum { EXCHANGE_BODY_BYTES_MAX = 65536, EXCHANGE_BODY_DEPTH_MAX = 8 };
bool exchange_body(struct exchange *exchange, yyjson_val **body);

/* Answers with an error: application/problem+json (RFC 9457) below /api/, a page
 * elsewhere. detail is a sentence for a person, and must live as long as the request. 503
 * gets Retry-After (RFC 9110 section 10.2.3). */
void exchange_problem(struct exchange *exchange, int status, const char *detail);

/* Answers with what a failed backend call means to the visitor: 404 for
 * STATUS_NOT_FOUND, with not_found as its detail, 503 for a backend that is away, late or
 * in deadlocks, else 500. */
void exchange_failure(struct exchange *exchange, enum status status, const char *not_found);

#endif
