/* What is asked of Redis for a session, what comes of its answers, and that memory behaves the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_redis.h"
#include "metrics.h"
#include "redis_place.h"
#include "session_store.h"

enum { TIMEOUT_MS = 5000, CALL_MS = 20000, IDLE_MS = 60000, MAX_MS = 3600000 };

#define ID "0123456789abcdef0123456789abcdef"

struct bench {
    struct session_store store;
    struct call call;
    struct arena arena;
    struct session session; /* begun now, under ID */
    char key[SECRET_HASH_CHARS + 1];
};

static void set_up_bench(struct bench *bench, bool memory) {
    char where[PATH_BYTES + 5];
    struct redis_options options = {.user = "", .password = "", .ca_file = "", .timeout_ms = TIMEOUT_MS};
    snprintf(where, sizeof where, "unix:%s", path);
    assert_int_equal(address_read(where, &options.server), STATUS_OK);
    *bench = (struct bench){
        .store = {.idle_ms = IDLE_MS, .max_ms = MAX_MS},
        .call = {.deadline = deadline_in_ms(CALL_MS)},
    };
    if (memory) {
        bench->store.memory = session_memory_new(10, IDLE_MS);
    } else {
        bench->store.redis = redis_new(&options);
    }
    arena_init(&bench->arena, 65536);
    session_begin(&bench->session, clock_wall_us() / 1000000);
    strcpy(bench->session.id, ID);
    secret_hash(slice_of(ID), bench->key);
}

static void tear_down_bench(struct bench *bench) {
    session_memory_free(bench->store.memory);
    redis_free(bench->store.redis);
    arena_free(&bench->arena);
}

static enum status load(struct bench *bench, const char *id, struct session *out) {
    return session_store_load(&bench->store, &bench->call, &bench->arena, id, out);
}

static enum status create(struct bench *bench) {
    return session_store_create(&bench->store, &bench->call, &bench->arena, &bench->session);
}

static enum status update(struct bench *bench) {
    return session_store_update(&bench->store, &bench->call, &bench->arena, &bench->session);
}

/* The session as Redis is to keep it. */
static struct slice written(struct bench *bench) {
    struct slice json;
    assert_int_equal(session_write(&bench->session, &bench->arena, &json), STATUS_OK);
    return json;
}

/* --- Redis --- */

static void expect_heard(const struct fake_redis *fake, const char *line) {
    if (strcmp(fake->heard, line) != 0) {
        fail_msg("heard\n%sinstead of\n%s", fake->heard, line);
    }
}

static void a_session_is_loaded_and_seen_in_one_round_trip(void **state) {
    (void)state;
    char answer[1024], line[256];
    struct bench bench;
    struct session session;
    set_up_bench(&bench, false);
    bench.session.user = 3;
    struct slice json = written(&bench);
    int length = snprintf(answer, sizeof answer, "$%zu\r\n%.*s\r\n", json.length, (int)json.length, json.data);
    struct fake_redis fake = {.script = {{.answers = {{answer, (size_t)length}}}}};
    fake_start(&fake, path);
    int64_t found = metrics_get(METRIC_SESSION_FOUND);
    assert_int_equal(load(&bench, ID, &session), STATUS_OK);
    assert_string_equal(session.id, ID);
    assert_string_equal(session.csrf, bench.session.csrf);
    assert_int_equal(session.user, 3);
    assert_int_equal(bench.call.calls[BACKEND_REDIS], 1);
    assert_int_equal(metrics_get(METRIC_SESSION_FOUND), found + 1);
    snprintf(line, sizeof line, "GETEX session:v1:%s PX 60000\n", bench.key);
    tear_down_bench(&bench);
    fake_stop(&fake, path);
    expect_heard(&fake, line);
    assert_null(strstr(fake.heard, ID));
}

