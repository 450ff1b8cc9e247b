#include "freshness.h"

#include "etag.h"
#include "visitor.h"

static bool may_be_kept(const struct exchange *exchange) {
    return exchange->out.status == 200 && !visitor_is_private(exchange);
}

static void answer(struct exchange *exchange, const char *etag) {
    http_header(&exchange->out, "Cache-Control", "public, max-age=0, must-revalidate");
    http_header(&exchange->out, "ETag", etag);
    if (etag_matches(http_variable(&exchange->in, "HTTP_IF_NONE_MATCH"), etag)) {
        exchange->out.status = 304;
    }
}

void freshness_page(struct exchange *exchange) {
    char etag[ETAG_BYTES];
    if (may_be_kept(exchange)) {
        etag_weak(exchange->out.content, slice_of(exchange->in.request_id), etag);
        http_header(&exchange->out, "Vary", "Cookie");
        answer(exchange, etag);
    }
}

void freshness_json(struct exchange *exchange) {
    char etag[ETAG_BYTES];
    if (may_be_kept(exchange)) {
        etag_strong(exchange->out.content, etag);
        answer(exchange, etag);
    }
}
