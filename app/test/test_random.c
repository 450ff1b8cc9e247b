#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "random.h"

enum { DRAWS = 4096, BITS = 64, THREADS = 8 };

static void every_bit_is_even(void **state) {
    (void)state;
    int set[BITS] = {0};
    for (int i = 0; i < DRAWS; i++) {
        uint64_t number = random_u64();
        for (int bit = 0; bit < BITS; bit++) {
            set[bit] += (int)(number >> bit & 1);
        }
    }
    for (int bit = 0; bit < BITS; bit++) { /* half of 4096, give or take 10 times the standard deviation of 32 */
        assert_in_range(set[bit], 2048 - 320, 2048 + 320);
    }
}

static void a_number_does_not_come_again(void **state) {
    (void)state;
    static uint64_t seen[DRAWS];
    for (int i = 0; i < DRAWS; i++) {
        seen[i] = random_u64();
        for (int earlier = 0; earlier < i; earlier++) {
            assert_true(seen[earlier] != seen[i]);
        }
    }
}

static void *draw_one(void *out) {
    *(uint64_t *)out = random_u64();
    return NULL;
}

static void threads_draw_differently(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    uint64_t firsts[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, draw_one, &firsts[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        for (int earlier = 0; earlier < i; earlier++) {
            assert_true(firsts[earlier] != firsts[i]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_is_even),
        cmocka_unit_test(a_number_does_not_come_again),
        cmocka_unit_test(threads_draw_differently),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
