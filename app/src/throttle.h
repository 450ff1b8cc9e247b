/*
 * throttle -- how much of the shop one visitor may have; who asks for more gets a 429.
 *
 *   address        requests from one address
 *   account        requests of one visitor who has signed in; programs with a token have none
 *   login_address  passwords tried from one address
 *   login_account  passwords tried for one account, whether there is such an account or not
 *   sign_up        accounts made from one address
 *
 * How many is in the settings. Only what needs a worker is limited, so never /livez and its
 * like. Of IPv6 a household has a network of 64 bits, which counts as one address. A web
 * server that names no address is not limited: it is none of ours.
 */
#ifndef THROTTLE_H
#define THROTTLE_H

#include <stdbool.h>

#include "config.h"
#include "exchange.h"
#include "status.h"

/* X(name in enum limit, name of its buckets, sentence for who is over it) */
#define LIMITS(X)                                                                                                      \
    X(ADDRESS, "address", "Too many requests from your address. Please wait a moment.")                                \
    X(ACCOUNT, "account", "Too many requests with your account. Please wait a moment.")                                \
    X(LOGIN_ADDRESS, "login_address", "Too many attempts to sign in. Please try again later.")                         \
    X(LOGIN_ACCOUNT, "login_account", "Too many attempts to sign in. Please try again later.")                         \
    X(SIGN_UP, "sign_up", "Too many new accounts from your address. Please try again later.")

enum limit {
#define LIMITS_NAME(name, bucket, sentence) LIMIT_##name,
    LIMITS(LIMITS_NAME)
#undef LIMITS_NAME
        LIMIT_COUNT
};

struct throttle;

/* STATUS_NO_MEMORY. */
enum status throttle_new(const struct config *config, struct throttle **out);

/* NULL is allowed. */
void throttle_free(struct throttle *throttle);

/* On the loop: false if the address is known to be over its limit; answered then, before it costs a worker. */
bool throttle_admit(struct exchange *exchange);

/* On a worker, the visitor being known, before the handler: false if address or account is
 * over its limit; answered then. */
bool throttle_count_request(struct exchange *exchange);

/* For handlers, of LIMIT_LOGIN_… and LIMIT_SIGN_UP; account is the e-mail address of
 * LIMIT_LOGIN_ACCOUNT. False: over the limit, and answered. */
bool throttle_take(struct exchange *exchange, enum limit limit, const char *account);

/* What was taken did not count. */
void throttle_give_back(struct exchange *exchange, enum limit limit, const char *account);

#endif
