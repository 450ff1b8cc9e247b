/*
 * server_bench -- a real server on a real socket, its loop in a thread, and an application that does what a request
 * says. The test is the web server, and the workers.
 *
 *   DO=hold     kept until release(), or a request with DO=release
 *   DO=big      answered with NAME bytes
 *   DO=release  answers all that are held, on the loop
 *   else        answered at once, with NAME
 *
 * Include it after cmocka.h.
 */
#ifndef SERVER_BENCH_H
#define SERVER_BENCH_H

#include <pthread.h>
#include <stdatomic.h>

#include "fcgi_client.h"
#include "metrics.h"
#include "server.h"

#define HEAD "Status: 200 OK\r\n\r\n"

enum { HELD_AT_ONCE = 64 };

struct bench {
    struct server_options options;
    struct server *server;
    char directory[64], path[80], listen[96];
    pthread_t loop;
    bool complete; /* what server_run() returned, once the loop was joined */
    atomic_bool returned;
    atomic_uint seen; /* requests */
    pthread_mutex_t lock;
    struct fcgi_request *waiting[HELD_AT_ONCE]; /* held back, oldest first; under lock */
    size_t waiting_count;
};

/* --- The application --- */

static inline void respond(struct bench *bench, struct fcgi_request *request, struct slice content) {
    request->head = slice_of(HEAD);
    request->content = content;
    server_respond(bench->server, request);
}

static inline void hold(struct bench *bench, struct fcgi_request *request) {
    pthread_mutex_lock(&bench->lock);
    bench->waiting[bench->waiting_count++] = request;
    pthread_mutex_unlock(&bench->lock);
}

/* The request that was held back as number index of those that still are, or NULL. */
static inline struct fcgi_request *take_waiting(struct bench *bench, size_t index) {
    struct fcgi_request *request = NULL;
    pthread_mutex_lock(&bench->lock);
    if (index < bench->waiting_count) {
        request = bench->waiting[index];
        bench->waiting_count--;
        memmove(&bench->waiting[index], &bench->waiting[index + 1],
                (bench->waiting_count - index) * sizeof bench->waiting[0]);
    }
    pthread_mutex_unlock(&bench->lock);
    return request;
}

static inline size_t waiting_count(struct bench *bench) {
    pthread_mutex_lock(&bench->lock);
    size_t count = bench->waiting_count;
    pthread_mutex_unlock(&bench->lock);
    return count;
}

static inline struct slice big_content(struct arena *arena, size_t length) {
    char *bytes = arena_alloc(arena, length);
    for (size_t i = 0; i < length && bytes != NULL; i++) {
        bytes[i] = (char)('a' + i % 23);
    }
    return (struct slice){bytes, bytes != NULL ? length : 0};
}

static inline void on_request(void *context, struct server *server, struct fcgi_request *request) {
    struct bench *bench = context;
    struct slice what = fcgi_param(request, "DO"), name = fcgi_param(request, "NAME");
    struct fcgi_request *other;
    (void)server;
    atomic_fetch_add(&bench->seen, 1);
    if (slice_equal(what, slice_of("hold"))) {
        hold(bench, request);
    } else if (slice_equal(what, slice_of("big"))) {
        respond(bench, request, big_content(&request->arena, (size_t)atol(name.data)));
    } else if (slice_equal(what, slice_of("release"))) {
        while ((other = take_waiting(bench, 0)) != NULL) {
            respond(bench, other, slice_of("released"));
        }
        respond(bench, request, name);
    } else {
        respond(bench, request, name);
    }
}

/* Another thread, the test's, answers what was held back. */
static inline void release(struct bench *bench, size_t index) {
    struct fcgi_request *request = take_waiting(bench, index);
    assert_non_null(request);
    respond(bench, request, fcgi_param(request, "NAME"));
}

/* --- The bench --- */

static inline void prepare(struct bench *bench) {
    memset(bench, 0, sizeof *bench);
    strcpy(bench->directory, "/tmp/test_server-XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    snprintf(bench->path, sizeof bench->path, "%s/socket", bench->directory);
    snprintf(bench->listen, sizeof bench->listen, "unix:%s", bench->path);
    pthread_mutex_init(&bench->lock, NULL);
    bench->options = (struct server_options){
        .listen = bench->listen,
        .socket_mode = 0600,
        .limits = {.params_bytes = 65536,
                   .body_bytes = 1 << 20,
                   .memory_bytes = 64 << 20,
                   .connections = 100,
                   .requests = 32},
        .loops = 1,
        .requests = 1000,
        .output_bytes = 1 << 20,
        .read_timeout_ms = 60000,
        .idle_timeout_ms = 60000,
        .linger_ms = 0,
        .stop_timeout_ms = 60000,
        .on_request = on_request,
        .context = bench,
    };
}

static inline void *run_loop(void *argument) {
    struct bench *bench = argument;
    bench->complete = server_run(bench->server);
    atomic_store(&bench->returned, true);
    return NULL;
}

static inline void open_server(struct bench *bench) {
    assert_int_equal(server_open(&bench->options, &bench->server), STATUS_OK);
    assert_false(server_stopping(bench->server));
}

static inline void start_loop(struct bench *bench) {
    assert_int_equal(pthread_create(&bench->loop, NULL, run_loop, bench), 0);
}

static inline void start(struct bench *bench) {
    open_server(bench);
    start_loop(bench);
}

static inline const char *address(const struct bench *bench) { return server_address(bench->server); }

/* The loop has to end by itself now; nothing of the server is left. */
static inline void expect_return(struct bench *bench, bool complete) {
    wait_until(bench->returned);
    pthread_join(bench->loop, NULL);
    assert_int_equal(bench->complete, complete);
    assert_int_equal(waiting_count(bench), 0);
    server_free(bench->server);
    pthread_mutex_destroy(&bench->lock);
    assert_int_equal(metrics_get(METRIC_CONNECTIONS), 0);
    assert_int_equal(rmdir(bench->directory), 0); /* so the socket is gone */
}

static inline void stop(struct bench *bench) {
    server_stop(bench->server);
    expect_return(bench, true);
}

static inline void ask(struct client *client, const char *params, const char *expected) {
    client_ask(client, 1, params);
    client_expect(client, 1, expected);
}

/* Requests 1 and 2 are answered, in any order. */
static inline void expect_two(struct client *client) {
    struct bytes text;
    uint16_t sum = client_answer(client, &text);
    free_bytes(&text);
    sum = (uint16_t)(sum + client_answer(client, &text));
    free_bytes(&text);
    assert_int_equal(sum, 3);
}

/* The loop has come round several times since. */
static inline void let_the_loop_turn(struct client *client) {
    for (int i = 0; i < 20; i++) {
        ask(client, "NAME=turn\n", HEAD "turn");
    }
}

#endif
