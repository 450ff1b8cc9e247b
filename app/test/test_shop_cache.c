/* Pages from the cache, with a Redis that says what its script says and a database that is not there. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_redis.h"
#include "shop_bench.h"

#define PRODUCT                                                                                                        \
    "{\"id\":7,\"sku\":\"A-7\",\"name\":\"Tea <hot>\",\"category\":\"kitchen\",\"description\":\"Leaves.\","           \
    "\"price\":\"3.50\",\"price_cents\":350,\"currency\":\"EUR\",\"stock\":2,\"in_stock\":true}"
#define ENTRY "{\"product\":" PRODUCT "}"

/* What Redis answers to GET: fresh for 42 seconds still, and old for as many. */
#define FRESH fake_cached(ENTRY, 42500)
#define OLD fake_cached(ENTRY, -41500)

static char redis_path[64];

/* The shop's watcher comes first, and is always content. */
static const struct fake_connection watcher = {.answers = {SAY("+PONG\r\n")}, .end = FAKE_REPEATS};

static struct client *begin(struct bench *bench, struct fake_redis *fake) {
    snprintf(redis_path, sizeof redis_path, "%s/redis.sock", directory);
    snprintf(redis_at, sizeof redis_at, "unix:%s", redis_path);
    fake_start(fake, redis_path);
    start(bench);
    return client_new(listen_at);
}

static void end(struct bench *bench, struct fake_redis *fake, struct client *client) {
    client_free(client);
    stop(bench);
    fake_stop(fake, redis_path);
    redis_at[0] = '\0';
}

static void expect_hit(const struct answer *answer, long left_s) {
    assert_true(fake_is_told((char *)answer->bytes.data, "\r\nCache-Status: shopd; hit; ttl=", left_s));
}

static void a_cached_product_needs_no_database(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {watcher, {.answers = {FRESH, FRESH}}}};
    struct bench bench;
    struct client *client = begin(&bench, &fake);
    struct answer answer = ask(client, "GET", "/products/7");
    expect_status(&answer, "200 OK");
    expect_hit(&answer, 42);
    assert_false(has_header(&answer, "X-DB-Role"));
    assert_non_null(strstr(answer.content, "<h1>Tea &lt;hot&gt;</h1>"));
    assert_non_null(strstr(answer.content, "<dt>Cache</dt><dd>hit</dd>"));
    free_bytes(&answer.bytes);

    answer = ask(client, "GET", "/api/v1/products/7");
    expect_status(&answer, "200 OK");
    expect_hit(&answer, 42);
    assert_string_equal(answer.content, PRODUCT "\n");
    free_bytes(&answer.bytes);
    end(&bench, &fake, client);
    assert_non_null(strstr(fake.heard, "GET product:v2:7\n"));
}

static void an_old_product_needs_no_database_either(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {watcher, {.answers = {OLD, SAY("+OK\r\n"), OLD, OLD, SAY("$-1\r\n"), OLD}}}};
    struct bench bench;
    struct client *client = begin(&bench, &fake);
    for (int i = 0; i < 2; i++) { /* tried in vain, and then not tried: another one does */
        struct answer answer = ask(client, "GET", "/products/7");
        expect_status(&answer, "200 OK");
        expect_hit(&answer, -42);
        assert_non_null(strstr(answer.content, "<dt>Cache</dt><dd>stale</dd>"));
        free_bytes(&answer.bytes);
    }
    end(&bench, &fake, client);
}

static void lists_and_home_come_from_the_cache_too(void **state) {
    (void)state;
    static const struct {
        const char *uri, *key;
    } pages[] = {{"/", "home:v1"},
                 {"/products", "list:v1:1:"},
                 {"/api/v1/products?page=3", "list:v1:3:"},
                 {"/products?category=Caf%C3%A9&page=2", "list:v1:2:Caf\xc3\xa9"}};
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct fake_redis fake = {.script = {watcher, {.answers = {fake_cached("{\"products\":1}", 42500)}}}};
        struct bench bench;
        char heard[64];
        struct client *client = begin(&bench, &fake);
        struct answer answer = ask(client, "GET", pages[i].uri);
        expect_status(&answer, "200 OK");
        expect_hit(&answer, 42);
        free_bytes(&answer.bytes);
        end(&bench, &fake, client);
        snprintf(heard, sizeof heard, "\nGET %s\n", pages[i].key);
        assert_non_null(strstr(fake.heard, heard));
    }
}

