/*
 * redis -- one connection to Redis, used by one thread, on hiredis.
 *
 * Connects when it is first needed and again after it was lost. Several commands go out
 * together and their answers come back together: one round trip, one write and one read.
 * Redis is never needed for a right answer, so a call fails fast: while the breaker is open
 * at once, else after timeout_ms or at the call's deadline, whichever is sooner, connecting
 * included, to the millisecond.
 *
 * A connection that fails or is late is closed: no answer is ever taken for that of another
 * command. One that turns out to be dead before it gave a single answer, as after a restart
 * of Redis, is replaced once within the same call if all commands are repeatable. Nothing
 * else is sent twice.
 *
 * A Redis that is away is logged when that is noticed, once a reason, and when it is back,
 * with how long it was away for this connection; each failure is counted. Errors that Redis
 * answers with are counted, and one a minute is logged.
 *
 * SIGPIPE must be ignored.
 */
#ifndef REDIS_H
#define REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "arena.h"
#include "breaker.h"
#include "call.h"
#include "slice.h"
#include "status.h"

struct redis;

struct redis_options {
    struct address server;
    const char *user;        /* "": the default user */
    const char *password;    /* "": none */
    const char *ca_file;     /* CA that signed the certificate of server.host; "": no TLS, nor on a Unix socket */
    int64_t timeout_ms;      /* of one call, at least 1 */
    struct breaker *breaker; /* shared by all connections to this server; NULL: every call is tried */
};

enum { REDIS_ARGUMENTS_MAX = 16, REDIS_ANSWER_BYTES_MAX = 4194304, REDIS_ITEMS_MAX = 4096, REDIS_DEPTH_MAX = 8 };

struct redis_command {
    struct slice arguments[REDIS_ARGUMENTS_MAX]; /* the command's name first */
    size_t count;                                /* at least 1 */
    bool repeatable;                             /* sending it twice does what sending it once does */
};

enum redis_kind { REDIS_NIL, REDIS_TEXT, REDIS_NUMBER, REDIS_ERROR, REDIS_LIST };

struct redis_reply {
    enum redis_kind kind;
    struct slice text;         /* of REDIS_TEXT and REDIS_ERROR */
    int64_t number;            /* of REDIS_NUMBER */
    struct redis_reply *items; /* of REDIS_LIST, count of them; each may be a list, or an error */
    size_t count;
};

/* options are copied; the strings that they name, and the breaker, must stay. NULL without memory. */
struct redis *redis_new(const struct redis_options *options);

/* NULL is allowed. */
void redis_free(struct redis *redis);

/*
 * Sends count commands, at least one, in one round trip and fills replies, one a command;
 * their texts, with a NUL behind, and their lists are made in arena. Accounts for it in call.
 * Unless STATUS_OK replies mean nothing.
 *
 * STATUS_GONE: Redis is away, refused our password or is still loading its data, answered
 * with what is none of the kinds above, with a text longer than REDIS_ANSWER_BYTES_MAX, with
 * more than REDIS_ITEMS_MAX items in one answer or lists more than REDIS_DEPTH_MAX deep, or
 * its breaker is open. STATUS_TIMEOUT: it did not answer in time. After both the commands
 * may have been carried out or not. STATUS_NO_MEMORY: the arena is full. Any other error
 * that Redis answers with is a reply, not a failure of the call.
 */
enum status redis_run(struct redis *redis, struct call *call, const struct redis_command *commands, size_t count,
                      struct arena *arena, struct redis_reply *replies);

#endif
