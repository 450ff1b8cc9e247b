/* Answers of Redis that are lists, and what bounds them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "redis_bench.h"

/* What XREADGROUP answers: streams, their entries, the fields of each. */
static void lists_hold_lists(void **state) {
    (void)state;
    struct fake_redis fake = {
        .script = {{.answers = {SAY("*1\r\n*2\r\n$6\r\norders\r\n*2\r\n"
                                    "*2\r\n$3\r\n1-0\r\n*4\r\n$1\r\na\r\n$3\r\none\r\n$1\r\nb\r\n:2\r\n"
                                    "*2\r\n$3\r\n2-0\r\n*-1\r\n")}}}};
    struct bench bench;
    begin(&fake, &bench);
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    assert_int_equal(bench.replies[0].kind, REDIS_LIST);
    assert_int_equal(bench.replies[0].count, 1);
    const struct redis_reply *stream = &bench.replies[0].items[0];
    assert_int_equal(stream->count, 2);
    expect_text(stream->items[0], "orders");
    const struct redis_reply *entries = &stream->items[1];
    assert_int_equal(entries->count, 2);
    expect_text(entries->items[0].items[0], "1-0");
    const struct redis_reply *fields = &entries->items[0].items[1];
    assert_int_equal(fields->count, 4);
    expect_text(fields->items[1], "one");
    assert_int_equal(fields->items[3].number, 2);
    expect_text(entries->items[1].items[0], "2-0");
    assert_int_equal(entries->items[1].items[1].kind, REDIS_NIL);
    assert_int_equal(end(&fake, &bench), 1);
}

static void a_list_may_be_empty_and_hold_an_error(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.answers = {SAY("*0\r\n"), SAY("*2\r\n-ERR no\r\n*0\r\n"), SAY("+ok\r\n")}}}};
    struct bench bench;
    begin(&fake, &bench);
    const struct redis_command commands[] = {get_k, get_k, get_k};
    assert_int_equal(redis_run(bench.redis, &bench.call, commands, 3, &bench.arena, bench.replies), STATUS_OK);
    assert_int_equal(bench.replies[0].kind, REDIS_LIST);
    assert_int_equal(bench.replies[0].count, 0);
    assert_int_equal(bench.replies[1].items[0].kind, REDIS_ERROR);
    assert_true(slice_equal(bench.replies[1].items[0].text, slice_of("ERR no")));
    assert_int_equal(bench.replies[1].items[1].count, 0);
    expect_text(bench.replies[2], "ok");
    assert_int_equal(end(&fake, &bench), 1);
}

/* A list of count items, of which every one is item. */
static struct slice list_of(size_t count, const char *item) {
    size_t length = strlen(item);
    char *bytes = malloc(count * length + 32);
    assert_non_null(bytes);
    size_t at = (size_t)sprintf(bytes, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++, at += length) {
        memcpy(bytes + at, item, length);
    }
    return (struct slice){bytes, at};
}

/* Lists in lists, the innermost one empty. */
static struct slice nested(size_t depth) {
    char *bytes = malloc(depth * 4 + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < depth; i++) {
        memcpy(bytes + 4 * i, i + 1 < depth ? "*1\r\n" : "*0\r\n", 5);
    }
    return (struct slice){bytes, depth * 4};
}

/* How a connection takes the answer, which is freed, and that it is of use afterwards. */
static enum status take(struct slice answer, size_t arena_bytes, unsigned connections) {
    struct fake_redis fake = {.script = {{.answers = {answer, SAY("+sense\r\n")}}, {.answers = {SAY("+sense\r\n")}}}};
    struct redis_options options = options_for_fake();
    struct bench bench;
    options.timeout_ms = CALL_MS;
    begin_with(&fake, &bench, &options);
    arena_init(&bench.arena, arena_bytes);
    enum status status = run(&bench, &get_k);
    arena_free(&bench.arena);
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    expect_text(bench.replies[0], "sense");
    assert_int_equal(end(&fake, &bench), connections);
    free((char *)answer.data);
    return status;
}

static void an_answer_has_so_many_items_at_most(void **state) {
    (void)state;
    assert_int_equal(take(list_of(REDIS_ITEMS_MAX - 1, ":1\r\n"), 8 << 20, 1), STATUS_OK); /* it is one itself */
    assert_int_equal(take(list_of(REDIS_ITEMS_MAX, ":1\r\n"), 8 << 20, 2), STATUS_GONE);
    assert_int_equal(take(list_of(REDIS_ITEMS_MAX / 3 + 1, "*2\r\n$-1\r\n+a\r\n"), 8 << 20, 2), STATUS_GONE);
    assert_int_equal(take(list_of(1, "*4294967295\r\n"), 8 << 20, 2), STATUS_GONE); /* announced is enough */
}

static void lists_are_so_deep_at_most(void **state) {
    (void)state;
    assert_int_equal(take(nested(REDIS_DEPTH_MAX), 8 << 20, 1), STATUS_OK);
    assert_int_equal(take(nested(REDIS_DEPTH_MAX + 1), 8 << 20, 2), STATUS_GONE);
    assert_int_equal(take(nested(100000), 8 << 20, 2), STATUS_GONE);
}

static void a_list_without_room_is_no_fault_of_redis(void **state) {
    (void)state;
    assert_int_equal(take(list_of(1000, ":1\r\n"), 20000, 2), STATUS_NO_MEMORY);
    assert_int_equal(take(list_of(20, "$1000\r\n"), 100, 2), STATUS_NO_MEMORY); /* before anything of it has come */
}

/* Half of it, then nothing: what has come is of no use. */
static void a_list_that_does_not_come_whole_costs_one_timeout(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.answers = {SAY("*2\r\n+one\r\n")}}, {.answers = {SAY("+two\r\n")}}}};
    struct bench bench;
    begin(&fake, &bench);
    expect_timeout(&bench);
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    expect_text(bench.replies[0], "two");
    assert_int_equal(end(&fake, &bench), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_hold_lists),
        cmocka_unit_test(a_list_may_be_empty_and_hold_an_error),
        cmocka_unit_test(an_answer_has_so_many_items_at_most),
        cmocka_unit_test(lists_are_so_deep_at_most),
        cmocka_unit_test(a_list_without_room_is_no_fault_of_redis),
        cmocka_unit_test(a_list_that_does_not_come_whole_costs_one_timeout),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
