/*
 * Carts and orders as pages and API, with a database that is not there: what is refused before it is asked, and what a
 * visitor is told without it. What MySQL has to do with it is tested with a real one, in live_orders.c and tests/shop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exchange_bench.h"
#include "handlers.h"

#define FORM "CONTENT_TYPE=application/x-www-form-urlencoded\n"
#define JSON "CONTENT_TYPE=application/json\n"

static struct database *away;

/* A visitor with an account, and so many products in the cart. */
static struct session sign_in(struct bench *bench, size_t products) {
    struct exchange *exchange = ask(bench, "", "");
    assert_true(visitor_load(exchange) && visitor_begin(exchange));
    exchange->session->user = 7;
    for (uint32_t i = 0; i < products; i++) {
        exchange->session->cart[exchange->session->cart_count++] = (struct session_item){i + 1, 1};
    }
    assert_true(visitor_save(exchange));
    return *exchange->session;
}

/* What a handler makes of a request; of this visitor, unless session is NULL. "TOKEN" in the body is the form's token. */
static struct exchange *visit(struct bench *bench, void handler(struct exchange *), const struct session *session,
                              const char *params, const char *body) {
    static char whole[8192]; /* until the next visit */
    char all[2048];
    const char *token = strstr(body, "TOKEN");
    snprintf(all, sizeof all, "%s%s\n%s",
             session != NULL ? "HTTP_COOKIE=session=" : "HTTP_X_NOTHING=", session != NULL ? session->id : "", params);
    snprintf(whole, sizeof whole, "%.*s%s%s", (int)(token != NULL ? token - body : (ptrdiff_t)strlen(body)), body,
             token != NULL ? session->csrf : "", token != NULL ? token + strlen("TOKEN") : "");
    struct exchange *exchange = ask(bench, all, whole);
    exchange->database = away;
    assert_true(visitor_load(exchange));
    handler(exchange);
    visitor_leave(exchange);
    return exchange;
}

static void expect_status(struct exchange *exchange, int status) {
    if (exchange->out.status != status) {
        fail_msg("answered %d instead of %d:\n%s", exchange->out.status, status, content_of(exchange));
    }
}

static void expect_redirect(struct exchange *exchange, const char *path) {
    char line[128];
    expect_status(exchange, 303);
    snprintf(line, sizeof line, "Location: %s\r\n", path);
    expect_text(headers_of(exchange), line);
}

/* --- The cart --- */

static void a_cart_without_anything_in_it_needs_no_database(void **state) {
    struct bench *bench = *state;
    struct exchange *exchange = visit(bench, page_cart, NULL, "", "");
    expect_status(exchange, 200);
    expect_text(content_of(exchange), "There is nothing in it yet.");
    exchange = visit(bench, api_cart, NULL, "REQUEST_URI=/api/v1/cart\n", "");
    expect_status(exchange, 200);
    expect_text(content_of(exchange),
                "{\"items\":[],\"pieces\":0,\"total\":\"0.00\",\"total_cents\":0,\"currency\":\"EUR\"}");
}

static void a_change_is_a_form_with_two_numbers(void **state) {
    struct bench *bench = *state;
    static const char *const bad[] = {"",
                                      "product=1",
                                      "quantity=1",
                                      "product=&quantity=1",
                                      "product=1&quantity=",
                                      "product=-1&quantity=1",
                                      "product=1&quantity=-1",
                                      "product=01&quantity=1",
                                      "product=4294967296&quantity=1",
                                      "product=1%20OR%201=1&quantity=1",
                                      "product=1&quantity=1&action=",
                                      "product=1&quantity=1&action=steal",
                                      "product=1&quantity=x&action=remove"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        expect_status(visit(bench, page_cart_change, NULL, FORM, bad[i]), 400);
    }
    expect_status(visit(bench, page_cart_change, NULL, "", "product=1&quantity=1"), 415);
    expect_status(visit(bench, page_cart_change, NULL, FORM, "product=1&quantity=1"),
                  503); /* is there such a product? */
}

static void what_is_taken_out_is_gone(void **state) {
    struct bench *bench = *state;
    struct session session = sign_in(bench, 3);
    expect_status(visit(bench, page_cart_change, &session, FORM, "product=2&quantity=1&action=remove"), 403);
    expect_redirect(visit(bench, page_cart_change, &session, FORM, "csrf=TOKEN&product=2&quantity=1&action=remove"),
                    "/cart");
    expect_redirect(visit(bench, page_cart_change, &session, FORM, "csrf=TOKEN&product=3&quantity=0&action=set"),
                    "/cart");
    struct exchange *exchange = visit(bench, page_cart, &session, "", "");
    assert_int_equal(exchange->session->cart_count, 1);
    assert_int_equal(exchange->session->cart[0].product, 1);
    expect_status(exchange, 503); /* what it costs, nobody knows */
    expect_text(headers_of(exchange), "Retry-After: 1\r\n");
}

