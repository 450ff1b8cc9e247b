/*
 * Orders, carts and tokens with a real MySQL: what is written, and that it is written once. The servers are those of
 * live_servers.h; tests/backends/mysql.bats names the tests to run.
 *
 * Products 1 to 3 cost 1.00, 2.00 and 3.00 here, and there are 10 of each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "cart.h"
#include "live_servers.h"
#include "metrics.h"
#include "orders.h"
#include "secret.h"
#include "tokens.h"

enum { ADA = 1, BOB = 2, BUYERS = 16 };

static const struct session_item some[] = {{2, 1}, {1, 2}}, the_same[] = {{1, 2}, {2, 1}}, others[] = {{3, 1}};
enum { SOME = 2, OTHERS = 1 };

static void open_shop(struct lab *lab) {
    open_lab_with(lab, PATIENCE_MS);
    admin(SERVER_A, "UPDATE shop.products SET stock = 10, price_cents = id * 100 WHERE id <= 3");
    admin(SERVER_A, "DELETE FROM shop.orders");
    admin(SERVER_A, "DELETE FROM shop.order_lines");
    admin(SERVER_A, "DELETE FROM shop.outbox");
    wait_until_replicated(SERVER_A, SERVER_B);
}

static enum status buy(struct database *database, const struct orders_request *request, struct orders_answer *answer) {
    struct call call = new_call(PATIENCE_MS);
    return orders_place(database, &call, request, answer);
}

static struct orders_answer expect(struct lab *lab, struct orders_request request, enum orders_outcome outcome) {
    struct orders_answer answer;
    assert_int_equal(buy(lab->database, &request, &answer), STATUS_OK);
    assert_int_equal(answer.outcome, outcome);
    return answer;
}

/* What one row of the primary says, in one column. */
static void expect_sql(const char *sql, const char *wanted) {
    char found[SQL_BYTES];
    admin_text(SERVER_A, sql, found);
    assert_string_equal(found, wanted);
}

static void expect_stock(const char *wanted) {
    expect_sql("SELECT GROUP_CONCAT(stock ORDER BY id SEPARATOR ' ') FROM shop.products WHERE id <= 3", wanted);
}

/* So many orders, lines and events. */
static void expect_rows(const char *wanted) {
    expect_sql("SELECT CONCAT_WS(' ', (SELECT COUNT(*) FROM shop.orders), (SELECT COUNT(*) FROM shop.order_lines),"
               " (SELECT COUNT(*) FROM shop.outbox))",
               wanted);
}

/* --- One buyer ------------------------------------------------------------------------ */

static void placing_writes_all_of_an_order(void **state) {
    (void)state;
    struct lab lab;
    char row[128];
    open_shop(&lab);
    struct orders_answer answer = expect(&lab, (struct orders_request){ADA, "key", some, SOME, 400}, ORDERS_PLACED);
    assert_int_equal(answer.total_cents, 400);
    snprintf(row, sizeof row, "%s 1 key 400 EUR", answer.uuid);
    expect_sql("SELECT CONCAT_WS(' ', BIN_TO_UUID(uuid), user_id, idempotency_key, total_cents, currency)"
               " FROM shop.orders WHERE created_at > NOW() - INTERVAL 1 MINUTE",
               row);
    expect_sql("SELECT GROUP_CONCAT(CONCAT_WS(' ', product_id, quantity, l.price_cents, l.name = p.name, l.sku = p.sku)"
               " ORDER BY product_id) FROM shop.order_lines l JOIN shop.products p ON p.id = product_id"
               " WHERE order_id = (SELECT id FROM shop.orders)",
               "1 2 100 1 1,2 1 200 1 1");
    expect_sql("SELECT CONCAT_WS(' ', topic, state, tries, error IS NULL, next_try_at <= NOW(3)) FROM shop.outbox"
               " WHERE order_id = (SELECT id FROM shop.orders)",
               "order.placed new 0 1 1");
    expect_stock("8 9 10");
    close_lab(&lab);
}

