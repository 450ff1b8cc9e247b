#include "http.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

static bool is_alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* A token of RFC 9110 section 5.6.2: method and field names are made of these. */
static bool is_token(struct slice s) {
    for (size_t i = 0; i < s.length; i++) {
        if (!is_alnum(s.data[i]) && (s.data[i] == '\0' || strchr("!#$%&'*+-.^_`|~", s.data[i]) == NULL)) {
            return false;
        }
    }
    return s.length > 0;
}

/* --- The request --- */

/* The value of a variable, or an empty slice unless it is there exactly once. */
static struct slice only_param(const struct fcgi_request *request, const char *name) {
    struct slice wanted = slice_of(name);
    struct slice value = {"", 0};
    size_t found = 0;
    for (size_t i = 0; i < request->param_count; i++) {
        if (slice_equal(request->params[i].name, wanted)) {
            value = request->params[i].value;
            found++;
        }
    }
    return found == 1 ? value : (struct slice){"", 0};
}

static enum status read_method(struct fcgi_request *request, struct http_request *out) {
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE"}; /* as enum http_method */
    struct slice value = only_param(request, "REQUEST_METHOD");
    if (!is_token(value)) {
        return STATUS_BAD_INPUT;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (slice_equal(value, slice_of(names[i]))) {
            out->method = (enum http_method)i;
            out->method_name = names[i];
            return STATUS_OK;
        }
    }
    const char *copy = arena_copy(&request->arena, value.data, value.length);
    if (copy == NULL) {
        return STATUS_NO_MEMORY;
    }
    out->method = HTTP_OTHER;
    out->method_name = copy;
    return STATUS_OK;
}

/* The id goes into headers and log lines, so it is taken only if it is plain. */
static const char *read_request_id(struct fcgi_request *request) {
    struct slice id = only_param(request, "REQUEST_ID");
    bool plain = id.length >= 1 && id.length <= 64;
    for (size_t i = 0; plain && i < id.length; i++) {
        plain = is_alnum(id.data[i]) || id.data[i] == '.' || id.data[i] == '_' || id.data[i] == '-';
    }
    const char *copy = plain ? arena_copy(&request->arena, id.data, id.length) : NULL;
    return copy != NULL ? copy : "-";
}

/* What follows scheme and authority, where a target is absolute (RFC 9112 section 3.2.2). HAProxy and Apache pass it on
 * as it came; Nginx and lighttpd cut it. */
static struct slice without_authority(struct slice uri) {
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t start = strlen(schemes[i]), end = start;
        if (uri.length < start || strncasecmp(uri.data, schemes[i], start) != 0) {
            continue;
        }
        while (end < uri.length && uri.data[end] != '/' && uri.data[end] != '?') {
            end++;
        }
        return end > start ? (struct slice){uri.data + end, uri.length - end} : uri;
    }
    return uri;
}

/* Cuts REQUEST_URI into path and query; a path that is left out is "/" (RFC 9110 section 4.2.3). */
static enum status read_target(const struct fcgi_request *request, struct slice *target, struct slice *path,
                               struct slice *query) {
    struct slice uri = only_param(request, "REQUEST_URI");
    if (uri.length == 0) {
        return STATUS_BAD_INPUT;
    }
    uri = without_authority(uri);
    if (uri.length > 0 && uri.data[0] != '/' && uri.data[0] != '?') {
        return STATUS_BAD_INPUT;
    }
    const char *mark = memchr(uri.data, '?', uri.length);
    size_t path_length = mark != NULL ? (size_t)(mark - uri.data) : uri.length;
    size_t query_at = mark != NULL ? path_length + 1 : path_length;
    *target = path_length > 0 ? uri : slice_of("/");
    *path = path_length > 0 ? (struct slice){uri.data, path_length} : slice_of("/");
    *query = (struct slice){uri.data + query_at, uri.length - query_at};
    return STATUS_OK;
}

/* Is this a decimal number, and the length? */
static bool says_length(struct slice text, size_t length) {
    size_t number = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || number > length) {
            return false;
        }
        number = number * 10 + (size_t)(text.data[i] - '0');
    }
    return number == length;
}

