/*
 *   fcgi_conn.c -- records --> fcgi.c -- bytes of one record
 *
 * One function reads a length and one writes it, for names and values alike.
 */
#include "fcgi.h"

#include <string.h>

enum { LENGTH_MAX = 0x7FFFFFFF }; /* 31 bits; the 32nd says that four bytes are used (section 3.4) */

static void put_u16(uint8_t *bytes, uint16_t value) {
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static void put_u32(uint8_t *bytes, uint32_t value) {
    put_u16(bytes, (uint16_t)(value >> 16));
    put_u16(bytes + 2, (uint16_t)value);
}

static uint16_t get_u16(const uint8_t *bytes) { return (uint16_t)(bytes[0] << 8 | bytes[1]); }

enum status fcgi_get_header(const uint8_t bytes[static FCGI_HEADER_BYTES], struct fcgi_header *out) {
    if (bytes[0] != FCGI_VERSION) {
        return STATUS_BAD_INPUT;
    }
    *out = (struct fcgi_header){
        .type = bytes[1],
        .request_id = get_u16(bytes + 2),
        .content_length = get_u16(bytes + 4),
        .padding_length = bytes[6],
    };
    return STATUS_OK;
}

void fcgi_put_header(uint8_t bytes[static FCGI_HEADER_BYTES], struct fcgi_header header) {
    bytes[0] = FCGI_VERSION;
    bytes[1] = header.type;
    put_u16(bytes + 2, header.request_id);
    put_u16(bytes + 4, header.content_length);
    bytes[6] = header.padding_length;
    bytes[7] = 0;
}

struct fcgi_begin fcgi_get_begin(const uint8_t body[static FCGI_BODY_BYTES]) {
    return (struct fcgi_begin){.role = get_u16(body), .flags = body[2]};
}

void fcgi_put_end(uint8_t record[static FCGI_END_RECORD_BYTES], uint16_t request_id, uint32_t app_status,
                  enum fcgi_protocol_status protocol_status) {
    uint8_t *body = record + FCGI_HEADER_BYTES;
    fcgi_put_header(record, (struct fcgi_header){FCGI_END_REQUEST, request_id, FCGI_BODY_BYTES, 0});
    memset(body, 0, FCGI_BODY_BYTES);
    put_u32(body, app_status);
    body[4] = (uint8_t)protocol_status;
}

void fcgi_put_unknown_type(uint8_t record[static FCGI_END_RECORD_BYTES], uint8_t type) {
    uint8_t *body = record + FCGI_HEADER_BYTES;
    fcgi_put_header(record, (struct fcgi_header){FCGI_UNKNOWN_TYPE, FCGI_NULL_REQUEST_ID, FCGI_BODY_BYTES, 0});
    memset(body, 0, FCGI_BODY_BYTES);
    body[0] = type;
}

/* Takes count bytes off the front, which must be there. */
static struct slice take(struct slice *from, size_t count) {
    struct slice taken = {from->data, count};
    from->data += count;
    from->length -= count;
    return taken;
}

/* Takes a length of one or four bytes off the front. False: it is cut off. */
static bool take_length(struct slice *from, size_t *out) {
    if (from->length == 0) {
        return false;
    }
    unsigned char first = (unsigned char)from->data[0];
    if (first < 0x80) {
        take(from, 1);
        *out = first;
        return true;
    }
    if (from->length < 4) {
        return false;
    }
    struct slice four = take(from, 4);
    size_t length = first & 0x7Fu;
    for (size_t i = 1; i < 4; i++) {
        length = length << 8 | (unsigned char)four.data[i];
    }
    *out = length;
    return true;
}

enum status fcgi_next_pair(struct slice *stream, struct fcgi_pair *out) {
    if (stream->length == 0) {
        return STATUS_AGAIN;
    }
    struct slice rest = *stream;
    size_t name, value;
    if (!take_length(&rest, &name) || !take_length(&rest, &value)) {
        return STATUS_BAD_INPUT;
    }
    /* One after the other: the sum of two lengths from a peer may not fit size_t. */
    if (name > rest.length || value > rest.length - name) {
        return STATUS_BAD_INPUT;
    }
    out->name = take(&rest, name);
    out->value = take(&rest, value);
    *stream = rest;
    return STATUS_OK;
}

static size_t length_bytes(size_t length) { return length < 0x80 ? 1 : 4; }

static void put_length(uint8_t *bytes, size_t length) {
    if (length < 0x80) {
        bytes[0] = (uint8_t)length;
    } else {
        put_u32(bytes, (uint32_t)length | 0x80000000u);
    }
}

static void append(uint8_t *bytes, size_t *length, struct slice more) {
    if (more.length > 0) {
        memcpy(bytes + *length, more.data, more.length);
        *length += more.length;
    }
}

enum status fcgi_put_pair(uint8_t *bytes, size_t capacity, size_t *length, struct fcgi_pair pair) {
    if (pair.name.length > LENGTH_MAX || pair.value.length > LENGTH_MAX) {
        return STATUS_TOO_LARGE;
    }
    size_t room = capacity - *length;
    size_t lengths = length_bytes(pair.name.length) + length_bytes(pair.value.length);
    if (lengths > room || pair.name.length > room - lengths || pair.value.length > room - lengths - pair.name.length) {
        return STATUS_TOO_LARGE;
    }
    put_length(bytes + *length, pair.name.length);
    put_length(bytes + *length + length_bytes(pair.name.length), pair.value.length);
    *length += lengths;
    append(bytes, length, pair.name);
    append(bytes, length, pair.value);
    return STATUS_OK;
}
