/*
 * handlers -- what is behind each route: pages*.c for people, api*.c for programs,
 * operations.c for those who run the site. The table of routes is in shop.c, which says
 * where each runs; each answers its exchange once (exchange.h).
 */
#ifndef HANDLERS_H
#define HANDLERS_H

#include "exchange.h"

void page_home(struct exchange *exchange);
void page_products(struct exchange *exchange);
void page_product(struct exchange *exchange);
void page_search(struct exchange *exchange);

void page_signup(struct exchange *exchange);
void page_signup_post(struct exchange *exchange);
void page_login(struct exchange *exchange);
void page_login_post(struct exchange *exchange);
void page_logout(struct exchange *exchange);
void page_logout_post(struct exchange *exchange);

void page_cart(struct exchange *exchange);
void page_cart_change(struct exchange *exchange);
void page_checkout(struct exchange *exchange);
void page_checkout_buy(struct exchange *exchange);

void page_orders(struct exchange *exchange);
void page_order(struct exchange *exchange);

void api_products(struct exchange *exchange);
void api_product(struct exchange *exchange);
void api_search(struct exchange *exchange);

void api_users_post(struct exchange *exchange);
void api_session(struct exchange *exchange);
void api_session_post(struct exchange *exchange);
void api_session_delete(struct exchange *exchange);
void api_cart(struct exchange *exchange);
void api_cart_put(struct exchange *exchange);
void api_cart_delete(struct exchange *exchange);
void api_orders(struct exchange *exchange);
void api_orders_post(struct exchange *exchange);
void api_order(struct exchange *exchange);

void operations_livez(struct exchange *exchange);
void operations_readyz(struct exchange *exchange);
void operations_metrics(struct exchange *exchange);
void operations_whoami(struct exchange *exchange);

#endif
