/* The cart and the checkout: from a product to an order, for people. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "cart.h"
#include "catalog.h"
#include "handlers.h"
#include "purchases.h"
#include "visitor.h"

static const char too_much[] = "A cart takes 50 products, and 99 pieces of each. It is as it was.";
static_assert(SESSION_CART_MAX == 50 && SESSION_QUANTITY_MAX == 99, "the text above says so");

/* --- The cart ------------------------------------------------------------------------- */

/* problem: what the visitor has to know first; NULL: nothing. */
static void answer_cart(struct exchange *exchange, int status, yyjson_mut_val *cart, const char *problem) {
    yyjson_mut_val *model = yyjson_mut_obj(exchange->doc);
    yyjson_mut_obj_add_val(exchange->doc, model, "cart", cart);
    yyjson_mut_obj_add_str(exchange->doc, model, "problem", problem != NULL ? problem : "");
    exchange_page(exchange, status, PAGE_CART, "Cart", model);
}

void page_cart(struct exchange *exchange) {
    yyjson_mut_val *cart;
    if (purchases_cart(exchange, &cart)) {
        answer_cart(exchange, 200, cart, NULL);
    }
}

/* What the form wants: so many more of a product, so many of it, or none. */
struct change {
    uint32_t product, quantity;
    bool more;
};

static bool read_change(struct exchange *exchange, struct change *out) {
    struct arena *arena = &exchange->request->arena;
    const char *action = http_form(arena, &exchange->in, "action");
    out->more = action == NULL; /* the button of a product's page has no name */
    bool remove = action != NULL && strcmp(action, "remove") == 0;
    bool known = out->more || remove || strcmp(action, "set") == 0;
    if (!known || http_number(http_form(arena, &exchange->in, "product"), UINT32_MAX, &out->product) != STATUS_OK ||
        http_number(http_form(arena, &exchange->in, "quantity"), UINT32_MAX, &out->quantity) != STATUS_OK) {
        exchange_problem(exchange, 400, "Product and quantity must be whole numbers.");
        return false;
    }
    out->quantity = remove ? 0 : out->quantity;
    return true;
}

/* Only what is sold gets in. False: answered. */
static bool check_product(struct exchange *exchange, const struct change *change) {
    yyjson_mut_val *product;
    enum status status = change->quantity == 0 ? STATUS_OK
                                               : catalog_product(exchange->database, &exchange->call, change->product,
                                                                 exchange->doc, &product);
    if (status != STATUS_OK) {
        exchange_failure(exchange, status, "There is no such product.");
    }
    return status == STATUS_OK;
}

void page_cart_change(struct exchange *exchange) {
    struct change change;
    yyjson_mut_val *cart;
    if (!visitor_check_form(exchange) || !read_change(exchange, &change) || !check_product(exchange, &change) ||
        !visitor_begin(exchange)) {
        return;
    }
    enum status status = change.more ? cart_add(exchange->session, change.product, change.quantity)
                                     : cart_set(exchange->session, change.product, change.quantity);
    if (status == STATUS_OK && visitor_save(exchange)) {
        exchange_redirect(exchange, 303, "/cart");
    } else if (status != STATUS_OK && purchases_cart(exchange, &cart)) {
        answer_cart(exchange, 409, cart, too_much);
    }
}

/* --- The checkout --------------------------------------------------------------------- */

/* The form goes back to the visitor with the key it came with, so that sending it again is no second order. */
static void answer_checkout(struct exchange *exchange, int status, const char *key, const char *problem) {
    yyjson_mut_val *cart, *model = yyjson_mut_obj(exchange->doc);
    if (!purchases_cart(exchange, &cart)) {
        return;
    }
    yyjson_mut_obj_add_val(exchange->doc, model, "cart", cart);
    yyjson_mut_obj_add_strcpy(exchange->doc, model, "operation", key);
    yyjson_mut_obj_add_str(exchange->doc, model, "problem", problem != NULL ? problem : "");
    exchange_page(exchange, status, PAGE_CHECKOUT, "Checkout", model);
}

void page_checkout(struct exchange *exchange) {
    char key[ORDERS_UUID_CHARS + 1];
    if (!visitor_require(exchange)) {
        return;
    }
    if (exchange->session->cart_count == 0) {
        exchange_redirect(exchange, 303, "/cart");
        return;
    }
    orders_draw_uuid(key);
    answer_checkout(exchange, 200, key, NULL);
}

