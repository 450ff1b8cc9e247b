#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "http_fixture.h"

static struct arena *arena_of(struct fixture *f) { return &f->request.arena; }

/* --- Reading --- */

static void test_request_is_read(void **state) {
    struct fixture *f = *state;
    f->request.body = slice_of("a=1");
    assert_int_equal(read_uri(f, "POST", "/caf%C3%A9%20bar+?q=a%20b&x"), STATUS_OK);
    assert_int_equal(f->in.method, HTTP_POST);
    assert_string_equal(f->in.method_name, "POST");
    assert_string_equal(f->in.path, "/caf\xc3\xa9 bar+");
    assert_slice(f->in.query, "q=a%20b&x");
    assert_slice(f->in.body, "a=1");
    assert_string_equal(f->in.request_id, "-");
}

static void test_query_begins_at_the_first_question_mark(void **state) {
    struct fixture *f = *state;
    assert_int_equal(read_uri(f, "GET", "/a?b?c"), STATUS_OK);
    assert_string_equal(f->in.path, "/a");
    assert_slice(f->in.query, "b?c");
    assert_int_equal(read_uri(f, "GET", "/a%3Fb"), STATUS_OK);
    assert_string_equal(f->in.path, "/a?b");
    assert_slice(f->in.query, "");
    assert_int_equal(read_uri(f, "GET", "/?"), STATUS_OK);
    assert_string_equal(f->in.path, "/");
    assert_slice(f->in.query, "");
}

static void test_path_is_decoded_once(void **state) {
    struct fixture *f = *state;
    assert_int_equal(read_uri(f, "GET", "/%2541%2500/../%2e"), STATUS_OK);
    assert_string_equal(f->in.path, "/%41%00/../.");
}

static void test_methods(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *name;
        enum http_method method;
    } cases[] = {
        {"GET", HTTP_GET},       {"HEAD", HTTP_HEAD},     {"POST", HTTP_POST}, {"PUT", HTTP_PUT},
        {"DELETE", HTTP_DELETE}, {"OPTIONS", HTTP_OTHER}, {"get", HTTP_OTHER}, {"M-SEARCH", HTTP_OTHER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(read_uri(f, cases[i].name, "/"), STATUS_OK);
        assert_int_equal(f->in.method, cases[i].method);
        assert_string_equal(f->in.method_name, cases[i].name);
    }
}

static void test_method_must_be_a_token(void **state) {
    struct fixture *f = *state;
    static const char *const methods[] = {"", "GET ", "GE\nT", "G\x01", "GET/", "\xc3\xa9", "\"GET\""};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        assert_int_equal(read_uri(f, methods[i], "/"), STATUS_BAD_INPUT);
        assert_int_equal(f->in.method, HTTP_OTHER);
        assert_string_equal(f->in.method_name, "-");
    }
    f->request.param_count = 0;
    add_param(f, "REQUEST_METHOD", (struct slice){"GET\0X", 5});
    add_param(f, "REQUEST_URI", slice_of("/"));
    assert_int_equal(http_read_request(&f->request, &f->in), STATUS_BAD_INPUT);
}

static void test_variables_must_be_there_exactly_once(void **state) {
    struct fixture *f = *state;
    assert_int_equal(http_read_request(&f->request, &f->in), STATUS_BAD_INPUT);

    add_param(f, "REQUEST_METHOD", slice_of("GET"));
    assert_int_equal(http_read_request(&f->request, &f->in), STATUS_BAD_INPUT); /* no URI */

    add_param(f, "REQUEST_URI", slice_of("/"));
    assert_int_equal(http_read_request(&f->request, &f->in), STATUS_OK);

    add_param(f, "REQUEST_URI", slice_of("/admin"));
    assert_int_equal(http_read_request(&f->request, &f->in), STATUS_BAD_INPUT); /* two URIs */
    assert_int_equal(f->in.method, HTTP_GET);                                   /* what could be read is there */

    f->params[2].name = slice_of("REQUEST_METHOD");
    f->params[2].value = slice_of("GET");
    assert_int_equal(http_read_request(&f->request, &f->in), STATUS_BAD_INPUT); /* two methods, even if equal */

    f->request.param_count = 0;
    add_param(f, "REQUEST_URI", slice_of("/"));
    assert_int_equal(http_read_request(&f->request, &f->in), STATUS_BAD_INPUT); /* no method */
}

