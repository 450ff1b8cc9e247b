/*
 * redis -- one connection to Redis, used by one thread, on hiredis.
 *
 * Connects when it is first needed and again after it was lost. Several commands go out
 * together and their answers come back together: one round trip. Redis is never needed for
 * a right answer, so a call fails fast: while the breaker is open at once, else after
 * timeout_ms or at the call's deadline, whichever is sooner.
 */
#ifndef REDIS_H
#define REDIS_H

#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "breaker.h"
#include "call.h"
#include "slice.h"
#include "status.h"

struct redis;

struct redis_options {
    const char *server;      /* unix:PATH or ADDRESS:PORT */
    const char *user;        /* "": the default user */
    const char *password;    /* "": none */
    const char *ca_file;     /* CA that signed its certificate; "": no TLS */
    int64_t timeout_ms;      /* to connect, and for one round trip */
    struct breaker *breaker; /* shared by all connections to this server */
};

enum { REDIS_ARGUMENTS_MAX = 8 };

struct redis_command {
    struct slice arguments[REDIS_ARGUMENTS_MAX]; /* the command's name first */
    size_t count;
};

enum redis_kind { REDIS_NIL, REDIS_TEXT, REDIS_NUMBER, REDIS_ERROR };

struct redis_reply {
    enum redis_kind kind;
    struct slice text; /* of REDIS_TEXT and REDIS_ERROR */
    int64_t number;    /* of REDIS_NUMBER */
};

/* The options, and what they name, must stay. NULL without memory. */
struct redis *redis_new(const struct redis_options *options);

/* NULL is allowed. */
void redis_free(struct redis *redis);

/* Sends count commands in one round trip and fills replies, one a command; their texts are
 * copied into arena. STATUS_GONE: Redis is away, or its breaker is open; STATUS_TIMEOUT: it
 * did not answer in time; STATUS_NO_MEMORY: the arena is full. An error that Redis answers
 * with is a reply, not a failure of the call. */
enum status redis_run(struct redis *redis, struct call *call, const struct redis_command *commands, size_t count,
                      struct arena *arena, struct redis_reply *replies);

#endif
