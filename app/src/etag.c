#include "etag.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* --- Making --------------------------------------------------------------------------- */

/* Eight bytes at a time: the product of two numbers, folded. Not against somebody who looks for two pages with one tag:
 * who could make both would have nothing from it. */
static uint64_t mix(uint64_t state, uint64_t word) {
    const unsigned __int128 product = (unsigned __int128)(state ^ word) * 0x9e3779b97f4a7c15u;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t add(uint64_t state, struct slice bytes) {
    uint64_t word;
    size_t i = 0;
    for (; i + sizeof word <= bytes.length; i += sizeof word) {
        memcpy(&word, bytes.data + i, sizeof word);
        state = mix(state, word) + 1; /* 0 would stay 0 */
    }
    word = 0;
    memcpy(&word, bytes.data + i, bytes.length - i);
    return mix(mix(state, word) + 1, bytes.length);
}

void etag_strong(struct slice content, char etag[static ETAG_BYTES]) {
    snprintf(etag, ETAG_BYTES, "\"%016llx\"", (unsigned long long)add(0, content));
}

void etag_weak(struct slice content, struct slice skipped, char etag[static ETAG_BYTES]) {
    uint64_t state = 0;
    const char *found;
    while (skipped.length > 0 && (found = memmem(content.data, content.length, skipped.data, skipped.length)) != NULL) {
        size_t before = (size_t)(found - content.data);
        state = add(state, (struct slice){content.data, before});
        content = (struct slice){found + skipped.length, content.length - before - skipped.length};
    }
    snprintf(etag, ETAG_BYTES, "W/\"%016llx\"", (unsigned long long)add(state, content));
}

/* --- Matching ------------------------------------------------------------------------- */

/* What is between the quotes of a tag, with them. */
static struct slice opaque(struct slice tag) {
    bool weak = tag.length >= 2 && memcmp(tag.data, "W/", 2) == 0;
    return weak ? (struct slice){tag.data + 2, tag.length - 2} : tag;
}

/* Takes the next tag of a list; false: there is none. */
static bool take_tag(struct slice *rest, struct slice *tag) {
    while (rest->length > 0 && strchr(" \t,", rest->data[0]) != NULL && rest->data[0] != '\0') {
        *rest = (struct slice){rest->data + 1, rest->length - 1};
    }
    const struct slice quoted = opaque(*rest);
    if (quoted.length < 2 || quoted.data[0] != '"') {
        return false;
    }
    const char *end = memchr(quoted.data + 1, '"', quoted.length - 1);
    if (end == NULL) {
        return false;
    }
    size_t length = (size_t)(end + 1 - quoted.data);
    *tag = (struct slice){quoted.data, length};
    *rest = (struct slice){quoted.data + length, quoted.length - length};
    return true;
}

bool etag_matches(struct slice field, const char *etag) {
    struct slice wanted = opaque(slice_of(etag)), tag;
    if (slice_equal(field, slice_of("*"))) {
        return true;
    }
    while (take_tag(&field, &tag)) {
        if (slice_equal(tag, wanted)) {
            return true;
        }
    }
    return false;
}
