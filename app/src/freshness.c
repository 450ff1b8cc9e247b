#include "freshness.h"

#include "etag.h"
#include "visitor.h"

static bool may_be_kept(const struct exchange *exchange) {
    return exchange->out.status == 200 && !visitor_is_private(exchange);
}

/* Texts of our own: they need no look at each character, see http_header(). */
static void answer(struct exchange *exchange, const char *more, const char *etag) {
    struct text *headers = &exchange->out.headers;
    text_put(headers, "Cache-Control: public, max-age=0, must-revalidate\r\n");
    text_put(headers, more);
    text_put(headers, "ETag: ");
    text_put(headers, etag);
    text_put(headers, "\r\n");
    if (etag_matches(http_variable(&exchange->in, "HTTP_IF_NONE_MATCH"), etag)) {
        exchange->out.status = 304;
    }
}

void freshness_page(struct exchange *exchange) {
    char etag[ETAG_BYTES];
    if (may_be_kept(exchange)) {
        etag_weak(exchange->out.content, slice_of(exchange->in.request_id), etag);
        answer(exchange, "Vary: Cookie\r\n", etag);
    }
}

void freshness_json(struct exchange *exchange) {
    char etag[ETAG_BYTES];
    if (may_be_kept(exchange)) {
        etag_strong(exchange->out.content, etag);
        answer(exchange, "", etag);
    }
}
