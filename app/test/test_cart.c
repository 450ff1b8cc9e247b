/* The cart itself; what MySQL says of it is tested with a real one, in live_orders_show.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cart.h"

static void expect(const struct session *session, const char *wanted) {
    char found[1024] = "";
    for (size_t i = 0; i < session->cart_count; i++) {
        char item[32];
        snprintf(item, sizeof item, "%u:%u ", (unsigned)session->cart[i].product, (unsigned)session->cart[i].quantity);
        strcat(found, item);
    }
    assert_string_equal(found, wanted);
}

/* --- Changing it --- */

static void what_is_added_adds_up(void **state) {
    (void)state;
    struct session session = {0};
    assert_int_equal(cart_add(&session, 7, 2), STATUS_OK);
    assert_int_equal(cart_add(&session, 3, 1), STATUS_OK);
    assert_int_equal(cart_add(&session, 7, 4), STATUS_OK);
    expect(&session, "7:6 3:1 ");
}

static void what_is_set_is_so_many(void **state) {
    (void)state;
    struct session session = {0};
    assert_int_equal(cart_set(&session, 7, 2), STATUS_OK);
    assert_int_equal(cart_set(&session, 3, 1), STATUS_OK);
    assert_int_equal(cart_set(&session, 7, 5), STATUS_OK);
    expect(&session, "7:5 3:1 ");
}

static void none_of_a_product_removes_it(void **state) {
    (void)state;
    struct session session = {0};
    for (uint32_t product = 1; product <= 4; product++) {
        assert_int_equal(cart_set(&session, product, product), STATUS_OK);
    }
    assert_int_equal(cart_set(&session, 2, 0), STATUS_OK);
    expect(&session, "1:1 3:3 4:4 ");
    assert_int_equal(cart_set(&session, 4, 0), STATUS_OK);
    assert_int_equal(cart_set(&session, 1, 0), STATUS_OK);
    assert_int_equal(cart_set(&session, 77, 0), STATUS_OK); /* was not in it */
    expect(&session, "3:3 ");
    assert_int_equal(cart_set(&session, 3, 0), STATUS_OK);
    expect(&session, "");
}

static void nothing_more_is_nothing(void **state) {
    (void)state;
    struct session session = {0};
    assert_int_equal(cart_add(&session, 7, 0), STATUS_OK);
    expect(&session, "");
    assert_int_equal(cart_add(&session, 7, 2), STATUS_OK);
    assert_int_equal(cart_add(&session, 7, 0), STATUS_OK);
    expect(&session, "7:2 ");
}

/* --- Limits --- */

static void of_one_product_there_are_so_many_and_no_more(void **state) {
    (void)state;
    struct session session = {0};
    assert_int_equal(cart_set(&session, 7, SESSION_QUANTITY_MAX + 1), STATUS_TOO_LARGE);
    assert_int_equal(cart_add(&session, 7, UINT32_MAX), STATUS_TOO_LARGE);
    expect(&session, "");
    assert_int_equal(cart_add(&session, 7, SESSION_QUANTITY_MAX - 1), STATUS_OK);
    assert_int_equal(cart_add(&session, 7, 2), STATUS_TOO_LARGE);
    assert_int_equal(cart_add(&session, 7, UINT32_MAX), STATUS_TOO_LARGE); /* whose sum would be small again */
    expect(&session, "7:98 ");
    assert_int_equal(cart_add(&session, 7, 1), STATUS_OK);
    expect(&session, "7:99 ");
}

static void there_are_so_many_products_and_no_more(void **state) {
    (void)state;
    struct session session = {0};
    for (uint32_t product = 1; product <= SESSION_CART_MAX; product++) {
        assert_int_equal(cart_add(&session, product, 1), STATUS_OK);
    }
    assert_int_equal(cart_add(&session, SESSION_CART_MAX + 1, 1), STATUS_TOO_LARGE);
    assert_int_equal(cart_set(&session, SESSION_CART_MAX + 1, 1), STATUS_TOO_LARGE);
    assert_int_equal(cart_set(&session, SESSION_CART_MAX + 1, 0), STATUS_OK);
    assert_int_equal(session.cart_count, SESSION_CART_MAX);
    assert_int_equal(cart_add(&session, SESSION_CART_MAX, 1), STATUS_OK); /* no more products */
    assert_int_equal(cart_set(&session, 1, 0), STATUS_OK);
    assert_int_equal(cart_add(&session, SESSION_CART_MAX + 1, 1), STATUS_OK);
}