static void what_is_not_in_the_cache_is_asked_of_the_database(void **state) {
    (void)state;
    static const struct slice answers[] = {SAY("$-1\r\n"), SAY("-ERR no\r\n"), SAY("$3\r\n{7}\r\n"), SAY("$0\r\n\r\n")};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct fake_redis fake = {
            .script = {watcher, {.answers = {answers[i], SAY("+OK\r\n"), SAY("$-1\r\n"), SAY(":1\r\n")}}}};
        struct bench bench;
        struct client *client = begin(&bench, &fake);
        struct answer answer = ask(client, "GET", "/api/v1/products/7");
        assert_true(has_header(&answer, "Cache-Status: shopd; fwd=miss"));
        expect_problem(answer, "503 Service Unavailable"); /* the database's word */
        end(&bench, &fake, client);
        assert_null(strstr(fake.heard, "EVAL local changed"));
    }
}

static void who_has_the_page_is_not_sent_it_again(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {watcher, {.answers = {FRESH}}}};
    struct bench bench;
    struct client *client = begin(&bench, &fake);
    struct answer answer = ask_with(client, "REQUEST_METHOD=GET\nREQUEST_URI=/products/7\nHTTP_IF_NONE_MATCH=*\n", "");
    expect_header(&answer, "Status: 304 Not Modified");
    expect_hit(&answer, 42);
    assert_true(has_header(&answer, "ETag: W/"));
    assert_false(has_header(&answer, "Content-Length"));
    assert_string_equal(answer.content, "");
    free_bytes(&answer.bytes);
    end(&bench, &fake, client);
}

static void without_redis_no_page_speaks_of_a_cache(void **state) {
    (void)state;
    struct bench bench;
    start(&bench);
    struct client *client = client_new(listen_at);
    struct answer answer = ask(client, "GET", "/products/7");
    assert_false(has_header(&answer, "Cache-Status"));
    expect_page(answer, "503 Service Unavailable");
    yyjson_doc *doc = read_json(ask(client, "GET", "/readyz"), "503 Service Unavailable");
    assert_string_equal(text_at(doc, "/redis/state"), "none");
    yyjson_doc_free(doc);
    client_free(client);
    stop(&bench);
}

static void readyz_tells_how_redis_is(void **state) {
    (void)state;
    struct fake_redis fake = {.script = {watcher}};
    struct bench bench;
    struct client *client = begin(&bench, &fake);
    yyjson_doc *doc = read_json(ask(client, "GET", "/readyz"), "503 Service Unavailable");
    assert_string_equal(text_at(doc, "/redis/state"), "up");
    assert_string_equal(text_at(doc, "/redis/breaker"), "closed");
    yyjson_doc_free(doc);
    assert_int_equal(metrics_get(METRIC_REDIS_UP), 1);
    end(&bench, &fake, client);

    snprintf(redis_at, sizeof redis_at, "unix:/nowhere/redis.sock");
    start(&bench);
    client = client_new(listen_at);
    for (int i = 0; i < bench.config.breaker_failures; i++) {
        expect_page(ask(client, "GET", "/products/7"), "503 Service Unavailable");
    }
    doc = read_json(ask(client, "GET", "/readyz"), "503 Service Unavailable");
    assert_string_equal(text_at(doc, "/redis/state"), "down");
    assert_string_equal(text_at(doc, "/redis/breaker"), "open");
    yyjson_doc_free(doc);
    assert_int_equal(metrics_get(METRIC_REDIS_UP), 0);
    client_free(client);
    stop(&bench);
    redis_at[0] = '\0';
}

static int set_up_cache(void **state) {
    signal(SIGPIPE, SIG_IGN);
    return set_up(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cached_product_needs_no_database),
        cmocka_unit_test(an_old_product_needs_no_database_either),
        cmocka_unit_test(lists_and_home_come_from_the_cache_too),
        cmocka_unit_test(what_is_not_in_the_cache_is_asked_of_the_database),
        cmocka_unit_test(who_has_the_page_is_not_sent_it_again),
        cmocka_unit_test(without_redis_no_page_speaks_of_a_cache),
        cmocka_unit_test(readyz_tells_how_redis_is),
    };
    return cmocka_run_group_tests(tests, set_up_cache, tear_down);
}
