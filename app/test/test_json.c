#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json.h"

enum { ARENA_BYTES = 64 * 1024, DEPTH_MAX = 3 };

static struct arena arena;

static int set_up(void **state) {
    (void)state;
    arena_init(&arena, ARENA_BYTES);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

static yyjson_val *read_text(const char *text) { return json_read(slice_of(text), DEPTH_MAX, &arena); }

static void a_value_is_read(void **state) {
    (void)state;
    static const char text[] = "{\"a\":[1,{\"b\":2}]}";
    yyjson_val *value = read_text(text);
    assert_int_equal(yyjson_get_int(yyjson_ptr_get(value, "/a/1/b")), 2);
    assert_string_equal(text, "{\"a\":[1,{\"b\":2}]}");
    assert_true(yyjson_is_str(read_text("\"[[[[\"")));
    assert_true(yyjson_is_str(read_text("\"\\\"[[[[\"")));
}

static void what_is_no_json_is_not_read(void **state) {
    (void)state;
    static const char *const texts[] = {"",         "{",        "{}x",      "{'a':1}", "[1,]", "nul",
                                        "\"\xff\"", "{\"a\":}", "\"a\nb\"", "\"\\",    "]",    "// no\n{}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_null(read_text(texts[i]));
    }
    assert_null(json_read((struct slice){NULL, 0}, DEPTH_MAX, &arena));
}

static void what_nests_too_deep_is_not_read(void **state) {
    (void)state;
    assert_non_null(read_text("[[[1],[2]],[[3]]]"));
    assert_null(read_text("[[[[1]]]]"));
    assert_null(read_text("[[{\"a\":{}}]]"));
    assert_non_null(read_text("[{\"[[[[\":\"]\\\\\"},[\"{{{{\"]]"));
    assert_null(read_text("[{\"a\":\"\\\\\",\"b\":[[]]}]"));
}

static void no_room_is_no_value(void **state) {
    (void)state;
    arena_init(&arena, 8);
    assert_null(read_text("[1]"));
    assert_true(arena_failed(&arena));
}

static void a_text_is_clean(void **state) {
    (void)state;
    yyjson_val *object = read_text("{\"good\":\"caf\xc3\xa9\",\"empty\":\"\",\"nul\":\"a\\u0000b\",\"line\":\"a\\nb\","
                                   "\"c1\":\"\\u0085\",\"number\":1,\"null\":null}");
    assert_string_equal(json_text(object, "good"), "caf\xc3\xa9");
    assert_string_equal(json_text(object, "empty"), "");
    static const char *const others[] = {"nul", "line", "c1", "number", "null", "absent"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_null(json_text(object, others[i]));
    }
    assert_null(json_text(NULL, "good"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_value_is_read),
        TEST(what_is_no_json_is_not_read),
        TEST(what_nests_too_deep_is_not_read),
        TEST(no_room_is_no_value),
        TEST(a_text_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
