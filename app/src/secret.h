/*
 * secret -- what nobody shall guess: drawn from the kernel, compared in constant time,
 * kept as a hash.
 *
 * For ids of sessions, tokens of forms and of the API. Passwords need more than this.
 */
#ifndef SECRET_H
#define SECRET_H

#include <stdbool.h>

#include "slice.h"

enum { SECRET_CHARS = 32, SECRET_HASH_CHARS = 64 };

/* 128 bits of getrandom(2) as lower-case hexadecimal, NUL-terminated. */
void secret_draw(char out[static SECRET_CHARS + 1]);

/* True if text looks like one: SECRET_CHARS lower-case hexadecimal digits. */
bool secret_is(struct slice text);

/* True if both hold the same bytes. How long it takes depends on the lengths alone. */
bool secret_equal(struct slice a, struct slice b);

/* The SHA-256 of a secret as lower-case hexadecimal, NUL-terminated: what may be stored and
 * shown. Right for secrets that were drawn here; what people think up is found by trying. */
void secret_hash(struct slice secret, char out[static SECRET_HASH_CHARS + 1]);

#endif
