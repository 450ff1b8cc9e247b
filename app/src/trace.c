#include "trace.h"

#include <string.h>

#include "random.h"

/* Where the parts of a traceparent begin, and what sets them apart. */
enum { AT_ID = 3, AT_SPAN = 36, AT_FLAGS = 53, SAMPLED = 1, VERSION_FORBIDDEN = 0xff };

/* --- Hexadecimal digits, lowercase only ----------------------------------------------- */

static int digit_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_bytes(const char *digits, uint8_t *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        int high = digit_value(digits[2 * i]), low = digit_value(digits[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static char *write_bytes(char *out, const uint8_t *bytes, size_t count) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    return out;
}

/* --- Ids ------------------------------------------------------------------------------ */

static bool all_zero(const uint8_t *bytes, size_t count) {
    uint8_t any = 0;
    for (size_t i = 0; i < count; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

static void draw(uint8_t *out, size_t count) {
    do {
        for (size_t i = 0; i < count; i += sizeof(uint64_t)) {
            uint64_t number = random_u64();
            memcpy(out + i, &number, sizeof number);
        }
    } while (all_zero(out, count));
}

/* --- The header ----------------------------------------------------------------------- */

static bool is_whole(struct slice value, uint8_t version) {
    if (value.length == TRACE_PARENT_CHARS) {
        return true;
    }
    return version > 0 && value.data[TRACE_PARENT_CHARS] == '-';
}

/* Takes the id and the flag of somebody else's traceparent. False: it is not one, and out means nothing. */
static bool take_over(struct trace *out, struct slice value) {
    uint8_t version, flags, parent[TRACE_SPAN_BYTES];
    const char *text = value.data;
    if (value.length < TRACE_PARENT_CHARS || text[AT_ID - 1] != '-' || text[AT_SPAN - 1] != '-' ||
        text[AT_FLAGS - 1] != '-') {
        return false;
    }
    if (!read_bytes(text, &version, 1) || version == VERSION_FORBIDDEN || !is_whole(value, version)) {
        return false;
    }
    if (!read_bytes(text + AT_ID, out->id, sizeof out->id) || !read_bytes(text + AT_SPAN, parent, sizeof parent) ||
        !read_bytes(text + AT_FLAGS, &flags, 1)) {
        return false;
    }
    out->sampled = (flags & SAMPLED) != 0;
    return !all_zero(out->id, sizeof out->id) && !all_zero(parent, sizeof parent);
}

bool trace_begin(struct trace *out, struct slice value) {
    bool goes_on = take_over(out, value);
    if (!goes_on) {
        draw(out->id, sizeof out->id);
        out->sampled = false;
    }
    draw(out->span, sizeof out->span);
    return goes_on;
}

void trace_format(const struct trace *trace, char out[static TRACE_PARENT_CHARS + 1]) {
    memcpy(out, "00-", AT_ID);
    char *end = write_bytes(out + AT_ID, trace->id, sizeof trace->id);
    *end++ = '-';
    end = write_bytes(end, trace->span, sizeof trace->span);
    memcpy(end, trace->sampled ? "-01" : "-00", sizeof "-01");
}
