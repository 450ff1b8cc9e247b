/*
 * redis_bench -- a connection to a fake Redis, with what a request brings along.
 *
 * set_up() and tear_down() of redis_place.h are for the group of tests. Include it after cmocka.h.
 */
#ifndef REDIS_BENCH_H
#define REDIS_BENCH_H

#include "fake_redis.h"
#include "redis.h"
#include "redis_place.h"

/* The first is also what the fake's thread has for an answer. */
enum { TIMEOUT_MS = 2000, CALL_MS = 20000 };

struct bench {
    struct redis *redis;
    struct call call;
    struct arena arena;
    struct redis_reply replies[FAKE_ANSWERS_MAX];
};

static const struct redis_command get_k = {.arguments = {{"GET", 3}, {"k", 1}}, .count = 2, .repeatable = true};
static const struct redis_command count_k = {.arguments = {{"INCR", 4}, {"k", 1}}, .count = 2};

static inline struct redis_options options_for(const char *where) {
    struct redis_options options = {.user = "", .password = "", .ca_file = "", .timeout_ms = TIMEOUT_MS};
    assert_int_equal(address_read(where, &options.server), STATUS_OK);
    return options;
}

static inline struct redis_options options_for_fake(void) {
    char where[PATH_BYTES + 5];
    snprintf(where, sizeof where, "unix:%s", path);
    return options_for(where);
}

static inline void set_up_bench(struct bench *bench, const struct redis_options *options) {
    *bench = (struct bench){.redis = redis_new(options), .call = {.deadline = deadline_in_ms(CALL_MS)}};
    assert_non_null(bench->redis);
    arena_init(&bench->arena, 8 << 20);
}

static inline void tear_down_bench(struct bench *bench) {
    redis_free(bench->redis);
    arena_free(&bench->arena);
}

static inline enum status run(struct bench *bench, const struct redis_command *command) {
    return redis_run(bench->redis, &bench->call, command, 1, &bench->arena, bench->replies);
}

static inline void expect_text(struct redis_reply reply, const char *text) {
    assert_int_equal(reply.kind, REDIS_TEXT);
    assert_true(slice_equal(reply.text, slice_of(text)));
}

/* Begins a test with the fake and a connection to it. */
static inline void begin_with(struct fake_redis *fake, struct bench *bench, const struct redis_options *options) {
    fake_start(fake, path);
    set_up_bench(bench, options);
}

static inline void begin(struct fake_redis *fake, struct bench *bench) {
    const struct redis_options options = options_for_fake();
    begin_with(fake, bench, &options);
}

/* Ends it, and says how many connections were made. */
static inline unsigned end(struct fake_redis *fake, struct bench *bench) {
    tear_down_bench(bench);
    fake_stop(fake, path);
    return fake->connections;
}

static inline void expect_time(int64_t begun_us, int64_t ms) {
    int64_t spent_us = clock_monotonic_us() - begun_us;
    assert_true(spent_us >= ms * 1000);
    assert_true(spent_us < (ms + TIMEOUT_MS) * 1000);
}

/* The next call costs the time-out, and no more. */
static inline void expect_timeout(struct bench *bench) {
    int64_t begun_us = clock_monotonic_us();
    assert_int_equal(run(bench, &get_k), STATUS_TIMEOUT);
    expect_time(begun_us, TIMEOUT_MS);
}

#endif