static void a_program_sets_a_cart_as_a_whole(void **state) {
    struct bench *bench = *state;
    struct session session = sign_in(bench, 3);
    static const char *const bad[] = {"", "[]", "{}", "{\"items\":7}", "{\"items\":[{\"product\":1}]}", "{\"items\":["};
    char with_token[128];
    snprintf(with_token, sizeof with_token, "REQUEST_URI=/api/v1/cart\n" JSON "HTTP_X_CSRF_TOKEN=%s\n", session.csrf);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        expect_status(visit(bench, api_cart_put, &session, with_token, bad[i]), 400);
    }
    expect_status(visit(bench, api_cart_put, &session, "REQUEST_URI=/api/v1/cart\n" JSON, "{\"items\":[]}"), 403);
    expect_status(visit(bench, api_cart_delete, &session, "REQUEST_URI=/api/v1/cart\n", ""), 403);
    struct exchange *exchange = visit(bench, api_cart, &session, "REQUEST_URI=/api/v1/cart\n", "");
    assert_int_equal(exchange->session->cart_count, 3);
    expect_status(visit(bench, api_cart_delete, &session, with_token, ""), 204);
    exchange = visit(bench, api_cart, &session, "REQUEST_URI=/api/v1/cart\n", "");
    expect_status(exchange, 200);
    assert_int_equal(exchange->session->cart_count, 0);
    exchange = visit(bench, api_cart_put, NULL, "REQUEST_URI=/api/v1/cart\n" JSON, "{\"items\":[]}");
    expect_status(exchange, 200);
    assert_non_null(exchange->session); /* which is begun where there is none */
}

/* --- The checkout --- */

static void a_checkout_needs_an_account_and_something_to_buy(void **state) {
    struct bench *bench = *state;
    struct session session = sign_in(bench, 0);
    expect_redirect(visit(bench, page_checkout, NULL, "REQUEST_URI=/checkout\n", ""), "/login?next=%2Fcheckout");
    expect_redirect(visit(bench, page_checkout_buy, NULL, "REQUEST_URI=/checkout\n" FORM, "operation=o&total=1"),
                    "/login?next=%2Fcheckout");
    expect_redirect(visit(bench, page_checkout, &session, "REQUEST_URI=/checkout\n", ""), "/cart");
}

static void a_checkout_takes_the_form_that_it_sent(void **state) {
    struct bench *bench = *state;
    struct session session = sign_in(bench, 1);
    static const char *const bad[] = {"csrf=TOKEN",
                                      "csrf=TOKEN&operation=o",
                                      "csrf=TOKEN&total=100",
                                      "csrf=TOKEN&operation=&total=100",
                                      "csrf=TOKEN&operation=a+b&total=100",
                                      "csrf=TOKEN&operation=o&total=1.00",
                                      "csrf=TOKEN&operation=o&total=-1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        expect_status(visit(bench, page_checkout_buy, &session, FORM, bad[i]), 400);
    }
    expect_status(visit(bench, page_checkout_buy, &session, FORM, "operation=o&total=100"), 403);
    expect_status(visit(bench, page_checkout_buy, &session, FORM, "csrf=x&operation=o&total=100"), 403);
}

static void without_the_database_the_form_comes_back_as_it_was(void **state) {
    struct bench *bench = *state;
    struct session session = sign_in(bench, 2);
    struct exchange *exchange =
        visit(bench, page_checkout_buy, &session, FORM, "csrf=TOKEN&operation=an-operation&total=4711");
    expect_status(exchange, 503);
    expect_text(headers_of(exchange), "Retry-After: 1\r\n");
    expect_text(content_of(exchange), "name=\"operation\" value=\"an-operation\"");
    expect_text(content_of(exchange), "name=\"total\" value=\"4711\"");
    expect_text(content_of(exchange), session.csrf);
    assert_int_equal(exchange->session->cart_count, 2); /* nobody knows whether it was bought */
}

/* --- Orders --- */

static void orders_are_shown_to_somebody(void **state) {
    struct bench *bench = *state;
    expect_redirect(visit(bench, page_orders, NULL, "REQUEST_URI=/orders?page=2\n", ""),
                    "/login?next=%2Forders%3Fpage%3D2");
    struct exchange *exchange = visit(bench, api_orders, NULL, "REQUEST_URI=/api/v1/orders\n", "");
    expect_status(exchange, 401);
    expect_text(headers_of(exchange), "WWW-Authenticate: Bearer\r\n");
    struct session session = sign_in(bench, 0);
    expect_status(visit(bench, page_orders, &session, "REQUEST_URI=/orders?page=x\n", ""), 400);
    expect_status(visit(bench, page_orders, &session, "REQUEST_URI=/orders\n", ""), 503);
}

