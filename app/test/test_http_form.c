/* What a request brings along beside its target: variables, cookies, forms. And how a cookie is set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_fixture.h"

static void only_param(struct fixture *f, const char *name, const char *value) {
    f->request.param_count = 0;
    add_param(f, name, slice_of(value));
}

/* --- Variables --- */

static void a_variable_counts_if_it_is_there_once(void **state) {
    struct fixture *f = *state;
    assert_slice(http_variable(&f->in, "HTTP_ORIGIN"), "");
    add_param(f, "HTTP_ORIGIN", slice_of("http://a"));
    assert_slice(http_variable(&f->in, "HTTP_ORIGIN"), "http://a");
    assert_slice(http_variable(&f->in, "HTTP_ORIGI"), "");
    add_param(f, "HTTP_ORIGIN", slice_of("http://a"));
    assert_slice(http_variable(&f->in, "HTTP_ORIGIN"), "");
}

static void tls_is_told_by_scheme_or_https(void **state) {
    struct fixture *f = *state;
    assert_false(http_is_secure(&f->in));
    static const struct {
        const char *name, *value;
        bool secure;
    } cases[] = {{"REQUEST_SCHEME", "https", true},
                 {"REQUEST_SCHEME", "http", false},
                 {"HTTPS", "on", true},
                 {"HTTPS", "off", false},
                 {"HTTPS", "", false},
                 {"HTTP_HTTPS", "on", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        only_param(f, cases[i].name, cases[i].value);
        assert_int_equal(http_is_secure(&f->in), cases[i].secure);
    }
}

static void a_media_type_is_compared_without_its_parameters(void **state) {
    struct fixture *f = *state;
    static const char *const same[] = {"application/json", "Application/JSON", "application/json; charset=utf-8",
                                       "application/json;x=y", "application/json\t;x"};
    static const char *const others[] = {"", "application/jsonx", "application/js", "text/json", " application/json"};
    assert_false(http_has_type(&f->in, "application/json"));
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        only_param(f, "CONTENT_TYPE", same[i]);
        assert_true(http_has_type(&f->in, "application/json"));
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        only_param(f, "CONTENT_TYPE", others[i]);
        assert_false(http_has_type(&f->in, "application/json"));
    }
}

/* --- Forms --- */

static void fields_of_a_form_are_decoded(void **state) {
    struct fixture *f = *state;
    struct arena *arena = &f->request.arena;
    f->in.body = slice_of("name=A+%26+B%2B&caf%C3%A9=%e2%82%ac&empty=&bare&name=second&bad=%zz&line=a%0d%0ab");
    only_param(f, "CONTENT_TYPE", "application/x-www-form-urlencoded; charset=utf-8");
    assert_string_equal(http_form(arena, &f->in, "name"), "A & B+");
    assert_string_equal(http_form(arena, &f->in, "caf\xc3\xa9"), "\xe2\x82\xac");
    assert_string_equal(http_form(arena, &f->in, "empty"), "");
    assert_string_equal(http_form(arena, &f->in, "bare"), "");
    assert_null(http_form(arena, &f->in, "bad"));
    assert_null(http_form(arena, &f->in, "line"));
    assert_null(http_form(arena, &f->in, "names"));
    only_param(f, "CONTENT_TYPE", "text/plain");
    assert_null(http_form(arena, &f->in, "name"));
    f->request.param_count = 0;
    assert_null(http_form(arena, &f->in, "name"));
}

/* --- Cookies --- */

static void a_cookie_is_found_by_its_whole_name(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *field, *value;
    } cases[] = {
        {"session=abc", "abc"},
        {"a=1; session=abc; b=2", "abc"},
        {"a=1;session=abc;b=2", "abc"},
        {";;  ; session=abc\t; ", "abc"},
        {"session=a=b", "a=b"},
        {"session=", ""},
        {"session", ""},
        {"xsession=abc", ""},
        {"sessionx=abc", ""},
        {"Session=abc", ""},
        {"__Host-session=abc", ""},
        {"a=session=abc", ""},
        {"session=abc; session=abc", ""},
        {"session=abc; session", ""},
        {"", ""},
        {"=", ""},
        {"=session", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        only_param(f, "HTTP_COOKIE", cases[i].field);
        assert_slice(http_cookie(&f->in, "session"), cases[i].value);
    }
    f->request.param_count = 0;
    assert_slice(http_cookie(&f->in, "session"), "");
}

