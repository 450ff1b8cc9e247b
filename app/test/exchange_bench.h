/*
 * exchange_bench -- an exchange as a handler gets it on a worker, without a server around it: the real templates, sessions
 * in memory, and no MySQL.
 *
 * set_up() and tear_down() are for each test. Include it after cmocka.h.
 */
#ifndef EXCHANGE_BENCH_H
#define EXCHANGE_BENCH_H

#include <stdio.h>
#include <stdlib.h>

#include "shop.h"
#include "visitor.h"

enum { PARAMS_MAX = 16, ARENA_BYTES = 1 << 20, IDLE_MS = 60000, MAX_MS = 3600000 };

struct bench {
    struct config config;
    struct template_set *templates;
    struct shop shop;
    struct session_store sessions; /* of the exchanges to come */
    struct fcgi_request request;
    struct fcgi_pair params[PARAMS_MAX];
    char text[8192]; /* what params point into */
    struct exchange *exchange;
};

static inline int set_up(void **state) {
    static struct bench bench;
    char reason[256];
    bench = (struct bench){
        .config = {.node = "test-node", .session_store = "memory", .request_timeout_ms = 60000},
        .sessions = {.memory = session_memory_new(100, IDLE_MS), .idle_ms = IDLE_MS, .max_ms = MAX_MS},
    };
    bench.shop.config = &bench.config;
    if (template_load("templates", reason, sizeof reason, &bench.templates) != STATUS_OK) {
        return -1;
    }
    bench.shop.templates = bench.templates;
    arena_init(&bench.request.arena, ARENA_BYTES);
    *state = &bench;
    return 0;
}

static inline int tear_down(void **state) {
    struct bench *bench = *state;
    arena_free(&bench->request.arena);
    session_memory_free(bench->sessions.memory);
    template_free(bench->templates);
    return 0;
}

/* The next request: params as "NAME=value\n…", of which REQUEST_METHOD and REQUEST_URI may be left out. */
static inline struct exchange *ask(struct bench *bench, const char *params, const char *body) {
    arena_free(&bench->request.arena);
    bench->request = (struct fcgi_request){.arena = bench->request.arena, .params = bench->params};
    bench->request.body = slice_of(body);
    snprintf(bench->text, sizeof bench->text, "%s%s%s", params,
             strstr(params, "REQUEST_METHOD=") != NULL ? "" : "REQUEST_METHOD=GET\n",
             strstr(params, "REQUEST_URI=") != NULL ? "" : "REQUEST_URI=/\n");
    for (char *rest = bench->text, *line; (line = strsep(&rest, "\n")) != NULL && line[0] != '\0';) {
        const char *value = strchr(line, '=') + 1;
        assert_true(bench->request.param_count < PARAMS_MAX);
        bench->params[bench->request.param_count++] =
            (struct fcgi_pair){{line, (size_t)(value - line) - 1}, slice_of(value)};
    }
    bench->exchange = exchange_new(&bench->shop, &bench->request);
    assert_non_null(bench->exchange);
    assert_int_equal(http_read_request(&bench->request, &bench->exchange->in), STATUS_OK);
    bench->exchange->sessions = bench->sessions;
    return bench->exchange;
}

/* The header fields of the answer so far, and its content, as strings. */
static inline const char *headers_of(struct exchange *exchange) {
    struct slice headers;
    assert_int_equal(text_slice(&exchange->out.headers, &headers), STATUS_OK);
    return arena_copy(&exchange->request->arena, headers.data, headers.length);
}

static inline const char *content_of(struct exchange *exchange) {
    return arena_copy(&exchange->request->arena, exchange->out.content.data, exchange->out.content.length);
}

static inline void expect_text(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("no \"%s\" in:\n%s", part, text);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
