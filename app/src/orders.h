/*
 * orders -- what visitors have bought.
 *
 * Placing an order is one transaction: the row of each product is locked, in the order of
 * their ids, so that no two buyers wait for each other in a circle; is there enough of it?
 * Then order, lines and a row of the outbox are written and the stock is taken. All of it
 * is there once MySQL has said so, or none.
 *
 * Each attempt has a key that its buyer made up. One that was not answered, or that nobody
 * knows the end of, is made again with the same key as often as need be: it makes one order.
 */
#ifndef ORDERS_H
#define ORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yyjson.h>

#include "database.h"
#include "session.h"
#include "status.h"

enum { ORDERS_UUID_CHARS = 36, ORDERS_KEY_CHARS_MAX = 64, ORDERS_PAGE_SIZE = 20 };

/* --- Placing one --- */

struct orders_request {
    uint64_t user;
    const char *key;                  /* as orders_is_key() wants it */
    const struct session_item *items; /* each product once; SESSION_CART_MAX at most */
    size_t count;
    uint64_t expected_cents; /* what the buyer was told that it costs; 0: was told nothing */
};

enum orders_outcome {
    ORDERS_PLACED,
    ORDERS_REPEATED,      /* an attempt with this key has made this order */
    ORDERS_KEY_REUSED,    /* an attempt with this key, but for other items, has made this order */
    ORDERS_NOTHING,       /* there are no items, and no such attempt */
    ORDERS_NO_PRODUCT,    /* one of the products is not sold here */
    ORDERS_SOLD_OUT,      /* there is not enough of one of them */
    ORDERS_PRICE_CHANGED, /* all of it costs something else than the buyer was told */
};

struct orders_answer {
    enum orders_outcome outcome;
    char uuid[ORDERS_UUID_CHARS + 1]; /* of the order; "": there is none */
    uint64_t total_cents;             /* of the order; ORDERS_PRICE_CHANGED: what it would cost */
    uint32_t product;                 /* ORDERS_NO_PRODUCT, ORDERS_SOLD_OUT: which */
    uint64_t stock;                   /* ORDERS_SOLD_OUT: how many there are */
};

/*
 * Places an order; *answer says what became of it. Anything but STATUS_OK: the order may
 * have been placed or not, and asking again with the same key is safe. STATUS_GONE,
 * STATUS_TIMEOUT: MySQL is away, or was not in time; STATUS_AGAIN: too many others wanted
 * the same; else as database_write().
 */
enum status orders_place(struct database *database, struct call *call, const struct orders_request *request,
                         struct orders_answer *answer);

/* 1 to ORDERS_KEY_CHARS_MAX visible characters of ASCII. */
bool orders_is_key(struct slice text);

/* A UUID of version 7 (RFC 9562), lower case, for an attempt or an order. */
void orders_draw_uuid(char out[static ORDERS_UUID_CHARS + 1]);

/* --- Looking at them --- */

/*
 * One order of this user as an object: uuid, created_at ("2026-11-24T06:53:34Z"), date (for
 * people), total, total_cents, currency, lines (see cart_add_line()), and receipt (its text)
 * once the worker has written it. STATUS_NOT_FOUND: this user has none of that uuid, which may
 * be any text. Else as database_read().
 */
enum status orders_one(struct database *database, struct call *call, uint64_t user, const char *uuid,
                       yyjson_mut_doc *doc, yyjson_mut_val **out);

/* A page of this user's orders, the newest first: orders (without their lines, but with pieces),
 * page, pages, total, and previous and next where there are such pages. page counts from 1;
 * STATUS_NOT_FOUND: the last page comes before it. */
enum status orders_page(struct database *database, struct call *call, uint64_t user, uint32_t page, yyjson_mut_doc *doc,
                        yyjson_mut_val **out);

#endif
