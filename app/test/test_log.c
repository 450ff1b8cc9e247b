#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <yyjson.h>

#include "clock.h"
#include "log.h"
#include "log_threads.h"
#include "trap.h"

/* The one line that was written, as a JSON object. */
static yyjson_doc *only_line(char *written) {
    size_t length = strlen(written);
    assert_true(length > 0 && written[length - 1] == '\n');
    assert_ptr_equal(strchr(written, '\n'), written + length - 1);
    yyjson_doc *doc = yyjson_read(written, length, 0);
    assert_non_null(doc);
    assert_true(yyjson_is_obj(yyjson_doc_get_root(doc)));
    free(written);
    return doc;
}

static const char *text_at(const yyjson_doc *doc, const char *key) {
    return yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root((yyjson_doc *)(uintptr_t)doc), key));
}

static void a_line_is_one_object(void **state) {
    (void)state;
    struct trap trap = catch_stderr();
    log_init("server-1");
    log_event(LOG_WARNING, "an event", LOG_TEXT("address", "unix:/run/x"), LOG_NUMBER("big", INT64_MAX),
              LOG_NUMBER("small", INT64_MIN));
    yyjson_doc *doc = only_line(release(trap));
    yyjson_val *root = yyjson_doc_get_root(doc);
    static const char *const order[] = {"time", "level", "node", "event", "address", "big", "small"};
    yyjson_obj_iter keys;
    yyjson_obj_iter_init(root, &keys);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        assert_string_equal(yyjson_get_str(yyjson_obj_iter_next(&keys)), order[i]);
    }
    assert_null(yyjson_obj_iter_next(&keys));
    assert_string_equal(text_at(doc, "level"), "warning");
    assert_string_equal(text_at(doc, "node"), "server-1");
    assert_string_equal(text_at(doc, "event"), "an event");
    assert_string_equal(text_at(doc, "address"), "unix:/run/x");
    assert_int_equal(yyjson_get_sint(yyjson_obj_get(root, "big")), INT64_MAX);
    assert_int_equal(yyjson_get_sint(yyjson_obj_get(root, "small")), INT64_MIN);
    yyjson_doc_free(doc);
}

static void the_levels_have_names(void **state) {
    (void)state;
    static const char *const names[] = {[LOG_INFO] = "info", [LOG_WARNING] = "warning", [LOG_ERROR] = "error"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct trap trap = catch_stderr();
        log_write((enum log_level)i, "x", NULL, 0);
        yyjson_doc *doc = only_line(release(trap));
        assert_string_equal(text_at(doc, "level"), names[i]);
        yyjson_doc_free(doc);
    }
}

static void a_tool_leaves_out_what_nobody_asked_for(void **state) {
    (void)state;
    struct trap trap = catch_stderr();
    log_at_least(LOG_ERROR);
    log_event(LOG_WARNING, "left out", LOG_NUMBER("n", 1));
    log_event(LOG_ERROR, "told", LOG_NUMBER("n", 2));
    log_at_least(LOG_INFO);
    log_event(LOG_INFO, "told again", LOG_NUMBER("n", 3));
    char *text = release(trap);
    assert_null(strstr(text, "left out"));
    assert_non_null(strstr(text, "\"told\""));
    assert_non_null(strstr(text, "\"told again\""));
    free(text);
}

static void the_time_is_utc_with_microseconds(void **state) {
    (void)state;
    int64_t before_us = clock_wall_us(); /* time(2) is a tick behind: it may say the second before */
    struct trap trap = catch_stderr();
    log_event(LOG_INFO, "x", LOG_NUMBER("n", 1));
    yyjson_doc *doc = only_line(release(trap));
    struct tm tm = {0};
    const char *written = text_at(doc, "time");
    const char *rest = strptime(written, "%Y-%m-%dT%H:%M:%S", &tm);
    assert_non_null(rest);
    assert_int_equal(strlen(rest), strlen(".123456Z"));
    assert_true(rest[0] == '.' && strspn(rest + 1, "0123456789") == 6 && rest[7] == 'Z');
    int64_t written_us = timegm(&tm) * INT64_C(1000000) + strtol(rest + 1, NULL, 10);
    assert_true(written_us >= before_us && written_us <= clock_wall_us());
    yyjson_doc_free(doc);
}

