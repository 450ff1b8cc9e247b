#include "redis.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "metrics.h"
#include "redis_reply.h"
#include "redis_tls.h"

enum { REASON_BYTES = 128, REFUSAL_LOGGED_EVERY_US = 60000000, LOGIN_BYTES = 4096 };

struct redis {
    struct redis_options options;
    redisContext *connection; /* NULL: not connected */
    struct ssl_st *tls;       /* of connection; NULL: none */
    int64_t wait_ms;          /* that a read or write of connection waits; 0: not set yet */

    /* The call that runs. */
    struct deadline deadline;
    size_t answers;             /* taken so far */
    struct redis_making making; /* the answer that comes in now */

    /* Since the connection failed or could not be made, until there is one again. */
    int64_t away_since_us; /* 0: not away */
    char away_reason[REASON_BYTES];

    int64_t refusal_logged_us; /* 0: none yet */
};

struct redis *redis_new(const struct redis_options *options) {
    struct redis *redis = calloc(1, sizeof *redis);
    if (redis != NULL) {
        redis->options = *options;
    }
    return redis;
}

static void disconnect(struct redis *redis) {
    metrics_add(METRIC_REDIS_CONNECTIONS, -(redis->connection != NULL));
    redisFree(redis->connection);
    redis->connection = NULL;
    redis->tls = NULL;
    redis->wait_ms = 0;
}

void redis_free(struct redis *redis) {
    if (redis != NULL) {
        disconnect(redis);
        free(redis);
    }
}

/* --- Errors --------------------------------------------------------------------------- */

/* There is no connection any more. While Redis is away, the same failure again and again is counted and not logged. */
static enum status lose(struct redis *redis, const char *doing, const char *reason) {
    bool late = deadline_passed(redis->deadline);
    if (late) {
        reason = "no answer in time";
    }
    metrics_add(METRIC_REDIS_ERRORS, 1);
    if (redis->away_since_us == 0 || strncmp(reason, redis->away_reason, REASON_BYTES - 1) != 0) {
        log_event(LOG_WARNING, "redis", LOG_TEXT("doing", doing), LOG_TEXT("error", reason));
        snprintf(redis->away_reason, sizeof redis->away_reason, "%s", reason);
    }
    if (redis->away_since_us == 0) {
        redis->away_since_us = clock_monotonic_us();
    }
    disconnect(redis);
    return late ? STATUS_TIMEOUT : STATUS_GONE;
}

/* Redis lives and works, but not for this command. */
static void note_refusal(struct redis *redis, const char *error) {
    int64_t now_us = clock_monotonic_us();
    metrics_add(METRIC_REDIS_ERRORS, 1);
    if (redis->refusal_logged_us == 0 || now_us - redis->refusal_logged_us >= REFUSAL_LOGGED_EVERY_US) {
        log_event(LOG_WARNING, "redis", LOG_TEXT("doing", "run"), LOG_TEXT("error", error));
        redis->refusal_logged_us = now_us;
    }
}