static void placing_tells_what_was_written_last(void **state) {
    (void)state;
    struct lab lab;
    struct orders_answer answer;
    struct call call = new_call(PATIENCE_MS);
    open_shop(&lab);
    assert_int_equal(orders_place(lab.database, &call, &(struct orders_request){ADA, "key", some, SOME, 0}, &answer),
                     STATUS_OK);
    assert_true(call.gtid[0] != '\0');
    close_lab(&lab);
}

static void placing_again_finds_the_order(void **state) {
    (void)state;
    struct lab lab;
    open_shop(&lab);
    struct orders_answer first = expect(&lab, (struct orders_request){ADA, "key", some, SOME, 400}, ORDERS_PLACED);
    const struct orders_request again[] = {
        {ADA, "key", some, SOME, 400},
        {ADA, "key", the_same, SOME, 0},
        {ADA, "key", NULL, 0, 0}, /* the cart has been emptied */
        {ADA, "key", some, SOME, 399},
    };
    for (size_t i = 0; i < sizeof again / sizeof again[0]; i++) {
        struct orders_answer answer = expect(&lab, again[i], ORDERS_REPEATED);
        assert_string_equal(answer.uuid, first.uuid);
        assert_int_equal(answer.total_cents, 400);
    }
    admin(SERVER_A, "UPDATE shop.products SET stock = 0, price_cents = 999 WHERE id <= 3");
    struct orders_answer answer = expect(&lab, again[0], ORDERS_REPEATED);
    assert_string_equal(answer.uuid, first.uuid);
    assert_int_equal(answer.total_cents, 400);
    expect_rows("1 2 1");
    close_lab(&lab);
}

static void placing_under_a_used_key_is_told_apart(void **state) {
    (void)state;
    struct lab lab;
    static const struct session_item more[] = {{2, 1}, {1, 3}};
    open_shop(&lab);
    struct orders_answer first = expect(&lab, (struct orders_request){ADA, "key", some, SOME, 0}, ORDERS_PLACED);
    struct orders_answer answer =
        expect(&lab, (struct orders_request){ADA, "key", others, OTHERS, 0}, ORDERS_KEY_REUSED);
    assert_string_equal(answer.uuid, first.uuid);
    expect(&lab, (struct orders_request){ADA, "key", more, SOME, 0}, ORDERS_KEY_REUSED);
    expect(&lab, (struct orders_request){ADA, "key", some, 1, 0}, ORDERS_KEY_REUSED);
    expect_rows("1 2 1");
    expect_stock("8 9 10");
    expect(&lab, (struct orders_request){ADA, "KEY", some, SOME, 0}, ORDERS_PLACED); /* another key */
    expect(&lab, (struct orders_request){BOB, "key", others, OTHERS, 0}, ORDERS_PLACED);
    expect_rows("3 5 3");
    close_lab(&lab);
}

static void placing_is_refused_as_a_whole(void **state) {
    (void)state;
    struct lab lab;
    static const struct session_item too_many[] = {{1, 1}, {3, 11}}, unknown[] = {{1, 1}, {4000000000, 1}};
    open_shop(&lab);
    struct orders_answer answer = expect(&lab, (struct orders_request){ADA, "key", too_many, 2, 0}, ORDERS_SOLD_OUT);
    assert_int_equal(answer.product, 3);
    assert_int_equal(answer.stock, 10);
    assert_string_equal(answer.uuid, "");
    answer = expect(&lab, (struct orders_request){ADA, "key", unknown, 2, 0}, ORDERS_NO_PRODUCT);
    assert_int_equal(answer.product, 4000000000);
    answer = expect(&lab, (struct orders_request){ADA, "key", some, SOME, 399}, ORDERS_PRICE_CHANGED);
    assert_int_equal(answer.total_cents, 400);
    expect(&lab, (struct orders_request){ADA, "key", NULL, 0, 0}, ORDERS_NOTHING);
    expect_rows("0 0 0");
    expect_stock("10 10 10");
    expect(&lab, (struct orders_request){ADA, "key", some, SOME, 400}, ORDERS_PLACED); /* the key is not used up */
    close_lab(&lab);
}

