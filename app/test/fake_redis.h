/*
 * fake_redis -- as much of a Redis as it takes to be silent, or gone, at the right moment: it reads commands and says to
 * each what its script for this connection says, whatever that is.
 *
 * One connection after the other, on a Unix socket, in a thread. Include it after cmocka.h.
 */
#ifndef FAKE_REDIS_H
#define FAKE_REDIS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "slice.h"
#include "wait.h"

/* What a connection comes to when all that it has to say is said. */
enum fake_end {
    FAKE_SILENT,   /* further commands get no answer */
    FAKE_HANGS_UP, /* at the next command */
    FAKE_LEAVES,   /* at once */
    FAKE_TRICKLES, /* at the next command: an answer that never ends, byte by byte */
};

enum { FAKE_CONNECTIONS_MAX = 4, FAKE_ANSWERS_MAX = 4, FAKE_ARGUMENTS_MAX = 16, FAKE_HEARD_BYTES = 4096 };

/* An answer, one a command; may hold any byte. */
#define SAY(bytes) ((struct slice){bytes, sizeof(bytes) - 1})

struct fake_connection {
    struct slice answers[FAKE_ANSWERS_MAX]; /* data NULL: no more */
    enum fake_end end;
};

struct fake_redis {
    struct fake_connection script[FAKE_CONNECTIONS_MAX]; /* in their order */
    atomic_uint connections;                             /* accepted */
    char heard[FAKE_HEARD_BYTES];                        /* the commands, a line each; to be read after fake_stop() */
    int fd;
    pthread_t thread;
};

/* A line "*3" or "$5": its number; -1 at the end. */
static inline long fake_read_number(FILE *in) {
    char line[32];
    return fgets(line, sizeof line, in) != NULL ? strtol(line + 1, NULL, 10) : -1;
}

/* Hears a command; false at the end. */
static inline bool fake_hear(struct fake_redis *fake, FILE *in) {
    long count = fake_read_number(in);
    for (long i = 0; i < count && i < FAKE_ARGUMENTS_MAX; i++) {
        long length = fake_read_number(in);
        char *argument = length >= 0 ? calloc(1, (size_t)length + 3) : NULL;
        bool whole = argument != NULL && fread(argument, 1, (size_t)length + 2, in) == (size_t)length + 2;
        if (whole) {
            size_t said = strlen(fake->heard);
            argument[length] = '\0';
            snprintf(fake->heard + said, sizeof fake->heard - said, "%s%s", argument, i + 1 < count ? " " : "\n");
        }
        free(argument);
        if (!whole) {
            return false;
        }
    }
    return count > 0;
}

static inline bool fake_say(int fd, struct slice answer) {
    for (size_t sent = 0; sent < answer.length;) {
        ssize_t n = send(fd, answer.data + sent, answer.length - sent, MSG_NOSIGNAL);
        if (n < 0) {
            return false;
        }
        sent += (size_t)n;
    }
    return true;
}

static inline void fake_trickle(int fd) {
    for (bool there = fake_say(fd, SAY("$1000000\r\n")); there; there = fake_say(fd, SAY("x"))) {
        look_again_later();
    }
}

static inline void fake_converse(struct fake_redis *fake, const struct fake_connection *script, FILE *in) {
    int fd = fileno(in);
    size_t i = 0;
    while (i < FAKE_ANSWERS_MAX && script->answers[i].data != NULL) {
        if (!fake_hear(fake, in) || !fake_say(fd, script->answers[i++])) {
            return;
        }
    }
    if (script->end == FAKE_LEAVES || !fake_hear(fake, in) || script->end == FAKE_HANGS_UP) {
        return;
    }
    if (script->end == FAKE_TRICKLES) {
        fake_trickle(fd);
    }
    while (fake_hear(fake, in)) {
    }
}

static inline void *fake_run(void *argument) {
    struct fake_redis *fake = argument;
    for (int fd; (fd = accept(fake->fd, NULL, NULL)) >= 0;) {
        FILE *in = fdopen(fd, "r");
        unsigned index = atomic_fetch_add(&fake->connections, 1);
        fake_converse(fake, &fake->script[index % FAKE_CONNECTIONS_MAX], in);
        fclose(in);
    }
    return NULL;
}

/* Starts it at path, with its script set. */
static inline void fake_start(struct fake_redis *fake, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    fake->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fake->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fake->fd, 16), 0);
    assert_int_equal(pthread_create(&fake->thread, NULL, fake_run, fake), 0);
}

/* Its clients must have left. */
static inline void fake_stop(struct fake_redis *fake, const char *path) {
    shutdown(fake->fd, SHUT_RDWR);
    pthread_join(fake->thread, NULL);
    close(fake->fd);
    unlink(path);
}

#endif
