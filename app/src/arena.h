/*
 * arena -- the memory of one request.
 *
 * Pieces are taken one after the other and given back all at once, so that
 * handlers need no free(). A limit bounds what one request can cost. When the
 * limit or the machine says no, arena_alloc() returns NULL and the arena
 * remembers it (arena_failed), so that a long series of calls needs one check.
 *
 * Used by one thread at a time. Pieces are aligned for any type and not zeroed.
 */
#ifndef ARENA_H
#define ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first; pieces come from the newest */
    size_t taken_bytes;         /* of all blocks, against the limit */
    size_t limit_bytes;
    bool failed; /* a call had no room since arena_init() or arena_free() */
};

/* Makes an empty arena that will hold at most limit_bytes. Takes no memory yet. */
void arena_init(struct arena *arena, size_t limit_bytes);

/* Returns size bytes, valid until arena_free(), or NULL. size 0 is allowed. */
void *arena_alloc(struct arena *arena, size_t size);

/* Makes the newest piece larger in place if there is room behind it, else moves
 * it: use what is returned, no longer piece. piece and old_size are what
 * arena_alloc() returned and was asked for; the first old_size bytes are kept.
 * new_size is not less. A piece of NULL is like arena_alloc(). Returns NULL where
 * there is no room: piece is as it was. */
void *arena_grow(struct arena *arena, void *piece, size_t old_size, size_t new_size);

/* Copies length bytes, bytes may be NULL for none, and adds a NUL. Returns NULL where
 * there is no room. */
char *arena_copy(struct arena *arena, const char *bytes, size_t length);

/* True once any call had no room. */
bool arena_failed(const struct arena *arena);

/* Gives everything back; the arena is empty, has not failed, and is usable again. */
void arena_free(struct arena *arena);

#endif
