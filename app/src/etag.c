#include "etag.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* --- Making --------------------------------------------------------------------------- */

enum { LANES = 4 }; /* side by side, because one multiplication has to wait for the one before */

/* The product of two numbers, folded. Not against somebody who looks for two pages with one tag: who could make both
 * would have nothing from it. */
static uint64_t mix(uint64_t state, uint64_t word) {
    const unsigned __int128 product = (unsigned __int128)(state ^ word) * 0x9e3779b97f4a7c15u;
    return ((uint64_t)product ^ (uint64_t)(product >> 64)) + 1; /* 0 would stay 0 */
}

static uint64_t hash(uint64_t seed, struct slice bytes) {
    uint64_t lanes[LANES] = {seed, seed + 1, seed + 2, seed + 3}, words[LANES], state = bytes.length;
    size_t i = 0;
    for (; i + sizeof words <= bytes.length; i += sizeof words) {
        memcpy(words, bytes.data + i, sizeof words);
        for (size_t lane = 0; lane < LANES; lane++) {
            lanes[lane] = mix(lanes[lane], words[lane]);
        }
    }
    memset(words, 0, sizeof words);
    memcpy(words, bytes.data + i, bytes.length - i);
    for (size_t lane = 0; lane < LANES; lane++) {
        state = mix(state, mix(lanes[lane], words[lane]));
    }
    return state;
}

void etag_strong(struct slice content, char etag[static ETAG_BYTES]) {
    snprintf(etag, ETAG_BYTES, "\"%016llx\"", (unsigned long long)hash(0, content));
}

/* Looks from the end, where it is as a rule. NULL: it is not there. */
static const char *find_last(struct slice content, struct slice wanted) {
    for (size_t i = content.length - wanted.length + 1; i-- > 0;) {
        if (content.data[i] == wanted.data[0] && memcmp(content.data + i, wanted.data, wanted.length) == 0) {
            return content.data + i;
        }
    }
    return NULL;
}

void etag_weak(struct slice content, struct slice skipped, char etag[static ETAG_BYTES]) {
    bool may_be_there = skipped.length > 0 && skipped.length <= content.length;
    const char *found = may_be_there ? find_last(content, skipped) : NULL;
    uint64_t state = 0;
    if (found != NULL) {
        size_t before = (size_t)(found - content.data);
        state = hash(state, (struct slice){content.data, before});
        content = (struct slice){found + skipped.length, content.length - before - skipped.length};
    }
    snprintf(etag, ETAG_BYTES, "W/\"%016llx\"", (unsigned long long)hash(state, content));
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
