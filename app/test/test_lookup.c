/* Which way an answer comes, with a Redis that says what its script says and a MySQL that is a function. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache_bench.h"
#include "lookup.h"

/* A renewal takes two round trips of the fake, whose thread may come late. */
enum { TTL_MS = 1000, RENEW_MS = TIMEOUT_MS, LATE_MS = 60000, READERS = 100 };

#define OURS "{\"id\":7}" /* from the cache; MySQL says 8 */

/* --- yyjson in an arena --- */

static void *take_memory(void *arena, size_t size) { return arena_alloc(arena, size); }
static void *grow_memory(void *arena, void *piece, size_t old_size, size_t size) {
    return arena_grow(arena, piece, old_size, size);
}
static void keep_memory(void *arena, void *piece) {
    (void)arena;
    (void)piece;
}
static yyjson_alc memory_of(struct arena *arena) { return (yyjson_alc){take_memory, grow_memory, keep_memory, arena}; }

/* --- A lookup --- */

struct asked {
    struct bench bench;
    struct flights *flights;
    yyjson_mut_doc *doc;
    unsigned questions; /* that MySQL was asked */
    enum status mysql;  /* how it answers */
    int64_t left_us;    /* the time that it was given */
    struct lookup_story story;
    yyjson_mut_val *answer;
};

static enum status ask_mysql(void *context, yyjson_mut_val **out) {
    struct asked *asked = context;
    asked->questions++;
    asked->left_us = deadline_left_us(asked->bench.call.deadline);
    if (asked->mysql == STATUS_OK) {
        *out = yyjson_mut_obj(asked->doc);
        yyjson_mut_obj_add_int(asked->doc, *out, "id", 8);
    }
    return asked->mysql;
}

static void begin_asking(struct asked *asked, struct fake_redis *script) {
    *asked = (struct asked){.flights = flights_new(LATE_MS)};
    begin(&asked->bench, script);
    yyjson_alc memory = memory_of(&asked->bench.arena);
    asked->doc = yyjson_mut_doc_new(&memory);
}

static enum status look_up(struct asked *asked) {
    struct bench *bench = &asked->bench;
    const struct lookup with = {&bench->cache, asked->flights,           &bench->call, &bench->arena,
                                asked->doc,    memory_of(&bench->arena), RENEW_MS};
    const struct lookup_question question = {"product:7", TTL_MS, ask_mysql, asked};
    return lookup(&with, &question, &asked->answer, &asked->story);
}

static int64_t answered(const struct asked *asked) {
    return yyjson_mut_get_sint(yyjson_mut_obj_get(asked->answer, "id"));
}

static void expect_told(const struct asked *asked, const char *expected) {
    char room[128];
    struct text text;
    text_init_in(&text, room, sizeof room);
    lookup_tell(&asked->story, &text);
    text_put_slice(&text, (struct slice){"", 1});
    assert_false(text.failed);
    const char *left = strstr(expected, "ttl=");
    if (left == NULL) {
        assert_string_equal(room, expected);
    } else {
        char mark[128];
        snprintf(mark, sizeof mark, "%.*s", (int)(left + 4 - expected), expected);
        assert_memory_equal(room, mark, strlen(mark));
        assert_true(fake_is_told(room, mark, strtol(left + 4, NULL, 10)));
    }
}

static void end_asking(struct asked *asked) {
    end(&asked->bench);
    flights_free(asked->flights);
}

/* One lookup from a Redis with this script: what comes, from where, and what is told of it. */
static void expect(struct asked *asked, struct fake_redis *script, int64_t id, unsigned questions, const char *told) {
    begin_asking(asked, script);
    assert_int_equal(look_up(asked), STATUS_OK);
    assert_int_equal(answered(asked), id);
    assert_int_equal(asked->questions, questions);
    expect_told(asked, told);
    end_asking(asked);
}

#define SCRIPT(...) (&(struct fake_redis){.script = {{.answers = {__VA_ARGS__}}}})

static bool was_stored(const struct asked *asked) { return strstr(asked->bench.fake.heard, " {\"id\":8} ") != NULL; }

/* --- Fresh --- */