/* Errors that say: Redis does nothing for us at present, whatever we ask. */
static bool is_no_use(const char *error) {
    static const char *const prefixes[] = {"NOAUTH ", "LOADING "};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (strncmp(error, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* --- Bytes out and in ----------------------------------------------------------------- */

/* Sees to it that the next read or write ends in time; false: the time is over. A plain socket keeps the time itself,
 * and is only told when it changes by a millisecond: as a rule never, because a call that begins has all of timeout_ms.
 * With TLS the socket does not block, and the waiting is done here. */
static bool may_wait(struct redis *redis, short events) {
    int64_t left_ms = (deadline_left_us(redis->deadline) + 999) / 1000;
    if (left_ms == 0) {
        return false;
    }
    if (redis->tls != NULL) {
        struct pollfd ready = {.fd = redis->connection->fd, .events = events};
        redis_tls_forget_errors();
        if (events == POLLOUT || !redis_tls_holds_bytes(redis->tls)) {
            poll(&ready, 1, (int)left_ms);
        }
    } else if (left_ms != redis->wait_ms) {
        redisSetTimeout(redis->connection, (struct timeval){left_ms / 1000, left_ms % 1000 * 1000});
        redis->wait_ms = left_ms;
    }
    return true;
}

static enum status send_all(struct redis *redis) {
    for (int done = 0; !done;) {
        if (!may_wait(redis, POLLOUT) || redisBufferWrite(redis->connection, &done) != REDIS_OK) {
            return lose(redis, "send", redis->connection->errstr);
        }
    }
    return STATUS_OK;
}

/* What the next answer lacks, or what hiredis does not like about it. */
static enum status give_up_reading(struct redis *redis) {
    const struct redis_making *making = &redis->making;
    if (making->full) {
        return STATUS_NO_MEMORY;
    }
    return lose(redis, "read", making->wrong != NULL ? making->wrong : redis->connection->errstr);
}

/* The next answer, made in arena. */
static enum status receive(struct redis *redis, struct arena *arena, struct redis_reply *out) {
    redisContext *connection = redis->connection;
    void *answer = NULL;
    redis->making = (struct redis_making){.arena = arena};
    for (;;) {
        if (redisGetReplyFromReader(connection, &answer) != REDIS_OK) {
            return give_up_reading(redis);
        }
        if (answer != NULL) {
            break;
        }
        if (!may_wait(redis, POLLIN) || redisBufferRead(connection) != REDIS_OK) {
            return lose(redis, "read", connection->errstr);
        }
        if (connection->reader->len > REDIS_ANSWER_BYTES_MAX) {
            return lose(redis, "read", "the answer is too long");
        }
    }
    redis->answers++;
    *out = *(struct redis_reply *)answer;
    return STATUS_OK;
}

static enum status append(struct redis *redis, const struct redis_command *command) {
    const char *arguments[REDIS_ARGUMENTS_MAX];
    size_t lengths[REDIS_ARGUMENTS_MAX];
    assert(command->count >= 1 && command->count <= REDIS_ARGUMENTS_MAX);
    for (size_t i = 0; i < command->count; i++) {
        arguments[i] = command->arguments[i].data;
        lengths[i] = command->arguments[i].length;
    }
    if (redisAppendCommandArgv(redis->connection, (int)command->count, arguments, lengths) != REDIS_OK) {
        return lose(redis, "send", redis->connection->errstr);
    }
    return STATUS_OK;
}

/* --- Connecting ----------------------------------------------------------------------- */

static enum status open_connection(struct redis *redis) {
    const struct address *server = &redis->options.server;
    int64_t left_us = deadline_left_us(redis->deadline);
    const struct timeval left = {left_us / 1000000, left_us % 1000000};
    redisOptions options = {.connect_timeout = &left};
    if (server->path[0] != '\0') {
        REDIS_OPTIONS_SET_UNIX(&options, server->path);
    } else {
        REDIS_OPTIONS_SET_TCP(&options, server->host, (int)server->port);
    }
    redis->connection = redisConnectWithOptions(&options);
    metrics_add(METRIC_REDIS_CONNECTIONS, redis->connection != NULL);
    if (redis->connection == NULL) {
        return lose(redis, "connect", "out of memory");
    }
    redis_reply_use(redis->connection->reader, &redis->making);
    return redis->connection->err == 0 ? STATUS_OK : lose(redis, "connect", redis->connection->errstr);
}

static enum status encrypt(struct redis *redis) {
    const struct redis_options *o = &redis->options;
    char reason[REDIS_TLS_REASON_BYTES];
    if (o->ca_file[0] == '\0' || o->server.path[0] != '\0') {
        return STATUS_OK;
    }
    redis->tls = redis_tls_start(redis->connection, o->ca_file, o->server.host, redis->deadline, reason);
    return redis->tls != NULL ? STATUS_OK : lose(redis, "connect", reason);
}

static enum status log_in(struct redis *redis) {
    const struct redis_options *o = &redis->options;
    struct redis_command auth = {.arguments = {slice_of("AUTH")}, .count = 1};
    struct redis_reply answer = {.kind = REDIS_NIL};
    struct arena arena;
    if (o->user[0] == '\0' && o->password[0] == '\0') {
        return STATUS_OK;
    }
    if (o->user[0] != '\0') {
        auth.arguments[auth.count++] = slice_of(o->user);
    }
    auth.arguments[auth.count++] = slice_of(o->password);
    enum status status = append(redis, &auth);
    if (status == STATUS_OK) {
        status = send_all(redis);
    }
    arena_init(&arena, LOGIN_BYTES);
    if (status == STATUS_OK) {
        status = receive(redis, &arena, &answer);
    }
    if (status == STATUS_OK && (answer.kind != REDIS_TEXT || !slice_equal(answer.text, slice_of("OK")))) {
        status = lose(redis, "log in", answer.kind == REDIS_ERROR ? answer.text.data : "not an answer to AUTH");
    }
    arena_free(&arena);
    return status;
}

static enum status make_sure_of_connection(struct redis *redis) {
    if (redis->connection != NULL) {
        return STATUS_OK;
    }
    enum status status = open_connection(redis);
    if (status == STATUS_OK) {
        status = encrypt(redis);
    }
    if (status == STATUS_OK) {
        status = log_in(redis);
    }
    metrics_add(METRIC_REDIS_CONNECTS, status == STATUS_OK);
    return status;
}

/* --- Running -------------------------------------------------------------------------- */

/* An answer that is an error: what it means for the call. */
static enum status judge_error(struct redis *redis, const char *error) {
    if (is_no_use(error)) {
        return lose(redis, "run", error);
    }
    note_refusal(redis, error);
    return STATUS_OK;
}

static enum status run_once(struct redis *redis, const struct redis_command *commands, size_t count,
                            struct arena *arena, struct redis_reply *replies) {
    enum status status = make_sure_of_connection(redis);
    redis->answers = 0;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = append(redis, &commands[i]);
    }
    if (status == STATUS_OK) {
        status = send_all(redis);
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = receive(redis, arena, &replies[i]);
        if (status == STATUS_OK && replies[i].kind == REDIS_ERROR) {
            status = judge_error(redis, replies[i].text.data);
        }
    }
    return status;
}

/* Redis has answered: one that loads its data can be connected to long before that. */
static void note_answer(struct redis *redis) {
    if (redis->away_since_us != 0) {
        log_event(LOG_INFO, "redis is back",
                  LOG_NUMBER("away_ms", (clock_monotonic_us() - redis->away_since_us) / 1000));
        redis->away_since_us = 0;
    }
}

/* Answers that nobody has read, or asked for, must not become those of the next call. */
static void leave_clean(struct redis *redis, enum status status) {
    const redisContext *connection = redis->connection;
    if (connection != NULL && (status != STATUS_OK || connection->reader->pos != connection->reader->len)) {
        disconnect(redis);
    }
}

static bool are_repeatable(const struct redis_command *commands, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!commands[i].repeatable) {
            return false;
        }
    }
    return true;
}