/* MySQL did not say that the order is placed, nor that it is not. */
static void answer_unknown(struct exchange *exchange, const char *key, uint32_t total_cents) {
    yyjson_mut_val *model = yyjson_mut_obj(exchange->doc);
    yyjson_mut_obj_add_str(exchange->doc, model, "operation", key);
    yyjson_mut_obj_add_uint(exchange->doc, model, "total_cents", total_cents);
    exchange_page(exchange, 503, PAGE_RETRY, "Please try again", model);
}

static yyjson_mut_val *find_item(yyjson_mut_val *cart, uint32_t product) {
    yyjson_mut_arr_iter items = yyjson_mut_arr_iter_with(yyjson_mut_obj_get(cart, "items"));
    yyjson_mut_val *item;
    while ((item = yyjson_mut_arr_iter_next(&items)) != NULL &&
           yyjson_mut_get_uint(yyjson_mut_obj_get(item, "product")) != product) {
    }
    return item;
}

static void answer_sold_out(struct exchange *exchange, const struct orders_answer *answer) {
    struct text problem;
    struct slice built = {0};
    yyjson_mut_val *cart;
    if (!purchases_cart(exchange, &cart)) {
        return;
    }
    const char *name = yyjson_mut_get_str(yyjson_mut_obj_get(find_item(cart, answer->product), "name"));
    text_init(&problem, &exchange->request->arena);
    text_format(&problem, "%s is sold out", name != NULL ? name : "A product");
    if (answer->stock > 0) {
        text_format(&problem, " but for %llu", (unsigned long long)answer->stock);
    }
    text_put(&problem, ". Nothing was ordered; please change your cart.");
    text_put_slice(&problem, (struct slice){"", 1}); /* its NUL */
    text_slice(&problem, &built);
    answer_cart(exchange, 409, cart, built.data);
}

static void answer_outcome(struct exchange *exchange, const struct orders_answer *answer, const char *key) {
    yyjson_mut_val *cart;
    char path[sizeof "/orders/" + ORDERS_UUID_CHARS];
    switch (answer->outcome) {
    case ORDERS_PLACED:
    case ORDERS_REPEATED:
    case ORDERS_KEY_REUSED: /* what this form was for is done; what the cart has got since stays there */
        snprintf(path, sizeof path, "/orders/%s", answer->uuid);
        exchange_redirect(exchange, 303, path);
        break;
    case ORDERS_NOTHING:
        exchange_redirect(exchange, 303, "/cart");
        break;
    case ORDERS_SOLD_OUT:
        answer_sold_out(exchange, answer);
        break;
    case ORDERS_PRICE_CHANGED:
        answer_checkout(exchange, 409, key, "The sum is not the one you saw. Nothing was ordered; please look again.");
        break;
    case ORDERS_NO_PRODUCT:
        cart_set(exchange->session, answer->product, 0);
        if (visitor_save(exchange) && purchases_cart(exchange, &cart)) {
            answer_cart(exchange, 409, cart,
                        "A product is not sold any more. It was taken out of your cart, and nothing was ordered.");
        }
        break;
    }
}

void page_checkout_buy(struct exchange *exchange) {
    struct arena *arena = &exchange->request->arena;
    struct orders_answer answer;
    uint32_t total_cents = 0;
    if (!visitor_check_form(exchange) || !visitor_require(exchange)) {
        return;
    }
    const char *key = http_form(arena, &exchange->in, "operation");
    if (key == NULL || !orders_is_key(slice_of(key)) ||
        http_number(http_form(arena, &exchange->in, "total"), UINT32_MAX, &total_cents) != STATUS_OK) {
        exchange_problem(exchange, 400, "The form is not as the checkout sent it. Please load the checkout again.");
        return;
    }
    enum status status = purchases_buy_cart(exchange, key, total_cents, &answer);
    switch (status) {
    case STATUS_OK:
        answer_outcome(exchange, &answer, key);
        break;
    case STATUS_GONE:
    case STATUS_TIMEOUT:
    case STATUS_AGAIN:
        answer_unknown(exchange, key, total_cents);
        break;
    default:
        exchange_failure(exchange, status, "");
    }
}
