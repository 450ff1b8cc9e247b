/*
 * Looking at orders, carts and tokens with a real MySQL. The servers are those of live_shop.h; tests/backends/mysql.bats
 * names the tests to run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cart.h"
#include "live_shop.h"
#include "secret.h"
#include "tokens.h"

/* --- Looking at them ------------------------------------------------------------------- */

static yyjson_mut_val *at(yyjson_mut_val *object, const char *name) { return yyjson_mut_obj_get(object, name); }

static const char *text_at(yyjson_mut_val *object, const char *name) { return yyjson_mut_get_str(at(object, name)); }

static int64_t number_at(yyjson_mut_val *object, const char *name) { return yyjson_mut_get_sint(at(object, name)); }

static void looking_shows_ones_own_orders_only(void **state) {
    (void)state;
    struct lab lab;
    static const char *const not_mine[] = {"",
                                           "1",
                                           "nonsense",
                                           "' OR 1=1 -- ",
                                           "00000000-0000-0000-0000-000000000000",
                                           "00000000-0000-0000-0000-000000000000' OR 1=1 -- "};
    open_shop(&lab);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *order = NULL;
    struct orders_answer answer = expect(&lab, (struct orders_request){ADA, "key", some, SOME, 0}, ORDERS_PLACED);
    struct call call = new_call(PATIENCE_MS);
    admin(SERVER_A, "UPDATE shop.products SET name = 'Another', price_cents = 999 WHERE id = 2");
    assert_int_equal(orders_one(lab.database, &call, ADA, answer.uuid, doc, &order), STATUS_OK);
    assert_string_equal(text_at(order, "uuid"), answer.uuid);
    assert_string_equal(text_at(order, "total"), "4.00");
    assert_string_equal(text_at(order, "currency"), "EUR");
    assert_int_equal(strlen(text_at(order, "created_at")), strlen("2026-11-24T06:53:34Z"));
    assert_non_null(strstr(text_at(order, "date"), " UTC"));
    assert_int_equal(yyjson_mut_arr_size(at(order, "lines")), 2);
    yyjson_mut_val *line = yyjson_mut_arr_get(at(order, "lines"), 1);
    assert_int_equal(number_at(line, "product"), 2);
    assert_int_equal(number_at(line, "quantity"), 1);
    assert_string_equal(text_at(line, "sum"), "2.00"); /* as it was sold */
    assert_string_not_equal(text_at(line, "name"), "Another");
    assert_int_equal(orders_one(lab.database, &call, BOB, answer.uuid, doc, &order), STATUS_NOT_FOUND);
    for (size_t i = 0; i < sizeof not_mine / sizeof not_mine[0]; i++) {
        assert_int_equal(orders_one(lab.database, &call, ADA, not_mine[i], doc, &order), STATUS_NOT_FOUND);
    }
    yyjson_mut_doc_free(doc);
    close_lab(&lab);
}

static void looking_shows_the_receipt_once_it_is_written(void **state) {
    (void)state;
    struct lab lab;
    open_shop(&lab);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *order = NULL;
    struct orders_answer answer = expect(&lab, (struct orders_request){ADA, "key", some, SOME, 0}, ORDERS_PLACED);
    struct call call = new_call(PATIENCE_MS);
    assert_int_equal(orders_one(lab.database, &call, ADA, answer.uuid, doc, &order), STATUS_OK);
    assert_null(at(order, "receipt"));
    admin(SERVER_A, "INSERT INTO shop.receipts (order_id, text) SELECT id, 'Total 4.00' FROM shop.orders");
    wait_until_replicated(SERVER_A, SERVER_B);
    assert_int_equal(orders_one(lab.database, &call, ADA, answer.uuid, doc, &order), STATUS_OK);
    assert_string_equal(text_at(order, "receipt"), "Total 4.00");
    admin(SERVER_A, "RENAME TABLE shop.receipts TO shop.gone");
    wait_until_replicated(SERVER_A, SERVER_B);
    assert_int_equal(orders_one(lab.database, &call, ADA, answer.uuid, doc, &order), STATUS_OK);
    assert_null(at(order, "receipt"));
    assert_int_equal(yyjson_mut_arr_size(at(order, "lines")), 2);
    admin(SERVER_A, "RENAME TABLE shop.gone TO shop.receipts");
    admin(SERVER_A, "DELETE FROM shop.receipts");
    wait_until_replicated(SERVER_A, SERVER_B);
    yyjson_mut_doc_free(doc);
    close_lab(&lab);
}

static void looking_finds_what_a_late_replica_has_not(void **state) {
    (void)state;
    struct lab lab;
    open_shop(&lab);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *order = NULL;
    admin(SERVER_B, "STOP REPLICA SQL_THREAD");
    struct orders_answer answer = expect(&lab, (struct orders_request){ADA, "key", some, SOME, 0}, ORDERS_PLACED);
    struct call call = new_call(PATIENCE_MS); /* of a program, which has no session to remember what it wrote */
    assert_int_equal(orders_one(lab.database, &call, ADA, answer.uuid, doc, &order), STATUS_OK);
    assert_int_equal(call.db_role, DB_ROLE_PRIMARY);
    admin(SERVER_B, "START REPLICA SQL_THREAD");
    wait_until_replicated(SERVER_A, SERVER_B);
    yyjson_mut_doc_free(doc);
    close_lab(&lab);
}

