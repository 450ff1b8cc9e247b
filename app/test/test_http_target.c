/* What http_read_request() takes as a target, and whether a body is whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_fixture.h"

static void test_only_paths_and_absolute_uris(void **state) {
    struct fixture *f = *state;
    static const char *const uris[] = {"",       "*", "a", "%2Fa", "http://", "http:///a", "http:/a", "ftp://host/a",
                                       "host:80"};
    for (size_t i = 0; i < sizeof uris / sizeof *uris; i++) {
        assert_int_equal(read_uri(f, "GET", uris[i]), STATUS_BAD_INPUT);
        assert_string_equal(f->in.path, "");
        assert_slice(f->in.query, "");
    }
}

static void test_absolute_uri_is_read_like_its_path(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *uri, *path, *query;
    } cases[] = {
        {"http://www.foobar.com/a?b", "/a", "b"},
        {"HTTPS://u@[::1]:80/http://x/?y", "/http://x/", "y"},
        {"http://www.foobar.com", "/", ""},
        {"http://www.foobar.com?a/b", "/", "a/b"},
        {"?b", "/", "b"}, /* what Nginx leaves of the one before */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(read_uri(f, "GET", cases[i].uri), STATUS_OK);
        assert_string_equal(f->in.path, cases[i].path);
        assert_slice(f->in.query, cases[i].query);
    }
}

static enum status read_lengths(struct fixture *f, const char *first, const char *second) {
    f->request.param_count = 0;
    add_param(f, "REQUEST_METHOD", slice_of("POST"));
    add_param(f, "REQUEST_URI", slice_of("/"));
    add_param(f, "CONTENT_LENGTH", slice_of(first));
    add_param(f, "CONTENT_LENGTH", slice_of(second));
    return http_read_request(&f->request, &f->in);
}

static void test_body_has_the_length_that_was_said(void **state) {
    struct fixture *f = *state;
    static const char *const wrong[] = {
        "2", "4", "-3", "+3", " 3", "3 ", "3.0", "0x3", "three", "30", "18446744073709551619" /* 2^64 + 3 */};
    f->request.body = slice_of("abc");
    assert_int_equal(read_lengths(f, "3", "003"), STATUS_OK);
    assert_int_equal(read_lengths(f, "", "3"), STATUS_OK); /* nothing said, RFC 3875 section 4.1.2 */
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(read_lengths(f, wrong[i], "3"), STATUS_BAD_INPUT);
        assert_int_equal(read_lengths(f, "3", wrong[i]), STATUS_BAD_INPUT);
        assert_int_equal(f->in.method, HTTP_POST);
    }
    f->request.body = slice_of("");
    f->request.fault = FCGI_FAULT_BODY_TOO_LARGE; /* it was not kept, and that is what will be said */
    assert_int_equal(read_lengths(f, "9", "9"), STATUS_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_only_paths_and_absolute_uris),
        TEST(test_absolute_uri_is_read_like_its_path),
        TEST(test_body_has_the_length_that_was_said),
    };
    return cmocka_run_group_tests_name("http_target", tests, NULL, NULL);
}
