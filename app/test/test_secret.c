#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "secret.h"

static void a_secret_is_32_digits_and_never_the_same(void **state) {
    (void)state;
    enum { TIMES = 1000 };
    static char drawn[TIMES][SECRET_CHARS + 1];
    unsigned seen[256] = {0};
    for (size_t i = 0; i < TIMES; i++) {
        secret_draw(drawn[i]);
        assert_int_equal(strlen(drawn[i]), SECRET_CHARS);
        assert_true(secret_is(slice_of(drawn[i])));
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(drawn[i], drawn[j]);
        }
        for (size_t j = 0; j < SECRET_CHARS; j++) {
            seen[(unsigned char)drawn[i][j]]++;
        }
    }
    for (const char *digit = "0123456789abcdef"; *digit != '\0'; digit++) { /* 2,000 each, give or take 5 σ */
        assert_in_range(seen[(unsigned char)*digit], 1780, 2220);
    }
}

static void what_is_no_secret_is_told(void **state) {
    (void)state;
    static const struct slice others[] = {
        {"", 0},
        {"0123456789abcdef0123456789abcde", 31},
        {"0123456789abcdef0123456789abcdef0", 33},
        {"0123456789ABCDEF0123456789ABCDEF", 32},
        {"0123456789abcdef 123456789abcdef", 32},
        {"0123456789abcdef\0"
         "123456789abcdef",
         32},
        {"0123456789abcdeg0123456789abcdef", 32},
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(secret_is(others[i]));
    }
}

static void only_equal_bytes_are_equal(void **state) {
    (void)state;
    assert_true(secret_equal(slice_of("abc"), slice_of("abc")));
    assert_true(secret_equal(slice_of(""), slice_of("")));
    assert_false(secret_equal(slice_of("abc"), slice_of("abx")));
    assert_false(secret_equal(slice_of("abc"), slice_of("bbc")));
    assert_false(secret_equal(slice_of("abc"), slice_of("ab")));
    assert_false(secret_equal(slice_of(""), slice_of("a")));
}

/* The examples of FIPS 180-4. */
static void a_hash_is_sha_256(void **state) {
    (void)state;
    char hash[SECRET_HASH_CHARS + 1];
    secret_hash(slice_of("abc"), hash);
    assert_string_equal(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    secret_hash(slice_of(""), hash);
    assert_string_equal(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_32_digits_and_never_the_same),
        cmocka_unit_test(what_is_no_secret_is_told),
        cmocka_unit_test(only_equal_bytes_are_equal),
        cmocka_unit_test(a_hash_is_sha_256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