static void looking_goes_page_by_page(void **state) {
    (void)state;
    struct lab lab;
    enum { ORDERS = ORDERS_PAGE_SIZE + 1 };
    struct orders_answer newest = {0};
    open_shop(&lab);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *list = NULL;
    struct call call = new_call(PATIENCE_MS);
    admin(SERVER_A, "UPDATE shop.products SET stock = 100 WHERE id <= 3");
    for (int i = 0; i < ORDERS; i++) {
        char key[16];
        snprintf(key, sizeof key, "key-%d", i);
        newest = expect(&lab, (struct orders_request){ADA, key, some, SOME, 0}, ORDERS_PLACED);
    }
    wait_until_replicated(SERVER_A, SERVER_B);
    assert_int_equal(orders_page(lab.database, &call, ADA, 1, doc, &list), STATUS_OK);
    assert_int_equal(yyjson_mut_arr_size(at(list, "orders")), ORDERS_PAGE_SIZE);
    yyjson_mut_val *first = yyjson_mut_arr_get_first(at(list, "orders"));
    assert_string_equal(text_at(first, "uuid"), newest.uuid);
    assert_int_equal(number_at(first, "pieces"), 3);
    assert_int_equal(number_at(list, "total"), ORDERS);
    assert_int_equal(number_at(list, "pages"), 2);
    assert_null(at(list, "previous"));
    assert_int_equal(number_at(list, "next"), 2);
    assert_int_equal(orders_page(lab.database, &call, ADA, 2, doc, &list), STATUS_OK);
    assert_int_equal(yyjson_mut_arr_size(at(list, "orders")), 1);
    assert_int_equal(number_at(list, "previous"), 1);
    assert_null(at(list, "next"));
    assert_int_equal(orders_page(lab.database, &call, ADA, 3, doc, &list), STATUS_NOT_FOUND);
    assert_int_equal(orders_page(lab.database, &call, ADA, 0, doc, &list), STATUS_NOT_FOUND);
    assert_int_equal(orders_page(lab.database, &call, BOB, 1, doc, &list), STATUS_OK);
    assert_int_equal(yyjson_mut_arr_size(at(list, "orders")), 0);
    assert_int_equal(number_at(list, "pages"), 1);
    yyjson_mut_doc_free(doc);
    close_lab(&lab);
}

/* --- Carts and tokens ------------------------------------------------------------------ */

static void looking_at_a_cart_tells_what_it_costs_now(void **state) {
    (void)state;
    struct lab lab;
    static const struct session_item items[] = {{3, 2}, {4000000000, 1}, {1, 11}};
    open_shop(&lab);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *cart = NULL;
    struct call call = new_call(PATIENCE_MS);
    assert_int_equal(cart_show(lab.database, &call, items, 3, doc, &cart), STATUS_OK);
    assert_int_equal(yyjson_mut_arr_size(at(cart, "items")), 2);
    yyjson_mut_val *first = yyjson_mut_arr_get_first(at(cart, "items")),
                   *last = yyjson_mut_arr_get_last(at(cart, "items"));
    assert_int_equal(number_at(first, "product"), 3); /* in the cart's order */
    assert_string_equal(text_at(first, "price"), "3.00");
    assert_string_equal(text_at(first, "sum"), "6.00");
    assert_true(yyjson_mut_get_bool(at(first, "enough")));
    assert_true(strlen(text_at(first, "name")) > 0);
    assert_int_equal(number_at(last, "product"), 1);
    assert_int_equal(number_at(last, "stock"), 10);
    assert_false(yyjson_mut_get_bool(at(last, "enough")));
    assert_int_equal(number_at(cart, "pieces"), 13);
    assert_string_equal(text_at(cart, "total"), "17.00");
    unsigned calls = call.calls[BACKEND_MYSQL];
    assert_int_equal(cart_show(lab.database, &call, NULL, 0, doc, &cart), STATUS_OK);
    assert_int_equal(yyjson_mut_arr_size(at(cart, "items")), 0);
    assert_string_equal(text_at(cart, "total"), "0.00");
    assert_int_equal(call.calls[BACKEND_MYSQL], calls);
    yyjson_mut_doc_free(doc);
    close_lab(&lab);
}

static void tokens_are_known_by_their_hash(void **state) {
    (void)state;
    struct lab lab;
    char token[SECRET_CHARS + 1], sql[256], field[64];
    uint64_t user = 0;
    open_shop(&lab);
    struct call call = new_call(PATIENCE_MS);
    secret_draw(token);
    snprintf(sql, sizeof sql,
             "INSERT INTO shop.api_tokens (token_hash, user_id, name) VALUES"
             " (UNHEX(SHA2('%s', 256)), 77, 'a test')",
             token);
    admin(SERVER_A, sql);
    wait_until_replicated(SERVER_A, SERVER_B);
    snprintf(field, sizeof field, "Bearer %s", token);
    assert_int_equal(tokens_user(lab.database, &call, slice_of(field), &user), STATUS_OK);
    assert_int_equal(user, 77);
    snprintf(field, sizeof field, "bearer %s", token);
    assert_int_equal(tokens_user(lab.database, &call, slice_of(field), &user), STATUS_OK);
    secret_draw(token);
    snprintf(field, sizeof field, "Bearer %s", token);
    assert_int_equal(tokens_user(lab.database, &call, slice_of(field), &user), STATUS_NOT_FOUND);
    close_lab(&lab);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looking_shows_ones_own_orders_only),
        cmocka_unit_test(looking_shows_the_receipt_once_it_is_written),
        cmocka_unit_test(looking_finds_what_a_late_replica_has_not),
        cmocka_unit_test(looking_goes_page_by_page),
        cmocka_unit_test(looking_at_a_cart_tells_what_it_costs_now),
        cmocka_unit_test(tokens_are_known_by_their_hash),
    };
    cmocka_set_test_filter(argc == 2 ? argv[1] : "*");
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
