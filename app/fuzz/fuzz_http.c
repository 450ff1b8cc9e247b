/*
 * Any method, URI and echoed value, as three lines of the input; its first byte
 * says how much memory the request may take. What is accepted must be clean text,
 * and the head of the answer must have our lines and no other.
 */
#include <stdint.h>
#include <stdlib.h>

#include "http.h"
#include "router.h"

static const struct route routes[] = {
    {"/", ROUTER_GET, 1},
    {"/products/new", ROUTER_POST, 2},
    {"/products/{id}", ROUTER_GET | ROUTER_DELETE, 3},
    {"/a/{b}/{c}/{d}/{e}", ROUTER_PUT, 4},
};

static void check(bool good) {
    if (!good) {
        abort();
    }
}

static void check_text(const char *text) {
    check(http_is_utf8(slice_of(text)));
    for (; *text != '\0'; text++) {
        check((unsigned char)*text >= 0x20 && *text != 0x7f);
    }
}

static struct slice take_line(struct slice *rest) {
    const char *end = rest->length > 0 ? memchr(rest->data, '\n', rest->length) : NULL;
    size_t length = end != NULL ? (size_t)(end - rest->data) : rest->length;
    struct slice line = {rest->data, length};
    size_t taken = length + (end != NULL);
    *rest = (struct slice){rest->data + taken, rest->length - taken};
    return line;
}

static void check_match(const struct http_request *in) {
    struct router_match match;
    enum router_result result = router_match(routes, sizeof routes / sizeof *routes, in->method, in->path, &match);
    check((result == ROUTER_NO_PATH) == (match.route == NULL));
    check((result == ROUTER_NO_METHOD) == (match.allow[0] != '\0'));
    for (size_t i = 0; i < match.param_count; i++) {
        const char *begin = match.params[i].data;
        size_t length = match.params[i].length;
        check(length > 0 && begin > in->path && begin + length <= in->path + strlen(in->path));
        check(memchr(begin, '/', length) == NULL);
    }
}

/* The values of lines a handler asked for may hold anything but the end of a line. */
static void check_head(struct slice head, size_t expected_lines) {
    size_t lines = 0;
    for (size_t i = 0; i < head.length; i++) {
        if (head.data[i] == '\r') {
            check(i + 1 < head.length && head.data[i + 1] == '\n');
            lines++;
        } else if (head.data[i] == '\n') {
            check(i > 0 && head.data[i - 1] == '\r');
        } else {
            check((unsigned char)head.data[i] >= 0x20 && head.data[i] != 0x7f);
        }
    }
    check(lines == expected_lines);
    check(head.length >= 4 && memcmp(head.data + head.length - 4, "\r\n\r\n", 4) == 0);
}

static void check_response(struct fcgi_request *request, const struct http_request *in, struct slice echo) {
    struct http_response response;
    http_response_init(&response, &request->arena);
    response.status = 200;
    response.content_type = "text/plain";
    response.content = slice_of("content");
    const char *value = arena_copy(&request->arena, echo.data, echo.length);
    const char *query = http_query(&request->arena, in->query, "q");
    if (query != NULL) {
        check_text(query);
    }
    http_header(&response, "X-Path", in->path);
    http_header(&response, "X-Value", value != NULL ? value : "");
    http_header(&response, "X-Request-Id", in->request_id);
    http_finish(in, &response, request);
    bool full = arena_failed(&request->arena);
    check(response.status == (full ? 500 : 200));
    check_head(request->head, full ? 4 : 7);
    check((request->content.length == 0) == (in->method == HTTP_HEAD));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    struct slice rest = {(const char *)data + 1, size - 1};
    struct slice method = take_line(&rest);
    struct slice uri = take_line(&rest);
    struct fcgi_pair params[] = {
        {slice_of("REQUEST_METHOD"), method},
        {slice_of("REQUEST_URI"), uri},
        {slice_of("REQUEST_ID"), rest},
    };
    struct fcgi_request request = {.params = params, .param_count = sizeof params / sizeof *params};
    arena_init(&request.arena, data[0] * 64u);

    struct http_request in;
    if (http_read_request(&request, &in) == STATUS_OK) {
        check(in.path[0] == '/');
        check_text(in.path);
        check_match(&in);
    }
    check_text(in.method_name);
    check_text(in.request_id);
    check_response(&request, &in, rest);
    uint32_t number;
    if (http_number(in.path + (in.path[0] == '/'), 1000, &number) == STATUS_OK) {
        check(number <= 1000);
    }
    arena_free(&request.arena);
    return 0;
}
