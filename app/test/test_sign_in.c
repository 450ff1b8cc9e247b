/* From what somebody typed to a session that knows them, and what it costs to guess. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "accounts_bench.h"

#define FROM_HERE "REMOTE_ADDR=192.0.2.1\n"

static struct exchange *visit_from_here(struct bench *bench) { return visit(bench, FROM_HERE, ""); }

static enum sign_in try_password(struct exchange *exchange, const char *email, const char *password) {
    struct credentials credentials = {.email = email, .password = password};
    struct credentials_faults faults;
    return sign_in(exchange, &credentials, &faults);
}

static enum sign_up try_sign_up(struct exchange *exchange, const char *email, uint64_t *user) {
    struct credentials credentials = {.email = email, .name = "Bob", .password = PASSWORD};
    struct credentials_faults faults;
    return sign_up(exchange, &credentials, &faults, user);
}

/* --- Sign in --- */

static void the_right_password_gives_a_session_that_knows(void **state) {
    struct bench *bench = *state;
    struct exchange *exchange = visit_from_here(bench);
    int64_t right = metrics_get(METRIC_LOGINS_RIGHT);
    assert_int_equal(try_password(exchange, "ADA@Example.com", PASSWORD), SIGN_IN_DONE);
    assert_int_equal(exchange->session->user, ADA);
    assert_string_equal(exchange->session->user_name, "Ada");
    assert_int_equal(metrics_get(METRIC_LOGINS_RIGHT), right + 1);
    assert_int_equal(table.replaced, 0);
}

static void the_session_from_before_is_dead_and_its_cart_lives_on(void **state) {
    struct bench *bench = *state;
    struct exchange *exchange = visit_from_here(bench);
    assert_true(visitor_begin(exchange));
    exchange->session->cart[exchange->session->cart_count++] = (struct session_item){1, 2};
    assert_true(visitor_save(exchange));
    struct session before = *exchange->session, gone;
    assert_int_equal(try_password(exchange, EMAIL, PASSWORD), SIGN_IN_DONE);
    assert_string_not_equal(exchange->session->id, before.id);
    assert_string_not_equal(exchange->session->csrf, before.csrf);
    assert_int_equal(exchange->session->cart_count, 1);
    assert_int_equal(session_store_load(&exchange->sessions, &exchange->call, &bench->request.arena, before.id, &gone),
                     STATUS_NOT_FOUND);
}

static void who_signs_in_over_somebody_else_gets_an_empty_cart(void **state) {
    struct bench *bench = *state;
    struct exchange *exchange = visit_from_here(bench);
    assert_true(visitor_begin(exchange));
    exchange->session->user = ADA + 1;
    exchange->session->cart_count = 1;
    assert_int_equal(try_password(exchange, EMAIL, PASSWORD), SIGN_IN_DONE);
    assert_int_equal(exchange->session->cart_count, 0);
    exchange->session->cart_count = 1;
    assert_int_equal(try_password(exchange, EMAIL, PASSWORD), SIGN_IN_DONE); /* oneself, again */
    assert_int_equal(exchange->session->cart_count, 1);
}

/* The work is compared: statements, hashes, tries that are counted. */
static void a_wrong_password_and_an_unknown_account_are_the_same(void **state) {
    struct bench *bench = *state;
    static const char *const emails[] = {EMAIL, "nobody@example.com"};
    for (size_t i = 0; i < 2; i++) {
        struct exchange *exchange = visit_from_here(bench);
        int64_t hashes = metrics_get(METRIC_PASSWORDS_VERIFIED), wrong = metrics_get(METRIC_LOGINS_WRONG);
        table.found = 0;
        for (int try = 0; try < TRIES; try++) {
            assert_int_equal(try_password(exchange, emails[i], "wrong"), SIGN_IN_WRONG);
        }
        assert_int_equal(table.found, TRIES);
        assert_int_equal(metrics_get(METRIC_PASSWORDS_VERIFIED), hashes + TRIES);
        assert_int_equal(metrics_get(METRIC_LOGINS_WRONG), wrong + TRIES);
        assert_null(exchange->session);
        assert_int_equal(exchange->out.status, 0);
    }
}

