/* How a handler answers: with a page, a redirection, and what it makes of a body. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exchange_bench.h"
#include "json.h"

/* --- Pages --- */

static const char *page_of(struct exchange *exchange, enum page page) {
    exchange_page(exchange, 200, page, "A title", yyjson_mut_obj(exchange->doc));
    assert_int_equal(exchange->out.status, 200);
    return content_of(exchange);
}

static void a_page_says_what_a_browser_may_do_with_it(void **state) {
    struct exchange *exchange = ask(*state, "", "");
    page_of(exchange, PAGE_HOME);
    static const char *const lines[] = {
        "Content-Security-Policy: default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'\r\n",
        "Referrer-Policy: same-origin\r\n",
        "Cross-Origin-Resource-Policy: same-origin\r\n",
        "X-Content-Type-Options: nosniff\r\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        expect_text(headers_of(exchange), lines[i]);
    }
    static const char opener[] = "Cross-Origin-Opener-Policy: same-origin\r\n";
    assert_null(strstr(headers_of(exchange), opener));
    exchange = ask(*state, "REQUEST_SCHEME=https\n", "");
    page_of(exchange, PAGE_HOME);
    expect_text(headers_of(exchange), opener);
    exchange = ask(*state, "", "");
    exchange_json(exchange, 200, yyjson_mut_obj(exchange->doc));
    assert_string_equal(headers_of(exchange), "X-Content-Type-Options: nosniff\r\n");
}

/* No script, no style and no handler within a page: the policy would not let them run. */
static void a_page_keeps_its_own_policy(void **state) {
    static const char *const banned[] = {
        "<script", "<style", " style=", " onclick=", " onload=", "http://", "https://"};
    for (enum page page = 0; page < PAGE_COUNT; page++) {
        const char *html = page_of(ask(*state, "", ""), page);
        for (size_t i = 0; i < sizeof banned / sizeof banned[0]; i++) {
            assert_null(strcasestr(html, banned[i]));
        }
    }
}

