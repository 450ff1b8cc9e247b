#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "metrics.h"
#include "session_memory.h"

enum { MOST = 3, IDLE_MS = 100, IDLE_US = IDLE_MS * 1000 };

struct key {
    char text[SECRET_HASH_CHARS + 1];
};

static struct key key_of(unsigned number) {
    struct key key;
    snprintf(key.text, sizeof key.text, "%064u", number);
    return key;
}

static int set_up(void **state) {
    *state = session_memory_new(MOST, IDLE_MS);
    return *state != NULL ? 0 : -1;
}

static int tear_down(void **state) {
    session_memory_free(*state);
    return metrics_get(METRIC_SESSIONS) == 0 ? 0 : -1;
}

/* A session that can be told from others by its user. */
static void create(struct session_memory *memory, unsigned number, int64_t now_us) {
    const struct session session = {.user = number};
    assert_int_equal(session_memory_create(memory, key_of(number).text, now_us, &session), STATUS_OK);
}

static bool is_there(struct session_memory *memory, unsigned number, int64_t now_us) {
    struct session session = {0};
    enum status status = session_memory_load(memory, key_of(number).text, now_us, &session);
    assert_int_equal(session.user, status == STATUS_OK ? number : 0);
    assert_true(status == STATUS_OK || status == STATUS_NOT_FOUND);
    return status == STATUS_OK;
}

static void what_was_created_is_there_until_removed(void **state) {
    struct session_memory *memory = *state;
    assert_false(is_there(memory, 1, 0));
    create(memory, 1, 0);
    create(memory, 2, 0);
    assert_true(is_there(memory, 1, 1));
    assert_true(is_there(memory, 2, 1));
    assert_int_equal(metrics_get(METRIC_SESSIONS), 2);
    session_memory_remove(memory, key_of(1).text);
    session_memory_remove(memory, key_of(1).text);
    assert_false(is_there(memory, 1, 1));
    assert_true(is_there(memory, 2, 1));
    assert_int_equal(metrics_get(METRIC_SESSIONS), 1);
}

static void an_update_replaces_what_is_there(void **state) {
    struct session_memory *memory = *state;
    struct session session = {.user = 1, .cart = {{7, 2}}, .cart_count = 1};
    create(memory, 1, 0);
    assert_int_equal(session_memory_update(memory, key_of(1).text, 1, &session), STATUS_OK);
    session = (struct session){0};
    assert_int_equal(session_memory_load(memory, key_of(1).text, 1, &session), STATUS_OK);
    assert_int_equal(session.cart[0].product, 7);
}

static void what_has_ended_stays_ended(void **state) {
    struct session_memory *memory = *state;
    const struct session session = {.user = 1};
    create(memory, 1, 0);
    session_memory_remove(memory, key_of(1).text);
    assert_int_equal(session_memory_update(memory, key_of(1).text, 1, &session), STATUS_NOT_FOUND);
    assert_false(is_there(memory, 1, 1));
    create(memory, 2, 0);
    assert_int_equal(session_memory_update(memory, key_of(2).text, IDLE_US, &session), STATUS_NOT_FOUND);
    assert_false(is_there(memory, 2, IDLE_US));
}

static void who_was_not_seen_is_forgotten(void **state) {
    struct session_memory *memory = *state;
    const struct session session = {.user = 1};
    create(memory, 1, 0);
    create(memory, 2, 0);
    assert_true(is_there(memory, 1, IDLE_US - 1)); /* and seen */
    assert_false(is_there(memory, 2, IDLE_US));
    assert_int_equal(metrics_get(METRIC_SESSIONS), 1); /* forgotten, not only hidden */
    assert_int_equal(session_memory_update(memory, key_of(1).text, 2 * IDLE_US - 2, &session), STATUS_OK);
    assert_true(is_there(memory, 1, 3 * IDLE_US - 3));
    assert_false(is_there(memory, 1, 4 * IDLE_US - 3));
    assert_int_equal(metrics_get(METRIC_SESSIONS), 0);
}

static void without_room_who_was_not_seen_longest_goes(void **state) {
    struct session_memory *memory = *state;
    create(memory, 1, 0);
    create(memory, 2, 1);
    create(memory, 3, 2);
    assert_true(is_there(memory, 1, 3));
    create(memory, 4, 4);
    assert_int_equal(metrics_get(METRIC_SESSIONS), MOST);
    assert_false(is_there(memory, 2, 5));
    assert_true(is_there(memory, 1, 5));
    assert_true(is_there(memory, 3, 5));
    assert_true(is_there(memory, 4, 5));
    create(memory, 5, 4 + 2 * IDLE_US); /* all others have expired meanwhile */
    assert_int_equal(metrics_get(METRIC_SESSIONS), 1);
}

/* --- Several at once --- */

enum { THREADS = 4, ROUNDS = 2000, SHARED = 0 };

struct visitor {
    struct session_memory *memory;
    unsigned number;
    unsigned wrong; /* sessions of somebody else */
};

static void *visit(void *argument) {
    struct visitor *visitor = argument;
    const struct key own = key_of(visitor->number), shared = key_of(SHARED);
    for (int64_t i = 0; i < ROUNDS; i++) {
        struct session session = {.user = visitor->number, .begun_s = i};
        session_memory_create(visitor->memory, own.text, i, &session);
        session_memory_update(visitor->memory, shared.text, i, &session);
        if (session_memory_load(visitor->memory, own.text, i, &session) != STATUS_OK ||
            session.user != visitor->number || session.begun_s != i) {
            visitor->wrong++;
        }
        session_memory_load(visitor->memory, shared.text, i, &session);
        session_memory_remove(visitor->memory, own.text);
    }
    return NULL;
}

static void several_workers_do_not_get_in_each_others_way(void **state) {
    (void)state;
    struct session_memory *memory = session_memory_new(THREADS + 1, IDLE_MS);
    struct visitor visitors[THREADS];
    pthread_t threads[THREADS];
    create(memory, SHARED, 0);
    for (unsigned i = 0; i < THREADS; i++) {
        visitors[i] = (struct visitor){.memory = memory, .number = i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, visit, &visitors[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(visitors[i].wrong, 0);
    }
    assert_int_equal(metrics_get(METRIC_SESSIONS), 1);
    session_memory_free(memory);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_created_is_there_until_removed),
        TEST(an_update_replaces_what_is_there),
        TEST(what_has_ended_stays_ended),
        TEST(who_was_not_seen_is_forgotten),
        TEST(without_room_who_was_not_seen_longest_goes),
        cmocka_unit_test(several_workers_do_not_get_in_each_others_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
