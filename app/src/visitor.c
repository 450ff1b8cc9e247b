#include "visitor.h"

#include <string.h>
#include <strings.h>

#include "clock.h"
#include "metrics.h"
#include "tokens.h"

static const char cookie_name[] = "session";

static struct arena *memory_of(const struct exchange *exchange) { return &exchange->request->arena; }

static int64_t now_s(void) { return clock_wall_us() / 1000000; }

static bool is_api(const struct exchange *exchange) {
    return strncmp(exchange->in.path, "/api/", strlen("/api/")) == 0;
}

static bool is_of_a_token(const struct exchange *exchange) {
    return is_api(exchange) && http_variable(&exchange->in, "HTTP_AUTHORIZATION").length > 0;
}

/* From now on the visitor has no session, and is told why. Returns false, for those who pass that on. */
static bool refuse_away(struct exchange *exchange) {
    exchange->session = NULL;
    exchange->session_away = true;
    exchange_problem(exchange, 503,
                     "Your session cannot be reached at the moment. Nothing was changed; please try again.");
    return false;
}

/* --- Before the handler and after it --------------------------------------------------- */

bool visitor_has_session(const struct http_request *in) {
    return http_variable(in, "HTTP_COOKIE").length > 0 && secret_is(http_cookie(in, cookie_name));
}

static void find_session(struct exchange *exchange) {
    struct slice cookie = http_cookie(&exchange->in, cookie_name);
    const char *id = arena_copy(memory_of(exchange), cookie.data, cookie.length);
    struct session *session = arena_alloc(memory_of(exchange), sizeof *session);
    if (id == NULL || session == NULL) {
        return; /* http_finish() makes a 500 of it */
    }
    enum status status = session_store_load(&exchange->sessions, &exchange->call, memory_of(exchange), id, session);
    if (status == STATUS_OK) {
        exchange->session = session;
        strcpy(exchange->call.gtid, session->gtid);
    } else {
        exchange->session_away = status != STATUS_NOT_FOUND;
    }
}

bool visitor_load(struct exchange *exchange) {
    if (http_variable(&exchange->in, "HTTP_COOKIE").length > 0 && !http_cookie_is_clean(&exchange->in)) {
        exchange_problem(exchange, 400, "The Cookie field of the request cannot be read.");
        return false;
    }
    if (is_of_a_token(exchange)) {
        return true;
    }
    exchange->session_looked_for = true;
    if (visitor_has_session(&exchange->in)) {
        find_session(exchange);
    }
    return true;
}

/* What the visitor wrote during this request goes along. */
static enum status save(struct exchange *exchange) {
    strcpy(exchange->session->gtid, exchange->call.gtid);
    exchange->session_changed = false;
    return session_store_update(&exchange->sessions, &exchange->call, memory_of(exchange), exchange->session);
}

bool visitor_is_private(const struct exchange *exchange) {
    return exchange->session != NULL || exchange->session_away || exchange->session_cookie != COOKIE_KEPT;
}

void visitor_leave(struct exchange *exchange) {
    const struct session *session = exchange->session;
    if (session != NULL && (exchange->session_changed || strcmp(session->gtid, exchange->call.gtid) != 0)) {
        save(exchange);
    }
    if (exchange->session_cookie == COOKIE_SET && session != NULL) {
        http_set_cookie(&exchange->in, &exchange->out, cookie_name, session->id);
    } else if (exchange->session_cookie == COOKIE_CLEARED) {
        http_set_cookie(&exchange->in, &exchange->out, cookie_name, "");
    }
    if (visitor_is_private(exchange)) {
        http_header(&exchange->out, "Cache-Control", "private, no-store");
    }
}

/* --- The session ----------------------------------------------------------------------- */

bool visitor_begin(struct exchange *exchange) {
    if (exchange->session != NULL) {
        return true;
    }
    if (is_of_a_token(exchange)) {
        exchange_problem(exchange, 403, "A token has no session, so nothing can be kept for it here.");
        return false;
    }
    struct session *session = exchange->session_away ? NULL : arena_alloc(memory_of(exchange), sizeof *session);
    if (session == NULL) {
        return refuse_away(exchange);
    }
    session_begin(session, now_s());
    strcpy(session->gtid, exchange->call.gtid);
    if (session_store_create(&exchange->sessions, &exchange->call, memory_of(exchange), session) != STATUS_OK) {
        return refuse_away(exchange);
    }
    metrics_add(METRIC_SESSIONS_BEGUN, 1);
    exchange->session = session;
    exchange->session_cookie = COOKIE_SET;
    return true;
}

bool visitor_renew(struct exchange *exchange) {
    struct session *session = exchange->session;
    char old_id[SESSION_ID_CHARS + 1];
    if (session == NULL) {
        return visitor_begin(exchange);
    }
    strcpy(old_id, session->id);
    session_renew(session, now_s());
    strcpy(session->gtid, exchange->call.gtid);
    exchange->session_changed = false;
    if (session_store_renew(&exchange->sessions, &exchange->call, memory_of(exchange), old_id, session) != STATUS_OK) {
        return refuse_away(exchange);
    }
    exchange->session_cookie = COOKIE_SET;
    return true;
}

