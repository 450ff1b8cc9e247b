/* Who sent this request, and whether they meant to. With sessions in memory, and with a Redis that is away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exchange_bench.h"
#include "metrics.h"

#define PLANTED "0123456789abcdef0123456789abcdef"

/* --- Visits --- */

/* A request whose session has been looked for. */
static struct exchange *visit(struct bench *bench, const char *params, const char *body) {
    struct exchange *exchange = ask(bench, params, body);
    assert_true(visitor_load(exchange));
    return exchange;
}

/* The same by the visitor whose session has this id. */
static struct exchange *come_back(struct bench *bench, const char *id, const char *params, const char *body) {
    char all[2048];
    snprintf(all, sizeof all, "HTTP_COOKIE=other=1; session=%s\n%s", id, params);
    return visit(bench, all, body);
}

/* Begins a session, and returns a copy of it as it was saved. */
static struct session begin(struct bench *bench) {
    struct exchange *exchange = visit(bench, "", "");
    assert_true(visitor_begin(exchange));
    struct session session = *exchange->session;
    visitor_leave(exchange);
    return session;
}

/* Signs the visitor in, as a login does. */
static struct session sign_in(struct bench *bench, uint64_t user) {
    struct session session = begin(bench);
    struct exchange *exchange = come_back(bench, session.id, "", "");
    exchange->session->user = user;
    assert_true(visitor_renew(exchange));
    session = *exchange->session;
    visitor_leave(exchange);
    return session;
}

/* From now on sessions are in a Redis that nobody has started. */
static void lose_store(struct bench *bench) {
    struct redis_options options = {.user = "", .password = "", .ca_file = "", .timeout_ms = 1000};
    assert_int_equal(address_read("unix:/nowhere/redis.sock", &options.server), STATUS_OK);
    session_memory_free(bench->sessions.memory);
    bench->sessions.memory = NULL;
    bench->sessions.redis = redis_new(&options);
}

static void end_redis(struct bench *bench) { redis_free(bench->sessions.redis); }

static void expect_answer(struct exchange *exchange, int status) {
    if (exchange->out.status != status) {
        fail_msg("answered %d instead of %d:\n%s", exchange->out.status, status, content_of(exchange));
    }
}

static bool is_known(struct bench *bench, const char *id) { return come_back(bench, id, "", "")->session != NULL; }

/* --- Sessions --- */

static void a_visitor_without_a_cookie_costs_nothing(void **state) {
    struct bench *bench = *state;
    struct exchange *exchange = ask(bench, "HTTP_ACCEPT=text/html\n", "");
    struct arena before = exchange->request->arena;
    assert_true(visitor_load(exchange));
    visitor_leave(exchange);
    assert_null(exchange->session);
    assert_true(exchange->session_looked_for);
    assert_false(visitor_is_private(exchange));
    assert_string_equal(headers_of(exchange), "");
    assert_memory_equal(&exchange->request->arena.taken_bytes, &before.taken_bytes, sizeof before.taken_bytes);
    assert_int_equal(metrics_get(METRIC_SESSIONS), 0);
}

static void a_session_that_was_begun_is_found_again(void **state) {
    struct bench *bench = *state;
    char line[128];
    struct exchange *exchange = visit(bench, "", "");
    assert_true(visitor_begin(exchange));
    struct session session = *exchange->session;
    assert_true(visitor_begin(exchange)); /* there is one already */
    assert_string_equal(exchange->session->id, session.id);
    visitor_leave(exchange);
    snprintf(line, sizeof line, "Set-Cookie: session=%s; Path=/; HttpOnly; SameSite=Lax\r\n", session.id);
    expect_text(headers_of(exchange), line);
    expect_text(headers_of(exchange), "Cache-Control: private, no-store\r\n");

    exchange = come_back(bench, session.id, "", "");
    assert_non_null(exchange->session);
    assert_string_equal(exchange->session->csrf, session.csrf);
    visitor_leave(exchange);
    assert_string_equal(headers_of(exchange), "Cache-Control: private, no-store\r\n");
}

