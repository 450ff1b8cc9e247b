/*
 * router -- which row of a table answers a path.
 *
 *     static const struct route routes[] = {
 *         {"/", ROUTER_GET, PAGE_HOME},
 *         {"/products/{id}", ROUTER_GET, PAGE_PRODUCT},
 *         {"/cart", ROUTER_GET | ROUTER_POST, PAGE_CART},
 *     };
 *
 * A path is matched segment by segment: a word matches itself, {name} any one
 * segment that is not empty. "/cart/" is another path than "/cart". Rows are tried
 * in order, and the first that fits path and method wins, so "/products/new" goes
 * before "/products/{id}". HEAD is allowed wherever GET is (RFC 9110 section 9.3.2).
 *
 * The path is the decoded one of http.h: a "%2F" in it separates like a '/'.
 * Nothing here takes memory or keeps state.
 */
#ifndef ROUTER_H
#define ROUTER_H

#include <stddef.h>

#include "http.h"
#include "slice.h"

enum { ROUTER_PARAMS_MAX = 4, ROUTER_ALLOW_BYTES = 40 };

/* The methods of a row, or-ed together. */
enum {
    ROUTER_GET = 1 << HTTP_GET,
    ROUTER_POST = 1 << HTTP_POST,
    ROUTER_PUT = 1 << HTTP_PUT,
    ROUTER_DELETE = 1 << HTTP_DELETE,
};

struct route {
    const char *pattern; /* starts with '/'; at most ROUTER_PARAMS_MAX {names}, each a whole segment */
    unsigned methods;    /* ROUTER_GET … */
    int handler;         /* the caller's own number */
};

enum router_result {
    ROUTER_FOUND,
    ROUTER_NO_PATH,   /* answer 404 */
    ROUTER_NO_METHOD, /* answer 405, with allow (RFC 9110 section 15.5.6) */
};

struct router_match {
    const struct route *route;              /* ROUTER_NO_METHOD: the first row of this path; ROUTER_NO_PATH: NULL.
                                * Its pattern is the label for metrics, never the path. */
    struct slice params[ROUTER_PARAMS_MAX]; /* in the order of the pattern; they point into path */
    size_t param_count;                     /* 0 unless ROUTER_FOUND */
    char allow[ROUTER_ALLOW_BYTES];         /* ROUTER_NO_METHOD: the value of Allow, such as "GET, HEAD"; else "" */
};

/* Looks for path, which starts with '/', in a table of count rows. Fills out whatever the result. */
enum router_result router_match(const struct route *routes, size_t count, enum http_method method, const char *path,
                                struct router_match *out);

#endif
