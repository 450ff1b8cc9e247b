/* A Redis that is silent, gone or mad, and what that costs. What a real one answers is tested in tests/. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "redis_bench.h"

/* --- Answers --- */

static void answers_come_in_the_order_of_the_commands(void **state) {
    (void)state;
    struct fake_redis fake = {
        .script = {{.answers = {SAY("$5\r\nhello\r\n"), SAY("$-1\r\n"), SAY(":-7\r\n"), SAY("-ERR no\r\n")}}}};
    struct bench bench;
    begin(&fake, &bench);
    const struct redis_command commands[] = {get_k, get_k, count_k, get_k};
    assert_int_equal(redis_run(bench.redis, &bench.call, commands, 4, &bench.arena, bench.replies), STATUS_OK);
    expect_text(bench.replies[0], "hello");
    assert_int_equal(bench.replies[1].kind, REDIS_NIL);
    assert_int_equal(bench.replies[2].kind, REDIS_NUMBER);
    assert_int_equal(bench.replies[2].number, -7);
    assert_int_equal(bench.replies[3].kind, REDIS_ERROR);
    assert_true(slice_equal(bench.replies[3].text, slice_of("ERR no")));
    assert_int_equal(end(&fake, &bench), 1);
    assert_string_equal(fake.heard, "GET k\nGET k\nINCR k\nGET k\n");
}

static void a_text_may_hold_any_byte(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.answers = {SAY("$6\r\n\0\r\n\xff$\0\r\n"), SAY("$0\r\n\r\n")}}}};
    struct bench bench;
    begin(&fake, &bench);
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    assert_true(slice_equal(bench.replies[0].text, SAY("\0\r\n\xff$\0")));
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    expect_text(bench.replies[0], "");
    assert_int_equal(end(&fake, &bench), 1);
}

/* An answer of length times 'x'. */
static struct slice long_answer(size_t length) {
    char *bytes = malloc(length + 32);
    assert_non_null(bytes);
    size_t head = (size_t)sprintf(bytes, "$%zu\r\n", length);
    memset(bytes + head, 'x', length);
    memcpy(bytes + head + length, "\r\n", 2);
    return (struct slice){bytes, head + length + 2};
}

static void a_large_answer_comes_whole(void **state) {
    (void)state;
    struct slice large = long_answer(1 << 20);
    struct fake_redis fake = {.script = {{.answers = {large, SAY("+after\r\n")}}}};
    struct bench bench;
    begin(&fake, &bench);
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    assert_int_equal(bench.replies[0].text.length, 1 << 20);
    assert_int_equal(bench.replies[0].text.data[(1 << 20) - 1], 'x');
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    expect_text(bench.replies[0], "after");
    assert_int_equal(end(&fake, &bench), 1);
    free((char *)large.data);
}

static void an_answer_that_is_too_long_is_given_up(void **state) {
    (void)state;
    struct slice large = long_answer(REDIS_ANSWER_BYTES_MAX + 1);
    struct fake_redis fake = {.script = {{.answers = {large}}}};
    struct redis_options options = options_for_fake();
    struct bench bench;
    options.timeout_ms = CALL_MS;
    begin_with(&fake, &bench, &options);
    assert_int_equal(run(&bench, &get_k), STATUS_GONE);
    assert_int_equal(end(&fake, &bench), 1);
    free((char *)large.data);
}

static void an_answer_without_room_leaves_the_connection_clean(void **state) {
    (void)state;
    struct slice large = long_answer(100000);
    struct fake_redis fake = {
        .script = {{.answers = {large, SAY("+of the same\r\n")}}, {.answers = {SAY("+of the next\r\n")}}}};
    struct bench bench;
    begin(&fake, &bench);
    arena_init(&bench.arena, 50000);
    const struct redis_command commands[] = {get_k, get_k};
    assert_int_equal(redis_run(bench.redis, &bench.call, commands, 2, &bench.arena, bench.replies), STATUS_NO_MEMORY);
    arena_free(&bench.arena);
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    expect_text(bench.replies[0], "of the next");
    assert_int_equal(end(&fake, &bench), 2);
    free((char *)large.data);
}