static void under_tls_only_a_cookie_of_this_host_counts(void **state) {
    struct fixture *f = *state;
    add_param(f, "REQUEST_SCHEME", slice_of("https"));
    add_param(f, "HTTP_COOKIE", slice_of("session=planted; __Host-session=ours"));
    assert_slice(http_cookie(&f->in, "session"), "ours");
    f->params[1].value = slice_of("session=planted");
    assert_slice(http_cookie(&f->in, "session"), "");
}

static void control_characters_in_cookies_are_noticed(void **state) {
    struct fixture *f = *state;
    static const struct {
        struct slice field;
        bool clean;
    } cases[] = {{{"a=b; caf\xc3\xa9=\xff\t", 13}, true},
                 {{"a=\x01", 3}, false},
                 {{"a=\0b", 4}, false},
                 {{"a=\x7f", 3}, false},
                 {{"a=\r\nb", 5}, false},
                 {{"", 0}, true}};
    assert_true(http_cookie_is_clean(&f->in));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        only_param(f, "HTTP_COOKIE", "");
        f->params[0].value = cases[i].field;
        assert_int_equal(http_cookie_is_clean(&f->in), cases[i].clean);
    }
}

static void assert_set(struct fixture *f, const char *value, const char *line) {
    struct slice headers;
    http_response_init(&f->response, &f->request.arena);
    http_set_cookie(&f->in, &f->response, "session", value);
    assert_int_equal(text_slice(&f->response.headers, &headers), STATUS_OK);
    assert_slice(headers, line);
}

static void a_cookie_is_set_with_all_that_keeps_it(void **state) {
    struct fixture *f = *state;
    assert_set(f, "abc", "Set-Cookie: session=abc; Path=/; HttpOnly; SameSite=Lax\r\n");
    assert_set(f, "", "Set-Cookie: session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0\r\n");
    add_param(f, "HTTPS", slice_of("on"));
    assert_set(f, "abc", "Set-Cookie: __Host-session=abc; Path=/; HttpOnly; SameSite=Lax; Secure\r\n");
    assert_set(f, "", "Set-Cookie: __Host-session=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0\r\n");
}

/* --- URLs --- */

static void what_is_encoded_decodes_to_the_same(void **state) {
    struct fixture *f = *state;
    struct arena *arena = &f->request.arena;
    assert_string_equal(http_encode(arena, slice_of("/orders?page=2&q=a b+")), "%2Forders%3Fpage%3D2%26q%3Da%20b%2B");
    assert_string_equal(http_encode(arena, slice_of("AZaz09-._~")), "AZaz09-._~");
    assert_string_equal(http_encode(arena, slice_of("")), "");
    static const char text[] = " !\"#$%&'()*+,/:;<=>?@[\\]^`{|}caf\xc3\xa9";
    const char *encoded = http_encode(arena, slice_of(text));
    assert_string_equal(http_decode(arena, slice_of(encoded), true), text);
    arena_free(arena);
    arena_init(arena, 8);
    assert_null(http_encode(arena, slice_of("abc")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_variable_counts_if_it_is_there_once),
        TEST(tls_is_told_by_scheme_or_https),
        TEST(a_media_type_is_compared_without_its_parameters),
        TEST(fields_of_a_form_are_decoded),
        TEST(a_cookie_is_found_by_its_whole_name),
        TEST(under_tls_only_a_cookie_of_this_host_counts),
        TEST(control_characters_in_cookies_are_noticed),
        TEST(a_cookie_is_set_with_all_that_keeps_it),
        TEST(what_is_encoded_decodes_to_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
