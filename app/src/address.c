#include "address.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == ADDRESS_PATH_BYTES, "what a Unix socket's name may be");

static enum status read_unix(const char *path, struct address *out) {
    struct sockaddr_un *socket = (struct sockaddr_un *)&out->socket;
    size_t length = strlen(path);
    if (length == 0 || length >= ADDRESS_PATH_BYTES) {
        return STATUS_BAD_INPUT;
    }
    strcpy(out->path, path);
    strcpy(socket->sun_path, path);
    socket->sun_family = AF_UNIX;
    out->socket_length = sizeof *socket;
    return STATUS_OK;
}

/* getaddrinfo() would take a number that is too large, or negative, modulo 65536. */
static bool is_port(const char *text) {
    size_t length = strlen(text);
    return length >= 1 && length <= 5 && strspn(text, "0123456789") == length && atoi(text) <= 65535;
}

/* Splits "host:port" at the last colon and takes the brackets off an IPv6 address, which has to have them. */
static enum status split(const char *text, char host[static ADDRESS_HOST_BYTES], const char **port) {
    const char *colon = strrchr(text, ':');
    if (colon == NULL || !is_port(colon + 1)) {
        return STATUS_BAD_INPUT;
    }
    const char *start = text;
    size_t length = (size_t)(colon - text);
    if (length >= 2 && start[0] == '[' && start[length - 1] == ']') {
        start++;
        length -= 2;
    } else if (memchr(start, ':', length) != NULL) {
        return STATUS_BAD_INPUT;
    }
    if (length == 0 || length >= ADDRESS_HOST_BYTES) {
        return STATUS_BAD_INPUT;
    }
    memcpy(host, start, length);
    host[length] = '\0';
    *port = colon + 1;
    return STATUS_OK;
}

static enum status read_tcp(const char *text, struct address *out) {
    const char *port;
    struct addrinfo *found;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    if (split(text, out->host, &port) != STATUS_OK || getaddrinfo(out->host, port, &hints, &found) != 0) {
        return STATUS_BAD_INPUT;
    }
    out->port = (unsigned)atoi(port);
    memcpy(&out->socket, found->ai_addr, found->ai_addrlen);
    out->socket_length = found->ai_addrlen;
    freeaddrinfo(found);
    return STATUS_OK;
}

enum status address_read(const char *text, struct address *out) {
    static const char unix_prefix[] = "unix:";
    struct address address = {0};
    bool local = strncmp(text, unix_prefix, strlen(unix_prefix)) == 0;
    enum status status = local ? read_unix(text + strlen(unix_prefix), &address) : read_tcp(text, &address);
    if (status == STATUS_OK) {
        *out = address;
    }
    return status;
}