static void faults_cost_nothing(void **state) {
    struct bench *bench = *state;
    struct exchange *exchange = visit_from_here(bench);
    int64_t hashes = metrics_get(METRIC_PASSWORDS_VERIFIED);
    for (int i = 0; i < 10 * TRIES; i++) {
        assert_int_equal(try_password(exchange, "nobody", PASSWORD), SIGN_IN_FAULTS);
        assert_int_equal(try_password(exchange, EMAIL, ""), SIGN_IN_FAULTS);
    }
    assert_int_equal(table.found, 0);
    assert_int_equal(metrics_get(METRIC_PASSWORDS_VERIFIED), hashes);
    assert_int_equal(try_password(exchange, EMAIL, PASSWORD), SIGN_IN_DONE);
}

static void after_some_tries_nobody_looks_at_the_password(void **state) {
    struct bench *bench = *state;
    struct exchange *exchange = visit_from_here(bench);
    for (int i = 0; i < TRIES; i++) {
        assert_int_equal(try_password(exchange, EMAIL, "wrong"), SIGN_IN_WRONG);
    }
    int64_t hashes = metrics_get(METRIC_PASSWORDS_VERIFIED), limited = metrics_get(METRIC_LIMITED_LOGIN_ACCOUNT);
    table.found = 0;
    assert_int_equal(try_password(exchange, "Ada@example.com", PASSWORD), SIGN_IN_ANSWERED);
    assert_int_equal(exchange->out.status, 429);
    assert_int_equal(table.found, 0);
    assert_int_equal(metrics_get(METRIC_PASSWORDS_VERIFIED), hashes);
    assert_int_equal(metrics_get(METRIC_LIMITED_LOGIN_ACCOUNT), limited + 1);
}

static void what_goes_well_is_not_counted(void **state) {
    struct bench *bench = *state;
    for (int i = 0; i < 10 * TRIES; i++) {
        assert_int_equal(try_password(visit_from_here(bench), EMAIL, PASSWORD), SIGN_IN_DONE);
    }
}

/* Nor what nobody could judge: an outage locks nobody out. */
static void what_fails_here_is_503_and_not_counted(void **state) {
    struct bench *bench = *state;
    static const enum status failures[] = {STATUS_GONE, STATUS_TIMEOUT, STATUS_AGAIN};
    for (int i = 0; i < 10 * TRIES; i++) {
        table.status = failures[i % 3];
        struct exchange *exchange = visit_from_here(bench);
        assert_int_equal(try_password(exchange, EMAIL, PASSWORD), SIGN_IN_ANSWERED);
        assert_int_equal(exchange->out.status, 503);
        table.status = STATUS_OK;
        exchange = visit_from_here(bench);
        exchange->call.deadline = deadline_in_ms(0); /* no place for a hash */
        assert_int_equal(try_password(exchange, EMAIL, PASSWORD), SIGN_IN_ANSWERED);
        assert_int_equal(exchange->out.status, 503);
    }
    assert_int_equal(try_password(visit_from_here(bench), EMAIL, PASSWORD), SIGN_IN_DONE);
}

static void an_outdated_hash_is_replaced_once(void **state) {
    struct bench *bench = *state;
    const struct passwords_options dearer = {.memory_kib = 16, .passes = 1, .parallel = 1};
    passwords_free(bench->shop.passwords);
    assert_int_equal(passwords_new(&dearer, &bench->shop.passwords), STATUS_OK);
    assert_int_equal(try_password(visit_from_here(bench), EMAIL, "wrong"), SIGN_IN_WRONG);
    assert_int_equal(table.replaced, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(try_password(visit_from_here(bench), EMAIL, PASSWORD), SIGN_IN_DONE);
        assert_int_equal(table.replaced, 1);
    }
}

