/*
 * products -- what the pages and the API have in common: from a request to the
 * model of products, which belongs to exchange->doc. On failure the exchange is answered
 * and false returned.
 */
#ifndef PRODUCTS_H
#define PRODUCTS_H

#include <stdbool.h>

#include "exchange.h"

/* The product that the path names, from the cache if it has it; Cache-Status tells. */
bool products_one(struct exchange *exchange, yyjson_mut_val **product);

/* The page of the list that ?page= names, the first without. */
bool products_list(struct exchange *exchange, yyjson_mut_val **model);

#endif
