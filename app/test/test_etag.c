#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "etag.h"

static const char *strong(const char *content) {
    static char etag[ETAG_BYTES];
    etag_strong(slice_of(content), etag);
    return etag;
}

static const char *weak(const char *content, const char *skipped) {
    static char etag[ETAG_BYTES];
    etag_weak(slice_of(content), slice_of(skipped), etag);
    return etag;
}

/* --- Making --- */

static void they_look_as_the_standard_wants(void **state) {
    (void)state;
    assert_int_equal(strlen(strong("content")), 18);
    assert_int_equal(strong("content")[0], '"');
    assert_int_equal(strong("content")[17], '"');
    assert_int_equal(strlen(weak("content", "x")), 20);
    assert_memory_equal(weak("content", "x"), "W/\"", 3);
}

static void the_same_bytes_have_the_same_name(void **state) {
    (void)state;
    char copy[] = "some content of more than eight bytes", kept[ETAG_BYTES];
    strcpy(kept, strong("some content of more than eight bytes"));
    assert_string_equal(strong(copy), kept);
}

static void every_byte_counts(void **state) {
    (void)state;
    enum { LENGTH = 75 };
    char names[LENGTH * 8 + 1][ETAG_BYTES], content[LENGTH];
    size_t count = 0;
    memset(content, 'a', sizeof content);
    etag_strong((struct slice){content, LENGTH}, names[count++]);
    for (size_t bit = 0; bit < LENGTH * 8; bit++) {
        content[bit / 8] = (char)(content[bit / 8] ^ (1 << bit % 8));
        etag_strong((struct slice){content, LENGTH}, names[count++]);
        content[bit / 8] = (char)(content[bit / 8] ^ (1 << bit % 8));
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(names[i], names[j]);
        }
    }
}

static void the_length_counts(void **state) {
    (void)state;
    static const char zeros[70];
    char names[71][ETAG_BYTES];
    for (size_t length = 0; length <= 70; length++) {
        etag_strong((struct slice){zeros, length}, names[length]);
        for (size_t other = 0; other < length; other++) {
            assert_string_not_equal(names[length], names[other]);
        }
    }
}

static void what_is_skipped_does_not_count(void **state) {
    (void)state;
    char kept[ETAG_BYTES];
    strcpy(kept, weak("<p>one</p> by <b>id-1</b>", "id-1"));
    assert_string_equal(weak("<p>one</p> by <b>id-22</b>", "id-22"), kept);
    assert_string_not_equal(weak("<p>two</p> by <b>id-1</b>", "id-1"), kept);
    assert_string_not_equal(weak("<p>one</p> by <b>id-1</b>", ""), kept);
    assert_string_not_equal(weak("<p>one</p> by <b>id-1</b>", "another"), kept);
    /* Where it was is not the same as that it was not there. */
    assert_string_not_equal(weak("<p>one</p> by <b></b>", "id-1"), kept);
    /* Only its last place. */
    strcpy(kept, weak("id-1 id-1", "id-1"));
    assert_string_equal(weak("id-1 id-2", "id-2"), kept);
    assert_string_not_equal(weak("id-2 id-2", "id-2"), kept);
}

static void it_may_be_anywhere_or_too_long(void **state) {
    (void)state;
    assert_string_not_equal(weak("id-1", "id-1"), strong("id-1"));
    weak("", "id-1");
    weak("id", "id-1");
    weak("id-1", "id-1");
    weak("id-1 and so on", "id-1");
}

/* --- Matching --- */

static bool matches(const char *field, const char *etag) { return etag_matches(slice_of(field), etag); }

static void a_tag_matches_itself_weak_or_strong(void **state) {
    (void)state;
    assert_true(matches("\"a\"", "\"a\""));
    assert_true(matches("W/\"a\"", "\"a\""));
    assert_true(matches("\"a\"", "W/\"a\""));
    assert_true(matches("W/\"a\"", "W/\"a\""));
    assert_false(matches("\"b\"", "\"a\""));
    assert_false(matches("\"aa\"", "\"a\""));
    assert_false(matches("\"\"", "\"a\""));
}

static void one_of_a_list_is_enough(void **state) {
    (void)state;
    assert_true(matches("\"x\", W/\"a\"", "\"a\""));
    assert_true(matches("\"x\",\"y\" ,\t\"a\",\"z\"", "\"a\""));
    assert_true(matches(", ,\"a\"", "\"a\"")); /* empty elements are allowed, RFC 9110 section 5.6.1.2 */
    assert_true(matches("\"x, \", \"a\"", "\"a\""));
    assert_false(matches("\"x\", \"y\"", "\"a\""));
}

static void a_star_is_whatever_there_is(void **state) {
    (void)state;
    assert_true(matches("*", "\"a\""));
    assert_false(matches("**", "\"a\""));
    assert_false(matches("\"*\"", "\"a\""));
}

static void what_is_no_tag_matches_nothing(void **state) {
    (void)state;
    static const char *const fields[] = {"",    " ",       ",",  "a", "\"a",      "a\"",
                                         "W/a", "w/\"a\"", "W/", "W", "x, \"a\"", "\""};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        assert_false(matches(fields[i], "\"a\""));
    }
    assert_false(etag_matches((struct slice){"\0\"a\"", 4}, "\"a\""));
    assert_false(etag_matches((struct slice){NULL, 0}, "\"a\""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_look_as_the_standard_wants),
        cmocka_unit_test(the_same_bytes_have_the_same_name),
        cmocka_unit_test(every_byte_counts),
        cmocka_unit_test(the_length_counts),
        cmocka_unit_test(what_is_skipped_does_not_count),
        cmocka_unit_test(it_may_be_anywhere_or_too_long),
        cmocka_unit_test(a_tag_matches_itself_weak_or_strong),
        cmocka_unit_test(one_of_a_list_is_enough),
        cmocka_unit_test(a_star_is_whatever_there_is),
        cmocka_unit_test(what_is_no_tag_matches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