/* --- Sign up --- */

static void a_new_account_is_signed_in_by_its_caller(void **state) {
    struct bench *bench = *state;
    struct exchange *exchange = visit_from_here(bench);
    uint64_t user = 0;
    assert_int_equal(try_sign_up(exchange, "bob@example.com", &user), SIGN_UP_DONE);
    assert_int_equal(user, ADA + 1);
    assert_null(exchange->session);
    assert_true(sign_in_as(exchange, user, "Bob"));
    assert_int_equal(exchange->session->user, ADA + 1);
    assert_string_equal(exchange->session->gtid, "of-the-new-account"); /* what comes next sees it */
}

static void asking_which_addresses_are_taken_is_limited(void **state) {
    struct bench *bench = *state;
    uint64_t user = 0;
    for (int i = 0; i < 2 * TRIES; i++) {
        assert_int_equal(try_sign_up(visit_from_here(bench), EMAIL, &user), SIGN_UP_TAKEN);
    }
    struct exchange *exchange = visit_from_here(bench);
    assert_int_equal(try_sign_up(exchange, EMAIL, &user), SIGN_UP_ANSWERED);
    assert_int_equal(exchange->out.status, 429);
    assert_int_equal(user, 0);
}

static void accounts_from_one_address_are_limited(void **state) {
    struct bench *bench = *state;
    uint64_t user;
    for (int i = 0; i < 2 * TRIES; i++) {
        assert_int_equal(try_sign_up(visit_from_here(bench), "bob@example.com", &user), SIGN_UP_DONE);
    }
    int64_t stored = metrics_get(METRIC_PASSWORDS_STORED);
    struct exchange *exchange = visit_from_here(bench);
    assert_int_equal(try_sign_up(exchange, "bob@example.com", &user), SIGN_UP_ANSWERED);
    assert_int_equal(exchange->out.status, 429);
    assert_int_equal(metrics_get(METRIC_PASSWORDS_STORED), stored);
}

static void a_sign_up_that_fails_here_is_503(void **state) {
    struct bench *bench = *state;
    struct exchange *exchange = visit_from_here(bench);
    uint64_t user;
    table.status = STATUS_GONE;
    assert_int_equal(try_sign_up(exchange, "bob@example.com", &user), SIGN_UP_ANSWERED);
    assert_int_equal(exchange->out.status, 503);
    table.status = STATUS_OK;
    exchange = visit_from_here(bench);
    exchange->call.deadline = deadline_in_ms(0);
    assert_int_equal(try_sign_up(exchange, "bob@example.com", &user), SIGN_UP_ANSWERED);
    assert_int_equal(exchange->out.status, 503);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_ACCOUNTS(the_right_password_gives_a_session_that_knows),
        WITH_ACCOUNTS(the_session_from_before_is_dead_and_its_cart_lives_on),
        WITH_ACCOUNTS(who_signs_in_over_somebody_else_gets_an_empty_cart),
        WITH_ACCOUNTS(a_wrong_password_and_an_unknown_account_are_the_same),
        WITH_ACCOUNTS(faults_cost_nothing),
        WITH_ACCOUNTS(after_some_tries_nobody_looks_at_the_password),
        WITH_ACCOUNTS(what_goes_well_is_not_counted),
        WITH_ACCOUNTS(what_fails_here_is_503_and_not_counted),
        WITH_ACCOUNTS(an_outdated_hash_is_replaced_once),
        WITH_ACCOUNTS(a_new_account_is_signed_in_by_its_caller),
        WITH_ACCOUNTS(asking_which_addresses_are_taken_is_limited),
        WITH_ACCOUNTS(accounts_from_one_address_are_limited),
        WITH_ACCOUNTS(a_sign_up_that_fails_here_is_503),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
