/*
 * password -- passwords as the database keeps them: Argon2id (RFC 9106), by libsodium.
 *
 * A hash costs memory and time on purpose: whoever steals the table cannot try many. So
 * that nobody wears out this machine with it instead, only a few are computed at once; who
 * comes then waits for a place, until the deadline of the request. What has begun is
 * finished.
 *
 * A hash names the settings it was made with. It is right for ever, and outdated once the
 * settings are others; the time to replace it is a login, when the password is known.
 *
 * Every function is thread-safe.
 */
#ifndef PASSWORD_H
#define PASSWORD_H

#include <stdbool.h>
#include <stdint.h>

#include "call.h"
#include "status.h"

struct passwords;

struct passwords_options {
    int64_t memory_kib; /* of one hash, at least 8 */
    int64_t passes;     /* over that memory, at least 1 */
    unsigned parallel;  /* hashes at once, at least 1 */
};

enum { PASSWORD_HASH_BYTES = 128 }; /* with its NUL */

/* STATUS_NO_MEMORY: not even enough for one hash. */
enum status passwords_new(const struct passwords_options *options, struct passwords **out);

/* NULL is allowed. */
void passwords_free(struct passwords *passwords);

/* Makes a hash of password, with a salt of its own. STATUS_TIMEOUT: no place came free by the
 * deadline of call. STATUS_NO_MEMORY: the machine has not the memory for it now. */
enum status passwords_hash(struct passwords *passwords, const struct call *call, const char *password,
                           char hash[static PASSWORD_HASH_BYTES]);

/* Tells whether password is the one of hash; fails like passwords_hash(). hash NULL, for one
 * that does not exist: wrong, after the same work, so that time does not tell who exists. */
enum status passwords_verify(struct passwords *passwords, const struct call *call, const char *hash,
                             const char *password, bool *right);

/* Would passwords_hash() use other settings today? */
bool passwords_is_outdated(const struct passwords *passwords, const char *hash);

#endif
