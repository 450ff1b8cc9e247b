/*
 * receipts -- the receipts of orders, in MySQL.
 */
#ifndef RECEIPTS_H
#define RECEIPTS_H

#include <stdint.h>

#include "arena.h"
#include "database.h"
#include "status.h"

/*
 * Writes the receipt of an order, within a transaction; one that is there already stays as
 * it is. STATUS_NOT_FOUND, STATUS_BAD_INPUT, STATUS_TOO_LARGE: there is something wrong with
 * the order. Else as database_write(). *why, a string that stays, says what if it is known;
 * else it is left as it was.
 */
enum status receipts_write(struct database *database, struct call *call, int64_t order_id, struct arena *arena,
                           const char **why);

#endif
