#include "listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "address.h"
#include "log.h"

static void log_failure(const char *where, const char *call) {
    log_event(LOG_ERROR, "cannot listen", LOG_TEXT("address", where), LOG_TEXT("call", call),
              LOG_TEXT("error", strerror(errno)));
}

/* True for a socket that a server left behind: nothing else at this path is ours to replace. Without waiting, for a
 * server that lives may be too busy to accept. */
static bool is_stale(const struct address *address) {
    struct stat there;
    if (lstat(address->path, &there) != 0 || !S_ISSOCK(there.st_mode)) {
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool refused = fd >= 0 && connect(fd, (const struct sockaddr *)&address->socket, address->socket_length) != 0 &&
                   errno == ECONNREFUSED;
    if (fd >= 0) {
        close(fd);
    }
    return refused;
}

static enum status open_unix(const struct address *address, mode_t mode, int *out) {
    if (is_stale(address)) {
        unlink(address->path);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const char *failed = NULL;
    if (fd < 0) {
        failed = "socket";
    } else if (bind(fd, (const struct sockaddr *)&address->socket, address->socket_length) != 0) {
        failed = "bind";
    } else if (chmod(address->path, mode) != 0) {
        failed = "chmod";
    } else if (listen(fd, SOMAXCONN) != 0) {
        failed = "listen";
    }
    if (failed != NULL) {
        log_failure(address->path, failed);
        if (fd >= 0) {
            close(fd);
        }
        return STATUS_GONE;
    }
    *out = fd;
    return STATUS_OK;
}

static enum status open_tcp(const char *where, const struct address *address, int *out) {
    int fd = socket(address->socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int yes = 1;
    /* No delay, which accepted connections inherit: on a kept connection an answer would wait for the peer to
     * acknowledge the one before. */
    bool ready = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                 setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0 &&
                 bind(fd, (const struct sockaddr *)&address->socket, address->socket_length) == 0 &&
                 listen(fd, SOMAXCONN) == 0;
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
    struct address at;
    int opened;
    enum status status = address_read(where, &at);
    bool local = status == STATUS_OK && at.path[0] != '\0';
    if (status == STATUS_OK) {
        status = local ? open_unix(&at, mode, &opened) : open_tcp(where, &at, &opened);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (local) {
        snprintf(address, address_size, "%s", where);
    } else if (name_tcp(opened, address, address_size) != STATUS_OK) {
        log_failure(where, "getsockname");
        close(opened);
        return STATUS_GONE;
    }
    *fd = opened;
    return STATUS_OK;
}
