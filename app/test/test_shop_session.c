/* Sessions as visitors meet them: in the shop's memory, in a Redis that says what its script says, and with none there. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_redis.h"
#include "shop_bench.h"

#define ID "0123456789abcdef0123456789abcdef"
#define ID_HASH_STARTS "3eb1bd439947"
#define SESSION                                                                                                        \
    "{\"csrf\":\"" ID "\",\"user\":3,\"name\":\"Ada <3\",\"gtid\":\"\",\"begun\":4102444800,\"cart\":[[7,2]]}"
#define SESSION_ANSWER SAY("$112\r\n" SESSION "\r\n")

_Static_assert(sizeof SESSION - 1 == 112, "the length that SESSION_ANSWER tells");

static char redis_path[64];

/* The shop's watcher comes first, and is always content. */
static const struct fake_connection watcher = {.answers = {SAY("+PONG\r\n")}, .end = FAKE_REPEATS};

static struct client *begin_with_redis(struct bench *bench, struct fake_redis *fake) {
    snprintf(redis_at, sizeof redis_at, "unix:%s", redis_path);
    strcpy(session_store, "redis");
    if (fake != NULL) {
        fake_start(fake, redis_path);
    }
    start(bench);
    return client_new(listen_at);
}

static void end(struct bench *bench, struct client *client) {
    client_free(client);
    stop(bench);
    redis_at[0] = '\0';
    strcpy(session_store, "memory");
}

static struct answer ask_as(struct client *client, const char *id, const char *uri) {
    char params[256];
    snprintf(params, sizeof params, "REQUEST_METHOD=GET\nREQUEST_URI=%s\nHTTP_COOKIE=session=%s\n", uri, id);
    return ask_with(client, params, "");
}

static bool is_true(yyjson_doc *doc, const char *pointer) { return yyjson_get_bool(yyjson_doc_ptr_get(doc, pointer)); }

static void whoami_tells_who_is_signed_in_and_no_secret(void **state) {
    (void)state;
    struct bench bench;
    struct session session;
    char hash[SECRET_HASH_CHARS + 1];
    start(&bench);
    struct client *client = client_new(listen_at);
    session_begin(&session, clock_wall_us() / 1000000);
    session.user = 3;
    secret_hash(slice_of(session.id), hash);
    session_memory_create(bench.shop.backends.sessions.memory, hash, clock_monotonic_us(), &session);
    struct answer answer = ask_as(client, session.id, "/whoami");
    expect_header(&answer, "Cache-Control: private, no-store");
    assert_true(has_header(&answer, "Server-Timing: ")); /* it took a worker */
    assert_null(strstr(answer.content, session.id));
    assert_null(strstr(answer.content, session.csrf));
    yyjson_doc *doc = read_json(answer, "200 OK");
    assert_string_equal(text_at(doc, "/session/store"), "memory");
    assert_true(is_true(doc, "/session/signed_in"));
    assert_int_equal(strlen(text_at(doc, "/session/id_hash")), 12);
    assert_memory_equal(text_at(doc, "/session/id_hash"), hash, 12);
    yyjson_doc_free(doc);
    end(&bench, client);
}

static void a_session_of_another_server_is_unknown_to_memory(void **state) {
    (void)state;
    struct bench bench;
    start(&bench);
    struct client *client = client_new(listen_at);
    yyjson_doc *doc = read_json(ask_as(client, ID, "/whoami"), "200 OK");
    assert_false(is_true(doc, "/session/signed_in"));
    assert_false(is_true(doc, "/session/away"));
    assert_true(yyjson_is_null(yyjson_doc_ptr_get(doc, "/session/id_hash")));
    yyjson_doc_free(doc);
    end(&bench, client);
}