static void nonsense_ends_the_connection(void **state) {
    (void)state;
    static const struct slice nonsense[] = {SAY("HTTP/1.1 400 Bad Request\r\n"),
                                            SAY("\0\0\0\0"),
                                            SAY("$99999999999999999999\r\n"),
                                            SAY("$-2\r\n"),
                                            SAY(":seven\r\n"),
                                            SAY(",3.14\r\n"),
                                            SAY("#t\r\n")};
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        struct fake_redis fake = {.script = {{.answers = {nonsense[i]}}, {.answers = {SAY("+sense\r\n")}}}};
        struct bench bench;
        begin(&fake, &bench);
        assert_int_equal(run(&bench, &get_k), STATUS_GONE);
        assert_int_equal(run(&bench, &get_k), STATUS_OK);
        expect_text(bench.replies[0], "sense");
        assert_int_equal(end(&fake, &bench), 2);
    }
}

static void what_nobody_asked_for_is_not_the_next_answer(void **state) {
    (void)state;
    struct fake_redis fake = {
        .script = {{.answers = {SAY("+first\r\n+unasked\r\n")}}, {.answers = {SAY("+second\r\n")}}}};
    struct bench bench;
    begin(&fake, &bench);
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    expect_text(bench.replies[0], "first");
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    expect_text(bench.replies[0], "second");
    assert_int_equal(end(&fake, &bench), 2);
}

/* --- Time --- */

static void silence_costs_one_timeout(void **state) {
    (void)state;
    static const enum fake_end silences[] = {FAKE_SILENT, FAKE_TRICKLES};
    for (size_t i = 0; i < 2; i++) {
        struct fake_redis fake = {.script = {{.end = silences[i]}, {.answers = {SAY("+other\r\n")}}}};
        struct bench bench;
        begin(&fake, &bench);
        expect_timeout(&bench);
        assert_int_equal(run(&bench, &get_k), STATUS_OK);
        expect_text(bench.replies[0], "other"); /* the late answer of the first call is lost with its connection */
        assert_int_equal(end(&fake, &bench), 2);
    }
}

static void silence_after_an_answer_costs_no_more(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.answers = {SAY("+one\r\n"), SAY("$5\r\nhel")}}}};
    struct bench bench;
    begin(&fake, &bench);
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    expect_timeout(&bench);
    assert_int_equal(end(&fake, &bench), 1);
}

static void the_deadline_of_the_call_counts_if_it_is_sooner(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.answers = {SAY("+one\r\n")}, .end = FAKE_SILENT}}};
    struct redis_options options = options_for_fake();
    struct bench bench;
    options.timeout_ms = CALL_MS;
    begin_with(&fake, &bench, &options);
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    int64_t begun_us = clock_monotonic_us();
    bench.call.deadline = deadline_in_ms(30);
    assert_int_equal(run(&bench, &get_k), STATUS_TIMEOUT);
    expect_time(begun_us, 30);
    assert_int_equal(end(&fake, &bench), 1);
}

static void after_the_deadline_nothing_is_asked(void **state) {
    (void)state;
    struct fake_redis fake = {0};
    struct bench bench;
    begin(&fake, &bench);
    bench.call.deadline = deadline_in_ms(0);
    assert_int_equal(run(&bench, &get_k), STATUS_TIMEOUT);
    assert_int_equal(bench.call.calls[BACKEND_REDIS], 0);
    assert_int_equal(end(&fake, &bench), 0);
}

/* The kernel drops what a full backlog has no room for: connecting waits. */
static void a_server_that_does_not_accept_costs_one_timeout(void **state) {
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0), waiting = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(connect(waiting, (struct sockaddr *)&address, sizeof address), 0);
    char where[32];
    snprintf(where, sizeof where, "127.0.0.1:%u", ntohs(address.sin_port));
    const struct redis_options options = options_for(where);
    struct bench bench;
    set_up_bench(&bench, &options);
    expect_timeout(&bench);
    tear_down_bench(&bench);
    close(waiting);
    close(fd);
}

static void a_call_is_accounted_for(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.answers = {SAY("+one\r\n")}, .end = FAKE_SILENT}}};
    struct bench bench;
    begin(&fake, &bench);
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    assert_int_equal(run(&bench, &get_k), STATUS_TIMEOUT);
    assert_int_equal(bench.call.calls[BACKEND_REDIS], 2);
    assert_true(bench.call.spent_us[BACKEND_REDIS] >= TIMEOUT_MS * 1000);
    assert_int_equal(bench.call.calls[BACKEND_MYSQL], 0);
    end(&fake, &bench);
}

