/* Carts and orders, /api/v1/cart and /api/v1/orders, for programs. */
#include <stdio.h>
#include <string.h>

#include "cart.h"
#include "handlers.h"
#include "price.h"
#include "purchases.h"
#include "visitor.h"

enum { DETAIL_BYTES = 128 };

/* The body's items: [{"product":7,"quantity":2},…]. False: answered. */
static bool read_items(struct exchange *exchange, yyjson_val *body, struct session_item items[static SESSION_CART_MAX],
                       size_t *count) {
    switch (cart_read(yyjson_obj_get(body, "items"), items, count)) {
    case STATUS_OK:
        return true;
    case STATUS_TOO_LARGE:
        exchange_problem(exchange, 400, "There are too many items: 50 at most.");
        return false;
    default:
        exchange_problem(exchange, 400,
                         "The items must be an array such as [{\"product\":7,\"quantity\":2}], each product once, with "
                         "a quantity of 1 to 99.");
        return false;
    }
}

/* --- The cart ------------------------------------------------------------------------- */

void api_cart(struct exchange *exchange) {
    yyjson_mut_val *cart;
    if (purchases_cart(exchange, &cart)) {
        exchange_json(exchange, 200, cart);
    }
}

void api_cart_put(struct exchange *exchange) {
    yyjson_val *body;
    yyjson_mut_val *cart;
    struct session_item items[SESSION_CART_MAX];
    size_t count;
    if (!visitor_check_api(exchange) || !exchange_body(exchange, &body) || !read_items(exchange, body, items, &count)) {
        return;
    }
    enum status status = cart_show(exchange->database, &exchange->call, items, count, exchange->doc, &cart);
    if (status != STATUS_OK) {
        exchange_failure(exchange, status, "");
        return;
    }
    if (yyjson_mut_arr_size(yyjson_mut_obj_get(cart, "items")) != count) {
        exchange_problem(exchange, 422, "One of the products does not exist. The cart is as it was.");
        return;
    }
    if (!visitor_begin(exchange)) {
        return;
    }
    memcpy(exchange->session->cart, items, count * sizeof *items);
    exchange->session->cart_count = count;
    if (visitor_save(exchange)) {
        exchange_json(exchange, 200, cart);
    }
}

void api_cart_delete(struct exchange *exchange) {
    if (!visitor_check_api(exchange)) {
        return;
    }
    if (exchange->session != NULL) {
        exchange->session->cart_count = 0;
        if (!visitor_save(exchange)) {
            return;
        }
    }
    exchange_text(exchange, 204, NULL, slice_of(""));
}

/* --- Orders --------------------------------------------------------------------------- */

void api_orders(struct exchange *exchange) {
    yyjson_mut_val *list;
    if (purchases_list(exchange, &list)) {
        exchange_json(exchange, 200, list);
    }
}

void api_order(struct exchange *exchange) {
    yyjson_mut_val *order;
    if (purchases_one(exchange, &order)) {
        exchange_json(exchange, 200, order);
    }
}

/* Only what every attempt with the same key can say alike. The whole order is where Location leads. */
static void answer_order(struct exchange *exchange, const struct orders_answer *answer) {
    char path[sizeof "/api/v1/orders/" + ORDERS_UUID_CHARS];
    yyjson_mut_doc *doc = exchange->doc;
    yyjson_mut_val *model = yyjson_mut_obj(doc);
    snprintf(path, sizeof path, "/api/v1/orders/%s", answer->uuid);
    http_header(&exchange->out, "Location", path);
    yyjson_mut_obj_add_strcpy(doc, model, "uuid", answer->uuid);
    price_add(doc, model, "total", "total_cents", answer->total_cents);
    yyjson_mut_obj_add_str(doc, model, "currency", PRICE_CURRENCY);
    exchange_json(exchange, 201, model);
}

static void answer_outcome(struct exchange *exchange, const struct orders_answer *answer) {
    char *detail = arena_alloc(&exchange->request->arena, DETAIL_BYTES);
    if (detail == NULL) {
        return; /* http_finish() makes a 500 of it */
    }
    switch (answer->outcome) {
    case ORDERS_PLACED:
    case ORDERS_REPEATED:
        answer_order(exchange, answer);
        break;
    case ORDERS_KEY_REUSED:
        exchange_problem(exchange, 422, "This Idempotency-Key was used for an order of other items.");
        break;
    case ORDERS_NOTHING:
        exchange_problem(exchange, 422, "There are no items, and the cart is empty.");
        break;
    case ORDERS_NO_PRODUCT:
        snprintf(detail, DETAIL_BYTES, "There is no product %u.", (unsigned)answer->product);
        exchange_problem(exchange, 422, detail);
        break;
    case ORDERS_SOLD_OUT:
        snprintf(detail, DETAIL_BYTES, "Of product %u only %llu are left. Nothing was ordered.",
                 (unsigned)answer->product, (unsigned long long)answer->stock);
        exchange_problem(exchange, 409, detail);
        break;
    case ORDERS_PRICE_CHANGED: /* programs do not say what they expect to pay */
        break;
    }
}

/* Of the body, or, where that says nothing of items, of the cart. False: answered. */
static bool place(struct exchange *exchange, const char *key, struct orders_answer *answer, enum status *status) {
    struct session_item items[SESSION_CART_MAX];
    yyjson_val *body = NULL;
    size_t count;
    if (exchange->in.body.length > 0 && !exchange_body(exchange, &body)) {
        return false;
    }
    if (yyjson_obj_get(body, "items") == NULL) {
        *status = purchases_buy_cart(exchange, key, 0, answer);
        return true;
    }
    if (!read_items(exchange, body, items, &count)) {
        return false;
    }
    if (count == 0) {
        exchange_problem(exchange, 400, "There are no items to order.");
        return false;
    }
    *status = purchases_buy(exchange, key, items, count, answer);
    return true;
}

void api_orders_post(struct exchange *exchange) {
    struct orders_answer answer;
    enum status status;
    if (!visitor_check_api(exchange) || !visitor_require(exchange)) {
        return;
    }
    struct slice field = http_variable(&exchange->in, "HTTP_IDEMPOTENCY_KEY");
    const char *key = arena_copy(&exchange->request->arena, field.data, field.length);
    if (key == NULL || !orders_is_key(field)) {
        exchange_problem(exchange, 400, "Idempotency-Key must be there, 1 to 64 visible ASCII characters.");
        return;
    }
    if (!place(exchange, key, &answer, &status)) {
        return;
    }
    switch (status) {
    case STATUS_OK:
        answer_outcome(exchange, &answer);
        break;
    case STATUS_GONE:
    case STATUS_TIMEOUT:
    case STATUS_AGAIN:
        exchange_problem(
            exchange, 503,
            "The order may have been placed or not. Send it again with the same Idempotency-Key: that makes "
            "one order of it, whatever happened.");
        break;
    default:
        exchange_failure(exchange, status, "");
    }
}
