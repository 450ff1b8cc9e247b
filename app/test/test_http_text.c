#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http.h"

static int set_up(void **state) {
    static struct arena arena;
    arena_init(&arena, 4096);
    *state = &arena;
    return 0;
}

static int tear_down(void **state) {
    arena_free(*state);
    return 0;
}

static void test_decode(void **state) {
    struct arena *arena = *state;
    assert_string_equal(http_decode(arena, slice_of("a+b%2Bc%2bd"), true), "a b+c+d");
    assert_string_equal(http_decode(arena, slice_of("a+b%2Bc"), false), "a+b+c");
    assert_string_equal(http_decode(arena, (struct slice){NULL, 0}, true), "");
    assert_string_equal(http_decode(arena, (struct slice){"%41%4", 3}, true), "A"); /* not past the slice */
    assert_null(http_decode(arena, (struct slice){"%41", 2}, true));
    assert_null(http_decode(arena, slice_of("%u0041"), true));
    arena_free(arena);
    arena_init(arena, 4);
    assert_null(http_decode(arena, slice_of("abcd"), true));
    assert_true(arena_failed(arena));
}

static void test_query_parameters(void **state) {
    struct arena *arena = *state;
    struct slice query = slice_of("&a=1&b=x+y%26z&a=2&empty=&bare&%6eame=v&c=1=2&==&page=");
    assert_string_equal(http_query(arena, query, "a"), "1");
    assert_string_equal(http_query(arena, query, "b"), "x y&z");
    assert_string_equal(http_query(arena, query, "empty"), "");
    assert_string_equal(http_query(arena, query, "bare"), "");
    assert_string_equal(http_query(arena, query, "name"), "v");
    assert_string_equal(http_query(arena, query, "c"), "1=2");
    assert_string_equal(http_query(arena, query, "page"), "");
    assert_null(http_query(arena, query, "pag"));
    assert_null(http_query(arena, query, "pages"));
    assert_null(http_query(arena, query, "A"));
    assert_null(http_query(arena, query, "1"));
    assert_null(http_query(arena, (struct slice){NULL, 0}, "a"));
}

static void test_bad_query_parameter_is_none(void **state) {
    struct arena *arena = *state;
    struct slice query = slice_of("%zz=1&a=%ff&a=good&b=%0a&%=2&c=ok");
    assert_null(http_query(arena, query, "a")); /* the first one counts */
    assert_null(http_query(arena, query, "b"));
    assert_string_equal(http_query(arena, query, "c"), "ok");
}

static void test_utf8(void **state) {
    (void)state;
    static const char *const good[] = {
        "",
        "a",
        "\x7f",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "a\xc3\xa9z\xe2\x82\xac\xf0\x9f\x98\x80",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(http_is_utf8(slice_of(good[i])));
    }
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2z",
        "\xc2\xc0",
        "\xe0\x9f\xbf",
        "\xe1\x80",
        "\xe1\x80z",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xf1\x80\x80",
        "\xf1\x80\x80\xc0",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xfe",
        "\xff",
        "ab\xc3",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(http_is_utf8(slice_of(bad[i])));
    }
    assert_true(http_is_utf8((struct slice){NULL, 0}));
    assert_true(http_is_utf8((struct slice){"a\0b", 3}));
    assert_false(http_is_utf8((struct slice){"\xc3\xa9", 1})); /* not past the slice */
}

static void test_number(void **state) {
    (void)state;
    uint32_t number = 7;
    assert_int_equal(http_number("0", 10, &number), STATUS_OK);
    assert_int_equal(number, 0);
    assert_int_equal(http_number("10", 10, &number), STATUS_OK);
    assert_int_equal(number, 10);
    assert_int_equal(http_number("4294967295", UINT32_MAX, &number), STATUS_OK);
    assert_int_equal(number, UINT32_MAX);

    number = 7;
    static const char *const bad[] = {"",   "-1",  "+1",  " 1",         "1 ",
                                      "1a", "0x1", "1.0", "1e2",        "01",
                                      "00", "-",   "abc", "4294967296", "18446744073709551617"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(http_number(bad[i], UINT32_MAX, &number), STATUS_BAD_INPUT);
    }
    assert_int_equal(http_number(NULL, UINT32_MAX, &number), STATUS_BAD_INPUT);
    assert_int_equal(http_number("11", 10, &number), STATUS_BAD_INPUT);
    assert_int_equal(http_number("1", 0, &number), STATUS_BAD_INPUT);
    assert_int_equal(number, 7); /* untouched */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_decode, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_query_parameters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_query_parameter_is_none, set_up, tear_down),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_number),
    };
    return cmocka_run_group_tests_name("http_text", tests, NULL, NULL);
}
