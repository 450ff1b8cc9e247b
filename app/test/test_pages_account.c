/* The forms of accounts and their twins in the API: what comes back, and what never does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "accounts_bench.h"
#include "handlers.h"

#define FORM "REQUEST_METHOD=POST\nCONTENT_TYPE=application/x-www-form-urlencoded\n"
#define JSON "REQUEST_METHOD=POST\nCONTENT_TYPE=application/json\nREQUEST_URI=/api/v1/session\n"
#define EVIL "%22%3E%3Cscript%3Ealert(1)%3C/script%3E"

typedef void handler(struct exchange *exchange);

/* Sends a form without a session, or a JSON text. */
static struct exchange *submit(struct bench *bench, handler *run, const char *params, const char *body) {
    struct exchange *exchange = visit(bench, params, body);
    run(exchange);
    return exchange;
}

static void refute_text(const char *text, const char *part) {
    if (strstr(text, part) != NULL) {
        fail_msg("\"%s\" in:\n%s", part, text);
    }
}

static void expect_redirect(struct exchange *exchange, const char *line) {
    assert_int_equal(exchange->out.status, 303);
    expect_text(headers_of(exchange), line);
}

/* --- Pages --- */

static void an_empty_form_has_a_token_and_knows_the_way_back(void **state) {
    struct bench *bench = *state;
    static handler *const forms[] = {page_login, page_signup};
    char token[96];
    for (size_t i = 0; i < 2; i++) {
        struct exchange *exchange = visit(bench, "REQUEST_URI=/login?next=/orders?page=2%26x\n", "");
        forms[i](exchange);
        assert_int_equal(exchange->out.status, 200);
        assert_non_null(exchange->session);
        snprintf(token, sizeof token, "name=\"csrf\" value=\"%s\"", exchange->session->csrf);
        expect_text(content_of(exchange), token);
        expect_text(content_of(exchange), "name=\"next\" value=\"/orders?page=2&amp;x\"");
        expect_text(content_of(exchange), "?next=%2Forders%3Fpage%3D2%26x\"");
    }
}

static void who_is_signed_in_is_sent_on(void **state) {
    struct bench *bench = *state;
    struct session session = {.user = ADA};
    struct exchange *exchange = visit(bench, "REQUEST_URI=/login?next=/cart\n", "");
    exchange->session = &session;
    page_login(exchange);
    expect_redirect(exchange, "Location: /cart\r\n");
    exchange = visit(bench, "REQUEST_URI=/signup\n", "");
    exchange->session = &session;
    page_signup(exchange);
    expect_redirect(exchange, "Location: /\r\n");
}

static void signing_in_leads_back(void **state) {
    struct bench *bench = *state;
    static const char body[] = "email=ada%40example.com&password=correct+horse+battery+staple&next=";
    static const struct {
        const char *next, *location;
    } ways[] = {
        {"/cart?a=b", "Location: /cart?a=b\r\n"},   {"", "Location: /\r\n"},
        {"//evil.example", "Location: /\r\n"},      {"/%5Cevil.example", "Location: /\r\n"},
        {"http://evil.example", "Location: /\r\n"}, {"/x%20y", "Location: /\r\n"},
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        char whole[256];
        snprintf(whole, sizeof whole, "%s%s", body, ways[i].next);
        struct exchange *exchange = submit(bench, page_login_post, FORM, whole);
        expect_redirect(exchange, ways[i].location);
        assert_int_equal(exchange->session->user, ADA);
    }
}

