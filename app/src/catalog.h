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

#include <stdint.h>
#include <yyjson.h>

#include "database.h"
#include "status.h"

enum { CATALOG_PAGE_SIZE = 20, CATALOG_FEATURED = 8 };

/* STATUS_NOT_FOUND: there is no such product. Else as database_read(); so below. */
enum status catalog_product(struct database *database, struct call *call, uint32_t id, yyjson_mut_doc *doc,
                            yyjson_mut_val **out);

/* Adds products, page, pages, total, and previous and next where there are such pages,
 * to out. page counts from 1; STATUS_NOT_FOUND: the last page comes before it. */
enum status catalog_page(struct database *database, struct call *call, uint32_t page, yyjson_mut_doc *doc,
                         yyjson_mut_val *out);

/* Adds featured (CATALOG_FEATURED products of different kinds) and total to out. */
enum status catalog_featured(struct database *database, struct call *call, yyjson_mut_doc *doc, yyjson_mut_val *out);

#endif
