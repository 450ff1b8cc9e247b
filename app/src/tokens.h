/*
 * tokens -- programs that act for a user, known by a token (RFC 6750 section 2.1):
 *
 *     Authorization: Bearer 0123456789abcdef0123456789abcdef
 *
 * `make token` makes one, as secret.h draws them; the table api_tokens has its hash alone.
 */
#ifndef TOKENS_H
#define TOKENS_H

#include <stdint.h>

#include "database.h"
#include "slice.h"
#include "status.h"

/* Finds whose token the field Authorization holds. STATUS_NOT_FOUND: nobody's, or that is
 * no token of ours, for which MySQL is not asked. Else as database_read(). */
enum status tokens_user(struct database *database, struct call *call, struct slice authorization, uint64_t *user);

#endif
