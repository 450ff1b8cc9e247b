/*
 * accounts_bench -- an exchange with accounts behind it: the real passwords, cheap ones, and limits; instead of MySQL a
 * table of one account that counts what is asked. Tests that include it are linked with --wrap for accounts.h.
 *
 * set_up_accounts() and tear_down_accounts() are for each test. Include it after cmocka.h.
 */
#ifndef ACCOUNTS_BENCH_H
#define ACCOUNTS_BENCH_H

#include "accounts.h"
#include "exchange_bench.h"
#include "metrics.h"
#include "sign_in.h"
#include "throttle.h"

enum { TRIES = 3, ADA = 7 };

#define EMAIL "ada@example.com"
#define PASSWORD "correct horse battery staple"

/* The table. */
static struct {
    struct account account; /* of EMAIL */
    enum status status;     /* of every call from now on, unless STATUS_OK */
    unsigned found, replaced;
} table;

enum status __wrap_accounts_find(struct database *database, struct call *call, const char *email, struct account *out);
enum status __wrap_accounts_find(struct database *database, struct call *call, const char *email, struct account *out) {
    (void)database;
    (void)call;
    table.found++;
    if (table.status == STATUS_OK && strcmp(email, EMAIL) == 0) {
        *out = table.account;
        return STATUS_OK;
    }
    return table.status != STATUS_OK ? table.status : STATUS_NOT_FOUND;
}

enum status __wrap_accounts_create(struct database *database, struct call *call, const char *email, const char *name,
                                   const char *hash, uint64_t *id);
enum status __wrap_accounts_create(struct database *database, struct call *call, const char *email, const char *name,
                                   const char *hash, uint64_t *id) {
    (void)database;
    (void)name;
    assert_int_equal(strncmp(hash, "$argon2id$", 10), 0);
    if (table.status != STATUS_OK) {
        return table.status;
    }
    if (strcmp(email, EMAIL) == 0) {
        return STATUS_EXISTS;
    }
    *id = ADA + 1;
    strcpy(call->gtid, "of-the-new-account");
    return STATUS_OK;
}

enum status __wrap_accounts_replace_hash(struct database *database, struct call *call, const struct account *account,
                                         const char *hash);
enum status __wrap_accounts_replace_hash(struct database *database, struct call *call, const struct account *account,
                                         const char *hash) {
    (void)database;
    (void)call;
    assert_int_equal(account->id, ADA);
    table.replaced++;
    strcpy(table.account.password_hash, hash);
    return table.status;
}

static inline void hash_password(struct passwords *passwords, char hash[static PASSWORD_HASH_BYTES]) {
    const struct call call = {.deadline = deadline_in_ms(60000)};
    assert_int_equal(passwords_hash(passwords, &call, PASSWORD, hash), STATUS_OK);
}

static inline int set_up_accounts(void **state) {
    const struct passwords_options cheap = {.memory_kib = 8, .passes = 1, .parallel = 1};
    if (set_up(state) != 0) {
        return -1;
    }
    struct bench *bench = *state;
    bench->config.limit_login_ms = 3600000;
    bench->config.limit_login_account = TRIES;
    bench->config.limit_login_address = 2 * TRIES;
    bench->config.limit_sign_up = 2 * TRIES;
    if (passwords_new(&cheap, &bench->shop.passwords) != STATUS_OK ||
        throttle_new(&bench->config, &bench->shop.throttle) != STATUS_OK) {
        return -1;
    }
    memset(&table, 0, sizeof table);
    table.account.id = ADA;
    strcpy(table.account.name, "Ada");
    hash_password(bench->shop.passwords, table.account.password_hash);
    return 0;
}

static inline int tear_down_accounts(void **state) {
    struct bench *bench = *state;
    throttle_free(bench->shop.throttle);
    passwords_free(bench->shop.passwords);
    return tear_down(state);
}

/* A request whose session has been looked for. */
static inline struct exchange *visit(struct bench *bench, const char *params, const char *body) {
    struct exchange *exchange = ask(bench, params, body);
    assert_true(visitor_load(exchange));
    return exchange;
}

#define WITH_ACCOUNTS(name) cmocka_unit_test_setup_teardown(name, set_up_accounts, tear_down_accounts)

#endif