/* --- What programs send --- */

static enum status read(const char *json, struct session *session) {
    yyjson_doc *doc = yyjson_read(json, strlen(json), 0);
    assert_non_null(doc);
    enum status status = cart_read(yyjson_doc_get_root(doc), session->cart, &session->cart_count);
    yyjson_doc_free(doc);
    return status;
}

static void items_are_read(void **state) {
    (void)state;
    struct session session = {0};
    assert_int_equal(read("[]", &session), STATUS_OK);
    expect(&session, "");
    assert_int_equal(
        read("[{\"product\":7,\"quantity\":2},{\"quantity\":99,\"product\":4294967295,\"more\":[]}]", &session),
        STATUS_OK);
    expect(&session, "7:2 4294967295:99 ");
}

static void what_is_no_item_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "{}",
        "null",
        "\"7\"",
        "[7]",
        "[[7,2]]",
        "[null]",
        "[{}]",
        "[{\"product\":7}]",
        "[{\"quantity\":2}]",
        "[{\"product\":0,\"quantity\":2}]",
        "[{\"product\":-7,\"quantity\":2}]",
        "[{\"product\":4294967296,\"quantity\":2}]",
        "[{\"product\":\"7\",\"quantity\":2}]",
        "[{\"product\":\"7 OR 1=1\",\"quantity\":2}]",
        "[{\"product\":7.0,\"quantity\":2}]",
        "[{\"product\":true,\"quantity\":2}]",
        "[{\"product\":7,\"quantity\":0}]",
        "[{\"product\":7,\"quantity\":-1}]",
        "[{\"product\":7,\"quantity\":100}]",
        "[{\"product\":7,\"quantity\":18446744073709551615}]",
        "[{\"product\":7,\"quantity\":1e2}]",
        "[{\"product\":7,\"quantity\":null}]",
        "[{\"product\":7,\"quantity\":1},{\"product\":8,\"quantity\":1},{\"product\":7,\"quantity\":1}]",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct session session = {0};
        assert_int_equal(read(cases[i], &session), STATUS_BAD_INPUT);
    }
    struct session session = {0};
    assert_int_equal(cart_read(NULL, session.cart, &session.cart_count), STATUS_BAD_INPUT);
}

static void so_many_items_are_read_and_no_more(void **state) {
    (void)state;
    char json[4096] = "[";
    struct session session = {0};
    for (unsigned product = 1; product <= SESSION_CART_MAX; product++) {
        size_t length = strlen(json);
        snprintf(json + length, sizeof json - length, "{\"product\":%u,\"quantity\":1},", product);
    }
    size_t length = strlen(json);
    strcpy(json + length - 1, "]");
    assert_int_equal(read(json, &session), STATUS_OK);
    assert_int_equal(session.cart_count, SESSION_CART_MAX);
    strcpy(json + length - 1, ",{\"product\":1000,\"quantity\":1}]");
    assert_int_equal(read(json, &session), STATUS_TOO_LARGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_added_adds_up),
        cmocka_unit_test(what_is_set_is_so_many),
        cmocka_unit_test(none_of_a_product_removes_it),
        cmocka_unit_test(nothing_more_is_nothing),
        cmocka_unit_test(of_one_product_there_are_so_many_and_no_more),
        cmocka_unit_test(there_are_so_many_products_and_no_more),
        cmocka_unit_test(items_are_read),
        cmocka_unit_test(what_is_no_item_is_refused),
        cmocka_unit_test(so_many_items_are_read_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
