/*
 * visitor -- who sent this request, and whether they meant to.
 *
 *   shop.c: visitor_load --> the handler: visitor_begin, visitor_require … --> visitor_leave
 *
 * A visitor is known by a cookie, "session" ("__Host-session" under TLS), that holds the id
 * of a session and nothing else. Who has none costs nothing: one is begun only where there
 * is something to remember. exchange->session is the visitor's session, NULL if there is
 * none or its store is away (exchange->session_away); handlers may write to it and then say
 * visitor_changed() or visitor_save(). An API request with "Authorization" is its token's:
 * no cookie counts then.
 *
 * The functions that return a bool have answered the request when they return false: the
 * handler is done. All of them belong on a worker.
 */
#ifndef VISITOR_H
#define VISITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "exchange.h"

/* --- For handlers ---------------------------------------------------------------------- */

/* Makes sure that there is a session: an old one, or a new one under an id of ours, never of
 * the visitor's. 503: its store is away; 403: it is a token's request. */
bool visitor_begin(struct exchange *exchange);

/* Saves the session as it is now under a new id and a new token, and ends the old one: at
 * login, so that an id that somebody planted is worth nothing. Begins one if there is none.
 * 503 as above; the visitor is then without a session. */
bool visitor_renew(struct exchange *exchange);

/* Ends the session everywhere and clears the cookie. 503: it could not be ended; the visitor
 * keeps the cookie, to try again. */
bool visitor_end(struct exchange *exchange);

/* Saves the session now, for what must not be lost, such as a cart. 503 as above; 409: it was
 * ended meanwhile. */
bool visitor_save(struct exchange *exchange);

/* Has the session saved when the answer leaves, if its store is there: for what the answer
 * does not depend on. */
void visitor_changed(struct exchange *exchange);

/*
 * For every form that changes something, before anything is done. 415: not a form; 400: a
 * field cannot be decoded; 403: another site sent it (Sec-Fetch-Site, Origin), or its field
 * "csrf" is not the session's token; 503: the store is away, so nobody can tell. Without a
 * session there is nothing to be abused, and the browser's word is enough.
 */
bool visitor_check_form(struct exchange *exchange);

/* The same for the API: the token comes as X-CSRF-Token, and the body is the handler's, see
 * exchange_body(). With "Authorization", which no browser adds by itself, nothing is checked. */
bool visitor_check_api(struct exchange *exchange);

/* The visitor's id as a user; 0: not signed in. A token's user is known from visitor_require() on. */
uint64_t visitor_user(const struct exchange *exchange);

/* Sees that the visitor is signed in. Else a page sends them to /login, which gets the way
 * back as ?next=, and the API says 401. 503: the store is away. */
bool visitor_require(struct exchange *exchange);

/* True if the answer is for this visitor alone: it is marked as not to be kept by any cache.
 * One that is not may be made public by its handler. */
bool visitor_is_private(const struct exchange *exchange);

/* --- For shop.c ------------------------------------------------------------------------ */

/* True if the request names a session, so that it has to be looked for. */
bool visitor_has_session(const struct http_request *in);

/* Before the handler: finds the session, and what the visitor wrote last, for call. 400: the
 * Cookie field holds control characters. */
bool visitor_load(struct exchange *exchange);

/* After the handler: saves what has changed, and adds the header fields that a visitor with
 * a session needs. */
void visitor_leave(struct exchange *exchange);

#endif
