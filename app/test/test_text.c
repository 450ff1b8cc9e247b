#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "text.h"

static struct arena arena;

static int setup(void **state) {
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

static void expect_text(const struct text *text, const char *bytes, size_t length) {
    struct slice out;
    assert_int_equal(text_slice(text, &out), STATUS_OK);
    assert_int_equal(out.length, length);
    assert_memory_equal(out.data, bytes, length);
}

static void pieces_follow_each_other(void **state) {
    (void)state;
    struct text text;
    text_init(&text, &arena);
    text_put(&text, "<p>");
    text_put_slice(&text, (struct slice){"a\0b", 3});
    text_put_slice(&text, (struct slice){NULL, 0});
    text_format(&text, "%d %s", -7, "seven");
    text_put(&text, "");
    expect_text(&text, "<p>a\0b-7 seven", 14);
}

static void numbers_are_decimal(void **state) {
    (void)state;
    struct text text;
    static const char expected[] = "0 -1 10 9223372036854775807 -9223372036854775808";
    text_init(&text, &arena);
    text_reserve(&text, 1000);
    text_put_number(&text, 0);
    text_put(&text, " ");
    text_put_number(&text, -1);
    text_put(&text, " ");
    text_put_number(&text, 10);
    text_put(&text, " ");
    text_put_number(&text, INT64_MAX);
    text_put(&text, " ");
    text_put_number(&text, INT64_MIN);
    expect_text(&text, expected, strlen(expected));
}

static void an_empty_text_is_a_text(void **state) {
    (void)state;
    struct text text;
    struct slice out = {NULL, 1};
    text_init(&text, &arena);
    assert_int_equal(text_slice(&text, &out), STATUS_OK);
    assert_int_equal(out.length, 0);
    assert_non_null(out.data);
}

/* Two texts that grow in turns push each other out of place. */
static void texts_grow_side_by_side(void **state) {
    (void)state;
    struct text one, two;
    struct slice first, second;
    text_init(&one, &arena);
    text_init(&two, &arena);
    for (int i = 0; i < 2000; i++) {
        text_put(&one, "one");
        text_format(&two, "%04d", i);
    }
    assert_int_equal(text_slice(&one, &first), STATUS_OK);
    assert_int_equal(text_slice(&two, &second), STATUS_OK);
    assert_int_equal(first.length, 6000);
    assert_int_equal(second.length, 8000);
    for (size_t i = 0; i < 2000; i++) {
        char number[16];
        snprintf(number, sizeof number, "%04zu", i);
        assert_memory_equal(first.data + i * 3, "one", 3);
        assert_memory_equal(second.data + i * 4, number, 4);
    }
}

/* vsnprintf() wants a byte more than the text: every length around the room that is left. */
static void formats_fit_at_every_fill(void **state) {
    (void)state;
    for (int before = 0; before <= 600; before++) {
        struct text text;
        struct slice out;
        text_init(&text, &arena);
        for (int i = 0; i < before; i++) {
            text_put(&text, ".");
        }
        text_format(&text, "%0*d", 300 - before % 7, 1);
        text_put(&text, "!");
        assert_int_equal(text_slice(&text, &out), STATUS_OK);
        assert_int_equal(out.length, before + 300 - before % 7 + 1);
        assert_memory_equal(out.data + out.length - 2, "1!", 2);
        arena_free(&arena);
    }
}

static void the_first_failure_is_remembered(void **state) {
    (void)state;
    static const char large[5000];
    struct arena small;
    struct text text;
    struct slice out = {"untouched", 9};
    arena_init(&small, 1000);
    text_init(&text, &small);
    text_put(&text, "fits");
    text_put_slice(&text, (struct slice){large, sizeof large});
    text_put(&text, "would fit");
    text_format(&text, "%d", 1);
    text_put_html(&text, slice_of("<"));
    text_put_json(&text, slice_of("x"));
    assert_int_equal(text_slice(&text, &out), STATUS_NO_MEMORY);
    assert_string_equal(out.data, "untouched");
    assert_true(arena_failed(&small));
    arena_free(&small);
}

static void html_is_escaped(void **state) {
    (void)state;
    struct text text;
    text_init(&text, &arena);
    text_put_html(&text, slice_of("<a href=\"x\">Tom & Jerry's</a>"));
    text_put_html(&text, slice_of("&"));
    text_put_html(&text, slice_of(""));
    text_put_html(&text, (struct slice){NULL, 0});
    text_put_html(&text, slice_of("plain \xC3\xA9"));
    const char *escaped = "&lt;a href=&quot;x&quot;&gt;Tom &amp; Jerry&#39;s&lt;/a&gt;&amp;plain \xC3\xA9";
    expect_text(&text, escaped, strlen(escaped));
}

static void expect_json(struct slice in, const char *json) {
    struct text text;
    text_init(&text, &arena);
    text_put_json(&text, in);
    expect_text(&text, json, strlen(json));
}

static void json_strings_are_escaped(void **state) {
    (void)state;
    expect_json(slice_of(""), "\"\"");
    expect_json((struct slice){NULL, 0}, "\"\"");
    expect_json(slice_of("plain"), "\"plain\"");
    expect_json(slice_of("say \"hi\" \\ /"), "\"say \\\"hi\\\" \\\\ /\"");
    expect_json(slice_of("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"");
    expect_json((struct slice){"a\0\x01\x1F z", 6}, "\"a\\u0000\\u0001\\u001f z\"");
    expect_json(slice_of("\x7F"), "\"\x7F\"");
}

static void json_keeps_utf8_and_replaces_the_rest(void **state) {
    (void)state;
    static const char *const good[] = {"\xC2\x80",         "\xC3\xA9",         "\xDF\xBF",        "\xE0\xA0\x80",
                                       "\xED\x9F\xBF",     "\xEE\x80\x80",     "\xEF\xBF\xBF",    "\xF0\x90\x80\x80",
                                       "\xF4\x8F\xBF\xBF", "\xF0\x9F\x9B\x92", "\xE2\x82\xAC and"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char json[32];
        snprintf(json, sizeof json, "\"%s\"", good[i]);
        expect_json(slice_of(good[i]), json);
    }
#define BAD "\xEF\xBF\xBD"
    expect_json(slice_of("a\x80z"), "\"a" BAD "z\"");                             /* a tail alone */
    expect_json(slice_of("\xC0\xAF"), "\"" BAD BAD "\"");                         /* longer than needed */
    expect_json(slice_of("\xC1\xBF"), "\"" BAD BAD "\"");                         /* the same */
    expect_json(slice_of("\xE0\x9F\xBF"), "\"" BAD BAD BAD "\"");                 /* the same, three bytes */
    expect_json(slice_of("\xF0\x8F\xBF\xBF"), "\"" BAD BAD BAD BAD "\"");         /* the same, four bytes */
    expect_json(slice_of("\xED\xA0\x80"), "\"" BAD BAD BAD "\"");                 /* a surrogate */
    expect_json(slice_of("\xF4\x90\x80\x80"), "\"" BAD BAD BAD BAD "\"");         /* above U+10FFFF */
    expect_json(slice_of("\xF8\x88\x80\x80\x80"), "\"" BAD BAD BAD BAD BAD "\""); /* five bytes */
    expect_json(slice_of("\xC3"), "\"" BAD "\"");                                 /* cut off */
    expect_json(slice_of("\xE2\x82"), "\"" BAD BAD "\"");                         /* cut off */
    expect_json(slice_of("\xC3\"x"), "\"" BAD "\\\"x\"");                         /* the quote is not eaten */
    expect_json((struct slice){"\xE2\x82\xAC", 2}, "\"" BAD BAD "\"");            /* the slice ends, memory goes on */
#undef BAD
}

static void a_text_in_a_buffer_ends_with_it(void **state) {
    (void)state;
    char buffer[8];
    struct text text;
    struct slice out;
    text_init_in(&text, buffer, sizeof buffer);
    text_put(&text, "1234");
    text_format(&text, "%d", 567);
    assert_int_equal(text_slice(&text, &out), STATUS_OK);
    assert_ptr_equal(out.data, buffer);
    assert_int_equal(out.length, 7);
    assert_memory_equal(buffer, "1234567", 7);
    text_put(&text, "8");
    assert_int_equal(text_slice(&text, &out), STATUS_OK);
    assert_memory_equal(buffer, "12345678", 8);
    text_put(&text, "9");
    assert_int_equal(text_slice(&text, &out), STATUS_NO_MEMORY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pieces_follow_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_are_decimal, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_text_is_a_text, setup, teardown),
        cmocka_unit_test_setup_teardown(texts_grow_side_by_side, setup, teardown),
        cmocka_unit_test_setup_teardown(formats_fit_at_every_fill, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_failure_is_remembered, setup, teardown),
        cmocka_unit_test_setup_teardown(html_is_escaped, setup, teardown),
        cmocka_unit_test_setup_teardown(json_strings_are_escaped, setup, teardown),
        cmocka_unit_test_setup_teardown(json_keeps_utf8_and_replaces_the_rest, setup, teardown),
        cmocka_unit_test(a_text_in_a_buffer_ends_with_it),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
