/*
 * The application as its visitors see it, with a database that is not there. What MySQL answers is tested with a real
 * one, in tests/.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exchange.h"
#include "shop_bench.h"

/* --- Operations --- */

static void livez_says_only_that_the_process_answers(void **state) {
    (void)state;
    struct bench bench;
    start(&bench);
    struct client *client = client_new(listen_at);
    struct answer answer = ask(client, "GET", "/livez");
    expect_status(&answer, "200 OK");
    expect_header(&answer, "Content-Type: text/plain; charset=utf-8");
    assert_string_equal(answer.content, "alive\n");
    free_bytes(&answer.bytes);
    client_free(client);
    stop(&bench);
}

static void readyz_tells_the_state_of_each_part(void **state) {
    (void)state;
    struct bench bench;
    start(&bench);
    struct client *client = client_new(listen_at);
    yyjson_doc *doc = read_json(ask(client, "GET", "/readyz"), "503 Service Unavailable");
    assert_false(yyjson_get_bool(yyjson_doc_ptr_get(doc, "/ready")));
    assert_string_equal(text_at(doc, "/process"), "running");
    assert_string_equal(text_at(doc, "/database/state"), "down");
    assert_false(yyjson_get_bool(yyjson_doc_ptr_get(doc, "/database/primary")));
    assert_string_equal(text_at(doc, "/database/servers/0/address"), "unix:/nowhere/mysql.sock");
    assert_string_equal(text_at(doc, "/database/servers/0/role"), "none");
    assert_false(yyjson_get_bool(yyjson_doc_ptr_get(doc, "/database/servers/0/behind")));
    assert_string_equal(text_at(doc, "/database/servers/0/breaker"), "closed");
    assert_string_equal(text_at(doc, "/queue/state"), "ok");
    assert_int_equal(yyjson_get_int(yyjson_doc_ptr_get(doc, "/queue/length")), 0);
    assert_int_equal(yyjson_get_int(yyjson_doc_ptr_get(doc, "/queue/capacity")), 2);
    yyjson_doc_free(doc);

    server_stop(bench.shop.server);
    doc = read_json(ask(client, "GET", "/readyz"), "503 Service Unavailable");
    assert_string_equal(text_at(doc, "/process"), "stopping");
    yyjson_doc_free(doc);
    client_free(client);
    stop(&bench);
}

static void whoami_tells_node_and_request(void **state) {
    (void)state;
    struct bench bench;
    start(&bench);
    struct client *client = client_new(listen_at);
    yyjson_doc *doc = read_json(ask(client, "GET", "/whoami"), "200 OK");
    assert_string_equal(text_at(doc, "/node"), "test-node");
    assert_string_equal(text_at(doc, "/request_id"), "req-1");
    assert_string_equal(text_at(doc, "/db_role"), "none");
    assert_string_equal(text_at(doc, "/session/store"), "memory");
    assert_false(yyjson_get_bool(yyjson_doc_ptr_get(doc, "/session/away")));
    assert_false(yyjson_get_bool(yyjson_doc_ptr_get(doc, "/session/signed_in")));
    assert_true(yyjson_is_null(yyjson_doc_ptr_get(doc, "/session/id_hash")));
    yyjson_doc_free(doc);
    client_free(client);
    stop(&bench);
}