/* A visitor who left in the middle of the body: the web server ends it, and what came must not be taken for the whole
 * (FastCGI section 6.2). Without CONTENT_LENGTH, or with an empty one, the body is what came. */
static bool body_is_whole(const struct fcgi_request *request) {
    for (size_t i = 0; i < request->param_count; i++) {
        const struct fcgi_pair *param = &request->params[i];
        if (slice_equal(param->name, slice_of("CONTENT_LENGTH")) && param->value.length > 0 &&
            !says_length(param->value, request->body.length)) {
            return false;
        }
    }
    return true;
}

struct slice http_variable(const struct http_request *in, const char *name) { return only_param(in->cgi, name); }

bool http_is_secure(const struct http_request *in) {
    return slice_equal(http_variable(in, "REQUEST_SCHEME"), slice_of("https")) ||
           slice_equal(http_variable(in, "HTTPS"), slice_of("on"));
}

bool http_has_type(const struct http_request *in, const char *media_type) {
    struct slice type = http_variable(in, "CONTENT_TYPE");
    size_t length = strlen(media_type);
    if (type.length < length || strncasecmp(type.data, media_type, length) != 0) {
        return false;
    }
    char end = type.length > length ? type.data[length] : ';';
    return end == ';' || end == ' ' || end == '\t';
}

enum status http_read_request(struct fcgi_request *request, struct http_request *out) {
    *out = (struct http_request){.method = HTTP_OTHER, .method_name = "-", .path = "", .cgi = request};
    out->target = out->query = (struct slice){"", 0};
    out->body = request->body;
    out->request_id = read_request_id(request);
    enum status status = read_method(request, out);
    if (status != STATUS_OK) {
        return status;
    }
    if (request->fault == FCGI_FAULT_NONE && !body_is_whole(request)) {
        return STATUS_BAD_INPUT;
    }
    /* Not DOCUMENT_URI or PATH_INFO: a server has decoded those once already. */
    struct slice target, raw_path, query;
    status = read_target(request, &target, &raw_path, &query);
    if (status != STATUS_OK) {
        return status;
    }
    const char *path = http_decode(&request->arena, raw_path, false);
    /* Decoded only to see that it can be: what is wrong anywhere in it shall not depend on who asks for what. */
    if (path == NULL || http_decode(&request->arena, query, true) == NULL) {
        return arena_failed(&request->arena) ? STATUS_NO_MEMORY : STATUS_BAD_INPUT;
    }
    out->path = path;
    out->target = target;
    out->query = query;
    return STATUS_OK;
}

/* --- The response --- */

/* RFC 9110 section 15; 428, 429, 431 and 511 are RFC 6585. */
static const char *const phrases[600] = {
    [100] = "Continue",
    [101] = "Switching Protocols",
    [200] = "OK",
    [201] = "Created",
    [202] = "Accepted",
    [203] = "Non-Authoritative Information",
    [204] = "No Content",
    [205] = "Reset Content",
    [206] = "Partial Content",
    [300] = "Multiple Choices",
    [301] = "Moved Permanently",
    [302] = "Found",
    [303] = "See Other",
    [304] = "Not Modified",
    [305] = "Use Proxy",
    [307] = "Temporary Redirect",
    [308] = "Permanent Redirect",
    [400] = "Bad Request",
    [401] = "Unauthorized",
    [402] = "Payment Required",
    [403] = "Forbidden",
    [404] = "Not Found",
    [405] = "Method Not Allowed",
    [406] = "Not Acceptable",
    [407] = "Proxy Authentication Required",
    [408] = "Request Timeout",
    [409] = "Conflict",
    [410] = "Gone",
    [411] = "Length Required",
    [412] = "Precondition Failed",
    [413] = "Content Too Large",
    [414] = "URI Too Long",
    [415] = "Unsupported Media Type",
    [416] = "Range Not Satisfiable",
    [417] = "Expectation Failed",
    [421] = "Misdirected Request",
    [422] = "Unprocessable Content",
    [426] = "Upgrade Required",
    [428] = "Precondition Required",
    [429] = "Too Many Requests",
    [431] = "Request Header Fields Too Large",
    [500] = "Internal Server Error",
    [501] = "Not Implemented",
    [502] = "Bad Gateway",
    [503] = "Service Unavailable",
    [504] = "Gateway Timeout",
    [505] = "HTTP Version Not Supported",
    [511] = "Network Authentication Required",
};

