/*
 * Any bytes as a stream of name-value pairs: every pair lies inside the stream, in order, and what was read is
 * written and read back as the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi.h"

static void must(bool holds) {
    if (!holds) {
        abort();
    }
}

static void write_and_read_back(struct fcgi_pair pair, size_t capacity) {
    uint8_t *bytes = malloc(capacity + 1);
    size_t length = 0;
    must(bytes != NULL);
    if (fcgi_put_pair(bytes, capacity, &length, pair) == STATUS_OK) {
        struct slice written = {(char *)bytes, length};
        struct fcgi_pair again;
        must(length <= capacity);
        must(fcgi_next_pair(&written, &again) == STATUS_OK && written.length == 0);
        must(slice_equal(again.name, pair.name) && slice_equal(again.value, pair.value));
    } else {
        must(length == 0 && capacity < 8 + pair.name.length + pair.value.length);
    }
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *end = (const char *)data + size;
    struct slice stream = {(const char *)data, size};
    struct fcgi_pair pair;
    enum status status;
    const char *before = stream.data;
    while ((status = fcgi_next_pair(&stream, &pair)) == STATUS_OK) {
        must(pair.name.data >= before + 2 && pair.value.data == pair.name.data + pair.name.length);
        must(stream.data == pair.value.data + pair.value.length && stream.data <= end);
        must(stream.length == (size_t)(end - stream.data));
        /* Sometimes without enough room. */
        write_and_read_back(pair, pair.name.length + pair.value.length + size % 9);
        before = stream.data;
    }
    must((status == STATUS_AGAIN) == (stream.length == 0));
    return 0;
}