static void an_id_of_somebody_elses_is_never_taken_over(void **state) {
    struct bench *bench = *state;
    struct exchange *exchange = come_back(bench, PLANTED, "", "");
    assert_null(exchange->session);
    assert_false(exchange->session_away);
    assert_true(visitor_begin(exchange));
    assert_string_not_equal(exchange->session->id, PLANTED);
    assert_false(is_known(bench, PLANTED));
}

static void a_cookie_that_is_no_id_is_nobodys(void **state) {
    static const char *const ids[] = {"", "x", PLANTED "0", "../../../../etc/passwd", "' OR 1=1 --"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct exchange *exchange = come_back(*state, ids[i], "", "");
        assert_null(exchange->session);
        assert_false(visitor_has_session(&exchange->in));
    }
}

static void a_cookie_field_with_control_characters_is_refused(void **state) {
    struct exchange *exchange = ask(*state, "HTTP_COOKIE=session=\x01\n", "");
    assert_false(visitor_load(exchange));
    expect_answer(exchange, 400);
}

static void what_changed_is_saved_when_the_answer_leaves(void **state) {
    struct bench *bench = *state;
    struct session session = begin(bench);
    struct exchange *exchange = come_back(bench, session.id, "", "");
    exchange->session->cart[exchange->session->cart_count++] = (struct session_item){7, 2};
    visitor_leave(exchange);
    exchange = come_back(bench, session.id, "", "");
    assert_int_equal(exchange->session->cart_count, 0); /* nobody said so */
    exchange->session->cart[exchange->session->cart_count++] = (struct session_item){7, 2};
    visitor_changed(exchange);
    visitor_leave(exchange);
    assert_int_equal(come_back(bench, session.id, "", "")->session->cart_count, 1);
}

static void what_was_written_to_the_database_is_seen_next_time(void **state) {
    struct bench *bench = *state;
    struct session session = begin(bench);
    struct exchange *exchange = come_back(bench, session.id, "", "");
    assert_string_equal(exchange->call.gtid, "");
    strcpy(exchange->call.gtid, "0d6e:7"); /* as a write leaves it */
    visitor_leave(exchange);
    assert_string_equal(come_back(bench, session.id, "", "")->call.gtid, "0d6e:7");
}

static void a_new_session_takes_along_what_was_just_written(void **state) {
    struct bench *bench = *state;
    struct exchange *exchange = visit(bench, "", "");
    strcpy(exchange->call.gtid, "0d6e:7");
    assert_true(visitor_begin(exchange));
    struct session session = *exchange->session;
    visitor_leave(exchange);
    assert_string_equal(come_back(bench, session.id, "", "")->call.gtid, "0d6e:7");
}

static void at_login_the_id_changes_and_the_old_one_is_dead(void **state) {
    struct bench *bench = *state;
    struct session old = begin(bench);
    struct exchange *exchange = come_back(bench, old.id, "", "");
    exchange->session->user = 3;
    exchange->session->cart[exchange->session->cart_count++] = (struct session_item){7, 2};
    assert_true(visitor_renew(exchange));
    struct session session = *exchange->session;
    visitor_leave(exchange);
    expect_text(headers_of(exchange), session.id);
    assert_string_not_equal(session.id, old.id);
    assert_string_not_equal(session.csrf, old.csrf);
    assert_false(is_known(bench, old.id));
    exchange = come_back(bench, session.id, "", "");
    assert_int_equal(visitor_user(exchange), 3);
    assert_int_equal(exchange->session->cart_count, 1);
}

static void an_answer_sets_the_cookie_once(void **state) {
    struct bench *bench = *state;
    struct exchange *exchange = visit(bench, "", "");
    assert_true(visitor_begin(exchange));
    assert_true(visitor_renew(exchange));
    visitor_leave(exchange);
    const char *set = strstr(headers_of(exchange), "Set-Cookie: ");
    assert_non_null(set);
    assert_null(strstr(set + 1, "Set-Cookie: "));
    assert_true(is_known(bench, exchange->session->id));
}

