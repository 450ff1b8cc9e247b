/*
 * fake_mysql -- as much of a MySQL server as it takes to be silent, or gone, at the right moment: it greets, lets
 * anybody in who has no password, says that it is a primary, and then does what its script says for this connection.
 *
 * One connection after the other, on a Unix socket, in a thread. Include it after cmocka.h.
 */
#ifndef FAKE_MYSQL_H
#define FAKE_MYSQL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* What a connection comes to. */
enum fake_end {
    FAKE_SILENT_AT_ONCE,      /* accepted, and not a word */
    FAKE_SILENT_AT_QUERY,     /* logged in, then nothing */
    FAKE_SILENT_AT_STATEMENT, /* no answer to a PREPARE */
    FAKE_CLOSE_AT_STATEMENT,  /* hung up at a PREPARE */
    FAKE_REFUSE_STATEMENT,    /* PREPARE is a syntax error */
};

enum { FAKE_CONNECTIONS_MAX = 8, FAKE_COM_QUERY = 3, FAKE_COM_PING = 14, FAKE_COM_PREPARE = 22 };

struct fake_mysql {
    enum fake_end script[FAKE_CONNECTIONS_MAX]; /* of the connections, in their order */
    atomic_uint connections;                    /* accepted */
    int fd;
    pthread_t thread;
};

#define FAKE_SEND(fd, sequence, bytes) fake_send((fd), (sequence), (bytes), sizeof(bytes) - 1)

static inline bool fake_send(int fd, uint8_t sequence, const char *payload, size_t length) {
    uint8_t packet[256] = {(uint8_t)length, 0, 0, sequence};
    memcpy(packet + 4, payload, length);
    return send(fd, packet, length + 4, MSG_NOSIGNAL) == (ssize_t)(length + 4);
}

/* The first byte of a packet, which says what is asked; -1 at the end. */
static inline int fake_receive(int fd) {
    uint8_t header[4], payload[4096];
    if (recv(fd, header, sizeof header, MSG_WAITALL) != sizeof header) {
        return -1;
    }
    size_t length = header[0] | (size_t)header[1] << 8;
    if (length == 0 || length > sizeof payload || recv(fd, payload, length, MSG_WAITALL) != (ssize_t)length) {
        return -1;
    }
    return payload[0];
}

static inline void fake_wait_until_left(int fd) {
    char byte;
    while (recv(fd, &byte, 1, 0) > 0) {
    }
}

static inline bool fake_log_in(int fd) {
    static const char greeting[] = "\x0a"
                                   "9.7.0\0"
                                   "\x01\0\0\0"
                                   "abcdefgh\0"
                                   "\x09\xa2\xff\x02\0\x08\0\x15" /* capabilities, character set, state */
                                   "\0\0\0\0\0\0\0\0\0\0"
                                   "ijklmnopqrst\0"
                                   "caching_sha2_password\0";
    return FAKE_SEND(fd, 0, greeting) && fake_receive(fd) >= 0 && FAKE_SEND(fd, 2, "\0\0\0\x02\0\0\0");
}

/* A table of one column and one row: 0, so this is a primary. */
static inline void fake_answer_query(int fd) {
    FAKE_SEND(fd, 1, "\001");
    FAKE_SEND(fd, 2, "\003def\0\0\0\001x\0\x0c\x3f\0\001\0\0\0\x08\0\0\0\0\0");
    FAKE_SEND(fd, 3, "\xfe\0\0\x02\0");
    FAKE_SEND(fd, 4, "\0010");
    FAKE_SEND(fd, 5, "\xfe\0\0\x02\0");
}

static inline void fake_converse(int fd, enum fake_end end) {
    if (end == FAKE_SILENT_AT_ONCE || !fake_log_in(fd)) {
        fake_wait_until_left(fd);
        return;
    }
    for (int command; (command = fake_receive(fd)) >= 0;) {
        if (command == FAKE_COM_QUERY && end != FAKE_SILENT_AT_QUERY) {
            fake_answer_query(fd);
        } else if (command == FAKE_COM_PING) {
            FAKE_SEND(fd, 1, "\0\0\0\x02\0\0\0");
        } else if (command == FAKE_COM_PREPARE && end == FAKE_CLOSE_AT_STATEMENT) {
            return;
        } else if (command == FAKE_COM_PREPARE && end == FAKE_REFUSE_STATEMENT) {
            FAKE_SEND(fd, 1, "\xff\x28\x04#42000no such thing");
        }
    }
}

static inline void *fake_run(void *argument) {
    struct fake_mysql *fake = argument;
    for (int fd; (fd = accept(fake->fd, NULL, NULL)) >= 0; close(fd)) {
        unsigned index = atomic_fetch_add(&fake->connections, 1);
        fake_converse(fd, fake->script[index % FAKE_CONNECTIONS_MAX]);
    }
    return NULL;
}

/* Starts it at path, with its script set. */
static inline void fake_start(struct fake_mysql *fake, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    fake->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fake->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fake->fd, 16), 0);
    assert_int_equal(pthread_create(&fake->thread, NULL, fake_run, fake), 0);
}

/* Its clients must have left. */
static inline void fake_stop(struct fake_mysql *fake, const char *path) {
    shutdown(fake->fd, SHUT_RDWR);
    pthread_join(fake->thread, NULL);
    close(fake->fd);
    unlink(path);
}

#endif
