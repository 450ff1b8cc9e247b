/*
 * products -- what the pages and the API have in common: from a request to the model of
 * products, which belongs to exchange->doc.
 *
 * All but searches come through the cache (lookup.h); Cache-Status and exchange->cached tell.
 * On failure the exchange is answered and false returned.
 */
#ifndef PRODUCTS_H
#define PRODUCTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exchange.h"

/* product: the one that the path names. more: others of its category, if the flag is on. */
bool products_one(struct exchange *exchange, yyjson_mut_val **model);

/* The page of the list that ?page= names, the first without; of one ?category= if there is
 * that: with category, and with link, what leads there in a query. */
bool products_list(struct exchange *exchange, yyjson_mut_val **model);

/* The window of the shop: featured, total. */
bool products_home(struct exchange *exchange, yyjson_mut_val **model);

/* The page ?page= of what ?q= finds: as a list, with query, link, and asked: whether there was
 * a word to search for. Each product has highlights: name and description in pieces, see
 * search_mark(). 503: the flag is off. */
bool products_search(struct exchange *exchange, yyjson_mut_val **model);

/* To be called when a change of these products has been committed: no node goes on saying what
 * was before. Lists and recommendations follow within their CACHE_LIST_TTL_MS and CACHE_TTL_MS. */
void products_changed(struct exchange *exchange, const uint32_t *ids, size_t count);

#endif