static void requests_are_counted_by_route(void **state) {
    (void)state;
    struct bench bench;
    start(&bench);
    struct client *client = client_new(listen_at);
    expect_page(ask(client, "GET", "/a/path/of/a/visitor"), "404 Not Found");
    expect_page(ask(client, "GET", "/products/77"), "503 Service Unavailable");
    struct answer answer = ask(client, "GET", "/metrics");
    expect_status(&answer, "200 OK");
    expect_header(&answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8");
    assert_non_null(strstr(answer.content, "shopd_http_requests_total{route=\"/products/{id}\",code=\"503\"} 1\n"));
    assert_non_null(strstr(answer.content, "shopd_http_requests_total{route=\"unmatched\",code=\"404\"} 1\n"));
    assert_non_null(strstr(answer.content, "\nshopd_db_up 0\n"));
    assert_null(strstr(answer.content, "visitor"));
    free_bytes(&answer.bytes);
    client_free(client);
    stop(&bench);
}

/* --- Errors --- */

static void what_does_not_exist_is_404(void **state) {
    (void)state;
    struct bench bench;
    start(&bench);
    struct client *client = client_new(listen_at);
    expect_page(ask(client, "GET", "/nothing"), "404 Not Found");
    expect_page(ask(client, "GET", "/livez/"), "404 Not Found");
    expect_page(ask(client, "GET", "/products/seven"), "404 Not Found");
    expect_page(ask(client, "GET", "/products/4294967296"), "404 Not Found");
    expect_problem(ask(client, "GET", "/api/nothing"), "404 Not Found");
    expect_problem(ask(client, "GET", "/api/v1/products/01"), "404 Not Found");
    client_free(client);
    stop(&bench);
}

static void a_method_that_is_not_taken_is_405(void **state) {
    (void)state;
    struct bench bench;
    start(&bench);
    struct client *client = client_new(listen_at);
    struct answer answer = ask(client, "POST", "/products");
    expect_header(&answer, "Allow: GET, HEAD");
    expect_page(answer, "405 Method Not Allowed");
    answer = ask(client, "BREW", "/api/v1/products");
    expect_header(&answer, "Allow: GET, HEAD");
    expect_problem(answer, "405 Method Not Allowed");
    client_free(client);
    stop(&bench);
}

static void what_cannot_be_read_is_400(void **state) {
    (void)state;
    static const char *const pages[] = {"REQUEST_URI=/\n",
                                        "REQUEST_METHOD=GET\n",
                                        "OTHER=x\n",
                                        "REQUEST_METHOD=GET\nREQUEST_URI=/%zz\n",
                                        "REQUEST_METHOD=GET\nREQUEST_URI=/?page=%00\n",
                                        "REQUEST_METHOD=GET\nREQUEST_URI=/products?page=two\n",
                                        "REQUEST_METHOD=GET\nREQUEST_URI=/products?page=\n",
                                        "REQUEST_METHOD=G T\nREQUEST_URI=/\n"};
    static const char *const api[] = {"REQUEST_METHOD=GET\nREQUEST_URI=/api/v1/products?page=%ff\n",
                                      "REQUEST_METHOD=GET\nREQUEST_URI=/api/%ff\n",
                                      "REQUEST_METHOD=GET\nREQUEST_URI=/%61pi/v1/products?page=-1\n",
                                      "REQUEST_METHOD=GET\nREQUEST_URI=/api/v1/products?page=1000001\n"};
    struct bench bench;
    start(&bench);
    struct client *client = client_new(listen_at);
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        expect_page(ask_with(client, pages[i], ""), "400 Bad Request");
    }
    for (size_t i = 0; i < sizeof api / sizeof api[0]; i++) {
        expect_problem(ask_with(client, api[i], ""), "400 Bad Request");
    }
    client_free(client);
    stop(&bench);
}

static void what_is_too_large_is_413_or_431(void **state) {
    (void)state;
    struct bench bench;
    char body[1002], uri[2000], params[2200];
    start(&bench);
    struct client *client = client_new(listen_at);
    memset(body, 'b', sizeof body);
    body[1001] = '\0';
    expect_problem(ask_with(client, "REQUEST_METHOD=POST\nREQUEST_URI=/api/v1/products\n", body),
                   "413 Content Too Large");
    expect_page(ask_with(client, "REQUEST_METHOD=POST\nREQUEST_URI=/\n", body), "413 Content Too Large");
    body[1000] = '\0';
    expect_page(ask_with(client, "REQUEST_METHOD=POST\nREQUEST_URI=/\n", body), "405 Method Not Allowed");
    memset(uri, 'u', sizeof uri);
    uri[sizeof uri - 1] = '\0';
    snprintf(params, sizeof params, "REQUEST_METHOD=GET\nREQUEST_URI=/%s\n", uri);
    expect_page(ask_with(client, params, ""), "431 Request Header Fields Too Large");
    client_free(client);
    stop(&bench);
}

static void head_has_the_headers_of_get_and_no_content(void **state) {
    (void)state;
    struct bench bench;
    start(&bench);
    struct client *client = client_new(listen_at);
    struct answer answer = ask(client, "HEAD", "/livez");
    expect_header(&answer, "Status: 200 OK");
    expect_header(&answer, "Content-Length: 6");
    assert_string_equal(answer.content, "");
    free_bytes(&answer.bytes);
    client_free(client);
    stop(&bench);
}

/* --- Without the database --- */

static void pages_that_need_the_database_are_503(void **state) {
    (void)state;
    static const char *const pages[] = {"/", "/products", "/products?page=2", "/products/1"};
    struct bench bench;
    start(&bench);
    struct client *client = client_new(listen_at);
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct answer answer = ask(client, "GET", pages[i]);
        expect_header(&answer, "Retry-After: 1");
        assert_false(has_header(&answer, "X-DB-Role")); /* none was used */
        assert_null(strstr(answer.content, "nowhere"));
        expect_page(answer, "503 Service Unavailable");
    }
    struct answer answer = ask(client, "GET", "/api/v1/products/1");
    expect_header(&answer, "Retry-After: 1");
    expect_problem(answer, "503 Service Unavailable");
    client_free(client);
    stop(&bench);
}

/* --- Our own mistakes --- */

static void a_page_without_its_template_is_500_and_not_empty(void **state) {
    (void)state;
    char kept[sizeof template_dir];
    struct bench bench;
    strcpy(kept, template_dir);
    strcpy(template_dir, directory); /* where there is none */
    start(&bench);
    struct client *client = client_new(listen_at);
    struct answer answer = ask(client, "GET", "/nothing");
    expect_status(&answer, "500 Internal Server Error");
    assert_true(strlen(answer.content) > 0);
    free_bytes(&answer.bytes);
    expect_problem(ask(client, "GET", "/api/nothing"), "404 Not Found");
    client_free(client);
    stop(&bench);
    strcpy(template_dir, kept);
}