static void logout_ends_the_session_and_clears_the_cookie(void **state) {
    struct bench *bench = *state;
    struct session session = sign_in(bench, 3);
    struct exchange *exchange = come_back(bench, session.id, "", "");
    assert_true(visitor_end(exchange));
    assert_null(exchange->session);
    visitor_leave(exchange);
    expect_text(headers_of(exchange), "Set-Cookie: session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0\r\n");
    assert_false(is_known(bench, session.id));
}

static void a_session_that_ended_meanwhile_is_not_brought_back(void **state) {
    struct bench *bench = *state;
    struct session session = sign_in(bench, 3);
    struct exchange *exchange = come_back(bench, session.id, "", "");
    char hash[SECRET_HASH_CHARS + 1];
    secret_hash(slice_of(session.id), hash);
    session_memory_remove(bench->sessions.memory, hash); /* by another request */
    visitor_changed(exchange);
    visitor_leave(exchange);
    assert_false(is_known(bench, session.id));

    session = sign_in(bench, 3);
    exchange = come_back(bench, session.id, "", "");
    secret_hash(slice_of(session.id), hash);
    session_memory_remove(bench->sessions.memory, hash);
    assert_false(visitor_save(exchange));
    expect_answer(exchange, 409);
    visitor_leave(exchange);
    assert_false(is_known(bench, session.id));
}

/* --- The store is away --- */

static void without_the_store_a_visitor_is_nobody_and_told_so(void **state) {
    struct bench *bench = *state;
    lose_store(bench);
    struct exchange *exchange = come_back(bench, PLANTED, "", "");
    assert_null(exchange->session);
    assert_true(exchange->session_away);
    assert_int_equal(visitor_user(exchange), 0);
    exchange_page(exchange, 200, PAGE_HOME, "Home", yyjson_mut_obj(exchange->doc));
    expect_text(content_of(exchange), "Your session cannot be reached");
    visitor_leave(exchange);
    expect_text(headers_of(exchange), "Cache-Control: private, no-store\r\n");
    assert_null(strstr(headers_of(exchange), "Set-Cookie")); /* it will be back */

    exchange = visit(bench, "", "");
    assert_false(exchange->session_away); /* who has no session does not miss it */
    end_redis(bench);
}

static void without_the_store_nothing_is_done_in_a_session(void **state) {
    struct bench *bench = *state;
    lose_store(bench);
    static bool (*const tries[])(struct exchange *exchange) = {visitor_begin, visitor_renew, visitor_end,
                                                               visitor_require, visitor_check_api};
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        struct exchange *exchange = come_back(bench, PLANTED, "", "");
        assert_false(tries[i](exchange));
        expect_answer(exchange, 503);
        expect_text(headers_of(exchange), "Retry-After: ");
        visitor_leave(exchange);
        assert_null(strstr(headers_of(exchange), "Set-Cookie"));
    }
    struct exchange *exchange = visit(bench, "", "");
    assert_false(visitor_begin(exchange));
    expect_answer(exchange, 503);
    end_redis(bench);
}

static void a_store_that_goes_away_meanwhile_is_noticed(void **state) {
    struct bench *bench = *state;
    static bool (*const tries[])(struct exchange *exchange) = {visitor_save, visitor_renew, visitor_end};
    struct session session = sign_in(bench, 3);
    lose_store(bench);
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        struct exchange *exchange = visit(bench, "", "");
        exchange->session = &session;
        assert_false(tries[i](exchange));
        expect_answer(exchange, 503);
        assert_null(exchange->session);
        assert_null(strstr(content_of(exchange), "Sign out"));
    }
    struct exchange *exchange = visit(bench, "", "");
    exchange->session = &session;
    exchange->out.status = 201;
    visitor_changed(exchange);
    visitor_leave(exchange); /* the answer is right all the same */
    expect_answer(exchange, 201);
    end_redis(bench);
}

/* --- Forms --- */

#define FORM "REQUEST_METHOD=POST\nCONTENT_TYPE=application/x-www-form-urlencoded\nHTTP_HOST=www.foobar.com\n"

static int form_status(struct exchange *exchange) { return visitor_check_form(exchange) ? 0 : exchange->out.status; }

