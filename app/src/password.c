#include "password.h"

#include <assert.h>
#include <errno.h>
#include <semaphore.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "metrics.h"

static_assert(PASSWORD_HASH_BYTES == crypto_pwhash_argon2id_STRBYTES, "room for what libsodium writes");

enum { NOBODYS_PASSWORD_BYTES = 32 };

struct passwords {
    struct passwords_options options;
    sem_t places;
    char nobody[PASSWORD_HASH_BYTES]; /* of a password that was forgotten at once */
};

static size_t memory_bytes(const struct passwords *passwords) { return (size_t)passwords->options.memory_kib * 1024; }

static enum status compute(const struct passwords *passwords, const char *password, size_t length,
                           char hash[static PASSWORD_HASH_BYTES]) {
    int failed = crypto_pwhash_argon2id_str(hash, password, length, (unsigned long long)passwords->options.passes,
                                            memory_bytes(passwords));
    return failed ? STATUS_NO_MEMORY : STATUS_OK;
}

enum status passwords_new(const struct passwords_options *options, struct passwords **out) {
    char secret[NOBODYS_PASSWORD_BYTES];
    struct passwords *passwords = calloc(1, sizeof *passwords);
    if (passwords == NULL || sodium_init() < 0) {
        free(passwords);
        return STATUS_NO_MEMORY;
    }
    passwords->options = *options;
    sem_init(&passwords->places, 0, options->parallel);
    randombytes_buf(secret, sizeof secret);
    enum status status = compute(passwords, secret, sizeof secret, passwords->nobody);
    sodium_memzero(secret, sizeof secret);
    if (status != STATUS_OK) {
        passwords_free(passwords);
        return status;
    }
    *out = passwords;
    return STATUS_OK;
}

void passwords_free(struct passwords *passwords) {
    if (passwords != NULL) {
        sem_destroy(&passwords->places);
        free(passwords);
    }
}

/* --- Places --------------------------------------------------------------------------- */

static void leave(struct passwords *passwords) {
    metrics_add(METRIC_PASSWORDS_HASHING, -1);
    sem_post(&passwords->places);
}

static enum status enter(struct passwords *passwords, const struct call *call) {
    const struct timespec until = {call->deadline.at_us / 1000000, call->deadline.at_us % 1000000 * 1000};
    int failed;
    do {
        failed = sem_clockwait(&passwords->places, CLOCK_MONOTONIC, &until);
    } while (failed && errno == EINTR);
    if (failed) {
        metrics_add(METRIC_PASSWORDS_GIVEN_UP, 1);
        return STATUS_TIMEOUT;
    }
    metrics_add(METRIC_PASSWORDS_HASHING, 1);
    if (call_is_over(call)) { /* the place came too late, or nobody waits for the answer any more */
        metrics_add(METRIC_PASSWORDS_GIVEN_UP, 1);
        leave(passwords);
        return STATUS_TIMEOUT;
    }
    return STATUS_OK;
}

/* libsodium calls a password wrong also where it has not got the memory to look, so that is tried before. */
static bool is_there_memory(const struct passwords *passwords) {
    void *memory = mmap(NULL, memory_bytes(passwords), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED && munmap(memory, memory_bytes(passwords)) == 0;
}

/* --- For everybody -------------------------------------------------------------------- */

enum status passwords_hash(struct passwords *passwords, const struct call *call, const char *password,
                           char hash[static PASSWORD_HASH_BYTES]) {
    enum status status = enter(passwords, call);
    if (status != STATUS_OK) {
        return status;
    }
    status = compute(passwords, password, strlen(password), hash);
    metrics_add(METRIC_PASSWORDS_STORED, status == STATUS_OK);
    leave(passwords);
    return status;
}

enum status passwords_verify(struct passwords *passwords, const struct call *call, const char *hash,
                             const char *password, bool *right) {
    enum status status = enter(passwords, call);
    if (status != STATUS_OK) {
        return status;
    }
    bool possible = is_there_memory(passwords);
    if (possible) {
        const char *expected = hash != NULL ? hash : passwords->nobody;
        bool same = crypto_pwhash_argon2id_str_verify(expected, password, strlen(password)) == 0;
        metrics_add(METRIC_PASSWORDS_VERIFIED, 1);
        *right = same && hash != NULL;
    }
    leave(passwords);
    return possible ? STATUS_OK : STATUS_NO_MEMORY;
}

bool passwords_is_outdated(const struct passwords *passwords, const char *hash) {
    return crypto_pwhash_argon2id_str_needs_rehash(hash, (unsigned long long)passwords->options.passes,
                                                   memory_bytes(passwords)) != 0;
}
