/*
 * price -- an amount of money as people read it.
 *
 * Money is counted in whole cents everywhere; this is the one place where a point is put in.
 */
#ifndef PRICE_H
#define PRICE_H

#include <stdint.h>
#include <yyjson.h>

/* Of everything that the shop sells. */
#define PRICE_CURRENCY "EUR"

enum { PRICE_BYTES = 24 };

/* "12.50" for 1250. Written at the end of room; what is returned points into it. */
const char *price_write(char room[static PRICE_BYTES], uint64_t cents);

/* Adds it to object twice: under name as people read it, under name_cents as a number. Both names must stay. */
void price_add(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, const char *name_cents, uint64_t cents);

#endif
