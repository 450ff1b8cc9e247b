/* What caches may do with a page, and what is not sent again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exchange_bench.h"
#include "freshness.h"

/* The page of a product, to a request with these variables. */
static struct exchange *ask_page(struct bench *bench, const char *params, const char *name) {
    struct exchange *exchange = ask(bench, params, "");
    yyjson_mut_val *model = yyjson_mut_obj(exchange->doc);
    yyjson_mut_val *product = yyjson_mut_obj_add_obj(exchange->doc, model, "product");
    yyjson_mut_obj_add_str(exchange->doc, product, "name", name);
    exchange_page(exchange, 200, PAGE_PRODUCT, name, model);
    return exchange;
}

static struct exchange *ask_json(struct bench *bench, const char *params) {
    struct exchange *exchange = ask(bench, params, "");
    exchange_json(exchange, 200, yyjson_mut_obj(exchange->doc));
    freshness_json(exchange);
    return exchange;
}

/* The value of its ETag, until the next call. */
static const char *etag_of(struct exchange *exchange) {
    static char etag[32];
    const char *field = strstr(headers_of(exchange), "ETag: ");
    assert_non_null(field);
    assert_int_equal(sscanf(field, "ETag: %31s", etag), 1);
    return etag;
}

static void a_page_without_a_session_may_be_kept_by_all(void **state) {
    struct exchange *exchange = ask_page(*state, "", "Mug");
    freshness_page(exchange);
    assert_int_equal(exchange->out.status, 200);
    expect_text(headers_of(exchange), "Cache-Control: public, max-age=0, must-revalidate\r\n");
    expect_text(headers_of(exchange), "Vary: Cookie\r\n");
    assert_memory_equal(etag_of(exchange), "W/\"", 3);
}

static void the_tag_is_of_all_but_the_requests_id(void **state) {
    struct bench *bench = *state;
    char first[32];
    struct exchange *exchange = ask_page(bench, "REQUEST_ID=0123456789abcdef0123456789abcdef\n", "Mug");
    freshness_page(exchange);
    strcpy(first, etag_of(exchange));

    exchange = ask_page(bench, "REQUEST_ID=fedcba9876543210fedcba9876543210\n", "Mug");
    freshness_page(exchange);
    assert_string_equal(etag_of(exchange), first);

    exchange = ask_page(bench, "", "Cup");
    freshness_page(exchange);
    assert_string_not_equal(etag_of(exchange), first);

    /* What the strip says must be true for who keeps the page. */
    strcpy(bench->config.node, "other-node");
    exchange = ask_page(bench, "", "Mug");
    freshness_page(exchange);
    assert_string_not_equal(etag_of(exchange), first);
}

static void who_has_it_is_told_so(void **state) {
    struct bench *bench = *state;
    char params[128];
    struct exchange *exchange = ask_page(bench, "", "Mug");
    freshness_page(exchange);
    snprintf(params, sizeof params, "HTTP_IF_NONE_MATCH=\"x\", %s\n", etag_of(exchange));
    exchange = ask_page(bench, params, "Mug");
    freshness_page(exchange);
    assert_int_equal(exchange->out.status, 304);
    expect_text(headers_of(exchange), "ETag: W/");
    expect_text(headers_of(exchange), "Cache-Control: public");

    exchange = ask_page(bench, params, "Cup");
    freshness_page(exchange);
    assert_int_equal(exchange->out.status, 200);
}

static void a_page_of_a_session_is_its_visitors_alone(void **state) {
    struct session session;
    session_begin(&session, 0);
    struct exchange *exchange = ask_page(*state, "HTTP_IF_NONE_MATCH=*\n", "Mug");
    exchange->session = &session;
    freshness_page(exchange);
    assert_int_equal(exchange->out.status, 200);
    assert_null(strstr(headers_of(exchange), "ETag"));
    assert_null(strstr(headers_of(exchange), "public"));

    exchange = ask_page(*state, "HTTP_IF_NONE_MATCH=*\n", "Mug");
    exchange->session_away = true;
    freshness_page(exchange);
    assert_int_equal(exchange->out.status, 200);
    assert_null(strstr(headers_of(exchange), "ETag"));
}

static void an_error_is_kept_by_nobody(void **state) {
    struct exchange *exchange = ask(*state, "HTTP_IF_NONE_MATCH=*\n", "");
    exchange_problem(exchange, 404, "There is no such product.");
    freshness_page(exchange);
    assert_int_equal(exchange->out.status, 404);
    assert_null(strstr(headers_of(exchange), "ETag"));
}

static void what_the_api_says_has_a_strong_tag(void **state) {
    struct bench *bench = *state;
    char params[128], first[32];
    struct exchange *exchange = ask_json(bench, "");
    expect_text(headers_of(exchange), "Cache-Control: public, max-age=0, must-revalidate\r\n");
    assert_null(strstr(headers_of(exchange), "Vary"));
    strcpy(first, etag_of(exchange));
    assert_int_equal(first[0], '"');
    strcpy(bench->config.node, "other-node");
    snprintf(params, sizeof params, "HTTP_IF_NONE_MATCH=%s\n", first);
    assert_int_equal(ask_json(bench, params)->out.status, 304);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_page_without_a_session_may_be_kept_by_all),
        TEST(the_tag_is_of_all_but_the_requests_id),
        TEST(who_has_it_is_told_so),
        TEST(a_page_of_a_session_is_its_visitors_alone),
        TEST(an_error_is_kept_by_nobody),
        TEST(what_the_api_says_has_a_strong_tag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
