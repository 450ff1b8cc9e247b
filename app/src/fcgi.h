/*
 * fcgi -- the records of FastCGI/1.0, to bytes and from bytes.
 *
 * The wire format and nothing else: no sockets, no allocation, no state. Section
 * numbers are those of the FastCGI Specification 1.0 (29 April 1996).
 *
 * A record is a header of 8 bytes, content_length bytes of content and
 * padding_length bytes that mean nothing. Numbers are big-endian. Received bytes
 * are read by index; no struct is laid over them.
 */
#ifndef FCGI_H
#define FCGI_H

#include <stddef.h>
#include <stdint.h>

#include "slice.h"
#include "status.h"

enum {
    FCGI_VERSION = 1,
    FCGI_HEADER_BYTES = 8,
    FCGI_CONTENT_MAX = 65535, /* of one record */
    FCGI_BODY_BYTES = 8,      /* of BEGIN_REQUEST, END_REQUEST and UNKNOWN_TYPE */
    FCGI_NULL_REQUEST_ID = 0, /* management records (section 4) */
};

/* Section 3.3. */
enum fcgi_type {
    FCGI_BEGIN_REQUEST = 1,
    FCGI_ABORT_REQUEST = 2,
    FCGI_END_REQUEST = 3,
    FCGI_PARAMS = 4,
    FCGI_STDIN = 5,
    FCGI_STDOUT = 6,
    FCGI_STDERR = 7,
    FCGI_DATA = 8,
    FCGI_GET_VALUES = 9,
    FCGI_GET_VALUES_RESULT = 10,
    FCGI_UNKNOWN_TYPE = 11,
};

/* Section 5.1. */
enum fcgi_role { FCGI_RESPONDER = 1, FCGI_AUTHORIZER = 2, FCGI_FILTER = 3 };
enum { FCGI_KEEP_CONN = 1 }; /* the one flag of BEGIN_REQUEST */

/* Section 5.5. */
enum fcgi_protocol_status {
    FCGI_REQUEST_COMPLETE = 0,
    FCGI_CANT_MPX_CONN = 1,
    FCGI_OVERLOADED = 2,
    FCGI_UNKNOWN_ROLE = 3,
};

struct fcgi_header {
    uint8_t type; /* enum fcgi_type, or a number we do not know */
    uint16_t request_id;
    uint16_t content_length; /* bytes that follow the header */
    uint8_t padding_length;  /* bytes to skip after the content */
};

/* Reads a header (section 3.3). STATUS_BAD_INPUT: the version is not 1. */
enum status fcgi_get_header(const uint8_t bytes[static FCGI_HEADER_BYTES], struct fcgi_header *out);

void fcgi_put_header(uint8_t bytes[static FCGI_HEADER_BYTES], struct fcgi_header header);

struct fcgi_begin {
    uint16_t role; /* enum fcgi_role, or a number we do not know */
    uint8_t flags; /* FCGI_KEEP_CONN or 0 */
};

/* Reads the body of BEGIN_REQUEST (section 5.1). */
struct fcgi_begin fcgi_get_begin(const uint8_t body[static FCGI_BODY_BYTES]);

/* Writes a whole END_REQUEST record (section 5.5), header and body, without padding. */
enum { FCGI_END_RECORD_BYTES = FCGI_HEADER_BYTES + FCGI_BODY_BYTES };
void fcgi_put_end(uint8_t record[static FCGI_END_RECORD_BYTES], uint16_t request_id, uint32_t app_status,
                  enum fcgi_protocol_status protocol_status);

/* Writes a whole UNKNOWN_TYPE record (section 4.2): the answer to a management
 * record of a type we do not know. */
void fcgi_put_unknown_type(uint8_t record[static FCGI_END_RECORD_BYTES], uint8_t type);

/* One name-value pair (section 3.4); both point into the stream it was read from. */
struct fcgi_pair {
    struct slice name;
    struct slice value;
};

/*
 * Takes the next pair from the front of *stream, which is shortened by it.
 * STATUS_AGAIN: the stream is empty, all pairs were taken. STATUS_BAD_INPUT: it
 * ends within a pair; *stream is unchanged.
 */
enum status fcgi_next_pair(struct slice *stream, struct fcgi_pair *out);

/*
 * Appends a pair to bytes, which has room for capacity and holds *length; *length
 * grows. STATUS_TOO_LARGE: no room, or a length that takes more than 31 bits; nothing was
 * written.
 */
enum status fcgi_put_pair(uint8_t *bytes, size_t capacity, size_t *length, struct fcgi_pair pair);

#endif
