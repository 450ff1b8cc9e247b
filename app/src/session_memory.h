/*
 * session_memory -- the sessions of one shopd, in its own memory: lost with it, unknown to
 * every other.
 *
 * A bounded table, shared by all workers; every function is thread-safe. The session that
 * was not seen for the longest time is first in line: it expires first, and it has to go
 * when there is no room. Nothing here reads a clock: now_us is monotonic, from clock.h.
 */
#ifndef SESSION_MEMORY_H
#define SESSION_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "secret.h"
#include "session.h"
#include "status.h"

struct session_memory;

/* Room for most sessions, each kept until it was not seen for idle_ms. NULL without memory. */
struct session_memory *session_memory_new(unsigned most, int64_t idle_ms);

/* NULL is allowed. */
void session_memory_free(struct session_memory *memory);

/* The session under key, which counts as seen. STATUS_NOT_FOUND: there is none, or it has expired. */
enum status session_memory_load(struct session_memory *memory, const char key[static SECRET_HASH_CHARS + 1],
                                int64_t now_us, struct session *out);

/* Keeps a session under a key that is not in use. STATUS_NO_MEMORY: the machine has none. */
enum status session_memory_create(struct session_memory *memory, const char key[static SECRET_HASH_CHARS + 1],
                                  int64_t now_us, const struct session *session);

/* Replaces the session under key. STATUS_NOT_FOUND: it has ended, and stays so. */
enum status session_memory_update(struct session_memory *memory, const char key[static SECRET_HASH_CHARS + 1],
                                  int64_t now_us, const struct session *session);

/* Ends the session under key, if there is one. */
void session_memory_remove(struct session_memory *memory, const char key[static SECRET_HASH_CHARS + 1]);

#endif