static enum status run(struct redis *redis, const struct redis_command *commands, size_t count, struct arena *arena,
                       struct redis_reply *replies) {
    bool fresh = redis->connection == NULL;
    enum status status = run_once(redis, commands, count, arena, replies);
    if (status == STATUS_GONE && !fresh && redis->answers == 0 && are_repeatable(commands, count)) {
        status = run_once(redis, commands, count, arena, replies);
    }
    if (status == STATUS_OK) {
        note_answer(redis);
    }
    leave_clean(redis, status);
    return status;
}

enum status redis_run(struct redis *redis, struct call *call, const struct redis_command *commands, size_t count,
                      struct arena *arena, struct redis_reply *replies) {
    struct breaker *breaker = redis->options.breaker;
    int64_t begun_us = clock_monotonic_us();
    const struct deadline own = {begun_us + redis->options.timeout_ms * 1000};
    if (call_is_over(call)) {
        return STATUS_TIMEOUT;
    }
    if (breaker != NULL && !breaker_allow(breaker, begun_us)) {
        metrics_backend_spared(BACKEND_REDIS);
        return STATUS_GONE;
    }
    redis->deadline = deadline_sooner(call->deadline, own);
    enum status status = run(redis, commands, count, arena, replies);
    if (breaker != NULL) {
        /* An arena that is full is no fault of Redis. */
        breaker_report(breaker, status == STATUS_OK || status == STATUS_NO_MEMORY, clock_monotonic_us());
    }
    call_spent(call, BACKEND_REDIS, begun_us);
    metrics_backend_call(BACKEND_REDIS, status, clock_monotonic_us() - begun_us);
    return status;
}
