/*
 * session_store -- where sessions are kept: in this server's memory, or in Redis.
 *
 *   memory   lost with the server, unknown to others (session_memory.h)
 *   redis    one for all servers, under "session:v1:" and the hash of the id
 *
 * A session ends when it was not seen for idle_ms, when max_ms have passed since it began,
 * and when it is removed. Every load counts as seen. Of two requests of one visitor at the
 * same time the last to save wins; a session that one of them ended stays ended.
 *
 * STATUS_GONE or STATUS_TIMEOUT of each function: Redis is away. Nobody can tell then
 * whether there is such a session, or whether it was saved.
 */
#ifndef SESSION_STORE_H
#define SESSION_STORE_H

#include <stdint.h>

#include "arena.h"
#include "call.h"
#include "redis.h"
#include "session.h"
#include "session_memory.h"
#include "status.h"

/* One for a worker. */
struct session_store {
    struct session_memory *memory; /* the process's; NULL: sessions are in Redis */
    struct redis *redis;           /* the worker's connection, for sessions that are there */
    int64_t idle_ms;
    int64_t max_ms;
};

/* As SESSION_STORE calls it: "memory", "redis". */
const char *session_store_name(const struct session_store *store);

/* The session of this id. STATUS_NOT_FOUND: there is none, or none any more. */
enum status session_store_load(const struct session_store *store, struct call *call, struct arena *arena,
                               const char *id, struct session *out);

/* Keeps a session that has just begun. */
enum status session_store_create(const struct session_store *store, struct call *call, struct arena *arena,
                                 const struct session *session);

/* Replaces a session that was loaded or created. STATUS_NOT_FOUND: it has ended meanwhile. */
enum status session_store_update(const struct session_store *store, struct call *call, struct arena *arena,
                                 const struct session *session);

/* Keeps session under its new id and ends the one of old_id, in one round trip. */
enum status session_store_renew(const struct session_store *store, struct call *call, struct arena *arena,
                                const char *old_id, const struct session *session);

enum status session_store_remove(const struct session_store *store, struct call *call, struct arena *arena,
                                 const char *id);

#endif