/* --- Lost connections --- */

static void a_connection_found_dead_is_replaced_once(void **state) {
    (void)state;
    static const enum fake_end ends[] = {FAKE_LEAVES, FAKE_HANGS_UP};
    for (size_t i = 0; i < 2; i++) {
        struct fake_redis fake = {
            .script = {{.answers = {SAY("+one\r\n")}, .end = ends[i]}, {.answers = {SAY("+two\r\n")}}}};
        struct bench bench;
        begin(&fake, &bench);
        assert_int_equal(run(&bench, &get_k), STATUS_OK);
        assert_int_equal(run(&bench, &get_k), STATUS_OK);
        expect_text(bench.replies[0], "two");
        assert_int_equal(end(&fake, &bench), 2);
    }
}

static void a_second_dead_connection_is_the_end(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.answers = {SAY("+one\r\n")}, .end = FAKE_HANGS_UP}, {.end = FAKE_HANGS_UP}}};
    struct bench bench;
    begin(&fake, &bench);
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    assert_int_equal(run(&bench, &get_k), STATUS_GONE);
    assert_int_equal(end(&fake, &bench), 2);
}

static void a_new_connection_that_dies_is_not_replaced(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.end = FAKE_HANGS_UP}, {.answers = {SAY("+two\r\n")}}}};
    struct bench bench;
    begin(&fake, &bench);
    assert_int_equal(run(&bench, &get_k), STATUS_GONE);
    assert_int_equal(end(&fake, &bench), 1);
}

static void both_tries_together_cost_one_timeout(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.answers = {SAY("+one\r\n")}, .end = FAKE_HANGS_UP}, {.end = FAKE_SILENT}}};
    struct bench bench;
    begin(&fake, &bench);
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    expect_timeout(&bench);
    assert_int_equal(end(&fake, &bench), 2);
}

static void what_may_not_be_done_twice_is_not_sent_again(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.answers = {SAY("+one\r\n")}, .end = FAKE_HANGS_UP}}};
    struct bench bench;
    begin(&fake, &bench);
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    const struct redis_command commands[] = {get_k, count_k};
    assert_int_equal(redis_run(bench.redis, &bench.call, commands, 2, &bench.arena, bench.replies), STATUS_GONE);
    assert_int_equal(end(&fake, &bench), 1);
}

static void what_was_answered_in_part_is_not_sent_again(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {{.answers = {SAY("+one\r\n"), SAY("+two\r\n")}, .end = FAKE_HANGS_UP}}};
    struct bench bench;
    begin(&fake, &bench);
    assert_int_equal(run(&bench, &get_k), STATUS_OK);
    const struct redis_command commands[] = {get_k, get_k};
    assert_int_equal(redis_run(bench.redis, &bench.call, commands, 2, &bench.arena, bench.replies), STATUS_GONE);
    assert_int_equal(end(&fake, &bench), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_in_the_order_of_the_commands),
        cmocka_unit_test(a_text_may_hold_any_byte),
        cmocka_unit_test(a_large_answer_comes_whole),
        cmocka_unit_test(an_answer_that_is_too_long_is_given_up),
        cmocka_unit_test(an_answer_without_room_leaves_the_connection_clean),
        cmocka_unit_test(nonsense_ends_the_connection),
        cmocka_unit_test(what_nobody_asked_for_is_not_the_next_answer),
        cmocka_unit_test(silence_costs_one_timeout),
        cmocka_unit_test(silence_after_an_answer_costs_no_more),
        cmocka_unit_test(the_deadline_of_the_call_counts_if_it_is_sooner),
        cmocka_unit_test(after_the_deadline_nothing_is_asked),
        cmocka_unit_test(a_server_that_does_not_accept_costs_one_timeout),
        cmocka_unit_test(a_call_is_accounted_for),
        cmocka_unit_test(a_connection_found_dead_is_replaced_once),
        cmocka_unit_test(a_second_dead_connection_is_the_end),
        cmocka_unit_test(a_new_connection_that_dies_is_not_replaced),
        cmocka_unit_test(both_tries_together_cost_one_timeout),
        cmocka_unit_test(what_may_not_be_done_twice_is_not_sent_again),
        cmocka_unit_test(what_was_answered_in_part_is_not_sent_again),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
