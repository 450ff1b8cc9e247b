/* What is said to Redis, and what is made of its answers, whatever they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "redis_bench.h"
#include "stream.h"

#define ENTRY(id, number) "*2\r\n$3\r\n" id "\r\n*2\r\n$6\r\noutbox\r\n$1\r\n" number "\r\n"

static struct stream stream_of(struct bench *bench) { return (struct stream){bench->redis, "server-1", 10000}; }

static enum status add(struct bench *bench, int64_t outbox) {
    const struct stream stream = stream_of(bench);
    return stream_add(&stream, &bench->call, outbox, &bench->arena);
}

/* How many entries come of an answer to taking. */
static size_t take(struct slice answer, enum stream_source source, struct stream_entry entries[static STREAM_BATCH],
                   struct bench *bench) {
    struct fake_redis fake = {.script = {{.answers = {answer}}}};
    size_t count = 1000;
    begin(&fake, bench);
    const struct stream stream = stream_of(bench);
    assert_int_equal(stream_take(&stream, &bench->call, source, &bench->arena, entries, &count), STATUS_OK);
    redis_free(bench->redis);
    fake_stop(&fake, path);
    return count;
}

static void an_entry_names_its_row(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.answers = {SAY("$3\r\n1-0\r\n")}}}};
    struct bench bench;
    begin(&fake, &bench);
    assert_int_equal(add(&bench, 4711), STATUS_OK);
    end(&fake, &bench);
    assert_string_equal(fake.heard, "XADD orders NOMKSTREAM * outbox 4711\n");
}

static void a_stream_that_is_not_there_is_made_with_its_group(void **state) {
    (void)state;
    static const struct slice made[] = {SAY("+OK\r\n"), SAY("-BUSYGROUP somebody else was quicker\r\n")};
    for (size_t i = 0; i < 2; i++) {
        struct fake_redis fake = {.script = {{.answers = {SAY("$-1\r\n"), made[i], SAY("$3\r\n1-0\r\n")}}}};
        struct bench bench;
        begin(&fake, &bench);
        assert_int_equal(add(&bench, 1), STATUS_OK);
        end(&fake, &bench);
        assert_string_equal(fake.heard, "XADD orders NOMKSTREAM * outbox 1\n"
                                        "XGROUP CREATE orders receipts 0 MKSTREAM\n"
                                        "XADD orders NOMKSTREAM * outbox 1\n");
    }
}

static void a_refusal_is_as_good_as_silence(void **state) {
    (void)state;
    struct fake_redis fake = {
        .script = {{.answers = {SAY("-OOM no memory\r\n"), SAY("$-1\r\n"), SAY("-NOPERM no\r\n")}}}};
    struct bench bench;
    begin(&fake, &bench);
    assert_int_equal(add(&bench, 1), STATUS_GONE);
    assert_int_equal(add(&bench, 1), STATUS_GONE);
    end(&fake, &bench);
}

static void entries_are_taken_from_three_sources(void **state) {
    (void)state;
    static const struct slice of_read = SAY("*1\r\n*2\r\n$6\r\norders\r\n*2\r\n" ENTRY("1-0", "7") ENTRY("2-0", "8"));
    static const struct slice of_claim = SAY("*3\r\n$3\r\n0-0\r\n*2\r\n" ENTRY("1-0", "7") ENTRY("2-0", "8") "*0\r\n");
    static const struct slice answers[] = {
        [STREAM_NEW] = of_read, [STREAM_OWN] = of_read, [STREAM_ABANDONED] = of_claim};
    for (enum stream_source source = STREAM_NEW; source <= STREAM_ABANDONED; source++) {
        struct stream_entry entries[STREAM_BATCH];
        struct bench bench;
        assert_int_equal(take(answers[source], source, entries, &bench), 2);
        assert_true(slice_equal(entries[0].id, slice_of("1-0")));
        assert_int_equal(entries[0].outbox, 7);
        assert_true(slice_equal(entries[1].id, slice_of("2-0")));
        assert_int_equal(entries[1].outbox, 8);
        arena_free(&bench.arena);
    }
}

static void taking_says_who_takes_and_how_much(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.answers = {SAY("*-1\r\n"), SAY("*1\r\n*2\r\n$6\r\norders\r\n*0\r\n"),
                                                      SAY("*3\r\n$3\r\n0-0\r\n*0\r\n*0\r\n")}}}};
    struct bench bench;
    struct stream_entry entries[STREAM_BATCH];
    begin(&fake, &bench);
    const struct stream stream = stream_of(&bench);
    for (enum stream_source source = STREAM_NEW; source <= STREAM_ABANDONED; source++) {
        size_t count = 1;
        assert_int_equal(stream_take(&stream, &bench.call, source, &bench.arena, entries, &count), STATUS_OK);
        assert_int_equal(count, 0);
    }
    end(&fake, &bench);
    assert_string_equal(fake.heard, "XREADGROUP GROUP receipts server-1 COUNT 32 STREAMS orders >\n"
                                    "XREADGROUP GROUP receipts server-1 COUNT 32 STREAMS orders 0\n"
                                    "XAUTOCLAIM orders receipts server-1 10000 0 COUNT 32\n");
}

