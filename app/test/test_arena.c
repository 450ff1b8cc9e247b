#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"

static void pieces_are_apart_and_aligned(void **state) {
    (void)state;
    enum { PIECES = 500 };
    struct arena arena;
    char *pieces[PIECES];
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = arena_alloc(&arena, i);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        memset(pieces[i], (int)(i % 251), i);
    }
    for (size_t i = 0; i < PIECES; i++) {
        for (size_t at = 0; at < i; at++) {
            assert_int_equal((unsigned char)pieces[i][at], i % 251);
        }
        assert_true(i == 0 || pieces[i] != pieces[i - 1]);
    }
    assert_false(arena_failed(&arena));
    arena_free(&arena);
}

static void nothing_is_taken_before_the_first_piece(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 100);
    assert_int_equal(arena.taken_bytes, 0);
    arena_free(&arena);
}

static void the_limit_can_be_used_up_and_not_passed(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 10000);
    assert_non_null(arena_alloc(&arena, 10000));
    assert_int_equal(arena.taken_bytes, 10000);
    assert_false(arena_failed(&arena));
    assert_null(arena_alloc(&arena, 1));
    assert_true(arena_failed(&arena));
    arena_free(&arena);

    assert_false(arena_failed(&arena));
    assert_null(arena_alloc(&arena, 10001));
    assert_non_null(arena_alloc(&arena, 10));
    assert_true(arena_failed(&arena));
    arena_free(&arena);
}

static void small_pieces_stop_at_the_limit(void **state) {
    (void)state;
    struct arena arena;
    size_t count = 0;
    arena_init(&arena, 10000);
    while (arena_alloc(&arena, 16) != NULL) {
        count++;
        assert_true(arena.taken_bytes <= 10000);
    }
    assert_in_range(count, 600, 625);
    arena_free(&arena);
}

static void enormous_sizes_fail(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    char *piece = arena_alloc(&arena, 1);
    assert_non_null(piece);
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 8));
    assert_null(arena_grow(&arena, piece, 1, SIZE_MAX));
    assert_null(arena_grow(&arena, piece, 1, SIZE_MAX - 8));
    assert_null(arena_copy(&arena, piece, SIZE_MAX));
    arena_free(&arena);
}

static void the_newest_piece_grows_in_place(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    arena_alloc(&arena, 7);
    char *piece = arena_alloc(&arena, 10);
    memcpy(piece, "0123456789", 10);
    assert_ptr_equal(arena_grow(&arena, piece, 10, 1000), piece);
    memset(piece + 10, 'x', 990);
    char *next = arena_alloc(&arena, 1);
    assert_true(next >= piece + 1000);
    arena_free(&arena);
}

static void an_older_piece_moves(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    char *old = arena_alloc(&arena, 3);
    memcpy(old, "abc", 3);
    char *newer = arena_alloc(&arena, 16);
    memset(newer, '-', 16);
    char *moved = arena_grow(&arena, old, 3, 100);
    assert_non_null(moved);
    memset(moved + 3, 'x', 97);
    assert_memory_equal(moved, "abcx", 4);
    assert_memory_equal(newer, "----------------", 16);
    arena_free(&arena);
}

/* A body that grows piece by piece must not cost a multiple of its size. */
static void a_piece_alone_in_its_block_wastes_nothing_when_it_grows(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    char *piece = arena_grow(&arena, NULL, 0, 16);
    for (size_t size = 16; size < 1 << 20; size *= 2) {
        memset(piece + size / 2, (int)(size % 251), size / 2);
        piece = arena_grow(&arena, piece, size, size * 2);
        assert_non_null(piece);
        assert_int_equal((unsigned char)piece[size / 2], size % 251);
        assert_int_equal((unsigned char)piece[size - 1], size % 251);
    }
    assert_int_equal(arena.taken_bytes, 1 << 20);
    arena_free(&arena);
}

static void a_piece_that_cannot_grow_is_as_it_was(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 5000);
    char *piece = arena_alloc(&arena, 5000);
    memset(piece, 'p', 5000);
    assert_null(arena_grow(&arena, piece, 5000, 5001));
    assert_true(arena_failed(&arena));
    assert_int_equal(piece[0], 'p');
    assert_int_equal(piece[4999], 'p');
    arena_free(&arena);
}

static void copies_end_with_a_nul(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 100);
    assert_memory_equal(arena_copy(&arena, "a\0bcd", 3), "a\0b", 4);
    assert_string_equal(arena_copy(&arena, NULL, 0), "");
    assert_null(arena_copy(&arena, "", 200));
    assert_true(arena_failed(&arena));
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_apart_and_aligned),
        cmocka_unit_test(nothing_is_taken_before_the_first_piece),
        cmocka_unit_test(the_limit_can_be_used_up_and_not_passed),
        cmocka_unit_test(small_pieces_stop_at_the_limit),
        cmocka_unit_test(enormous_sizes_fail),
        cmocka_unit_test(the_newest_piece_grows_in_place),
        cmocka_unit_test(an_older_piece_moves),
        cmocka_unit_test(a_piece_alone_in_its_block_wastes_nothing_when_it_grows),
        cmocka_unit_test(a_piece_that_cannot_grow_is_as_it_was),
        cmocka_unit_test(copies_end_with_a_nul),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
