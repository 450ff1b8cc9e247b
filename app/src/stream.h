/*
 * stream -- the stream of Redis that carries the numbers of outbox rows from whoever finds
 * one to whoever has time for it.
 *
 * Stream "orders", consumer group "receipts". An entry that was taken stays with its taker
 * until it is finished, which removes it; one that its taker has not finished in time is
 * handed to another. So an entry may come twice, and after a crash of Redis not at all:
 * whoever takes one looks at its row (outbox.h). Rows that are given up are announced in
 * the stream "orders:dead".
 */
#ifndef STREAM_H
#define STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "call.h"
#include "redis.h"
#include "slice.h"
#include "status.h"

enum { STREAM_BATCH = 32, STREAM_DEAD_KEPT = 1000 };

struct stream {
    struct redis *redis;
    const char *consumer; /* who takes: one name for each worker */
    int64_t claim_ms;     /* an entry that was taken so long ago is abandoned */
};

struct stream_entry {
    struct slice id;
    int64_t outbox; /* 0: it names none, or it is gone meanwhile */
};

/* All of them: STATUS_OK, STATUS_NO_MEMORY, or else what redis_run() says; STATUS_GONE also
 * where Redis refuses, such as with its memory full. */

/* Adds an entry; makes stream and group if there are none. */
enum status stream_add(const struct stream *stream, struct call *call, int64_t outbox, struct arena *arena);

enum stream_source {
    STREAM_NEW,       /* entries that nobody has taken yet */
    STREAM_OWN,       /* that this consumer has taken before and not finished, such as when it was killed */
    STREAM_ABANDONED, /* that others have */
};

/* Takes entries, oldest first; their ids are in arena. */
enum status stream_take(const struct stream *stream, struct call *call, enum stream_source source, struct arena *arena,
                        struct stream_entry entries[static STREAM_BATCH], size_t *count);

/* The entry is of no more use to anybody. */
enum status stream_finish(const struct stream *stream, struct call *call, struct slice id, struct arena *arena);

/* Announces that a row was given up. */
enum status stream_bury(const struct stream *stream, struct call *call, int64_t outbox, const char *error,
                        struct arena *arena);

/* Takes all such announcements back. */
enum status stream_clear_dead(const struct stream *stream, struct call *call, struct arena *arena);

#endif
