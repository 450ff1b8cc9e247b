/*
 * cart -- what a visitor wants to buy: products and how many of each, kept in the session.
 *
 * Names and prices are not kept: cart_show() asks MySQL, so that what a visitor sees is what
 * would be paid now. Whether so many are in stock is told there and judged when they are
 * ordered (orders.h); a cart takes nothing from the shelf.
 */
#ifndef CART_H
#define CART_H

#include <stdint.h>
#include <yyjson.h>

#include "database.h"
#include "session.h"
#include "status.h"

/* Adds quantity pieces of a product. STATUS_TOO_LARGE: the cart would have more than
 * SESSION_CART_MAX products, or more than SESSION_QUANTITY_MAX pieces of this one; it is as it was. */
enum status cart_add(struct session *session, uint32_t product, uint32_t quantity);

/* The same, but as many as that and no more. None of them: the product is removed, if it is there. */
enum status cart_set(struct session *session, uint32_t product, uint32_t quantity);

/* What programs send: [{"product":7,"quantity":2},…], each product once. STATUS_BAD_INPUT:
 * it is not that; STATUS_TOO_LARGE: more than a cart takes. out is touched in any case. */
enum status cart_read(yyjson_val *items, struct session_item out[static SESSION_CART_MAX], size_t *count);

/* How a line of a cart, and of an order, is shown. */
struct cart_line {
    int64_t product;
    struct slice sku, name;
    int64_t quantity, price_cents;
};

/* Adds an object to list: product, sku, name, quantity, price, price_cents, sum, sum_cents. */
yyjson_mut_val *cart_add_line(yyjson_mut_doc *doc, yyjson_mut_val *list, const struct cart_line *line);

/*
 * The items as an object: items, which are lines with stock and enough (it is in stock as
 * often as wanted), pieces, total, total_cents, currency. A product that is not sold any more is not
 * among them. Without items MySQL is not asked; else as database_read().
 */
enum status cart_show(struct database *database, struct call *call, const struct session_item *items, size_t count,
                      yyjson_mut_doc *doc, yyjson_mut_val **out);

#endif