static void a_form_comes_back_with_faults_and_without_password(void **state) {
    struct bench *bench = *state;
    struct exchange *exchange =
        submit(bench, page_signup_post, FORM, "email=" EVIL "&name=%20&password=2short&next=" EVIL);
    const char *html = content_of(exchange);
    assert_int_equal(exchange->out.status, 422);
    expect_text(html, "value=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\" aria-invalid=\"true\"");
    expect_text(html, "id=\"email-fault\"");
    expect_text(html, "id=\"name-fault\"");
    expect_text(html, "id=\"password-fault\"");
    refute_text(html, "2short");
    refute_text(html, "<script");

    exchange = submit(bench, page_login_post, FORM, "email=ada%40example.com&password=");
    html = content_of(exchange);
    assert_int_equal(exchange->out.status, 422);
    expect_text(html, "value=\"ada@example.com\"");
    expect_text(html, "id=\"password-fault\"");
    refute_text(html, "email-fault");

    exchange = submit(bench, page_login_post, FORM, "email=ada%40example.com&password=wrong-one");
    html = content_of(exchange);
    assert_int_equal(exchange->out.status, 422);
    expect_text(html, "role=\"alert\"");
    refute_text(html, "wrong-one");
    assert_null(exchange->session);
}

static void signing_up_signs_in(void **state) {
    struct bench *bench = *state;
    struct exchange *exchange =
        submit(bench, page_signup_post, FORM,
               "email=bob%40example.com&name=B%C3%B6b+%3Cb%3E&password=long+enough&next=/checkout");
    expect_redirect(exchange, "Location: /checkout\r\n");
    assert_int_equal(exchange->session->user, ADA + 1);
    assert_string_equal(exchange->session->user_name, "B\xc3\xb6"
                                                      "b <b>");

    exchange = submit(bench, page_signup_post, FORM, "email=ADA%40example.com&name=Eve&password=long+enough");
    assert_int_equal(exchange->out.status, 409);
    expect_text(content_of(exchange), "There is an account with this address already.");
    expect_text(content_of(exchange), "value=\"Eve\"");
    assert_null(exchange->session);
}

static void a_form_from_elsewhere_does_nothing(void **state) {
    struct bench *bench = *state;
    static handler *const handlers[] = {page_login_post, page_signup_post, page_logout_post};
    static const char body[] = "email=ada%40example.com&name=Ada&password=correct+horse+battery+staple";
    for (size_t i = 0; i < 3; i++) {
        struct exchange *exchange = submit(bench, handlers[i], FORM "HTTP_SEC_FETCH_SITE=cross-site\n", body);
        assert_int_equal(exchange->out.status, 403);
        assert_null(exchange->session);
    }
    assert_int_equal(table.found, 0);
}

static void signing_out_is_asked_for_first(void **state) {
    struct bench *bench = *state;
    struct exchange *exchange = visit(bench, "REQUEST_URI=/logout\n", "");
    assert_true(visitor_begin(exchange));
    char id[SESSION_ID_CHARS + 1], params[256], body[64];
    strcpy(id, exchange->session->id);
    page_logout(exchange);
    assert_int_equal(exchange->out.status, 200);
    assert_non_null(exchange->session);

    snprintf(params, sizeof params, FORM "HTTP_COOKIE=session=%s\n", id);
    snprintf(body, sizeof body, "csrf=%s", exchange->session->csrf);
    exchange = submit(bench, page_logout_post, params, body);
    expect_redirect(exchange, "Location: /\r\n");
    assert_null(exchange->session);
    exchange = visit(bench, params, "");
    assert_null(exchange->session);
}

/* --- API --- */

static void the_api_tells_who_is_there(void **state) {
    struct bench *bench = *state;
    struct exchange *exchange = submit(bench, api_session, "REQUEST_URI=/api/v1/session\n", "");
    assert_string_equal(content_of(exchange), "{\"signed_in\":false}\n");
    exchange = submit(bench, api_session_post, JSON, "{\"email\":\"" EMAIL "\",\"password\":\"" PASSWORD "\"}");
    assert_int_equal(exchange->out.status, 201);
    expect_text(content_of(exchange), "{\"signed_in\":true,\"user\":{\"id\":7,\"name\":\"Ada\"},\"csrf\":\"");
    exchange->session_away = true;
    api_session(exchange);
    assert_int_equal(exchange->out.status, 503);
}