bool visitor_end(struct exchange *exchange) {
    const struct session *session = exchange->session;
    if (exchange->session_away ||
        (session != NULL &&
         session_store_remove(&exchange->sessions, &exchange->call, memory_of(exchange), session->id) != STATUS_OK)) {
        return refuse_away(exchange);
    }
    exchange->session = NULL;
    exchange->session_cookie = COOKIE_CLEARED;
    return true;
}

bool visitor_save(struct exchange *exchange) {
    switch (save(exchange)) {
    case STATUS_OK:
        return true;
    case STATUS_NOT_FOUND:
        exchange->session = NULL;
        exchange_problem(exchange, 409, "Your session has just ended. Nothing was changed; please try again.");
        return false;
    default:
        return refuse_away(exchange);
    }
}

void visitor_changed(struct exchange *exchange) { exchange->session_changed = true; }

/* --- Did they mean to? ----------------------------------------------------------------- */

/* Whether an origin is the one that the request was sent to. TLS may have ended in front of us without our being told. */
static bool is_own_origin(const struct http_request *in, struct slice origin) {
    static const char *const schemes[] = {"https://", "http://"};
    struct slice host = http_variable(in, "HTTP_HOST");
    size_t possible = http_is_secure(in) ? 1 : 2;
    for (size_t i = 0; i < possible; i++) {
        size_t length = strlen(schemes[i]);
        if (host.length > 0 && origin.length == length + host.length &&
            strncasecmp(origin.data, schemes[i], length) == 0 &&
            strncasecmp(origin.data + length, host.data, host.length) == 0) {
            return true;
        }
    }
    return false;
}

/* What the browser says of where the request comes from; nothing, where there is no browser. */
static bool is_from_elsewhere(const struct http_request *in) {
    struct slice site = http_variable(in, "HTTP_SEC_FETCH_SITE"), origin = http_variable(in, "HTTP_ORIGIN");
    bool same = slice_equal(site, slice_of("same-origin")) || slice_equal(site, slice_of("none"));
    return (site.length > 0 && !same) || (origin.length > 0 && !is_own_origin(in, origin));
}

static bool check_meant(struct exchange *exchange, struct slice token) {
    const struct session *session = exchange->session;
    if (is_from_elsewhere(&exchange->in)) {
        metrics_add(METRIC_REQUESTS_FORGED, 1);
        exchange_problem(exchange, 403, "This was not sent from a page of this shop, so nothing was done.");
        return false;
    }
    if (exchange->session_away) {
        return refuse_away(exchange);
    }
    if (session != NULL && !secret_equal(token, slice_of(session->csrf))) {
        metrics_add(METRIC_REQUESTS_FORGED, 1);
        exchange_problem(
            exchange, 403,
            "The page that this was sent from is out of date, so nothing was done. Please go back, load it "
            "again and try once more.");
        return false;
    }
    return true;
}

bool visitor_check_form(struct exchange *exchange) {
    struct arena *arena = memory_of(exchange);
    if (!http_has_type(&exchange->in, "application/x-www-form-urlencoded")) {
        exchange_problem(exchange, 415, "This page takes a form only.");
        return false;
    }
    /* Decoded only to see that it can be, as for a query. */
    if (http_decode(arena, exchange->in.body, true) == NULL) {
        exchange_problem(exchange, 400, "The form cannot be read.");
        return false;
    }
    const char *token = http_form(arena, &exchange->in, "csrf");
    return check_meant(exchange, slice_of(token != NULL ? token : ""));
}

bool visitor_check_api(struct exchange *exchange) {
    return is_of_a_token(exchange) || check_meant(exchange, http_variable(&exchange->in, "HTTP_X_CSRF_TOKEN"));
}

/* --- Who is it? ------------------------------------------------------------------------ */

uint64_t visitor_user(const struct exchange *exchange) {
    return exchange->session != NULL ? exchange->session->user : exchange->token_user;
}

/* A token is looked for where it matters whose it is. False: answered. */
static bool find_token(struct exchange *exchange) {
    enum status status = tokens_user(exchange->database, &exchange->call,
                                     http_variable(&exchange->in, "HTTP_AUTHORIZATION"), &exchange->token_user);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        exchange_failure(exchange, status, "");
        return false;
    }
    return true;
}

/* Where the visitor was about to go is kept; a form that was about to be sent has to be filled in again. */
static void send_to_login(struct exchange *exchange) {
    struct text text;
    struct slice path;
    const char *next = http_encode(memory_of(exchange), exchange->in.target);
    text_init(&text, memory_of(exchange));
    text_put(&text, "/login?next=");
    text_put(&text, next != NULL ? next : "");
    text_put_slice(&text, (struct slice){"", 1}); /* its NUL */
    if (text_slice(&text, &path) == STATUS_OK) {
        exchange_redirect(exchange, 303, path.data);
    }
}

bool visitor_require(struct exchange *exchange) {
    if (is_of_a_token(exchange) && !find_token(exchange)) {
        return false;
    }
    if (visitor_user(exchange) != 0) {
        return true;
    }
    if (exchange->session_away) {
        return refuse_away(exchange);
    }
    if (is_api(exchange)) {
        http_header(&exchange->out, "WWW-Authenticate", "Bearer");
        exchange_problem(exchange, 401, "Sign in first, or send a token.");
    } else {
        send_to_login(exchange);
    }
    return false;
}