const char *http_phrase(int status) {
    return status >= 0 && status < 600 && phrases[status] != NULL ? phrases[status] : "Unknown";
}

void http_response_init(struct http_response *response, struct arena *arena) {
    *response = (struct http_response){.status = 0, .content_type = NULL, .content = {"", 0}};
    text_init(&response->headers, arena);
}

void http_header(struct http_response *response, const char *name, const char *value) {
    assert(is_token(slice_of(name)));
    text_put(&response->headers, name);
    text_put(&response->headers, ": ");
    while (*value != '\0') {
        size_t length = 0;
        while ((unsigned char)value[length] >= ' ' && value[length] != 0x7f) {
            length++;
        }
        text_put_slice(&response->headers, (struct slice){value, length});
        value += length + (value[length] != '\0');
    }
    text_put(&response->headers, "\r\n");
}

void http_set_cookie(const struct http_request *in, struct http_response *response, const char *name,
                     const char *value) {
    text_put(&response->headers, "Set-Cookie: ");
    text_put(&response->headers, http_cookie_prefix(in));
    text_put(&response->headers, name);
    text_put(&response->headers, "=");
    text_put(&response->headers, value);
    text_put(&response->headers, "; Path=/; HttpOnly; SameSite=Lax");
    text_put(&response->headers, http_is_secure(in) ? "; Secure" : "");
    text_put(&response->headers, value[0] == '\0' ? "; Max-Age=0\r\n" : "\r\n");
}

/* RFC 9110 sections 6.4.1 and 8.6. */
static bool may_have_content(int status) { return status >= 200 && status != 204 && status != 304; }

static enum status build_head(const struct http_response *response, struct arena *arena, struct slice *out) {
    struct slice headers;
    enum status status = text_slice(&response->headers, &headers);
    if (status != STATUS_OK) {
        return status;
    }
    struct text head;
    text_init(&head, arena);
    text_put(&head, "Status: ");
    text_put_number(&head, response->status);
    text_put(&head, " ");
    text_put(&head, http_phrase(response->status));
    text_put(&head, "\r\n");
    if (may_have_content(response->status)) {
        if (response->content_type != NULL) {
            text_put(&head, "Content-Type: ");
            text_put(&head, response->content_type);
            text_put(&head, "\r\n");
        }
        text_put(&head, "Content-Length: ");
        text_put_number(&head, (int64_t)response->content.length);
        text_put(&head, "\r\n");
    }
    text_put_slice(&head, headers);
    text_put(&head, "\r\n");
    return text_slice(&head, out);
}

void http_finish(const struct http_request *in, struct http_response *response, struct fcgi_request *request) {
    static const char last_content[] = "Internal Server Error\n";
    static const char last_head[] = "Status: 500 Internal Server Error\r\nContent-Type: text/plain; charset=utf-8\r\n"
                                    "Content-Length: 22\r\n\r\n";
    static_assert(sizeof last_content - 1 == 22, "the head above tells this length");

    bool answered = response->status >= 100 && response->status <= 599;
    struct slice head;
    /* Where the arena has failed, a piece of the page may be missing without anybody having noticed. */
    if (!answered || arena_failed(&request->arena) || build_head(response, &request->arena, &head) != STATUS_OK) {
        response->status = 500;
        response->content = slice_of(last_content);
        head = slice_of(last_head);
    }
    bool with_content = in->method != HTTP_HEAD && may_have_content(response->status);
    request->head = head;
    request->content = with_content ? response->content : (struct slice){"", 0};
}