static void what_is_not_there_is_not_found(void **state) {
    (void)state;
    static const struct slice answers[] = {SAY("$-1\r\n"), SAY("$2\r\n{}\r\n"), SAY("$0\r\n\r\n"), SAY(":7\r\n")};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct fake_redis fake = {.script = {{.answers = {answers[i]}}}};
        struct bench bench;
        struct session session = {.user = 77};
        fake_start(&fake, path);
        set_up_bench(&bench, false);
        int64_t unknown = metrics_get(METRIC_SESSION_UNKNOWN);
        assert_int_equal(load(&bench, ID, &session), STATUS_NOT_FOUND);
        assert_int_equal(session.user, 77);
        assert_int_equal(metrics_get(METRIC_SESSION_UNKNOWN), unknown + 1);
        tear_down_bench(&bench);
        fake_stop(&fake, path);
    }
}

static void a_session_is_stored_with_its_lifetime(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.answers = {SAY("+OK\r\n"), SAY("+OK\r\n"), SAY("$-1\r\n"), SAY(":1\r\n")}}}};
    char lines[4096];
    struct bench bench;
    fake_start(&fake, path);
    set_up_bench(&bench, false);
    struct slice json = written(&bench);
    snprintf(lines, sizeof lines,
             "SET session:v1:%s %.*s PX 60000\nSET session:v1:%s %.*s PX 60000 XX\nSET session:v1:%s %.*s PX 60000 XX\n"
             "DEL session:v1:%s\n",
             bench.key, (int)json.length, json.data, bench.key, (int)json.length, json.data, bench.key,
             (int)json.length, json.data, bench.key);
    assert_int_equal(create(&bench), STATUS_OK);
    assert_int_equal(update(&bench), STATUS_OK);
    assert_int_equal(update(&bench), STATUS_NOT_FOUND); /* ended meanwhile */
    assert_int_equal(session_store_remove(&bench.store, &bench.call, &bench.arena, ID), STATUS_OK);
    tear_down_bench(&bench);
    fake_stop(&fake, path);
    expect_heard(&fake, lines);
}

static void renewing_is_one_round_trip(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.answers = {SAY("+OK\r\n"), SAY(":1\r\n")}}}};
    char lines[4096], new_key[SECRET_HASH_CHARS + 1];
    struct bench bench;
    fake_start(&fake, path);
    set_up_bench(&bench, false);
    session_renew(&bench.session, bench.session.begun_s);
    secret_hash(slice_of(bench.session.id), new_key);
    struct slice json = written(&bench);
    snprintf(lines, sizeof lines, "SET session:v1:%s %.*s PX 60000\nDEL session:v1:%s\n", new_key, (int)json.length,
             json.data, bench.key);
    assert_int_equal(session_store_renew(&bench.store, &bench.call, &bench.arena, ID, &bench.session), STATUS_OK);
    assert_int_equal(bench.call.calls[BACKEND_REDIS], 1);
    tear_down_bench(&bench);
    fake_stop(&fake, path);
    expect_heard(&fake, lines);
}

static void a_redis_that_refuses_is_away(void **state) {
    (void)state;
    static const struct slice full = SAY("-OOM command not allowed\r\n");
    struct fake_redis fake = {.script = {{.answers = {full, full, full, full}}}};
    struct bench bench;
    struct session session;
    fake_start(&fake, path);
    set_up_bench(&bench, false);
    int64_t errors = metrics_get(METRIC_SESSION_ERRORS);
    assert_int_equal(load(&bench, ID, &session), STATUS_GONE);
    assert_int_equal(metrics_get(METRIC_SESSION_ERRORS), errors + 1);
    assert_int_equal(create(&bench), STATUS_GONE);
    assert_int_equal(update(&bench), STATUS_GONE);
    assert_int_equal(session_store_remove(&bench.store, &bench.call, &bench.arena, ID), STATUS_GONE);
    tear_down_bench(&bench);
    fake_stop(&fake, path);
}