static void a_missing_template_is_noticed_at_the_start(void **state) {
    (void)state;
    char copy[] = "/tmp/test_shop-XXXXXX", made[PAGE_COUNT][64], reason[REASON_BYTES];
    struct template_set *set;
    assert_int_equal(template_load(template_dir, reason, sizeof reason, &set), STATUS_OK);
    assert_null(exchange_missing_template(set));
    template_free(set);
    assert_non_null(mkdtemp(copy));
    for (size_t i = 0; i < PAGE_COUNT; i++) { /* one more template each time, the one that is missed */
        assert_int_equal(template_load(copy, reason, sizeof reason, &set), STATUS_OK);
        const char *missing = exchange_missing_template(set);
        assert_non_null(missing);
        snprintf(made[i], sizeof made[i], "%s/%s.html", copy, missing);
        template_free(set);
        FILE *page = fopen(made[i], "wx");
        assert_non_null(page);
        fclose(page);
    }
    assert_int_equal(template_load(copy, reason, sizeof reason, &set), STATUS_OK);
    assert_null(exchange_missing_template(set));
    template_free(set);
    for (size_t i = 0; i < PAGE_COUNT; i++) {
        unlink(made[i]);
    }
    assert_int_equal(rmdir(copy), 0);
}

static void json_that_cannot_be_written_is_500_and_not_empty(void **state) {
    (void)state;
    struct bench bench;
    strcpy(node, "\xff");
    start(&bench);
    struct client *client = client_new(listen_at);
    struct answer answer = ask(client, "GET", "/whoami");
    expect_status(&answer, "500 Internal Server Error");
    assert_true(strlen(answer.content) > 0);
    free_bytes(&answer.bytes);
    client_free(client);
    stop(&bench);
    strcpy(node, "test-node");
}

/* --- The log --- */

/* What is written to standard error while question is asked, into lines. */
static void log_of(const char *question, char *lines, size_t size) {
    struct bench bench;
    start(&bench);
    struct client *client = client_new(listen_at);
    FILE *log = tmpfile();
    assert_non_null(log);
    int real_stderr = dup(STDERR_FILENO);
    dup2(fileno(log), STDERR_FILENO);
    struct answer answer = ask(client, "GET", question);
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    free_bytes(&answer.bytes);
    rewind(log);
    lines[fread(lines, 1, size - 1, log)] = '\0';
    fclose(log);
    client_free(client);
    stop(&bench);
}

static void a_request_is_one_line_of_the_log(void **state) {
    (void)state;
    char lines[65536];
    unsigned found = 0;
    log_of("/nothing/%22%7D?secret=1", lines, sizeof lines);
    assert_null(strstr(lines, "secret"));
    for (char *rest = lines, *line; (line = strsep(&rest, "\n")) != NULL && line[0] != '\0';) {
        yyjson_doc *doc = yyjson_read(line, strlen(line), 0);
        assert_non_null(doc);
        if (strcmp(text_at(doc, "/event"), "request") == 0) {
            assert_string_equal(text_at(doc, "/path"), "/nothing/\"}");
            assert_string_equal(text_at(doc, "/method"), "GET");
            assert_string_equal(text_at(doc, "/request_id"), "req-1");
            assert_int_equal(strlen(text_at(doc, "/traceparent")), TRACE_PARENT_CHARS);
            assert_int_equal(yyjson_get_int(yyjson_doc_ptr_get(doc, "/status")), 404);
            assert_true(yyjson_get_int(yyjson_doc_ptr_get(doc, "/duration_us")) >= 0);
            assert_int_equal(yyjson_get_int(yyjson_doc_ptr_get(doc, "/mysql_us")), 0);
            found++;
        }
        yyjson_doc_free(doc);
    }
    assert_int_equal(found, 1);
}

static void requests_are_not_logged_where_nobody_wants_it(void **state) {
    (void)state;
    char lines[65536];
    log_requests[0] = '0';
    log_of("/livez", lines, sizeof lines);
    log_requests[0] = '1';
    assert_null(strstr(lines, "\"request\""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(livez_says_only_that_the_process_answers),
        cmocka_unit_test(readyz_tells_the_state_of_each_part),
        cmocka_unit_test(whoami_tells_node_and_request),
        cmocka_unit_test(requests_are_counted_by_route),
        cmocka_unit_test(what_does_not_exist_is_404),
        cmocka_unit_test(a_method_that_is_not_taken_is_405),
        cmocka_unit_test(what_cannot_be_read_is_400),
        cmocka_unit_test(what_is_too_large_is_413_or_431),
        cmocka_unit_test(head_has_the_headers_of_get_and_no_content),
        cmocka_unit_test(pages_that_need_the_database_are_503),
        cmocka_unit_test(a_page_without_its_template_is_500_and_not_empty),
        cmocka_unit_test(a_missing_template_is_noticed_at_the_start),
        cmocka_unit_test(json_that_cannot_be_written_is_500_and_not_empty),
        cmocka_unit_test(a_request_is_one_line_of_the_log),
        cmocka_unit_test(requests_are_not_logged_where_nobody_wants_it),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