static void a_hit_is_one_round_trip(void **state) {
    (void)state;
    struct asked asked;
    expect(&asked, SCRIPT(FRESH(OURS)), 7, 0, "shopd; hit; ttl=42");
    assert_int_equal(asked.bench.call.calls[BACKEND_REDIS], 1);
    assert_string_equal(asked.bench.fake.heard, "GET product:7\n");
    /* What comes behind the first answer is for a machine that takes half a second to ask. */
    expect(&asked, SCRIPT(fake_cached(OURS, 500), BUSY, fake_cached(OURS, 500)), 7, 0, "shopd; hit; ttl=0");
}

/* --- Absent --- */

static void a_miss_is_asked_and_stored(void **state) {
    (void)state;
    struct asked asked;
    expect(&asked, SCRIPT(NOTHING, LOCKED, NOTHING, DONE), 8, 1, "shopd; fwd=miss; stored");
    assert_true(was_stored(&asked));
    assert_int_equal(asked.bench.call.calls[BACKEND_REDIS], 3);
}

static void another_node_was_quicker(void **state) {
    (void)state;
    struct asked asked;
    expect(&asked, SCRIPT(NOTHING, LOCKED, FRESH(OURS), DONE), 7, 0, "shopd; hit; ttl=42");
    assert_non_null(strstr(asked.bench.fake.heard, " 1 lock:product:7 ")); /* the lock is given back */
}

static void another_node_is_waited_for(void **state) {
    (void)state;
    struct asked asked;
    expect(&asked, SCRIPT(NOTHING, BUSY, NOTHING, BUSY, NOTHING, BUSY, FRESH(OURS)), 7, 0, "shopd; hit; ttl=42");
}

static void another_node_is_not_waited_for_in_vain(void **state) {
    (void)state;
    struct asked asked;
    /* The lock has come free, and nothing was stored. */
    expect(&asked, SCRIPT(NOTHING, BUSY, NOTHING, LOCKED, NOTHING, DONE), 8, 1, "shopd; fwd=miss; stored");
    assert_true(was_stored(&asked));
    /* It does not come free, and never anything is there. */
    struct fake_redis fake = {.script = {{.answers = {NOTHING}, .end = FAKE_REPEATS}}};
    begin_asking(&asked, &fake);
    int64_t begun_us = clock_monotonic_us();
    assert_int_equal(look_up(&asked), STATUS_OK);
    assert_int_equal(asked.questions, 1);
    assert_true(clock_monotonic_us() - begun_us < CALL_MS * INT64_C(1000) / 2);
    end_asking(&asked);
}

static void what_cannot_be_had_gives_the_lock_back(void **state) {
    (void)state;
    static const enum status failures[] = {STATUS_GONE, STATUS_NOT_FOUND, STATUS_BAD_INPUT};
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        struct asked asked;
        begin_asking(&asked, SCRIPT(NOTHING, LOCKED, NOTHING, DONE));
        asked.mysql = failures[i];
        assert_int_equal(look_up(&asked), failures[i]);
        assert_null(asked.answer);
        end_asking(&asked);
        assert_false(was_stored(&asked));
        assert_non_null(strstr(asked.bench.fake.heard, " 1 lock:product:7 "));
    }
}

static void what_nobody_can_read_is_asked_and_replaced(void **state) {
    (void)state;
    static const char *const values[] = {"{7}", "7", "{\"a\":\"\xff\"}", ""};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct asked asked;
        expect(&asked, SCRIPT(FRESH(values[i]), LOCKED, FRESH(values[i]), DONE), 8, 1, "shopd; fwd=miss; stored");
        assert_true(was_stored(&asked));
        expect(&asked, SCRIPT(OLD(values[i]), LOCKED, OLD(values[i]), DONE), 8, 1, "shopd; fwd=stale; stored");
        assert_true(was_stored(&asked));
    }
}

/* --- Changed, away --- */

static void a_tombstone_is_asked_and_not_stored(void **state) {
    (void)state;
    struct asked asked;
    expect(&asked, SCRIPT(TOMBSTONE), 8, 1, "shopd; fwd=miss; detail=changed");
    assert_string_equal(asked.bench.fake.heard, "GET product:7\n");
}

static void a_tombstone_that_comes_meanwhile_counts(void **state) {
    (void)state;
    struct asked asked;
    expect(&asked, SCRIPT(NOTHING, LOCKED, TOMBSTONE, DONE), 8, 1, "shopd; fwd=miss");
    assert_false(was_stored(&asked));
    /* Or only when it is to be stored. */
    expect(&asked, SCRIPT(NOTHING, LOCKED, NOTHING, SAY(":0\r\n")), 8, 1, "shopd; fwd=miss");
    /* And an old one is known to be wrong. */
    begin_asking(&asked, SCRIPT(OLD(OURS), LOCKED, TOMBSTONE, DONE));
    asked.mysql = STATUS_GONE;
    assert_int_equal(look_up(&asked), STATUS_GONE);
    end_asking(&asked);
}