static void an_order_of_a_program_has_a_key_and_items(void **state) {
    struct bench *bench = *state;
    struct session session = sign_in(bench, 1);
    static const struct {
        const char *key, *body;
        int status;
    } cases[] = {
        {"", "", 400},
        {"a key", "", 400},
        {"key", "[]", 400},
        {"key", "{\"items\":[]}", 400},
        {"key", "{\"items\":{}}", 400},
        {"key", "{\"items\":[{\"product\":1,\"quantity\":100}]}", 400},
        {"key", "{\"items\":[{\"product\":1,\"quantity\":1}]}", 503},
        {"key", "{}", 503}, /* the cart */
        {"key", "", 503},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char params[512];
        snprintf(params, sizeof params,
                 "REQUEST_URI=/api/v1/orders\n" JSON "HTTP_X_CSRF_TOKEN=%s\nHTTP_IDEMPOTENCY_KEY=%s\n", session.csrf,
                 cases[i].key);
        struct exchange *exchange = visit(bench, api_orders_post, &session, params, cases[i].body);
        expect_status(exchange, cases[i].status);
        if (cases[i].status == 503) {
            expect_text(headers_of(exchange), "Retry-After: 1\r\n");
            expect_text(content_of(exchange), "with the same Idempotency-Key");
        }
    }
    expect_status(visit(bench, api_orders_post, &session, "REQUEST_URI=/api/v1/orders\nHTTP_IDEMPOTENCY_KEY=key\n", ""),
                  403);
    expect_status(visit(bench, api_orders_post, NULL, "REQUEST_URI=/api/v1/orders\nHTTP_IDEMPOTENCY_KEY=key\n", ""),
                  401);
}

static void a_token_is_asked_of_the_database_and_has_no_session(void **state) {
    struct bench *bench = *state;
    struct session session = sign_in(bench, 1);
#define WITH_TOKEN "HTTP_AUTHORIZATION=Bearer 0123456789abcdef0123456789abcdef\n" JSON
    expect_status(visit(bench, api_orders, NULL, "REQUEST_URI=/api/v1/orders\n" WITH_TOKEN, ""), 503);
    expect_status(visit(bench, api_orders, &session, "REQUEST_URI=/api/v1/orders\n" WITH_TOKEN, ""), 503);
    expect_status(visit(bench, api_orders, &session, "REQUEST_URI=/api/v1/orders\nHTTP_AUTHORIZATION=Bearer x\n", ""),
                  401);
    expect_status(visit(bench, api_cart_put, NULL, "REQUEST_URI=/api/v1/cart\n" WITH_TOKEN, "{\"items\":[]}"), 403);
    /* A page is for browsers, which do not send one by themselves. */
    expect_redirect(visit(bench, page_orders, NULL, "REQUEST_URI=/orders\n" WITH_TOKEN, ""), "/login?next=%2Forders");
}

/* --- The surroundings --- */

static struct topology *nowhere;

static int set_up_all(void **state) {
    const struct topology_options options = {
        .servers = "unix:/nowhere/mysql.sock",
        .account = {.user = "shop", .password = "", .database = "shop", .ca_file = "", .timeout_ms = 100},
        .interval_ms = 1000,
        .breaker_failures = 1000,
        .breaker_cooldown_ms = 1,
    };
    (void)state;
    if (db_library_init() != STATUS_OK || topology_start(&options, &nowhere) != STATUS_OK) {
        return -1;
    }
    away = database_new(nowhere);
    return away != NULL ? 0 : -1;
}

static int tear_down_all(void **state) {
    (void)state;
    database_free(away);
    topology_stop(nowhere);
    db_library_end();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_cart_without_anything_in_it_needs_no_database),
        TEST(a_change_is_a_form_with_two_numbers),
        TEST(what_is_taken_out_is_gone),
        TEST(a_program_sets_a_cart_as_a_whole),
        TEST(a_checkout_needs_an_account_and_something_to_buy),
        TEST(a_checkout_takes_the_form_that_it_sent),
        TEST(without_the_database_the_form_comes_back_as_it_was),
        TEST(orders_are_shown_to_somebody),
        TEST(an_order_of_a_program_has_a_key_and_items),
        TEST(a_token_is_asked_of_the_database_and_has_no_session),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
