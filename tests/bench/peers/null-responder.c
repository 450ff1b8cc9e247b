/*
 * null-responder -- the least a FastCGI application can do: it recognises the end of
 * a request and writes fixed bytes. What stands behind Nginx cannot be faster, so this
 * is the ceiling of what the bench measures.
 *
 *   null-responder SOCKET
 *
 * One thread, one read and one write a request. It looks at record headers only, skips
 * what they announce, and answers at the empty STDIN record (FastCGI/1.0 section 3.3).
 * Every connection is kept. It trusts its peer, which is the Nginx of the bench.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    HEADER_BYTES = 8,
    END_REQUEST = 3,
    STDIN = 5,
    STDOUT = 6,
    READ_BYTES = 64 * 1024,
    EVENTS_AT_ONCE = 64,
    BACKLOG = 4096,
};

#define CONTENT "Status: 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 6\r\n\r\nalive\n"

/* STDOUT with the content, an empty STDOUT, END_REQUEST. */
enum { CONTENT_BYTES = sizeof CONTENT - 1, ANSWER_BYTES = 4 * HEADER_BYTES + CONTENT_BYTES };

struct connection {
    int fd;
    size_t skip;       /* bytes of content and padding still to pass over */
    size_t header_got; /* bytes of the next header */
    uint8_t header[HEADER_BYTES];
};

static void die(const char *what) {
    fprintf(stderr, "null-responder: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static uint8_t *put_header(uint8_t *at, uint8_t type, const uint8_t id[2], size_t length) {
    const uint8_t header[HEADER_BYTES] = {1, type, id[0], id[1], (uint8_t)(length >> 8), (uint8_t)length, 0, 0};
    return (uint8_t *)memcpy(at, header, sizeof header) + sizeof header;
}

/* False: the peer does not take it. */
static bool answer(int fd, const uint8_t id[2]) {
    uint8_t bytes[ANSWER_BYTES] = {0};
    uint8_t *at = put_header(bytes, STDOUT, id, CONTENT_BYTES);
    memcpy(at, CONTENT, CONTENT_BYTES);
    at = put_header(at + CONTENT_BYTES, STDOUT, id, 0);
    put_header(at, END_REQUEST, id, HEADER_BYTES); /* whose body is zero: status 0, request complete */
    return send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) == (ssize_t)sizeof bytes;
}

static bool take_header(struct connection *connection) {
    const uint8_t *header = connection->header;
    size_t length = (size_t)header[4] << 8 | header[5];
    connection->header_got = 0;
    connection->skip = length + header[6];
    return header[1] != STDIN || length > 0 || answer(connection->fd, header + 2);
}

static bool feed(struct connection *connection, const uint8_t *bytes, size_t count) {
    while (count > 0) {
        size_t step = connection->skip < count ? connection->skip : count;
        connection->skip -= step;
        bytes += step;
        count -= step;
        while (connection->skip == 0 && count > 0 && connection->header_got < HEADER_BYTES) {
            connection->header[connection->header_got++] = *bytes++;
            count--;
        }
        if (connection->header_got == HEADER_BYTES && !take_header(connection)) {
            return false;
        }
    }
    return true;
}

static void handle(struct connection *connection) {
    static uint8_t buffer[READ_BYTES];
    ssize_t received = recv(connection->fd, buffer, sizeof buffer, 0);
    if (received <= 0 || !feed(connection, buffer, (size_t)received)) {
        close(connection->fd);
        free(connection);
    }
}

static void watch(int epoll, int fd, void *data) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        die("epoll_ctl");
    }
}

static void accept_one(int epoll, int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    struct connection *connection = fd >= 0 ? calloc(1, sizeof *connection) : NULL;
    if (connection == NULL) {
        die("accept");
    }
    connection->fd = fd;
    watch(epoll, fd, connection);
}

static int listen_on(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    unlink(path);
    umask(0); /* whoever shares the volume may connect */
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, BACKLOG) != 0) {
        die(path);
    }
    return fd;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fputs("usage: null-responder SOCKET\n", stderr);
        return EXIT_FAILURE;
    }
    int listener = listen_on(argv[1]), epoll = epoll_create1(EPOLL_CLOEXEC);
    watch(epoll, listener, NULL);
    for (;;) {
        struct epoll_event events[EVENTS_AT_ONCE];
        int count = epoll_wait(epoll, events, EVENTS_AT_ONCE, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL) {
                accept_one(epoll, listener);
            } else {
                handle(events[i].data.ptr);
            }
        }
    }
}
