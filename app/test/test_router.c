#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "router.h"

enum { HOME = 10, LIST, NEW, PRODUCT, CART, CART_CHANGE, REVIEW, DEEP, CREATE, ALL };

static const struct route routes[] = {
    {"/", ROUTER_GET, HOME},
    {"/products", ROUTER_GET, LIST},
    {"/products/new", ROUTER_GET, NEW},
    {"/products/{id}", ROUTER_GET, PRODUCT},
    {"/cart", ROUTER_GET, CART},
    {"/cart", ROUTER_POST | ROUTER_DELETE, CART_CHANGE},
    {"/products/{id}/reviews/{review}", ROUTER_GET, REVIEW},
    {"/orders", ROUTER_POST, CREATE},
    {"/all", ROUTER_GET | ROUTER_POST | ROUTER_PUT | ROUTER_DELETE, ALL},
    {"/a/{b}/{c}/{d}/{e}", ROUTER_GET, DEEP},
};
enum { ROUTE_COUNT = sizeof routes / sizeof *routes };

static struct router_match match;

static enum router_result look(enum http_method method, const char *path) {
    memset(&match, 0xff, sizeof match); /* whatever it held before must not matter */
    return router_match(routes, ROUTE_COUNT, method, path, &match);
}

static void assert_found(enum http_method method, const char *path, int handler) {
    assert_int_equal(look(method, path), ROUTER_FOUND);
    assert_int_equal(match.route->handler, handler);
    assert_string_equal(match.allow, "");
}

static void assert_param(size_t index, const char *expected) {
    assert_true(index < match.param_count);
    assert_true(slice_equal(match.params[index], slice_of(expected)));
}

static void test_words_match_exactly(void **state) {
    (void)state;
    assert_found(HTTP_GET, "/", HOME);
    assert_found(HTTP_GET, "/products", LIST);
    assert_found(HTTP_GET, "/products/new", NEW);
    assert_int_equal(match.param_count, 0);
    static const char *const none[] = {"/product", "/productss", "/Products", "/products/", "//products", "//",
                                       "/cart/x",  "/all/",      "",          "products",   "/./products"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_int_equal(look(HTTP_GET, none[i]), ROUTER_NO_PATH);
        assert_null(match.route);
        assert_int_equal(match.param_count, 0);
        assert_string_equal(match.allow, "");
    }
}

static void test_parameters_are_captured(void **state) {
    (void)state;
    assert_found(HTTP_GET, "/products/17", PRODUCT);
    assert_int_equal(match.param_count, 1);
    assert_param(0, "17");
    assert_string_equal(match.route->pattern, "/products/{id}");

    assert_found(HTTP_GET, "/products/17/reviews/\xc3\xa9 {x}", REVIEW);
    assert_int_equal(match.param_count, 2);
    assert_param(0, "17");
    assert_param(1, "\xc3\xa9 {x}");

    assert_found(HTTP_GET, "/a/1/2/3/4", DEEP);
    assert_int_equal(match.param_count, 4);
    assert_param(3, "4");
}

static void test_parameter_is_one_segment_that_is_not_empty(void **state) {
    (void)state;
    static const char *const none[] = {"/products/",           "/products/17/",         "/products/17/18",
                                       "/products//reviews/1", "/products/17/reviews/", "/a/1/2/3",
                                       "/a/1/2/3/4/5"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_int_equal(look(HTTP_GET, none[i]), ROUTER_NO_PATH);
        assert_int_equal(match.param_count, 0);
    }
}

static void test_head_goes_where_get_goes(void **state) {
    (void)state;
    assert_found(HTTP_HEAD, "/", HOME);
    assert_found(HTTP_HEAD, "/products/17", PRODUCT);
    assert_param(0, "17");
    assert_int_equal(look(HTTP_HEAD, "/orders"), ROUTER_NO_METHOD);
    assert_string_equal(match.allow, "POST");
}

static void test_method_chooses_between_rows_of_one_path(void **state) {
    (void)state;
    assert_found(HTTP_GET, "/cart", CART);
    assert_found(HTTP_POST, "/cart", CART_CHANGE);
    assert_found(HTTP_DELETE, "/cart", CART_CHANGE);
}

static void test_wrong_method_tells_what_is_allowed(void **state) {
    (void)state;
    assert_int_equal(look(HTTP_PUT, "/cart"), ROUTER_NO_METHOD);
    assert_string_equal(match.allow, "GET, HEAD, POST, DELETE"); /* of both rows */
    assert_int_equal(match.route->handler, CART);

    assert_int_equal(look(HTTP_POST, "/products/17"), ROUTER_NO_METHOD);
    assert_string_equal(match.allow, "GET, HEAD");
    assert_string_equal(match.route->pattern, "/products/{id}");
    assert_int_equal(match.param_count, 0);

    assert_int_equal(look(HTTP_OTHER, "/all"), ROUTER_NO_METHOD);
    assert_string_equal(match.allow, "GET, HEAD, POST, PUT, DELETE");
    assert_int_equal(look(HTTP_OTHER, "/nowhere"), ROUTER_NO_PATH);
}

static void test_empty_table(void **state) {
    (void)state;
    assert_int_equal(router_match(NULL, 0, HTTP_GET, "/", &match), ROUTER_NO_PATH);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_match_exactly),
        cmocka_unit_test(test_parameters_are_captured),
        cmocka_unit_test(test_parameter_is_one_segment_that_is_not_empty),
        cmocka_unit_test(test_head_goes_where_get_goes),
        cmocka_unit_test(test_method_chooses_between_rows_of_one_path),
        cmocka_unit_test(test_wrong_method_tells_what_is_allowed),
        cmocka_unit_test(test_empty_table),
    };
    return cmocka_run_group_tests_name("router", tests, NULL, NULL);
}