static void placing_takes_the_largest_cart(void **state) {
    (void)state;
    struct lab lab;
    struct session_item items[SESSION_CART_MAX];
    open_shop(&lab);
    for (uint32_t i = 0; i < SESSION_CART_MAX; i++) {
        items[i] = (struct session_item){SESSION_CART_MAX - i, SESSION_QUANTITY_MAX};
    }
    admin(SERVER_A, "UPDATE shop.products SET stock = 100 WHERE id <= 50");
    expect(&lab, (struct orders_request){ADA, "key", items, SESSION_CART_MAX, 0}, ORDERS_PLACED);
    expect_sql("SELECT CONCAT_WS(' ', COUNT(*), SUM(stock)) FROM shop.products WHERE id <= 50", "50 50");
    expect_rows("1 50 1");
    close_lab(&lab);
}

/* --- Many buyers at once --------------------------------------------------------------- */

struct buyer {
    pthread_t thread;
    pthread_barrier_t *meet;
    struct database *database;
    struct orders_request request;
    struct orders_answer answer;
    enum status status;
};

static void *rush(void *argument) {
    struct buyer *buyer = argument;
    struct call call = new_call(PATIENCE_MS);
    struct orders_answer answer;
    /* So that it has its connection before they meet. */
    orders_place(buyer->database, &call, &(struct orders_request){buyer->request.user, "none", NULL, 0, 0}, &answer);
    pthread_barrier_wait(buyer->meet);
    buyer->status = buy(buyer->database, &buyer->request, &buyer->answer);
    database_free(buyer->database);
    db_thread_end();
    return NULL;
}

/* Lets all of them buy at once what their requests say; every one is answered. */
static void let_buy(struct lab *lab, struct buyer buyers[static BUYERS]) {
    pthread_barrier_t meet;
    pthread_barrier_init(&meet, NULL, BUYERS);
    for (int i = 0; i < BUYERS; i++) {
        buyers[i].meet = &meet;
        buyers[i].database = database_new(lab->topology);
        assert_int_equal(pthread_create(&buyers[i].thread, NULL, rush, &buyers[i]), 0);
    }
    for (int i = 0; i < BUYERS; i++) {
        pthread_join(buyers[i].thread, NULL);
        assert_int_equal(buyers[i].status, STATUS_OK);
    }
    pthread_barrier_destroy(&meet);
}

static unsigned count(const struct buyer buyers[static BUYERS], enum orders_outcome outcome) {
    unsigned found = 0;
    for (int i = 0; i < BUYERS; i++) {
        found += buyers[i].answer.outcome == outcome;
    }
    return found;
}

static void rush_for_the_last_one_sells_it_once(void **state) {
    (void)state;
    struct lab lab;
    struct buyer buyers[BUYERS] = {0};
    open_shop(&lab);
    admin(SERVER_A, "UPDATE shop.products SET stock = 1 WHERE id = 3");
    for (unsigned i = 0; i < BUYERS; i++) {
        buyers[i].request = (struct orders_request){ADA + i, "key", others, OTHERS, 0};
    }
    let_buy(&lab, buyers);
    assert_int_equal(count(buyers, ORDERS_PLACED), 1);
    assert_int_equal(count(buyers, ORDERS_SOLD_OUT), BUYERS - 1);
    expect_rows("1 1 1");
    expect_stock("10 10 0");
    close_lab(&lab);
}

static void rush_with_one_key_makes_one_order(void **state) {
    (void)state;
    struct lab lab;
    for (int stock = 10; stock > 0; stock -= 9) { /* also if it was the last one */
        struct buyer buyers[BUYERS] = {0};
        char sql[100];
        open_shop(&lab);
        snprintf(sql, sizeof sql, "UPDATE shop.products SET stock = %d WHERE id = 3", stock);
        admin(SERVER_A, sql);
        for (int i = 0; i < BUYERS; i++) {
            buyers[i].request = (struct orders_request){ADA, "key", others, OTHERS, 0};
        }
        let_buy(&lab, buyers);
        assert_int_equal(count(buyers, ORDERS_PLACED), 1);
        assert_int_equal(count(buyers, ORDERS_REPEATED), BUYERS - 1);
        for (int i = 1; i < BUYERS; i++) {
            assert_string_equal(buyers[i].answer.uuid, buyers[0].answer.uuid);
        }
        expect_rows("1 1 1");
        close_lab(&lab);
    }
}

