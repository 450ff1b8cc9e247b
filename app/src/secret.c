#include "secret.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/random.h>

enum { SECRET_BYTES = SECRET_CHARS / 2, HASH_BYTES = SECRET_HASH_CHARS / 2 };

static const char digits[] = "0123456789abcdef";

/* out has room for two characters a byte and the NUL. */
static void put_hex(const unsigned char *bytes, size_t count, char *out) {
    for (size_t i = 0; i < count; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * count] = '\0';
}

void secret_draw(char out[static SECRET_CHARS + 1]) {
    unsigned char bytes[SECRET_BYTES];
    /* Linux gives up to 256 bytes in one piece; only a kernel before 3.17 says no. */
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        abort();
    }
    put_hex(bytes, sizeof bytes, out);
}

bool secret_is(struct slice text) {
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == '\0' || strchr(digits, text.data[i]) == NULL) {
            return false;
        }
    }
    return text.length == SECRET_CHARS;
}

bool secret_equal(struct slice a, struct slice b) {
    return a.length == b.length && CRYPTO_memcmp(a.data, b.data, a.length) == 0;
}

void secret_hash(struct slice secret, char out[static SECRET_HASH_CHARS + 1]) {
    unsigned char hash[HASH_BYTES];
    unsigned length = 0;
    /* Fails only where the library has no memory left or is built without SHA-256. */
    if (EVP_Digest(secret.data, secret.length, hash, &length, EVP_sha256(), NULL) != 1) {
        abort();
    }
    assert(length == sizeof hash);
    put_hex(hash, sizeof hash, out);
}