static void without_a_group_there_is_nothing_to_take_but_soon_a_group(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.answers = {SAY("-NOGROUP no such key\r\n"), SAY("+OK\r\n")}}}};
    struct bench bench;
    struct stream_entry entries[STREAM_BATCH];
    size_t count = 1;
    begin(&fake, &bench);
    const struct stream stream = stream_of(&bench);
    assert_int_equal(stream_take(&stream, &bench.call, STREAM_NEW, &bench.arena, entries, &count), STATUS_OK);
    assert_int_equal(count, 0);
    end(&fake, &bench);
    assert_non_null(strstr(fake.heard, "\nXGROUP CREATE orders receipts 0 MKSTREAM\n"));
}

/* Somebody else's entries, or ones that are gone: they have an id, and no row. */
static void an_entry_without_a_row_has_the_number_0(void **state) {
    (void)state;
    static const struct slice answers[] = {
        SAY("*1\r\n*2\r\n$6\r\norders\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*-1\r\n"),
        SAY("*1\r\n*2\r\n$6\r\norders\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*0\r\n"),
        SAY("*1\r\n*2\r\n$6\r\norders\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$5\r\nother\r\n$1\r\n7\r\n"),
        SAY("*1\r\n*2\r\n$6\r\norders\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*1\r\n$6\r\noutbox\r\n"),
        SAY("*1\r\n*2\r\n$6\r\norders\r\n*1\r\n" ENTRY("1-0", "x")),
        SAY("*1\r\n*2\r\n$6\r\norders\r\n*1\r\n" ENTRY("1-0", "0")),
        SAY("*1\r\n*2\r\n$6\r\norders\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$6\r\noutbox\r\n$2\r\n-1\r\n"),
        SAY("*1\r\n*2\r\n$6\r\norders\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$6\r\noutbox\r\n$20\r\n99999999999999999999\r\n"),
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct stream_entry entries[STREAM_BATCH];
        struct bench bench;
        assert_int_equal(take(answers[i], STREAM_NEW, entries, &bench), 1);
        assert_true(slice_equal(entries[0].id, slice_of("1-0")));
        assert_int_equal(entries[0].outbox, 0);
        arena_free(&bench.arena);
    }
}

static void what_is_no_answer_to_taking_holds_no_entries(void **state) {
    (void)state;
    static const struct slice answers[] = {
        SAY("+OK\r\n"),
        SAY(":1\r\n"),
        SAY("*0\r\n"),
        SAY("*1\r\n*1\r\n$6\r\norders\r\n"),
        SAY("*1\r\n*2\r\n$6\r\norders\r\n+no list\r\n"),
        SAY("*1\r\n*2\r\n$6\r\norders\r\n*2\r\n+no entry\r\n*2\r\n:1\r\n*-1\r\n"),
        SAY("*2\r\n$3\r\n0-0\r\n:1\r\n"),
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct stream_entry entries[STREAM_BATCH];
        struct bench bench;
        assert_int_equal(take(answers[i], STREAM_NEW, entries, &bench), 0);
        arena_free(&bench.arena);
    }
}

static void what_is_finished_is_removed(void **state) {
    (void)state;
    struct fake_redis fake = {
        .script = {{.answers = {SAY(":1\r\n"), SAY(":1\r\n"), SAY("$3\r\n9-0\r\n"), SAY(":1\r\n")}}}};
    struct bench bench;
    begin(&fake, &bench);
    const struct stream stream = stream_of(&bench);
    assert_int_equal(stream_finish(&stream, &bench.call, slice_of("1-0"), &bench.arena), STATUS_OK);
    assert_int_equal(stream_bury(&stream, &bench.call, 7, "no lines", &bench.arena), STATUS_OK);
    assert_int_equal(stream_clear_dead(&stream, &bench.call, &bench.arena), STATUS_OK);
    end(&fake, &bench);
    assert_string_equal(fake.heard, "XACK orders receipts 1-0\n"
                                    "XDEL orders 1-0\n"
                                    "XADD orders:dead MAXLEN ~ 1000 * outbox 7 error no lines\n"
                                    "DEL orders:dead\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_names_its_row),
        cmocka_unit_test(a_stream_that_is_not_there_is_made_with_its_group),
        cmocka_unit_test(a_refusal_is_as_good_as_silence),
        cmocka_unit_test(entries_are_taken_from_three_sources),
        cmocka_unit_test(taking_says_who_takes_and_how_much),
        cmocka_unit_test(without_a_group_there_is_nothing_to_take_but_soon_a_group),
        cmocka_unit_test(an_entry_without_a_row_has_the_number_0),
        cmocka_unit_test(what_is_no_answer_to_taking_holds_no_entries),
        cmocka_unit_test(what_is_finished_is_removed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
