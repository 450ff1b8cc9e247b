/*
 *   arena -> newest block [ used | free ] -> older block [ used | lost ] -> ...
 *
 * A piece that does not fit the newest block opens a new one; the rest of the older
 * block is lost until arena_free(), which is cheaper than looking for it.
 */
#include "arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
    struct arena_block *next;
    size_t capacity; /* bytes of data */
    size_t used;
    alignas(max_align_t) char data[];
};

/* With its own header and malloc's, the first block is one page: enough for the params of a usual request, and for an
 * answer without much content. Who needs more makes a page of HTML, which fits the second one with all that it is made
 * from. */
enum {
    FIRST_BYTES = 4096 - sizeof(struct arena_block) - 16,
    FURTHER_BYTES = 8 * 4096 - sizeof(struct arena_block) - 16,
};

static void *no_room(struct arena *arena) {
    arena->failed = true;
    return NULL;
}

/* True if blocks may hold that many bytes more and the machine can count them. */
static bool within_limit(const struct arena *arena, size_t more, size_t capacity) {
    return more <= arena->limit_bytes - arena->taken_bytes && capacity <= SIZE_MAX - sizeof(struct arena_block);
}

static struct arena_block *add_block(struct arena *arena, size_t size) {
    if (!within_limit(arena, size, size)) {
        return NULL;
    }
    size_t left = arena->limit_bytes - arena->taken_bytes;
    size_t usual = arena->blocks == NULL ? FIRST_BYTES : FURTHER_BYTES;
    size_t capacity = size > usual ? size : usual;
    if (capacity > left) {
        capacity = left;
    }
    struct arena_block *block = malloc(sizeof *block + capacity);
    if (block == NULL) {
        return NULL;
    }
    *block = (struct arena_block){.next = arena->blocks, .capacity = capacity};
    arena->blocks = block;
    arena->taken_bytes += capacity;
    return block;
}

/* Where the next piece of the block starts. May lie behind its end. */
static size_t aligned_start(const struct arena_block *block) {
    const size_t mask = alignof(max_align_t) - 1;
    return (block->used + mask) & ~mask;
}

void arena_init(struct arena *arena, size_t limit_bytes) { *arena = (struct arena){.limit_bytes = limit_bytes}; }

void *arena_alloc(struct arena *arena, size_t size) {
    size = size > 0 ? size : 1; /* no two pieces share an address */
    struct arena_block *block = arena->blocks;
    size_t start = block != NULL ? aligned_start(block) : 0;
    if (block == NULL || start > block->capacity || size > block->capacity - start) {
        block = add_block(arena, size);
        start = 0;
    }
    if (block == NULL) {
        return no_room(arena);
    }
    block->used = start + size;
    return block->data + start;
}

/* Makes the newest block larger, which holds one piece only: no other pointer goes into it. */
static void *grow_block(struct arena *arena, size_t new_size) {
    size_t more = new_size - arena->blocks->capacity;
    if (!within_limit(arena, more, new_size)) {
        return no_room(arena);
    }
    struct arena_block *block = realloc(arena->blocks, sizeof *block + new_size);
    if (block == NULL) {
        return no_room(arena);
    }
    block->capacity = new_size;
    block->used = new_size;
    arena->blocks = block;
    arena->taken_bytes += more;
    return block->data;
}

void *arena_grow(struct arena *arena, void *piece, size_t old_size, size_t new_size) {
    assert(new_size >= old_size);
    if (piece == NULL) {
        return arena_alloc(arena, new_size);
    }
    struct arena_block *block = arena->blocks;
    if ((char *)piece + old_size == block->data + block->used) {
        size_t start = (size_t)((char *)piece - block->data);
        if (new_size <= block->capacity - start) {
            block->used = start + new_size;
            return piece;
        }
        if (start == 0) {
            return grow_block(arena, new_size);
        }
    }
    void *moved = arena_alloc(arena, new_size);
    if (moved != NULL) {
        memcpy(moved, piece, old_size);
    }
    return moved;
}

char *arena_copy(struct arena *arena, const char *bytes, size_t length) {
    if (length == SIZE_MAX) {
        return no_room(arena);
    }
    char *copy = arena_alloc(arena, length + 1);
    if (copy == NULL) {
        return NULL;
    }
    if (length > 0) {
        memcpy(copy, bytes, length);
    }
    copy[length] = '\0';
    return copy;
}

bool arena_failed(const struct arena *arena) { return arena->failed; }

void arena_free(struct arena *arena) {
    struct arena_block *block = arena->blocks;
    while (block != NULL) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
    arena_init(arena, arena->limit_bytes);
}
