/*
 * purchases -- what the pages and the API have in common about carts and orders: from a
 * request to what is bought, and to the models. On failure, but of what returns a status, the
 * exchange is answered and false returned.
 */
#ifndef PURCHASES_H
#define PURCHASES_H

#include <stdbool.h>
#include <stdint.h>

#include "exchange.h"
#include "orders.h"
#include "status.h"

/* What is in the visitor's cart; see cart_show(). Without a session nothing is. */
bool purchases_cart(struct exchange *exchange, yyjson_mut_val **cart);

/* Buys what is in the cart, for the visitor, under this key; see orders_place(). The cart is
 * empty afterwards if this attempt or an earlier one has made an order of it. */
enum status purchases_buy_cart(struct exchange *exchange, const char *key, uint64_t expected_cents,
                               struct orders_answer *answer);

/* Buys these items; the cart stays as it is. */
enum status purchases_buy(struct exchange *exchange, const char *key, const struct session_item *items, size_t count,
                          struct orders_answer *answer);

/* The visitor's order that the path names; see orders_one(). Of somebody else's it is not
 * told that there is such an order. */
bool purchases_one(struct exchange *exchange, yyjson_mut_val **order);

/* The page of the visitor's orders that ?page= names, the first without; see orders_page(). */
bool purchases_list(struct exchange *exchange, yyjson_mut_val **list);

#endif
