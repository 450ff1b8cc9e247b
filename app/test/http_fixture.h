/*
 * http_fixture -- one request under test, with an arena and params of its own, and a response to it.
 *
 * set_up() and tear_down() are for each test, which finds a struct fixture in *state. Include it after cmocka.h.
 */
#ifndef HTTP_FIXTURE_H
#define HTTP_FIXTURE_H

#include "http.h"

enum { PARAMS_MAX = 6, ARENA_BYTES = 64 * 1024 };

struct fixture {
    struct fcgi_request request;
    struct fcgi_pair params[PARAMS_MAX];
    struct http_request in;
    struct http_response response;
};

static inline int set_up(void **state) {
    static struct fixture fixture;
    fixture = (struct fixture){.in = {.method = HTTP_GET, .cgi = &fixture.request}};
    arena_init(&fixture.request.arena, ARENA_BYTES);
    fixture.request.params = fixture.params;
    http_response_init(&fixture.response, &fixture.request.arena);
    *state = &fixture;
    return 0;
}

static inline int tear_down(void **state) {
    struct fixture *f = *state;
    arena_free(&f->request.arena);
    return 0;
}

static inline void add_param(struct fixture *f, const char *name, struct slice value) {
    assert_true(f->request.param_count < PARAMS_MAX);
    f->params[f->request.param_count++] = (struct fcgi_pair){slice_of(name), value};
}

/* Reads a request for a target, without further params. */
static inline enum status read_uri(struct fixture *f, const char *method, const char *uri) {
    f->request.param_count = 0;
    add_param(f, "REQUEST_METHOD", slice_of(method));
    add_param(f, "REQUEST_URI", slice_of(uri));
    return http_read_request(&f->request, &f->in);
}

static inline void assert_slice(struct slice actual, const char *expected) {
    assert_int_equal(actual.length, strlen(expected));
    assert_memory_equal(actual.data, expected, actual.length);
}

#endif
