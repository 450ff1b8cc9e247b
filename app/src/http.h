/*
 * http -- a request as a handler sees it, and the response it builds.
 *
 * The request comes as CGI variables (RFC 3875 section 4.1), the response leaves
 * as a CGI header block (section 6). Everything lives in the request's arena.
 */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "fcgi_conn.h"
#include "slice.h"
#include "status.h"
#include "text.h"

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_OTHER };

struct http_request {
    enum http_method method;
    const char *method_name; /* as sent, a token of RFC 9110 section 5.6.2 */
    const char *path;        /* decoded; starts with '/', valid UTF-8, no NUL, no control characters */
    struct slice target;     /* as sent, "/path?query", for who has to come back to it */
    struct slice query;      /* as sent, without the '?' */
    struct slice body;
    const char *request_id;         /* of the web server, 1..64 of [A-Za-z0-9._-], or "-" */
    const struct fcgi_request *cgi; /* see http_variable() */
};

struct http_response {
    int status;               /* 100..599; http_finish() makes a 500 of anything else */
    const char *content_type; /* static string; NULL: none */
    struct text headers;      /* further header lines, see http_header() */
    struct slice content;
};

/*
 * Reads the CGI variables of request into out. STATUS_BAD_INPUT (answer 400):
 * REQUEST_METHOD or REQUEST_URI is missing or twice, the method is no token, the
 * URI is neither "/path?query" nor the same behind "http://host", its path or query
 * holds a broken percent escape, a NUL, a control character or invalid UTF-8, or
 * CONTENT_LENGTH is not the length of the body. STATUS_NO_MEMORY: the arena is full.
 *
 * A 400 has to be answered and logged too, so out is filled in either case: what
 * could not be read is HTTP_OTHER, "-" as method_name, "" as path, target and query.
 * Dot segments stay as they are; the path is decoded once.
 */
enum status http_read_request(struct fcgi_request *request, struct http_request *out);

/* A CGI variable as it came, such as "REMOTE_ADDR", or "HTTP_ORIGIN" for the field Origin
 * (RFC 3875 section 4.1.18); any bytes. Empty unless it is there exactly once. */
struct slice http_variable(const struct http_request *in, const char *name);

/* True if the visitor came by TLS: REQUEST_SCHEME is "https", or HTTPS "on". */
bool http_is_secure(const struct http_request *in);

/* True if CONTENT_TYPE is this media type, whatever its parameters (RFC 9110 section 8.3.1). */
bool http_has_type(const struct http_request *in, const char *media_type);

/* What the names of our cookies begin with: "__Host-" under TLS, so that only this host can
 * set them, and only over TLS; else "". */
const char *http_cookie_prefix(const struct http_request *in);

/* True unless the Cookie field holds a control character, which no browser sends. */
bool http_cookie_is_clean(const struct http_request *in);

/* The value of one of our cookies, as http_set_cookie() set it. Empty if there is none, or
 * more than one: somebody else set the other. */
struct slice http_cookie(const struct http_request *in, const char *name);

/* The decoded value of one field of a form, as for http_query(). NULL too if the body is no
 * application/x-www-form-urlencoded. */
const char *http_form(struct arena *arena, const struct http_request *in, const char *name);

/* The decoded value of one query parameter, or NULL if there is none (or it is
 * not valid text, or has no room). The first one counts; without '=' it is "". */
const char *http_query(struct arena *arena, struct slice query, const char *name);

/* Undoes percent encoding (RFC 3986 section 2.1) into the arena, NUL-terminated;
 * plus_is_space for query and form data. NULL: broken escape, NUL, control character,
 * invalid UTF-8, no room. */
const char *http_decode(struct arena *arena, struct slice encoded, bool plus_is_space);

/* The opposite: everything but letters, digits and "-._~" as %XX (RFC 3986 section 2.3), for
 * one value in a query. NULL: no room. */
const char *http_encode(struct arena *arena, struct slice bytes);

/* True for well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates). */
bool http_is_utf8(struct slice bytes);

/* The same without control characters, U+0080 to U+009F included: what http_decode() gives. */
bool http_is_text(struct slice bytes);

/* A decimal number without sign, 0..max. STATUS_BAD_INPUT for anything else: also
 * for NULL, so that http_query() can be passed on, and for a leading zero, so that
 * a page has one address only. */
enum status http_number(const char *text, uint32_t max, uint32_t *out);

/* Adds a header line; name is a token of ours (RFC 9110 section 5.1). Both are copied. CR,
 * LF and other control characters in value are left out, so that no value we echo can
 * start a line of its own. */
void http_header(struct http_response *response, const char *name, const char *value);

/*
 * Sets a cookie of ours for the whole site until the browser is closed; value is made of
 * letters and digits, "" clears it. No script can read it, no other site's form sends it, and
 * one that was set under TLS never leaves without (RFC 6265bis: HttpOnly, SameSite, Secure).
 */
void http_set_cookie(const struct http_request *in, struct http_response *response, const char *name,
                     const char *value);

/* Begins a response without a status, which http_finish() makes a 500 of. */
void http_response_init(struct http_response *response, struct arena *arena);

/* The phrase of RFC 9110 or RFC 6585 for a status, such as "Not Found"; "Unknown" otherwise. */
const char *http_phrase(int status);

/* Builds the CGI header block of response and sets head and content of request.
 * For HEAD the content is left out and its length told (RFC 9110 section 9.3.2); a 204
 * or 304 has neither content nor length (sections 6.4.1 and 8.6). If the arena was full
 * at any time the response becomes a plain 500 that needs no memory, and
 * response->status says so. */
void http_finish(const struct http_request *in, struct http_response *response, struct fcgi_request *request);

#endif