static void rush_with_one_key_for_different_things_makes_one_order(void **state) {
    (void)state;
    struct lab lab;
    struct buyer buyers[BUYERS] = {0};
    open_shop(&lab);
    for (int i = 0; i < BUYERS; i++) {
        buyers[i].request = (struct orders_request){ADA, "key", i % 2 ? some : others, i % 2 ? SOME : OTHERS, 0};
    }
    let_buy(&lab, buyers);
    assert_int_equal(count(buyers, ORDERS_PLACED), 1);
    assert_int_equal(count(buyers, ORDERS_REPEATED), BUYERS / 2 - 1);
    assert_int_equal(count(buyers, ORDERS_KEY_REUSED), BUYERS / 2);
    expect_sql("SELECT COUNT(*) FROM shop.orders", "1");
    close_lab(&lab);
}

/* Who locked them as they came would meet whoever has them the other way round. */
static void rush_for_the_same_in_another_order_has_no_deadlock(void **state) {
    (void)state;
    struct lab lab;
    struct buyer buyers[BUYERS] = {0};
    open_shop(&lab);
    admin(SERVER_A, "UPDATE shop.products SET stock = 100 WHERE id <= 3");
    int64_t deadlocks = metrics_get(METRIC_DB_DEADLOCKS);
    for (unsigned i = 0; i < BUYERS; i++) {
        buyers[i].request = (struct orders_request){ADA + i, "key", i % 2 ? some : the_same, SOME, 0};
    }
    let_buy(&lab, buyers);
    assert_int_equal(count(buyers, ORDERS_PLACED), BUYERS);
    assert_int_equal(metrics_get(METRIC_DB_DEADLOCKS), deadlocks);
    expect_stock("68 84 100");
    close_lab(&lab);
}

/* A row is locked, and not the table. */
static void rush_for_one_product_holds_up_nobody_else(void **state) {
    (void)state;
    struct lab lab;
    open_shop(&lab);
    MYSQL *slow = log_in_as_root(SERVER_A);
    assert_int_equal(mysql_query(slow, "START TRANSACTION"), 0);
    assert_int_equal(mysql_query(slow, "UPDATE shop.products SET stock = 9 WHERE id = 2"), 0);
    expect(&lab, (struct orders_request){ADA, "key", others, OTHERS, 0}, ORDERS_PLACED);
    struct call call = new_call(200);
    struct orders_answer answer;
    assert_int_equal(orders_place(lab.database, &call, &(struct orders_request){ADA, "other", some, SOME, 0}, &answer),
                     STATUS_TIMEOUT);
    mysql_close(slow);
    expect(&lab, (struct orders_request){ADA, "other", some, SOME, 0}, ORDERS_PLACED);
    expect_rows("2 3 2");
    close_lab(&lab);
}

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
        cmocka_unit_test(placing_writes_all_of_an_order),
        cmocka_unit_test(placing_tells_what_was_written_last),
        cmocka_unit_test(placing_again_finds_the_order),
        cmocka_unit_test(placing_under_a_used_key_is_told_apart),
        cmocka_unit_test(placing_is_refused_as_a_whole),
        cmocka_unit_test(placing_takes_the_largest_cart),
        cmocka_unit_test(rush_for_the_last_one_sells_it_once),
        cmocka_unit_test(rush_with_one_key_makes_one_order),
        cmocka_unit_test(rush_with_one_key_for_different_things_makes_one_order),
        cmocka_unit_test(rush_for_the_same_in_another_order_has_no_deadlock),
        cmocka_unit_test(rush_for_one_product_holds_up_nobody_else),
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