static void the_api_signs_up_and_nothing_else(void **state) {
    struct bench *bench = *state;
    struct exchange *exchange = submit(
        bench, api_users_post, JSON, "{\"email\":\"Bob@example.com\",\"name\":\"Bob\",\"password\":\"" PASSWORD "\"}");
    assert_int_equal(exchange->out.status, 201);
    assert_string_equal(content_of(exchange), "{\"id\":8,\"email\":\"bob@example.com\",\"name\":\"Bob\"}\n");
    assert_null(exchange->session);
}

static void the_api_says_all_that_is_wrong(void **state) {
    struct bench *bench = *state;
    static const struct {
        handler *run;
        const char *body, *detail;
        int status;
    } cases[] = {
        {api_users_post, "{}",
         "\"Please enter an e-mail address, such as ada@example.com. Please enter a name. Please choose a password of at "
         "least 8 characters.\"",
         422},
        {api_users_post, "{\"email\":[1],\"name\":{},\"password\":null}", "Please enter a name.", 422},
        {api_users_post, "{\"email\":\"" EMAIL "\",\"name\":\"A\",\"password\":\"" PASSWORD "\"}",
         "There is an account with this address already.", 409},
        {api_session_post, "{\"email\":\"" EMAIL "\"}", "\"Please enter your password.\"", 422},
        {api_session_post, "{\"email\":\"" EMAIL "\",\"password\":\"wrong\"}", "There is no account with", 401},
        {api_session_post, "{\"email\":\"nobody@example.com\",\"password\":\"wrong\"}", "There is no account with",
         401},
        {api_session_post, "[]", "JSON object", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct exchange *exchange = submit(bench, cases[i].run, JSON, cases[i].body);
        assert_int_equal(exchange->out.status, cases[i].status);
        assert_string_equal(exchange->out.content_type, "application/problem+json");
        expect_text(content_of(exchange), cases[i].detail);
        assert_null(exchange->session);
        if (cases[i].status == 401) {
            expect_text(headers_of(exchange), "WWW-Authenticate: Bearer\r\n");
        }
    }
}

static void the_api_signs_out_with_the_token_only(void **state) {
    struct bench *bench = *state;
    struct exchange *exchange = visit(bench, "", "");
    assert_true(visitor_begin(exchange));
    struct session session = *exchange->session;
    char params[256];
    snprintf(params, sizeof params, "REQUEST_METHOD=DELETE\nREQUEST_URI=/api/v1/session\nHTTP_COOKIE=session=%s\n",
             session.id);
    exchange = submit(bench, api_session_delete, params, "");
    assert_int_equal(exchange->out.status, 403);
    assert_non_null(exchange->session);
    snprintf(params + strlen(params), sizeof params - strlen(params), "HTTP_X_CSRF_TOKEN=%s\n", session.csrf);
    exchange = submit(bench, api_session_delete, params, "");
    assert_int_equal(exchange->out.status, 204);
    exchange = visit(bench, params, "");
    assert_null(exchange->session);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_ACCOUNTS(an_empty_form_has_a_token_and_knows_the_way_back),
        WITH_ACCOUNTS(who_is_signed_in_is_sent_on),
        WITH_ACCOUNTS(signing_in_leads_back),
        WITH_ACCOUNTS(a_form_comes_back_with_faults_and_without_password),
        WITH_ACCOUNTS(signing_up_signs_in),
        WITH_ACCOUNTS(a_form_from_elsewhere_does_nothing),
        WITH_ACCOUNTS(signing_out_is_asked_for_first),
        WITH_ACCOUNTS(the_api_tells_who_is_there),
        WITH_ACCOUNTS(the_api_signs_up_and_nothing_else),
        WITH_ACCOUNTS(the_api_says_all_that_is_wrong),
        WITH_ACCOUNTS(the_api_signs_out_with_the_token_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
