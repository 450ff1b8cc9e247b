/*
 * accounts -- who may log in, as MySQL has them.
 *
 * An account is known by its e-mail address, in the form of credentials.h.
 */
#ifndef ACCOUNTS_H
#define ACCOUNTS_H

#include <stdint.h>

#include "credentials.h"
#include "database.h"
#include "password.h"
#include "status.h"

struct account {
    uint64_t id; /* never 0 */
    char name[CREDENTIALS_NAME_BYTES];
    char password_hash[PASSWORD_HASH_BYTES];
};

/* Makes an account. STATUS_EXISTS: there is one with this address already. Else it fails like database_write(). */
enum status accounts_create(struct database *database, struct call *call, const char *email, const char *name,
                            const char *password_hash, uint64_t *id);

/* The account of an address; STATUS_NOT_FOUND: there is none. On the primary, so that an
 * account made a moment ago is found; on a replica only while there is no primary. Fails like
 * database_read(). */
enum status accounts_find(struct database *database, struct call *call, const char *email, struct account *out);

/* Puts a new hash of the same password in the place of the old one, unless that has changed
 * meanwhile. Fails like database_write(). */
enum status accounts_replace_hash(struct database *database, struct call *call, const struct account *account,
                                  const char *password_hash);

#endif
