/* A visitor's own orders, for people. */
#include "handlers.h"
#include "purchases.h"

void page_orders(struct exchange *exchange) {
    yyjson_mut_val *list, *model = yyjson_mut_obj(exchange->doc);
    if (purchases_list(exchange, &list)) {
        yyjson_mut_obj_add_val(exchange->doc, model, "list", list);
        exchange_page(exchange, 200, PAGE_ORDERS, "Your orders", model);
    }
}

void page_order(struct exchange *exchange) {
    yyjson_mut_val *order, *model = yyjson_mut_obj(exchange->doc);
    if (purchases_one(exchange, &order)) {
        yyjson_mut_obj_add_val(exchange->doc, model, "order", order);
        exchange_page(exchange, 200, PAGE_ORDER, "Your order", model);
    }
}
