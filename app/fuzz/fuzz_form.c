/*
 * What a visitor sends beside the target: the Cookie field, the type of the body and the body, as two lines of the input
 * and the rest; its first byte says how much memory the request may take, and whether it came by TLS. What is given to a
 * handler must be clean text, and the same however it is asked for.
 */
#include <stdint.h>
#include <stdlib.h>

#include "http.h"
#include "json.h"

enum { DEPTH_MAX = 4 };

static void check(bool good) {
    if (!good) {
        abort();
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

/* Within the field that it was cut from, and one value. */
static void check_cookie(struct slice field, struct slice value) {
    check(value.length == 0 || (value.data >= field.data && value.data + value.length <= field.data + field.length));
    for (size_t i = 0; i < value.length; i++) {
        check(value.data[i] != ';');
    }
    check(value.length == 0 || value.data[value.length - 1] != ' ');
}

static void check_field(struct arena *arena, const struct http_request *in, const char *name) {
    const char *value = http_form(arena, in, name);
    if (value == NULL) {
        return;
    }
    check(http_has_type(in, "application/x-www-form-urlencoded"));
    check(http_is_text(slice_of(value)));
    const char *encoded = http_encode(arena, slice_of(value));
    const char *again = encoded != NULL ? http_decode(arena, slice_of(encoded), true) : NULL;
    check(arena_failed(arena) || (again != NULL && strcmp(again, value) == 0));
}

static void check_json(struct arena *arena, struct slice body) {
    yyjson_val *value = json_read(body, DEPTH_MAX, arena);
    const char *text = json_text(value, "csrf");
    check(text == NULL || http_is_text(slice_of(text)));
    if (value != NULL) {
        check(json_read(body, DEPTH_MAX + 1, arena) != NULL || arena_failed(arena));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    struct slice body = {(const char *)data + 1, size - 1};
    struct slice cookie = take_line(&body), type = take_line(&body);
    struct fcgi_pair params[] = {
        {slice_of("HTTP_COOKIE"), cookie},
        {slice_of("CONTENT_TYPE"), type},
        {slice_of("HTTPS"), slice_of((data[0] & 1) != 0 ? "on" : "off")},
    };
    struct fcgi_request request = {.params = params, .param_count = sizeof params / sizeof *params, .body = body};
    arena_init(&request.arena, (size_t)data[0] * 256);
    const struct http_request in = {.cgi = &request, .body = body};
    check_cookie(cookie, http_cookie(&in, "session"));
    if (http_cookie_is_clean(&in)) {
        check(memchr(cookie.data, '\r', cookie.length) == NULL);
    }
    check_field(&request.arena, &in, "csrf");
    check_field(&request.arena, &in, "caf\xc3\xa9");
    check_json(&request.arena, body);
    arena_free(&request.arena);
    return 0;
}
