/*
 * Placing orders with a real MySQL: what is written, and that it is written once. The servers are those of
 * live_shop.h; tests/backends/mysql.bats names the tests to run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "live_shop.h"
#include "metrics.h"

enum { BUYERS = 16 };

static const struct session_item the_same[] = {{1, 2}, {2, 1}}, others[] = {{3, 1}};
enum { OTHERS = 1 };

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
    };
    cmocka_set_test_filter(argc == 2 ? argv[1] : "*");
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