/* Nothing that is logged can end the line, close its string, or forge a key. */
static void no_text_can_forge_a_line(void **state) {
    (void)state;
    static const struct {
        const char *sent, *read;
    } attempts[] = {
        {"\",\"level\":\"error", "\",\"level\":\"error"},
        {"x\"}\n{\"time\":\"never\"}", "x\"}\n{\"time\":\"never\"}"},
        {"back\\", "back\\"},
        {"\r\n\t\b\f\x01\x1f\x7f", "\r\n\t\b\f\x01\x1f\x7f"},
        {"\xff\xc3", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xe2\x80\xa8 Gr\xc3\xbc\xc3\x9f", "\xe2\x80\xa8 Gr\xc3\xbc\xc3\x9f"},
        {"\xc0\xaf", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        struct trap trap = catch_stderr();
        log_init(attempts[i].sent);
        log_event(LOG_INFO, attempts[i].sent, LOG_TEXT("path", attempts[i].sent), LOG_NUMBER("last", 1));
        log_init("");
        yyjson_doc *doc = only_line(release(trap));
        assert_int_equal(yyjson_obj_size(yyjson_doc_get_root(doc)), 6);
        assert_string_equal(text_at(doc, "level"), "info");
        assert_string_equal(text_at(doc, "node"), attempts[i].read);
        assert_string_equal(text_at(doc, "event"), attempts[i].read);
        assert_string_equal(text_at(doc, "path"), attempts[i].read);
        yyjson_doc_free(doc);
    }
}

/* A visitor cannot keep a request out of the log by making it long. */
static void a_long_text_is_cut_and_the_line_written(void **state) {
    (void)state;
    enum { LENGTH = 200000, KEPT = 1024 };
    char *path = malloc(LENGTH + 1);
    assert_non_null(path);
    memset(path, '"', LENGTH);
    path[LENGTH] = '\0';
    struct trap trap = catch_stderr();
    log_event(LOG_INFO, "request", LOG_TEXT("path", path), LOG_NUMBER("status", 200));
    char *written = release(trap);
    assert_true(strlen(written) < 4096); /* PIPE_BUF */
    yyjson_doc *doc = only_line(written);
    assert_int_equal(strlen(text_at(doc, "path")), KEPT);
    assert_int_equal(yyjson_get_int(yyjson_obj_get(yyjson_doc_get_root(doc), "status")), 200);
    yyjson_doc_free(doc);
    free(path);
}

static void a_text_cut_within_a_character_is_still_json(void **state) {
    (void)state;
    char path[1100] = "x"; /* so that the cut falls between the two bytes of a character */
    for (size_t i = 1; i + 2 < sizeof path; i += 2) {
        memcpy(path + i, "\xc3\xbc", 3);
    }
    struct trap trap = catch_stderr();
    log_event(LOG_INFO, "request", LOG_TEXT("path", path));
    yyjson_doc *doc = only_line(release(trap));
    assert_string_equal(text_at(doc, "path") + 1023, "\xEF\xBF\xBD");
    yyjson_doc_free(doc);
}

static void errno_is_kept(void **state) {
    (void)state;
    struct trap trap = catch_stderr();
    errno = EHOSTUNREACH;
    log_event(LOG_INFO, "x", LOG_TEXT("a", "b"));
    assert_int_equal(errno, EHOSTUNREACH);
    close(STDERR_FILENO);
    errno = EILSEQ;
    log_event(LOG_INFO, "nowhere to write", LOG_TEXT("a", "b"));
    int kept = errno;
    free(release(trap));
    assert_int_equal(kept, EILSEQ);
}

static void lines_of_several_threads_are_whole(void **state) {
    (void)state;
    pthread_t threads[LOG_THREADS];
    struct trap trap = catch_stderr();
    start_log_threads(threads);
    join_log_threads(threads);
    expect_lines_of_all(release(trap));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_one_object),
        cmocka_unit_test(the_levels_have_names),
        cmocka_unit_test(a_tool_leaves_out_what_nobody_asked_for),
        cmocka_unit_test(the_time_is_utc_with_microseconds),
        cmocka_unit_test(no_text_can_forge_a_line),
        cmocka_unit_test(a_long_text_is_cut_and_the_line_written),
        cmocka_unit_test(a_text_cut_within_a_character_is_still_json),
        cmocka_unit_test(errno_is_kept),
        cmocka_unit_test(lines_of_several_threads_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
