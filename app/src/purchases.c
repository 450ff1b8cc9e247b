#include "purchases.h"

#include "cart.h"
#include "products.h"
#include "visitor.h"

enum { PAGE_MAX = 1000000 };

/* --- Buying ---------------------------------------------------------------------------- */

bool purchases_cart(struct exchange *exchange, yyjson_mut_val **cart) {
    const struct session *session = exchange->session;
    if (exchange->session_away) {
        exchange_problem(exchange, 503, "Your cart cannot be reached at the moment. Please try again.");
        return false;
    }
    enum status status = cart_show(exchange->database, &exchange->call, session != NULL ? session->cart : NULL,
                                   session != NULL ? session->cart_count : 0, exchange->doc, cart);
    if (status != STATUS_OK) {
        exchange_failure(exchange, status, "");
    }
    return status == STATUS_OK;
}

/* What was bought is fewer by now than the cache says. */
static void tell_changes(struct exchange *exchange, const struct orders_request *request) {
    uint32_t ids[SESSION_CART_MAX] = {0};
    for (size_t i = 0; i < request->count; i++) {
        ids[i] = request->items[i].product;
    }
    products_changed(exchange, ids, request->count);
}

/* In an earlier attempt, it may be, which could not tell of it. */
static bool made_order(const struct orders_answer *answer) {
    return answer->outcome == ORDERS_PLACED || answer->outcome == ORDERS_REPEATED;
}

static enum status buy(struct exchange *exchange, const struct orders_request *request, struct orders_answer *answer) {
    enum status status = orders_place(exchange->database, &exchange->call, request, answer);
    if (status == STATUS_OK && made_order(answer)) {
        tell_changes(exchange, request);
    }
    return status;
}

enum status purchases_buy(struct exchange *exchange, const char *key, const struct session_item *items, size_t count,
                          struct orders_answer *answer) {
    const struct orders_request request = {.user = visitor_user(exchange), .key = key, .items = items, .count = count};
    return buy(exchange, &request, answer);
}

enum status purchases_buy_cart(struct exchange *exchange, const char *key, uint64_t expected_cents,
                               struct orders_answer *answer) {
    struct session *session = exchange->session;
    const struct orders_request request = {
        .user = visitor_user(exchange),
        .key = key,
        .items = session != NULL ? session->cart : NULL,
        .count = session != NULL ? session->cart_count : 0,
        .expected_cents = expected_cents,
    };
    enum status status = buy(exchange, &request, answer);
    if (session != NULL && status == STATUS_OK && made_order(answer)) {
        /* The answer does not depend on whether that can be saved: the order is placed. */
        session->cart_count = 0;
        visitor_changed(exchange);
    }
    return status;
}

/* --- Looking --------------------------------------------------------------------------- */

bool purchases_one(struct exchange *exchange, yyjson_mut_val **order) {
    struct slice param = exchange->match.params[0];
    if (!visitor_require(exchange)) {
        return false;
    }
    const char *uuid = arena_copy(&exchange->request->arena, param.data, param.length);
    enum status status = uuid == NULL ? STATUS_NO_MEMORY
                                      : orders_one(exchange->database, &exchange->call, visitor_user(exchange), uuid,
                                                   exchange->doc, order);
    if (status != STATUS_OK) {
        exchange_failure(exchange, status, "There is no such order.");
    }
    return status == STATUS_OK;
}

bool purchases_list(struct exchange *exchange, yyjson_mut_val **list) {
    uint32_t page = 1;
    const char *text = http_query(&exchange->request->arena, exchange->in.query, "page");
    if (!visitor_require(exchange)) {
        return false;
    }
    if (text != NULL && http_number(text, PAGE_MAX, &page) != STATUS_OK) {
        exchange_problem(exchange, 400, "The page must be a whole number, such as ?page=2.");
        return false;
    }
    enum status status =
        orders_page(exchange->database, &exchange->call, visitor_user(exchange), page, exchange->doc, list);
    if (status != STATUS_OK) {
        exchange_failure(exchange, status, "The list has no such page.");
    }
    return status == STATUS_OK;
}
