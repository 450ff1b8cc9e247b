/*
 * sign_in -- sign-up and login, as the pages and the API have them in common: from what
 * somebody typed to a session that knows them.
 *
 * A wrong password and an account that does not exist are one outcome, reached by the same
 * work. An account that exists already is told at sign-up: without mail there is no way to
 * tell its owner alone. Both outcomes count against the limits, what went well does not.
 */
#ifndef SIGN_IN_H
#define SIGN_IN_H

#include <stdbool.h>
#include <stdint.h>

#include "credentials.h"
#include "exchange.h"

enum sign_in {
    SIGN_IN_DONE,     /* the visitor has a new session, which knows them */
    SIGN_IN_FAULTS,   /* see faults; nothing was tried */
    SIGN_IN_WRONG,    /* there is no account with this address and this password */
    SIGN_IN_ANSWERED, /* the exchange is answered: 429, 503 */
};

enum sign_up {
    SIGN_UP_DONE,     /* there is an account; nobody is signed in yet */
    SIGN_UP_FAULTS,   /* see faults; nothing was tried */
    SIGN_UP_TAKEN,    /* there was one with this address already */
    SIGN_UP_ANSWERED, /* as above */
};

/* Both change credentials as credentials.h says, and set *faults. */
enum sign_in sign_in(struct exchange *exchange, struct credentials *credentials, struct credentials_faults *faults);

/* Sets *user where it is SIGN_UP_DONE. */
enum sign_up sign_up(struct exchange *exchange, struct credentials *credentials, struct credentials_faults *faults,
                     uint64_t *user);

/* Signs in who has just signed up. False: answered with 503. */
bool sign_in_as(struct exchange *exchange, uint64_t user, const char *name);

#endif