static void test_bad_text_is_refused_in_path_and_query(void **state) {
    struct fixture *f = *state;
    static const char *const texts[] = {
        "%",
        "%4",
        "%zz",
        "%4g",
        "%g4",
        "%-1",
        "%00",
        "%0a",
        "%0D",
        "%09",
        "%1f",
        "%7F",
        "\x01",
        "\x7f",
        "a\tb",
        "\r\n",
        "\xff",
        "%ff",
        "%80",
        "%C3",
        "%C3x",
        "%C0%AF",
        "%C1%81",
        "%E0%80%AF",
        "%E0%9F%BF",
        "%ED%A0%80",
        "%ED%BF%BF",
        "%F0%80%80%AF",
        "%F0%8F%BF%BF",
        "%F4%90%80%80",
        "%F5%80%80%80",
        "%E2%82",
        "%F0%9F%98",
        "%C2%85",
        "\xc2\x9f",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char uri[64];
        snprintf(uri, sizeof uri, "/a%s", texts[i]);
        assert_int_equal(read_uri(f, "GET", uri), STATUS_BAD_INPUT);
        snprintf(uri, sizeof uri, "/a?b=%s", texts[i]);
        assert_int_equal(read_uri(f, "GET", uri), STATUS_BAD_INPUT);
        snprintf(uri, sizeof uri, "/a?%s=b&c", texts[i]);
        assert_int_equal(read_uri(f, "GET", uri), STATUS_BAD_INPUT);
    }
    assert_false(arena_failed(arena_of(f)));
}

static void test_raw_nul_is_refused(void **state) {
    struct fixture *f = *state;
    add_param(f, "REQUEST_METHOD", slice_of("GET"));
    add_param(f, "REQUEST_URI", (struct slice){"/a\0b", 4});
    assert_int_equal(http_read_request(&f->request, &f->in), STATUS_BAD_INPUT);
}

static void test_request_id(void **state) {
    struct fixture *f = *state;
    char longest[66];
    memset(longest, 'a', sizeof longest);
    longest[64] = '\0';
    const char *const good[] = {"a", "0af7651916cd43dd8448eb211c80319c", "A.b_c-9", longest};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        f->request.param_count = 0;
        add_param(f, "REQUEST_ID", slice_of(good[i]));
        http_read_request(&f->request, &f->in);
        assert_string_equal(f->in.request_id, good[i]);
    }
    char too_long[66] = {0};
    memset(too_long, 'a', 65);
    const char *const bad[] = {"", "a b", "a\nb", "<b>", "\xc3\xa9", "a/b", "a\"", too_long};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        f->request.param_count = 0;
        add_param(f, "REQUEST_ID", slice_of(bad[i]));
        http_read_request(&f->request, &f->in);
        assert_string_equal(f->in.request_id, "-");
    }
    f->request.param_count = 0;
    add_param(f, "REQUEST_ID", (struct slice){"a\0b", 3});
    http_read_request(&f->request, &f->in);
    assert_string_equal(f->in.request_id, "-");
}

static void test_reading_without_memory(void **state) {
    struct fixture *f = *state;
    arena_init(arena_of(f), 8);
    assert_int_equal(read_uri(f, "GET", "/a/long/path"), STATUS_NO_MEMORY);
    assert_string_equal(f->in.path, "");
    arena_free(arena_of(f));
    assert_int_equal(read_uri(f, "PROPPATCH", "/"), STATUS_NO_MEMORY);
    assert_string_equal(f->in.method_name, "-");
}

/* --- Responding --- */

static void respond(struct fixture *f, int status, const char *content_type, const char *content) {
    f->response.status = status;
    f->response.content_type = content_type;
    f->response.content = slice_of(content);
}

static void test_response(void **state) {
    struct fixture *f = *state;
    respond(f, 200, "text/html; charset=utf-8", "<p>hello");
    http_header(&f->response, "Cache-Control", "no-store");
    http_header(&f->response, "X-Empty", "");
    http_finish(&f->in, &f->response, &f->request);
    assert_slice(f->request.head, "Status: 200 OK\r\n"
                                  "Content-Type: text/html; charset=utf-8\r\n"
                                  "Content-Length: 8\r\n"
                                  "Cache-Control: no-store\r\n"
                                  "X-Empty: \r\n"
                                  "\r\n");
    assert_slice(f->request.content, "<p>hello");
}

static void test_response_without_content(void **state) {
    struct fixture *f = *state;
    respond(f, 303, NULL, "");
    http_header(&f->response, "Location", "/cart");
    http_finish(&f->in, &f->response, &f->request);
    assert_slice(f->request.head, "Status: 303 See Other\r\nContent-Length: 0\r\nLocation: /cart\r\n\r\n");
    assert_slice(f->request.content, "");
}

static void test_head_tells_the_length_only(void **state) {
    struct fixture *f = *state;
    f->in.method = HTTP_HEAD;
    respond(f, 200, "text/plain", "hello");
    http_finish(&f->in, &f->response, &f->request);
    assert_slice(f->request.head, "Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n");
    assert_slice(f->request.content, "");
}

