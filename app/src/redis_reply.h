/*
 * redis_reply -- an answer of Redis, made in an arena while hiredis reads it.
 *
 * hiredis takes the protocol apart and calls us for each piece: that way nothing is copied
 * twice, and what an answer may cost is bounded by its arena, by REDIS_ITEMS_MAX and by
 * REDIS_DEPTH_MAX, whatever the other end sends.
 */
#ifndef REDIS_REPLY_H
#define REDIS_REPLY_H

#include <hiredis/hiredis.h>

#include "arena.h"
#include "redis.h"

/* The answer that is being made. */
struct redis_making {
    struct arena *arena;
    size_t items;      /* so far, lists included */
    bool full;         /* the arena is */
    const char *wrong; /* what we do not take; NULL: nothing yet */
};

/* From now on the reader hands out a struct redis_reply *, which belongs to making->arena.
 * Where it comes to an error, full or wrong may say which; else the reader does. */
void redis_reply_use(redisReader *reader, struct redis_making *making);

#endif
