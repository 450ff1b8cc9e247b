#include "sign_in.h"

#include <stdio.h>

#include "accounts.h"
#include "metrics.h"
#include "password.h"
#include "shop.h"
#include "throttle.h"
#include "visitor.h"

static void fail_to_hash(struct exchange *exchange) {
    exchange_problem(exchange, 503, "The shop is too busy to look at a password. Please try again.");
}

/* --- Sign-up -------------------------------------------------------------------------- */

/* STATUS_EXISTS: the address is taken. After any other failure the exchange is answered. */
static enum status create(struct exchange *exchange, const struct credentials *credentials, uint64_t *user) {
    char hash[PASSWORD_HASH_BYTES];
    enum status status = passwords_hash(exchange->shop->passwords, &exchange->call, credentials->password, hash);
    if (status != STATUS_OK) {
        fail_to_hash(exchange);
        return status;
    }
    status = accounts_create(exchange->database, &exchange->call, credentials->email, credentials->name, hash, user);
    if (status != STATUS_OK && status != STATUS_EXISTS) {
        exchange_failure(exchange, status, "");
    }
    return status;
}

/* Whether an address is taken may be asked as often as a password may be tried. */
enum sign_up sign_up(struct exchange *exchange, struct credentials *credentials, struct credentials_faults *faults,
                     uint64_t *user) {
    if (!credentials_check_sign_up(&exchange->request->arena, credentials, faults)) {
        return SIGN_UP_FAULTS;
    }
    if (!throttle_take(exchange, LIMIT_SIGN_UP, NULL) || !throttle_take(exchange, LIMIT_LOGIN_ADDRESS, NULL)) {
        return SIGN_UP_ANSWERED;
    }
    enum status status = create(exchange, credentials, user);
    if (status == STATUS_EXISTS) {
        return SIGN_UP_TAKEN;
    }
    throttle_give_back(exchange, LIMIT_LOGIN_ADDRESS, NULL);
    return status == STATUS_OK ? SIGN_UP_DONE : SIGN_UP_ANSWERED;
}

/* --- Login ---------------------------------------------------------------------------- */

/* Whether there is such an account with this password; false: answered. */
static bool judge(struct exchange *exchange, const struct credentials *credentials, struct account *account,
                  bool *right) {
    enum status found = accounts_find(exchange->database, &exchange->call, credentials->email, account);
    if (found != STATUS_OK && found != STATUS_NOT_FOUND) {
        exchange_failure(exchange, found, "");
        return false;
    }
    const char *hash = found == STATUS_OK ? account->password_hash : NULL;
    if (passwords_verify(exchange->shop->passwords, &exchange->call, hash, credentials->password, right) != STATUS_OK) {
        fail_to_hash(exchange);
        return false;
    }
    metrics_add(*right ? METRIC_LOGINS_RIGHT : METRIC_LOGINS_WRONG, 1);
    return true;
}

/* The password is known only now. That it fails is told to nobody: there will be other logins. */
static void renew_hash(struct exchange *exchange, const struct account *account, const char *password) {
    struct passwords *passwords = exchange->shop->passwords;
    char hash[PASSWORD_HASH_BYTES];
    if (passwords_is_outdated(passwords, account->password_hash) &&
        passwords_hash(passwords, &exchange->call, password, hash) == STATUS_OK) {
        accounts_replace_hash(exchange->database, &exchange->call, account, hash);
    }
}

bool sign_in_as(struct exchange *exchange, uint64_t user, const char *name) {
    if (!visitor_begin(exchange)) {
        return false;
    }
    struct session *session = exchange->session;
    if (session->user != 0 && session->user != user) {
        session->cart_count = 0; /* somebody else's */
    }
    session->user = user;
    snprintf(session->user_name, sizeof session->user_name, "%s", name);
    return visitor_renew(exchange);
}

enum sign_in sign_in(struct exchange *exchange, struct credentials *credentials, struct credentials_faults *faults) {
    struct account account;
    bool right = false;
    if (!credentials_check_login(&exchange->request->arena, credentials, faults)) {
        return SIGN_IN_FAULTS;
    }
    if (!throttle_take(exchange, LIMIT_LOGIN_ADDRESS, NULL) ||
        !throttle_take(exchange, LIMIT_LOGIN_ACCOUNT, credentials->email)) {
        return SIGN_IN_ANSWERED;
    }
    bool judged = judge(exchange, credentials, &account, &right);
    if (judged && !right) {
        return SIGN_IN_WRONG;
    }
    throttle_give_back(exchange, LIMIT_LOGIN_ADDRESS, NULL);
    throttle_give_back(exchange, LIMIT_LOGIN_ACCOUNT, credentials->email);
    if (!judged) {
        return SIGN_IN_ANSWERED;
    }
    renew_hash(exchange, &account, credentials->password);
    return sign_in_as(exchange, account.id, account.name) ? SIGN_IN_DONE : SIGN_IN_ANSWERED;
}
