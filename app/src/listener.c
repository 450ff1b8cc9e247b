#include "listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"

/* --- What an address may be ------------------------------------------------------------ */

/* getaddrinfo() would take a number that is too large, or negative, modulo 65536. */
static bool is_port(const char *text) {
    size_t length = strlen(text);
    return length >= 1 && length <= 5 && strspn(text, "0123456789") == length && atoi(text) <= 65535;
}

/* Splits "host:port" at the last colon and takes the brackets off an IPv6 address, which has to have them: in "::1:9000"
 * nobody knows where the port begins. */
static enum status split(const char *where, char *host, size_t host_size, const char **port) {
    const char *colon = strrchr(where, ':');
    if (colon == NULL || !is_port(colon + 1)) {
        return STATUS_BAD_INPUT;
    }
    const char *start = where;
    size_t length = (size_t)(colon - where);
    if (length >= 2 && start[0] == '[' && start[length - 1] == ']') {
        start++;
        length -= 2;
    } else if (memchr(start, ':', length) != NULL) {
        return STATUS_BAD_INPUT;
    }
    if (length == 0 || length >= host_size) {
        return STATUS_BAD_INPUT;
    }
    memcpy(host, start, length);
    host[length] = '\0';
    *port = colon + 1;
    return STATUS_OK;
}

/* The address that an "ADDRESS:PORT" means, to be freed with freeaddrinfo(); NULL: it is malformed. */
static struct addrinfo *resolve(const char *where) {
    char host[64];
    const char *port;
    struct addrinfo *found;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    if (split(where, host, sizeof host, &port) != STATUS_OK || getaddrinfo(host, port, &hints, &found) != 0) {
        return NULL;
    }
    return found;
}

/* The path of "unix:PATH", or NULL if it is another kind of address. */
static const char *unix_path(const char *where) { return strncmp(where, "unix:", 5) == 0 ? where + 5 : NULL; }

enum status listener_check(const char *where) {
    const struct sockaddr_un *address;
    const char *path = unix_path(where);
    if (path != NULL) {
        return path[0] != '\0' && strlen(path) < sizeof address->sun_path ? STATUS_OK : STATUS_BAD_INPUT;
    }
    struct addrinfo *found = resolve(where);
    if (found == NULL) {
        return STATUS_BAD_INPUT;
    }
    freeaddrinfo(found);
    return STATUS_OK;
}

/* --- Opening: where has passed listener_check() ---------------------------------------- */

static void log_failure(const char *where, const char *call) {
    log_event(LOG_ERROR, "cannot listen", LOG_TEXT("address", where), LOG_TEXT("call", call),
              LOG_TEXT("error", strerror(errno)));
}

/* True for a socket that a server left behind: nothing else at this path is ours to replace. Without waiting, for a
 * server that lives may be too busy to accept. */
static bool is_stale(const struct sockaddr_un *address) {
    struct stat there;
    if (lstat(address->sun_path, &there) != 0 || !S_ISSOCK(there.st_mode)) {
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool refused =
        fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED;
    if (fd >= 0) {
        close(fd);
    }
    return refused;
}

static enum status open_unix(const char *path, mode_t mode, int *out) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    if (is_stale(&address)) {
        unlink(path);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const char *failed = NULL;
    if (fd < 0) {
        failed = "socket";
    } else if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        failed = "bind";
    } else if (chmod(path, mode) != 0) {
        failed = "chmod";
    } else if (listen(fd, SOMAXCONN) != 0) {
        failed = "listen";
    }
    if (failed != NULL) {
        log_failure(path, failed);
        if (fd >= 0) {
            close(fd);
        }
        return STATUS_GONE;
    }
    *out = fd;
    return STATUS_OK;
}

static enum status open_tcp(const char *where, int *out) {
    struct addrinfo *found = resolve(where);
    if (found == NULL) {
        return STATUS_NO_MEMORY;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int yes = 1;
    /* No delay, which accepted connections inherit: on a kept connection an answer would wait for the peer to
     * acknowledge the one before. */
    bool ready = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                 setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0 &&
                 bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0;
    freeaddrinfo(found);
    if (!ready) {
        log_failure(where, "bind");
        if (fd >= 0) {
            close(fd);
        }
        return STATUS_GONE;
    }
    *out = fd;
    return STATUS_OK;
}

/* Where fd listens, in the form of "ADDRESS:PORT"; the kernel may have chosen the port. */
static enum status name_tcp(int fd, char *address, size_t size) {
    struct sockaddr_storage bound = {0};
    socklen_t length = sizeof bound;
    char host[64], port[16];
    if (getsockname(fd, (struct sockaddr *)&bound, &length) != 0 ||
        getnameinfo((struct sockaddr *)&bound, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return STATUS_GONE;
    }
    snprintf(address, size, bound.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    return STATUS_OK;
}

enum status listener_open(const char *where, mode_t mode, int *fd, char *address, size_t address_size) {
    const char *path = unix_path(where);
    int opened;
    enum status status = listener_check(where);
    if (status == STATUS_OK) {
        status = path != NULL ? open_unix(path, mode, &opened) : open_tcp(where, &opened);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (path != NULL) {
        snprintf(address, address_size, "%s", where);
    } else if (name_tcp(opened, address, address_size) != STATUS_OK) {
        log_failure(where, "getsockname");
        close(opened);
        return STATUS_GONE;
    }
    *fd = opened;
    return STATUS_OK;
}
