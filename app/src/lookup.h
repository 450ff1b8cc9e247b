/*
 * lookup -- an answer of MySQL, by the cheapest way that is right.
 *
 *   in the cache, fresh ------------------------------------------> hit
 *   in the cache, old:  somebody fetches a new one already -------> stale, at once
 *                       nobody does: asked, stored ---------------> miss
 *                                    MySQL is away ---------------> stale
 *   not in the cache:   somebody asks already, here (flight.h) ---> its answer
 *                       another node does (cache_lock) -----------> hit, when it has stored it
 *                       nobody does: asked, stored ---------------> miss
 *   changed just now, or Redis is away: asked, once for all who ask here, and not stored
 *
 * So the first one who wants what is not there pays for everybody, and nobody for what is only old.
 * A visitor who has written something (call->gtid) takes no answer of another one here: that may
 * have been read before.
 */
#ifndef LOOKUP_H
#define LOOKUP_H

#include <yyjson.h>

#include "cache.h"
#include "flight.h"
#include "status.h"
#include "text.h"

/* With what: all of it belongs to the request, but flights. */
struct lookup {
    const struct cache *cache;
    struct flights *flights;
    struct call *call;
    struct arena *arena;
    yyjson_mut_doc *doc;
    yyjson_alc memory; /* of arena */
    int64_t renew_ms;  /* what asking may take where an old answer is there */
};

/* A visitor who could have had the old one at once does not wait for a silent MySQL as long as others. */
enum { LOOKUP_RENEW_MS = 500 };

/* What for. */
struct lookup_question {
    const char *key;
    int64_t ttl_ms; /* fresh for so long */
    /* Asks MySQL, on behalf of call: *out is an object of doc. STATUS_NOT_FOUND is an answer too, shared but not stored. */
    enum status (*ask)(void *context, yyjson_mut_val **out);
    void *context;
};

enum lookup_source {
    LOOKUP_FROM_CACHE,
    LOOKUP_FROM_OTHERS, /* who had asked already */
    LOOKUP_FROM_MYSQL,
};

/* How it went, for those who want to see. */
struct lookup_story {
    enum cache_state found; /* in the cache, at first */
    enum lookup_source source;
    int64_t ttl_ms; /* of what came from the cache, see cache.h */
    bool stored;
};

/* Fails as ask() does; STATUS_TIMEOUT also if somebody else's answer did not come in time. */
enum status lookup(const struct lookup *with, const struct lookup_question *question, yyjson_mut_val **out,
                   struct lookup_story *story);

/* Appends the story as a member of Cache-Status (RFC 9211), such as "shopd; hit; ttl=42". */
void lookup_tell(const struct lookup_story *story, struct text *out);

#endif
