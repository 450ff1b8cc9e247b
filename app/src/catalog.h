/*
 * catalog -- the shop's products, as MySQL has them.
 *
 * Products are handed out as JSON objects: the API prints them, the pages are
 * filled from them, so that both say the same. Keys: id, sku, name, category,
 * description, price ("12.50"), price_cents, currency ("EUR"), stock (pieces), in_stock.
 * They belong to the document that they are made in.
 */
#ifndef CATALOG_H
#define CATALOG_H

#include <stdatomic.h>
#include <stdint.h>
#include <yyjson.h>

#include "database.h"
#include "status.h"

enum { CATALOG_PAGE_SIZE = 20, CATALOG_FEATURED = 8, CATALOG_MORE = 4, CATALOG_SIZE_TTL_MS = 1000 };

/* How many products there are, as somebody counted them within the last CATALOG_SIZE_TTL_MS: to count them takes MySQL as
 * long as to read a page of them. One for the process, all zeros at first; any thread may use it. */
struct catalog_size {
    atomic_llong products, until_us; /* the latter on the monotonic clock */
};

/* STATUS_NOT_FOUND: there is no such product. Else as database_read(); so below. */
enum status catalog_product(struct database *database, struct call *call, uint32_t id, yyjson_mut_doc *doc,
                            yyjson_mut_val **out);

/* Adds product to out, and more: the next CATALOG_MORE of its category, if there are any. */
enum status catalog_product_and_more(struct database *database, struct call *call, uint32_t id, yyjson_mut_doc *doc,
                                     yyjson_mut_val *out);

/* Adds products, page, pages, total, and previous and next where there are such pages,
 * to out. category NULL: of all; page counts from 1. STATUS_NOT_FOUND: the last page comes
 * before it, or there is nothing of this category. */
enum status catalog_page(struct database *database, struct call *call, struct catalog_size *size, const char *category,
                         uint32_t page, yyjson_mut_doc *doc, yyjson_mut_val *out);

/* The same of the products that a search finds, the best first; all and any are of
 * search_all() and search_any(). Nothing found is a page too, the first. */
enum status catalog_search(struct database *database, struct call *call, const char *all, const char *any,
                           uint32_t page, yyjson_mut_doc *doc, yyjson_mut_val *out);

/* Adds featured (CATALOG_FEATURED products of different kinds) and total to out. */
enum status catalog_featured(struct database *database, struct call *call, struct catalog_size *size,
                             yyjson_mut_doc *doc, yyjson_mut_val *out);

#endif
