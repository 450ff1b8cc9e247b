/* xoshiro256** of Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators" (2021). */
#include "random.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/random.h>

struct generator {
    uint64_t s[4]; /* never all zero */
    bool seeded;
};

static _Thread_local struct generator generator;

static void seed(struct generator *g) {
    /* Linux gives up to 256 bytes in one piece; only a kernel before 3.17 says no. */
    do {
        if (getrandom(g->s, sizeof g->s, 0) != sizeof g->s) {
            abort();
        }
    } while ((g->s[0] | g->s[1] | g->s[2] | g->s[3]) == 0);
    g->seeded = true;
}

static uint64_t rotate_left(uint64_t x, unsigned bits) { return x << bits | x >> (64 - bits); }

uint64_t random_u64(void) {
    struct generator *g = &generator;
    if (!g->seeded) {
        seed(g);
    }
    uint64_t number = rotate_left(g->s[1] * 5, 7) * 9;
    uint64_t shifted = g->s[1] << 17;
    g->s[2] ^= g->s[0];
    g->s[3] ^= g->s[1];
    g->s[1] ^= g->s[2];
    g->s[0] ^= g->s[3];
    g->s[2] ^= shifted;
    g->s[3] = rotate_left(g->s[3], 45);
    return number;
}