static void test_no_content_statuses(void **state) {
    struct fixture *f = *state;
    respond(f, 204, "text/plain", "ignored");
    http_finish(&f->in, &f->response, &f->request);
    assert_slice(f->request.head, "Status: 204 No Content\r\n\r\n");
    assert_slice(f->request.content, "");

    http_header(&f->response, "ETag", "\"1\"");
    respond(f, 304, "text/plain", "ignored");
    http_finish(&f->in, &f->response, &f->request);
    assert_slice(f->request.head, "Status: 304 Not Modified\r\nETag: \"1\"\r\n\r\n");
    assert_slice(f->request.content, "");
}

static void test_header_values_cannot_start_a_line(void **state) {
    struct fixture *f = *state;
    respond(f, 302, NULL, "");
    http_header(&f->response, "Location", "/a\r\nSet-Cookie: a=b\r\n\r\n<script>\n\r\x0b\x7f\x01\t.");
    http_header(&f->response, "X-Name", "\n\ncaf\xc3\xa9\r");
    http_finish(&f->in, &f->response, &f->request);
    assert_slice(f->request.head, "Status: 302 Found\r\nContent-Length: 0\r\n"
                                  "Location: /aSet-Cookie: a=b<script>.\r\n"
                                  "X-Name: caf\xc3\xa9\r\n"
                                  "\r\n");
}

static void assert_last_answer(struct fixture *f, const char *content) {
    http_finish(&f->in, &f->response, &f->request);
    assert_int_equal(f->response.status, 500);
    assert_slice(f->request.head, "Status: 500 Internal Server Error\r\n"
                                  "Content-Type: text/plain; charset=utf-8\r\n"
                                  "Content-Length: 22\r\n"
                                  "\r\n");
    assert_slice(f->request.content, content);
}

static void test_full_arena_makes_a_500(void **state) {
    struct fixture *f = *state;
    static char huge[ARENA_BYTES];
    memset(huge, 'a', sizeof huge - 1);

    respond(f, 200, "text/plain", "content that may lack a piece");
    assert_null(arena_alloc(arena_of(f), ARENA_BYTES + 1));
    assert_last_answer(f, "Internal Server Error\n");
    f->in.method = HTTP_HEAD;
    assert_last_answer(f, "");
    f->in.method = HTTP_GET;

    arena_free(arena_of(f));
    http_response_init(&f->response, arena_of(f));
    respond(f, 200, "text/plain", "hello");
    http_header(&f->response, "X-Huge", huge);
    http_header(&f->response, "X-Huge", huge);
    assert_last_answer(f, "Internal Server Error\n");

    arena_free(arena_of(f));
    arena_init(arena_of(f), 16); /* too small for the head itself */
    http_response_init(&f->response, arena_of(f));
    respond(f, 200, "text/plain", "hello");
    assert_last_answer(f, "Internal Server Error\n");
}

static void test_answer_without_a_status_is_a_500(void **state) {
    struct fixture *f = *state;
    static const int statuses[] = {0, -1, 99, 600};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        respond(f, statuses[i], "text/plain", "hello");
        assert_last_answer(f, "Internal Server Error\n");
    }
}

static void test_phrases(void **state) {
    (void)state;
    assert_string_equal(http_phrase(200), "OK");
    assert_string_equal(http_phrase(404), "Not Found");
    assert_string_equal(http_phrase(405), "Method Not Allowed");
    assert_string_equal(http_phrase(413), "Content Too Large");
    assert_string_equal(http_phrase(429), "Too Many Requests");
    assert_string_equal(http_phrase(503), "Service Unavailable");
    static const int unknown[] = {-1, 0, 99, 299, 599, 600, 1 << 30};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_string_equal(http_phrase(unknown[i]), "Unknown");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_request_is_read),
        TEST(test_query_begins_at_the_first_question_mark),
        TEST(test_path_is_decoded_once),
        TEST(test_methods),
        TEST(test_method_must_be_a_token),
        TEST(test_variables_must_be_there_exactly_once),
        TEST(test_bad_text_is_refused_in_path_and_query),
        TEST(test_raw_nul_is_refused),
        TEST(test_request_id),
        TEST(test_reading_without_memory),
        TEST(test_response),
        TEST(test_response_without_content),
        TEST(test_head_tells_the_length_only),
        TEST(test_no_content_statuses),
        TEST(test_header_values_cannot_start_a_line),
        TEST(test_full_arena_makes_a_500),
        TEST(test_answer_without_a_status_is_a_500),
        TEST(test_phrases),
    };
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