static void a_session_in_redis_is_everybodys(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {watcher, {.answers = {SESSION_ANSWER}, .end = FAKE_REPEATS}}};
    struct bench bench;
    struct client *client = begin_with_redis(&bench, &fake);
    yyjson_doc *doc = read_json(ask_as(client, ID, "/whoami"), "200 OK");
    assert_string_equal(text_at(doc, "/session/store"), "redis");
    assert_true(is_true(doc, "/session/signed_in"));
    assert_string_equal(text_at(doc, "/session/id_hash"), ID_HASH_STARTS);
    yyjson_doc_free(doc);
    struct answer answer = ask_as(client, ID, "/products"); /* an error page, as there is no MySQL, but theirs */
    assert_non_null(strstr(answer.content, "Ada &lt;3"));
    assert_non_null(strstr(answer.content, "name=\"csrf\" value=\"" ID "\""));
    assert_non_null(strstr(answer.content, "<dt>Sessions</dt><dd>redis</dd>"));
    expect_header(&answer, "Cache-Control: private, no-store");
    expect_page(answer, "503 Service Unavailable");
    end(&bench, client);
    fake_stop(&fake, redis_path);
    assert_non_null(strstr(fake.heard, "GETEX session:v1:" ID_HASH_STARTS));
    assert_null(strstr(fake.heard, ID));
}

static void without_redis_a_visitor_is_told_and_does_not_wait(void **state) {
    (void)state;
    struct bench bench;
    struct client *client = begin_with_redis(&bench, NULL);
    yyjson_doc *doc = read_json(ask_as(client, ID, "/whoami"), "200 OK");
    assert_true(is_true(doc, "/session/away"));
    assert_false(is_true(doc, "/session/signed_in"));
    yyjson_doc_free(doc);
    struct answer answer = ask_as(client, ID, "/products");
    assert_non_null(strstr(answer.content, "Your session cannot be reached"));
    expect_page(answer, "503 Service Unavailable");
    answer = ask(client, "GET", "/products"); /* who has no session is not bothered */
    assert_null(strstr(answer.content, "Your session cannot be reached"));
    assert_false(has_header(&answer, "Cache-Control"));
    expect_page(answer, "503 Service Unavailable");
    end(&bench, client);
}

static void a_redis_that_is_silent_costs_its_time_out_and_no_more(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {watcher, {.end = FAKE_SILENT}}};
    struct bench bench;
    strcpy(redis_timeout_ms, "1000");
    struct client *client = begin_with_redis(&bench, &fake);
    strcpy(redis_timeout_ms, "10000");
    int64_t begun_us = clock_monotonic_us();
    yyjson_doc *doc = read_json(ask_as(client, ID, "/whoami"), "200 OK");
    int64_t took_ms = (clock_monotonic_us() - begun_us) / 1000;
    assert_true(is_true(doc, "/session/away"));
    assert_in_range(took_ms, bench.config.redis_timeout_ms, bench.config.redis_timeout_ms + 5000);
    yyjson_doc_free(doc);
    end(&bench, client);
    fake_stop(&fake, redis_path);
}

static void a_cookie_field_that_no_browser_sends_is_400(void **state) {
    (void)state;
    struct bench bench;
    start(&bench);
    struct client *client = client_new(listen_at);
    expect_page(ask_as(client, "\x01", "/products"), "400 Bad Request");
    expect_problem(ask_as(client, "\x7f", "/api/v1/products"), "400 Bad Request");
    expect_page(ask_as(client, "'; DROP TABLE users", "/products"), "503 Service Unavailable"); /* nobody's */
    end(&bench, client);
}

static int set_up_sessions(void **state) {
    signal(SIGPIPE, SIG_IGN);
    int result = set_up(state);
    snprintf(redis_path, sizeof redis_path, "%s/redis.sock", directory);
    return result;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoami_tells_who_is_signed_in_and_no_secret),
        cmocka_unit_test(a_session_of_another_server_is_unknown_to_memory),
        cmocka_unit_test(a_session_in_redis_is_everybodys),
        cmocka_unit_test(without_redis_a_visitor_is_told_and_does_not_wait),
        cmocka_unit_test(a_redis_that_is_silent_costs_its_time_out_and_no_more),
        cmocka_unit_test(a_cookie_field_that_no_browser_sends_is_400),
    };
    return cmocka_run_group_tests(tests, set_up_sessions, tear_down);
}