static void a_form_needs_the_token_of_its_session(void **state) {
    struct bench *bench = *state;
    char body[128];
    struct session session = sign_in(bench, 3), other = sign_in(bench, 4);
    const struct {
        const char *token;
        int status;
    } cases[] = {{session.csrf, 0}, {other.csrf, 403}, {"", 403}, {session.id, 403}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(body, sizeof body, "a=b&csrf=%s", cases[i].token);
        int64_t forged = metrics_get(METRIC_REQUESTS_FORGED);
        assert_int_equal(form_status(come_back(bench, session.id, FORM, body)), cases[i].status);
        assert_int_equal(metrics_get(METRIC_REQUESTS_FORGED) - forged, cases[i].status == 403);
    }
    assert_int_equal(form_status(come_back(bench, session.id, FORM, "a=b")), 403);
    assert_int_equal(form_status(visit(bench, FORM, "a=b")), 0); /* nothing to be abused */
}

static void a_form_from_elsewhere_is_refused(void **state) {
    struct bench *bench = *state;
    static const struct {
        const char *params;
        int status;
    } cases[] = {
        {FORM "HTTP_SEC_FETCH_SITE=same-origin\n", 0},
        {FORM "HTTP_SEC_FETCH_SITE=none\n", 0},
        {FORM "HTTP_SEC_FETCH_SITE=same-site\n", 403},
        {FORM "HTTP_SEC_FETCH_SITE=cross-site\n", 403},
        {FORM "HTTP_ORIGIN=http://www.foobar.com\n", 0},
        {FORM "HTTP_ORIGIN=https://WWW.foobar.com\n", 0},
        {FORM "HTTP_ORIGIN=http://www.foobar.com:8080\n", 403},
        {FORM "HTTP_ORIGIN=http://www.foobar.com.evil.example\n", 403},
        {FORM "HTTP_ORIGIN=http://evil.example\n", 403},
        {FORM "HTTP_ORIGIN=ftp://www.foobar.com\n", 403},
        {FORM "HTTP_ORIGIN=null\n", 403},
        {FORM "HTTP_ORIGIN=http://www.foobar.com\nHTTP_SEC_FETCH_SITE=cross-site\n", 403},
        {FORM "HTTP_ORIGIN=http://evil.example\nHTTP_SEC_FETCH_SITE=same-origin\n", 403},
        {FORM "HTTP_ORIGIN=https://www.foobar.com\nREQUEST_SCHEME=https\n", 0},
        {FORM "HTTP_ORIGIN=http://www.foobar.com\nREQUEST_SCHEME=https\n", 403},
        {"REQUEST_METHOD=POST\nCONTENT_TYPE=application/x-www-form-urlencoded\nHTTP_ORIGIN=http://\n", 403},
    };
    char body[128];
    struct session session = sign_in(bench, 3);
    snprintf(body, sizeof body, "csrf=%s", session.csrf);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(form_status(visit(bench, cases[i].params, "a=b")), cases[i].status);
        if (strstr(cases[i].params, "https\n") == NULL) { /* under TLS the cookie has another name */
            assert_int_equal(form_status(come_back(bench, session.id, cases[i].params, body)), cases[i].status);
        }
    }
}

static void what_is_no_form_is_refused(void **state) {
    assert_int_equal(form_status(visit(*state, "REQUEST_METHOD=POST\n", "a=b")), 415);
    assert_int_equal(form_status(visit(*state, "REQUEST_METHOD=POST\nCONTENT_TYPE=text/plain\n", "a=b")), 415);
    assert_int_equal(form_status(visit(*state, FORM, "a=%zz")), 400);
    assert_int_equal(form_status(visit(*state, FORM, "a=b&c=%00")), 400);
    assert_int_equal(form_status(visit(*state, FORM, "a=\xff")), 400);
    assert_int_equal(form_status(visit(*state, FORM, "")), 0);
}

/* --- The API --- */

#define API "REQUEST_METHOD=PUT\nREQUEST_URI=/api/v1/cart\n"

