/*
 * freshness -- what browsers, and caches on the way, may do with an answer (RFC 9111), and not sending
 * again what they have (RFC 9110 section 13).
 *
 * Pages of the catalogue are the same for everybody who has no session, so anybody may keep them. All
 * who do ask again each time, and get 304 if nothing has changed: prices and stock are never old, and
 * what a visitor saw before signing in is not shown afterwards.
 *
 * The tag of a page covers all that it says, the strip at its foot too: who is told "not modified"
 * goes on seeing the node and the cache of the page that they have, so it must be the same ones. It
 * is weak, and leaves out the request's id, which is another one each time and says nothing about the
 * products. What the API says is the same from every node; its tag is strong.
 */
#ifndef FRESHNESS_H
#define FRESHNESS_H

#include "exchange.h"

/* After exchange_page(), for one that depends on the visitor only where there is a session. An
 * answer that is this visitor's alone (visitor_is_private), or another one than 200, stays as it is. */
void freshness_page(struct exchange *exchange);

/* After exchange_json(), for what depends on no visitor. Else the same. */
void freshness_json(struct exchange *exchange);

#endif
