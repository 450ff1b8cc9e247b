/*
 * live_shop -- the shop in the two servers of live_servers.h, and somebody who buys there.
 *
 * Products 1 to 3 cost 1.00, 2.00 and 3.00 here, and there are 10 of each. Include it after cmocka.h.
 */
#ifndef LIVE_SHOP_H
#define LIVE_SHOP_H

#include "live_servers.h"
#include "orders.h"

enum { ADA = 1, BOB = 2 };

static const struct session_item some[] = {{2, 1}, {1, 2}};
enum { SOME = 2 };

static inline void open_shop(struct lab *lab) {
    open_lab_with(lab, PATIENCE_MS);
    admin(SERVER_A, "UPDATE shop.products SET stock = 10, price_cents = id * 100 WHERE id <= 3");
    admin(SERVER_A, "DELETE FROM shop.orders");
    admin(SERVER_A, "DELETE FROM shop.order_lines");
    admin(SERVER_A, "DELETE FROM shop.outbox");
    wait_until_replicated(SERVER_A, SERVER_B);
}

static inline enum status buy(struct database *database, const struct orders_request *request,
                              struct orders_answer *answer) {
    struct call call = new_call(PATIENCE_MS);
    return orders_place(database, &call, request, answer);
}

static inline struct orders_answer expect(struct lab *lab, struct orders_request request, enum orders_outcome outcome) {
    struct orders_answer answer;
    assert_int_equal(buy(lab->database, &request, &answer), STATUS_OK);
    assert_int_equal(answer.outcome, outcome);
    return answer;
}

/* What one row of the primary says, in one column. */
static inline void expect_sql(const char *sql, const char *wanted) {
    char found[SQL_BYTES];
    admin_text(SERVER_A, sql, found);
    assert_string_equal(found, wanted);
}

static inline void expect_stock(const char *wanted) {
    expect_sql("SELECT GROUP_CONCAT(stock ORDER BY id SEPARATOR ' ') FROM shop.products WHERE id <= 3", wanted);
}

/* So many orders, lines and events. */
static inline void expect_rows(const char *wanted) {
    expect_sql("SELECT CONCAT_WS(' ', (SELECT COUNT(*) FROM shop.orders), (SELECT COUNT(*) FROM shop.order_lines),"
               " (SELECT COUNT(*) FROM shop.outbox))",
               wanted);
}

#endif
