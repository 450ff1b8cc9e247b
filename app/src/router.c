#include "router.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static_assert(ROUTER_ALLOW_BYTES >= sizeof "GET, HEAD, POST, PUT, DELETE", "allow has room for all methods");

static bool is_end(char c) { return c == '/' || c == '\0'; }

/* True if path is one of pattern's; its parameters go to out. Most patterns differ in their first characters, so nothing is
 * measured before it is needed. */
static bool match_path(const char *pattern, const char *path, struct router_match *out) {
    out->param_count = 0;
    while (*pattern == '/' && *path == '/') {
        pattern++;
        path++;
        if (*pattern == '{') {
            const char *start = path;
            pattern = strchr(pattern, '}') + 1;
            while (!is_end(*path)) {
                path++;
            }
            assert(is_end(*pattern) && out->param_count < ROUTER_PARAMS_MAX);
            if (path == start) {
                return false;
            }
            out->params[out->param_count++] = (struct slice){start, (size_t)(path - start)};
        } else {
            while (*pattern == *path && !is_end(*path)) {
                pattern++;
                path++;
            }
            if (!is_end(*pattern) || !is_end(*path)) {
                return false;
            }
        }
    }
    return *pattern == '\0' && *path == '\0';
}

/* The methods a row answers, as bits of enum http_method. */
static unsigned answered_methods(const struct route *route) {
    return route->methods | (route->methods & ROUTER_GET ? 1u << HTTP_HEAD : 0);
}

static void put_allow(unsigned methods, char *allow) {
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE"}; /* as enum http_method */
    char *end = allow;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (methods >> i & 1) {
            end = stpcpy(end == allow ? end : stpcpy(end, ", "), names[i]);
        }
    }
}

enum router_result router_match(const struct route *routes, size_t count, enum http_method method, const char *path,
                                struct router_match *out) {
    const struct route *first = NULL;
    unsigned allowed = 0;
    *out = (struct router_match){.route = NULL};
    for (size_t i = 0; i < count; i++) {
        assert(routes[i].pattern[0] == '/');
        if (!match_path(routes[i].pattern, path, out)) {
            continue;
        }
        unsigned methods = answered_methods(&routes[i]);
        if (methods >> method & 1) {
            out->route = &routes[i];
            return ROUTER_FOUND;
        }
        first = first != NULL ? first : &routes[i];
        allowed |= methods;
    }
    out->param_count = 0;
    out->route = first;
    put_allow(allowed, out->allow);
    return first != NULL ? ROUTER_NO_METHOD : ROUTER_NO_PATH;
}