static void redis_away_everything_is_asked(void **state) {
    (void)state;
    struct asked asked;
    expect(&asked, NULL, 8, 1, "shopd; fwd=miss; detail=away");
    assert_int_equal(asked.bench.call.calls[BACKEND_REDIS], 1); /* once is enough to see it */
    expect(&asked, SCRIPT(NOTHING, SAY("nonsense\r\n")), 8, 1, "shopd; fwd=miss");
}

/* --- Old --- */

static void an_old_one_is_renewed_by_the_first(void **state) {
    (void)state;
    struct asked asked;
    expect(&asked, SCRIPT(OLD(OURS), LOCKED, OLD(OURS), DONE), 8, 1, "shopd; fwd=stale; stored");
    assert_true(was_stored(&asked));
    assert_true(asked.left_us > 0 && asked.left_us <= RENEW_MS * 1000);
}

static void an_old_one_will_do_while_another_node_renews_it(void **state) {
    (void)state;
    struct asked asked;
    expect(&asked, SCRIPT(OLD(OURS), BUSY, OLD(OURS)), 7, 0, "shopd; hit; ttl=-42");
}

static void an_old_one_will_do_while_another_worker_renews_it(void **state) {
    (void)state;
    struct asked asked;
    begin_asking(&asked, SCRIPT(OLD(OURS)));
    struct flight *flight = flight_lead(asked.flights, key);
    assert_int_equal(look_up(&asked), STATUS_OK);
    assert_int_equal(answered(&asked), 7);
    assert_int_equal(asked.questions, 0);
    flight_give_up(asked.flights, flight);
    end_asking(&asked);
}

static void an_old_one_will_do_while_mysql_is_away(void **state) {
    (void)state;
    static const enum status failures[] = {STATUS_GONE, STATUS_TIMEOUT, STATUS_AGAIN, STATUS_BAD_INPUT};
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        struct asked asked;
        begin_asking(&asked, SCRIPT(OLD(OURS), LOCKED, OLD(OURS)));
        asked.mysql = failures[i];
        assert_int_equal(look_up(&asked), STATUS_OK);
        assert_int_equal(answered(&asked), 7);
        expect_told(&asked, "shopd; hit; ttl=-42");
        assert_true(deadline_left_us(asked.bench.call.deadline) > RENEW_MS * 1000); /* the call has its time again */
        end_asking(&asked);
        assert_null(strstr(asked.bench.fake.heard, "EVAL")); /* the lock stays: nobody else tries for a while */
    }
}

static void an_old_one_of_something_that_is_gone_will_not_do(void **state) {
    (void)state;
    struct asked asked;
    begin_asking(&asked, SCRIPT(OLD(OURS), LOCKED, OLD(OURS), LOCKED));
    asked.mysql = STATUS_NOT_FOUND;
    assert_int_equal(look_up(&asked), STATUS_NOT_FOUND);
    end_asking(&asked);
    assert_non_null(strstr(asked.bench.fake.heard, "\nSET product:7  PX 7000\n"));
}

/* --- Several at once, without Redis --- */

struct reader {
    struct flights *flights;
    struct cache cache;
    struct call call;
    struct arena arena;
    atomic_uint *questions;
    atomic_bool *go;
    enum status mysql, status;
    struct lookup_story story;
    int64_t id;
    pthread_t thread;
};

static enum status ask_slowly(void *context, yyjson_mut_val **out) {
    struct reader *reader = context;
    yyjson_alc memory = memory_of(&reader->arena);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(&memory);
    atomic_fetch_add(reader->questions, 1);
    wait_until(atomic_load(reader->go));
    *out = yyjson_mut_obj(doc);
    yyjson_mut_obj_add_int(doc, *out, "id", 8);
    return reader->mysql;
}