static void without_redis_everything_fails_at_once(void **state) {
    (void)state;
    struct bench bench;
    struct session session;
    set_up_bench(&bench, false);
    int64_t begun_us = clock_monotonic_us();
    assert_int_equal(load(&bench, ID, &session), STATUS_GONE);
    assert_int_equal(create(&bench), STATUS_GONE);
    assert_int_equal(update(&bench), STATUS_GONE);
    assert_int_equal(session_store_renew(&bench.store, &bench.call, &bench.arena, ID, &bench.session), STATUS_GONE);
    assert_int_equal(session_store_remove(&bench.store, &bench.call, &bench.arena, ID), STATUS_GONE);
    assert_true(clock_monotonic_us() - begun_us < TIMEOUT_MS * 1000);
    tear_down_bench(&bench);
}

/* --- Both --- */

static void a_session_that_is_too_old_ends(void **state) {
    (void)state;
    char answer[1024], line[256];
    struct bench bench;
    struct session session;
    set_up_bench(&bench, false);
    bench.session.begun_s -= MAX_MS / 1000;
    struct slice json = written(&bench);
    int length = snprintf(answer, sizeof answer, "$%zu\r\n%.*s\r\n", json.length, (int)json.length, json.data);
    struct fake_redis fake = {.script = {{.answers = {{answer, (size_t)length}, SAY(":1\r\n")}}}};
    fake_start(&fake, path);
    assert_int_equal(load(&bench, ID, &session), STATUS_NOT_FOUND);
    snprintf(line, sizeof line, "\nDEL session:v1:%s\n", bench.key);
    tear_down_bench(&bench);
    fake_stop(&fake, path);
    assert_non_null(strstr(fake.heard, line));

    set_up_bench(&bench, true);
    bench.session.begun_s -= MAX_MS / 1000;
    assert_int_equal(create(&bench), STATUS_OK);
    assert_int_equal(load(&bench, ID, &session), STATUS_NOT_FOUND);
    assert_int_equal(update(&bench), STATUS_NOT_FOUND);
    bench.session.begun_s += 60; /* within the minute that is left */
    assert_int_equal(create(&bench), STATUS_OK);
    assert_int_equal(load(&bench, ID, &session), STATUS_OK);
    tear_down_bench(&bench);
}

static void memory_does_the_same(void **state) {
    (void)state;
    struct bench bench;
    struct session session;
    set_up_bench(&bench, true);
    assert_string_equal(session_store_name(&bench.store), "memory");
    assert_int_equal(load(&bench, ID, &session), STATUS_NOT_FOUND);
    assert_int_equal(create(&bench), STATUS_OK);
    assert_int_equal(load(&bench, ID, &session), STATUS_OK);
    assert_string_equal(session.id, ID);
    assert_string_equal(session.csrf, bench.session.csrf);
    bench.session.user = 3;
    assert_int_equal(update(&bench), STATUS_OK);
    session_renew(&bench.session, bench.session.begun_s);
    assert_int_equal(session_store_renew(&bench.store, &bench.call, &bench.arena, ID, &bench.session), STATUS_OK);
    assert_int_equal(load(&bench, ID, &session), STATUS_NOT_FOUND);
    assert_int_equal(load(&bench, bench.session.id, &session), STATUS_OK);
    assert_int_equal(session.user, 3);
    assert_int_equal(session_store_remove(&bench.store, &bench.call, &bench.arena, session.id), STATUS_OK);
    assert_int_equal(load(&bench, bench.session.id, &session), STATUS_NOT_FOUND);
    assert_int_equal(bench.call.calls[BACKEND_REDIS], 0);
    tear_down_bench(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_loaded_and_seen_in_one_round_trip),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(a_session_is_stored_with_its_lifetime),
        cmocka_unit_test(renewing_is_one_round_trip),
        cmocka_unit_test(a_redis_that_refuses_is_away),
        cmocka_unit_test(without_redis_everything_fails_at_once),
        cmocka_unit_test(a_session_that_is_too_old_ends),
        cmocka_unit_test(memory_does_the_same),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