static void an_api_request_needs_the_token_as_a_header(void **state) {
    struct bench *bench = *state;
    char params[256];
    struct session session = sign_in(bench, 3);
    struct exchange *exchange = come_back(bench, session.id, API, "");
    assert_false(visitor_check_api(exchange));
    expect_answer(exchange, 403);
    assert_string_equal(exchange->out.content_type, "application/problem+json");
    snprintf(params, sizeof params, API "HTTP_X_CSRF_TOKEN=%s\n", session.csrf);
    assert_true(visitor_check_api(come_back(bench, session.id, params, "")));
    assert_true(visitor_check_api(visit(bench, API, "")));
    assert_false(visitor_check_api(visit(bench, API "HTTP_SEC_FETCH_SITE=cross-site\n", "")));
}

static void with_a_token_of_the_api_no_cookie_counts(void **state) {
    struct bench *bench = *state;
    struct session session = sign_in(bench, 3);
    struct exchange *exchange = come_back(bench, session.id, API "HTTP_AUTHORIZATION=Bearer abc\n", "");
    assert_null(exchange->session);
    assert_int_equal(visitor_user(exchange), 0);
    assert_true(visitor_check_api(exchange));
    exchange = come_back(bench, session.id, "HTTP_AUTHORIZATION=Bearer abc\n", ""); /* a page knows no tokens */
    assert_int_equal(visitor_user(exchange), 3);
}

/* --- Signed in --- */

static void who_is_signed_in_may_pass(void **state) {
    struct bench *bench = *state;
    struct session session = sign_in(bench, 3);
    struct exchange *exchange = come_back(bench, session.id, "", "");
    assert_true(visitor_require(exchange));
    assert_int_equal(visitor_user(exchange), 3);
}

static void who_is_not_is_sent_to_login_with_a_way_back(void **state) {
    struct bench *bench = *state;
    struct session session = begin(bench);
    struct exchange *exchange = come_back(bench, session.id, "REQUEST_URI=/orders?page=2&q=%26\n", "");
    assert_false(visitor_require(exchange));
    expect_answer(exchange, 303);
    assert_string_equal(headers_of(exchange), "Location: /login?next=%2Forders%3Fpage%3D2%26q%3D%2526\r\n");

    exchange = visit(bench, "REQUEST_URI=?a=b\n", "");
    assert_false(visitor_require(exchange));
    assert_string_equal(headers_of(exchange), "Location: /login?next=%2F\r\n");
}

static void who_is_not_gets_a_401_of_the_api(void **state) {
    struct exchange *exchange = visit(*state, "REQUEST_URI=/api/v1/orders\n", "");
    assert_false(visitor_require(exchange));
    expect_answer(exchange, 401);
    expect_text(headers_of(exchange), "WWW-Authenticate: Bearer\r\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_visitor_without_a_cookie_costs_nothing),
        TEST(a_session_that_was_begun_is_found_again),
        TEST(an_id_of_somebody_elses_is_never_taken_over),
        TEST(a_cookie_that_is_no_id_is_nobodys),
        TEST(a_cookie_field_with_control_characters_is_refused),
        TEST(what_changed_is_saved_when_the_answer_leaves),
        TEST(what_was_written_to_the_database_is_seen_next_time),
        TEST(a_new_session_takes_along_what_was_just_written),
        TEST(at_login_the_id_changes_and_the_old_one_is_dead),
        TEST(an_answer_sets_the_cookie_once),
        TEST(logout_ends_the_session_and_clears_the_cookie),
        TEST(a_session_that_ended_meanwhile_is_not_brought_back),
        TEST(without_the_store_a_visitor_is_nobody_and_told_so),
        TEST(without_the_store_nothing_is_done_in_a_session),
        TEST(a_store_that_goes_away_meanwhile_is_noticed),
        TEST(a_form_needs_the_token_of_its_session),
        TEST(a_form_from_elsewhere_is_refused),
        TEST(what_is_no_form_is_refused),
        TEST(an_api_request_needs_the_token_as_a_header),
        TEST(with_a_token_of_the_api_no_cookie_counts),
        TEST(who_is_signed_in_may_pass),
        TEST(who_is_not_is_sent_to_login_with_a_way_back),
        TEST(who_is_not_gets_a_401_of_the_api),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