static void *read_it(void *argument) {
    struct reader *reader = argument;
    arena_init(&reader->arena, 65536);
    yyjson_alc memory = memory_of(&reader->arena);
    yyjson_mut_val *answer = NULL;
    const struct lookup with = {
        &reader->cache, reader->flights, &reader->call, &reader->arena, yyjson_mut_doc_new(&memory), memory, RENEW_MS};
    const struct lookup_question question = {"product:7", TTL_MS, ask_slowly, reader};
    reader->status = lookup(&with, &question, &answer, &reader->story);
    reader->id = yyjson_mut_get_sint(yyjson_mut_obj_get(answer, "id"));
    arena_free(&reader->arena);
    return NULL;
}

/* Begins them all, waits until waiting of them wait for another, and lets MySQL answer. */
static unsigned read_together(struct reader *readers, size_t count, int64_t waiting) {
    atomic_uint questions = 0;
    atomic_bool go = false;
    struct flights *flights = flights_new(LATE_MS);
    for (size_t i = 0; i < count; i++) {
        readers[i].flights = flights;
        readers[i].questions = &questions;
        readers[i].go = &go;
        readers[i].call.deadline = deadline_in_ms(PATIENCE_MS);
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_it, &readers[i]), 0);
    }
    wait_until(metrics_get(METRIC_FLIGHT_WAITING) == waiting && atomic_load(&questions) == count - (size_t)waiting);
    atomic_store(&go, true);
    for (size_t i = 0; i < count; i++) {
        pthread_join(readers[i].thread, NULL);
    }
    flights_free(flights);
    return atomic_load(&questions);
}

static void a_hundred_readers_are_one_question(void **state) {
    (void)state;
    static struct reader readers[READERS];
    unsigned collapsed = 0;
    assert_int_equal(read_together(readers, READERS, READERS - 1), 1);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(readers[i].status, STATUS_OK);
        assert_int_equal(readers[i].id, 8);
        collapsed += readers[i].story.source == LOOKUP_FROM_OTHERS;
    }
    assert_int_equal(collapsed, READERS - 1);
}

static void that_there_is_nothing_is_asked_once_too(void **state) {
    (void)state;
    struct reader readers[3] = {{.mysql = STATUS_NOT_FOUND}, {.mysql = STATUS_NOT_FOUND}, {.mysql = STATUS_NOT_FOUND}};
    assert_int_equal(read_together(readers, 3, 2), 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(readers[i].status, STATUS_NOT_FOUND);
    }
}

static void a_failure_is_nobody_elses(void **state) {
    (void)state;
    struct reader readers[3] = {{.mysql = STATUS_GONE}, {.mysql = STATUS_GONE}, {.mysql = STATUS_GONE}};
    assert_int_equal(read_together(readers, 3, 2), 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(readers[i].status, STATUS_GONE);
    }
}

static void who_has_written_asks_for_itself(void **state) {
    (void)state;
    struct reader readers[4] = {{.call = {.gtid = "1-1-1:7"}}, {.call = {.gtid = "1-1-1:7"}}, {0}, {0}};
    assert_int_equal(read_together(readers, 4, 1), 3);
    assert_int_equal(readers[0].story.source, LOOKUP_FROM_MYSQL);
    assert_int_equal(readers[1].story.source, LOOKUP_FROM_MYSQL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hit_is_one_round_trip),
        cmocka_unit_test(a_miss_is_asked_and_stored),
        cmocka_unit_test(another_node_was_quicker),
        cmocka_unit_test(another_node_is_waited_for),
        cmocka_unit_test(another_node_is_not_waited_for_in_vain),
        cmocka_unit_test(what_cannot_be_had_gives_the_lock_back),
        cmocka_unit_test(what_nobody_can_read_is_asked_and_replaced),
        cmocka_unit_test(a_tombstone_is_asked_and_not_stored),
        cmocka_unit_test(a_tombstone_that_comes_meanwhile_counts),
        cmocka_unit_test(redis_away_everything_is_asked),
        cmocka_unit_test(an_old_one_is_renewed_by_the_first),
        cmocka_unit_test(an_old_one_will_do_while_another_node_renews_it),
        cmocka_unit_test(an_old_one_will_do_while_another_worker_renews_it),
        cmocka_unit_test(an_old_one_will_do_while_mysql_is_away),
        cmocka_unit_test(an_old_one_of_something_that_is_gone_will_not_do),
        cmocka_unit_test(a_hundred_readers_are_one_question),
        cmocka_unit_test(that_there_is_nothing_is_asked_once_too),
        cmocka_unit_test(a_failure_is_nobody_elses),
        cmocka_unit_test(who_has_written_asks_for_itself),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
