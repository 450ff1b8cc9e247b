/*
 * address -- where a server is: "unix:PATH" or "ADDRESS:PORT".
 *
 * An IPv6 address stands in brackets, "[::1]:9000" (RFC 3986 section 3.2.2): in "::1:9000"
 * nobody knows where the port begins. Numbers only, no names: reading an address never
 * asks a name server, so it cannot wait and cannot fail for another reason than its form.
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <sys/socket.h>

#include "status.h"

enum { ADDRESS_PATH_BYTES = 108, ADDRESS_HOST_BYTES = 64 }; /* with the NUL; the former is what the kernel takes */

struct address {
    char path[ADDRESS_PATH_BYTES]; /* of a Unix socket; "": host and port count */
    char host[ADDRESS_HOST_BYTES]; /* IPv4 or IPv6, without brackets */
    unsigned port;                 /* 0..65535 */

    struct sockaddr_storage socket; /* the same, for bind() and connect() */
    socklen_t socket_length;        /* bytes */
};

/* STATUS_BAD_INPUT: text is not of that form, its path is empty or too long, its host no number. */
enum status address_read(const char *text, struct address *out);

#endif