static void the_menu_shows_where_one_is(void **state) {
    static const struct {
        enum page page;
        const char *link;
    } cases[] = {
        {PAGE_HOME, "<a href=\"/\" aria-current=\"page\">Home</a>"},
        {PAGE_PRODUCTS, "<a href=\"/products\" aria-current=\"page\">Products</a>"},
        {PAGE_PRODUCT, "<a href=\"/products\" aria-current=\"true\">Products</a>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *html = page_of(ask(*state, "", ""), cases[i].page);
        expect_text(html, cases[i].link);
        assert_non_null(html = strstr(html, "<nav"));
        assert_non_null(html = strstr(html, " aria-current"));
        assert_true(strstr(html + 1, " aria-current") == NULL ||
                    strstr(html + 1, " aria-current") > strstr(html, "</nav>"));
    }
}

static void the_strip_shows_who_served(void **state) {
    struct exchange *exchange = ask(*state, "REQUEST_ID=req-1\n", "");
    exchange->call.db_role = DB_ROLE_REPLICA;
    exchange->cached = CACHE_MISS;
    const char *html = page_of(exchange, PAGE_ERROR);
    expect_text(html, "<dt>Node</dt><dd>test-node</dd>");
    expect_text(html, "<dt>Database</dt><dd data-role=\"replica\">replica</dd>");
    expect_text(html, "<dt>Cache</dt><dd>miss</dd>");
    expect_text(html, "<dt>Sessions</dt><dd>memory</dd>");
    expect_text(html, "<dt>Request</dt><dd>req-1</dd>");
}

static void the_head_shows_who_is_signed_in(void **state) {
    struct session session = {.csrf = "token", .cart = {{7, 2}, {8, 3}}, .cart_count = 2};
    struct exchange *exchange = ask(*state, "", "");
    exchange->session_looked_for = true;
    const char *html = page_of(exchange, PAGE_HOME);
    expect_text(html, "<a href=\"/cart\">Cart</a>");
    expect_text(html, "<a href=\"/login\">Sign in</a>");
    assert_null(strstr(html, "csrf"));

    exchange = ask(*state, "", "");
    exchange->session_looked_for = true;
    exchange->session = &session;
    html = page_of(exchange, PAGE_HOME);
    expect_text(html, "Cart <span class=\"count\">5<");
    expect_text(html, "<a href=\"/login\">Sign in</a>");

    session.user = 3;
    strcpy(session.user_name, "<b>Ada</b>");
    exchange = ask(*state, "", "");
    exchange->session_looked_for = true;
    exchange->session = &session;
    html = page_of(exchange, PAGE_HOME);
    expect_text(html, "&lt;b&gt;Ada&lt;/b&gt;");
    expect_text(html, "<form method=\"post\" action=\"/logout\"><input type=\"hidden\" name=\"csrf\" value=\"token\">");
    assert_null(strstr(html, "/login"));
}

/* A page that is made on the loop, where no session is looked for, says nothing of it. */
static void a_page_that_does_not_know_says_nothing(void **state) {
    struct exchange *exchange = ask(*state, "", "");
    const char *html = page_of(exchange, PAGE_ERROR);
    assert_null(strstr(html, "/login"));
    assert_null(strstr(html, "/logout"));
    assert_null(strstr(html, "role=\"status\""));

    exchange = ask(*state, "", "");
    exchange->session_looked_for = exchange->session_away = true;
    html = page_of(exchange, PAGE_ERROR);
    assert_null(strstr(html, "/login"));
    expect_text(html, "role=\"status\">Your session cannot be reached");
}

/* --- Redirections --- */

static void a_redirection_leads_into_this_site(void **state) {
    static const struct {
        const char *path, *location;
    } cases[] = {
        {"/", "/"},
        {"/orders/1?page=2&a=%2F", "/orders/1?page=2&a=%2F"},
        {"/a//b", "/a//b"},
        {NULL, "/"},
        {"", "/"},
        {"//evil.example", "/"},
        {"/\\evil.example", "/"},
        {"\\/evil.example", "/"},
        {"https://evil.example/", "/"},
        {"javascript:alert(1)", "/"},
        {"orders", "/"},
        {"/a\r\nSet-Cookie: a=b", "/"},
        {"/a b", "/"},
        {"/\t/evil.example", "/"},
        {"/caf\xc3\xa9", "/"},
        {"/\x7f", "/"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[128];
        struct exchange *exchange = ask(*state, "", "");
        exchange_redirect(exchange, 303, cases[i].path);
        assert_int_equal(exchange->out.status, 303);
        snprintf(line, sizeof line, "Location: %s\r\n", cases[i].location);
        assert_string_equal(headers_of(exchange), line);
        assert_int_equal(exchange->out.content.length, 0);
    }
}

/* --- Bodies --- */

#define JSON "CONTENT_TYPE=application/json\nREQUEST_URI=/api/x\n"

static void a_json_object_is_read(void **state) {
    yyjson_val *body = NULL;
    struct exchange *exchange = ask(*state, JSON, "{\"items\":[{\"product\":7}],\"note\":\"caf\xc3\xa9\"}");
    assert_true(exchange_body(exchange, &body));
    assert_int_equal(yyjson_get_int(yyjson_ptr_get(body, "/items/0/product")), 7);
    assert_string_equal(json_text(body, "note"), "caf\xc3\xa9");
    assert_int_equal(exchange->out.status, 0);
}

static void expect_refused(struct bench *bench, const char *params, const char *body, int status) {
    yyjson_val *read = NULL;
    struct exchange *exchange = ask(bench, params, body);
    assert_false(exchange_body(exchange, &read));
    assert_null(read);
    assert_int_equal(exchange->out.status, status);
    assert_string_equal(exchange->out.content_type, "application/problem+json");
}

static void what_is_no_json_object_is_refused(void **state) {
    static const char *const bodies[] = {
        "", "{", "7", "[]", "null", "{\"a\":\"\xff\"}", "{\"a\":1,}", "{\"a\":[[[[[[[[1]]]]]]]]}"};
    static char large[EXCHANGE_BODY_BYTES_MAX + 2];
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        expect_refused(*state, JSON, bodies[i], 400);
    }
    memset(large, ' ', sizeof large - 1);
    expect_refused(*state, JSON, large, 413);
    memcpy(large, "{}", 2);
    large[EXCHANGE_BODY_BYTES_MAX] = '\0';
    yyjson_val *body;
    assert_true(exchange_body(ask(*state, JSON, large), &body));
    expect_refused(*state, "REQUEST_URI=/api/x\n", "{}", 415);
    expect_refused(*state, "REQUEST_URI=/api/x\nCONTENT_TYPE=text/plain\n", "{}", 415);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_page_says_what_a_browser_may_do_with_it),
        TEST(a_page_keeps_its_own_policy),
        TEST(the_menu_shows_where_one_is),
        TEST(the_strip_shows_who_served),
        TEST(the_head_shows_who_is_signed_in),
        TEST(a_page_that_does_not_know_says_nothing),
        TEST(a_redirection_leads_into_this_site),
        TEST(a_json_object_is_read),
        TEST(what_is_no_json_object_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
