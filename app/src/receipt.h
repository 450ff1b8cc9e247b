/*
 * receipt -- the receipt of an order, as plain text for people.
 *
 * A line break in the name of a product, or another control character, becomes a space: no
 * name can forge a line. Pure: bytes in, bytes out.
 */
#ifndef RECEIPT_H
#define RECEIPT_H

#include <stddef.h>
#include <stdint.h>

#include "slice.h"
#include "status.h"
#include "text.h"

enum { RECEIPT_LINES_MAX = 256, RECEIPT_BYTES_MAX = 65535 }; /* the latter is what a TEXT of MySQL holds */

struct receipt_line {
    struct slice sku, name;
    int64_t quantity;
    int64_t price_cents; /* of one */
};

struct receipt {
    struct slice order; /* its UUID */
    int64_t ordered_s;  /* since 1970, UTC */
    struct slice currency;
    int64_t total_cents;
    struct receipt_line lines[RECEIPT_LINES_MAX];
    size_t line_count;
};

/*
 * Appends the receipt to out. STATUS_BAD_INPUT: there is nothing on it, or its lines do not
 * add up to its total, and *why says so: better none than a wrong one. STATUS_TOO_LARGE: it
 * has more than RECEIPT_BYTES_MAX. STATUS_NO_MEMORY: out is full. *why is a string that
 * stays, and is set unless STATUS_OK.
 */
enum status receipt_render(const struct receipt *receipt, struct text *out, const char **why);

#endif
