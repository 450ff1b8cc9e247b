/*
 * fake_redis -- as much of a Redis as it takes to be silent, or gone, at the right moment: it reads commands and says to
 * each what its script for this connection says, whatever that is.
 *
 * On a Unix socket, a thread a connection. Include it after cmocka.h.
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

#include "clock.h"
#include "slice.h"
#include "wait.h"

/* What a connection comes to when all that it has to say is said. */
enum fake_end {
    FAKE_SILENT,   /* further commands get no answer */
    FAKE_HANGS_UP, /* at the next command */
    FAKE_LEAVES,   /* at once */
    FAKE_REPEATS,  /* the last answer, to every further command */
    FAKE_TRICKLES, /* at the next command: an answer that never ends, byte by byte */
};

enum { FAKE_CONNECTIONS_MAX = 8, FAKE_ANSWERS_MAX = 16, FAKE_HEARD_BYTES = 4096 };

/* An answer, one a command; may hold any byte. */
#define SAY(bytes) ((struct slice){bytes, sizeof(bytes) - 1})

struct fake_connection {
    struct slice answers[FAKE_ANSWERS_MAX]; /* data NULL: no more */
    enum fake_end end;
};

struct fake_redis {
    struct fake_connection script[FAKE_CONNECTIONS_MAX]; /* in their order */
    atomic_uint connections;                             /* accepted; further ones than the script has are refused */
    char heard[FAKE_HEARD_BYTES];                        /* the commands, a line each; to be read after fake_stop() */
    pthread_mutex_t lock;                                /* guards heard */
    int fd;
    pthread_t thread;
};

static int64_t fake_dated_ms; /* when the first fake_cached() since the last fake_stop() was made; 0: there was none */

/* The answer to GET of what is cached (cache.h), fresh for ttl_ms still, or old for -ttl_ms; one of the last eight. */
static inline struct slice fake_cached(const char *value, int64_t ttl_ms) {
    static char rooms[8][512];
    static unsigned turn;
    char dated[400], *room = rooms[turn++ % 8];
    int64_t now_ms = clock_wall_us() / 1000, until_ms = now_ms + ttl_ms;
    fake_dated_ms = fake_dated_ms != 0 ? fake_dated_ms : now_ms;
    int length = snprintf(dated, sizeof dated, "%lld %s", (long long)until_ms, value);
    return (struct slice){room, (size_t)snprintf(room, sizeof rooms[0], "$%d\r\n%s\r\n", length, dated)};
}

/* How much less than it had then such an answer may have left by now. */
static inline int64_t fake_passed_ms(void) { return fake_dated_ms != 0 ? clock_wall_us() / 1000 - fake_dated_ms : 0; }

/* Whether text says, behind a mark, how many seconds such an answer has left, which were left_s and a half: so many, or
 * fewer if the machine took its time. */
static inline bool fake_is_told(const char *text, const char *mark, long left_s) {
    const char *at = strstr(text, mark);
    if (at == NULL) {
        return false;
    }
    long told_s = strtol(at + strlen(mark), NULL, 10);
    return told_s <= left_s && told_s >= left_s - (fake_passed_ms() + 500) / 1000;
}

/* A connection, to the thread that serves it. */
struct fake_peer {
    struct fake_redis *fake;
    const struct fake_connection *script;
    FILE *in;
    pthread_t thread;
};

/* A line "*3" or "$5": its number; -1 at the end. */
static inline long fake_read_number(FILE *in) {
    char line[32];
    return fgets(line, sizeof line, in) != NULL ? strtol(line + 1, NULL, 10) : -1;
}

static inline void fake_note(struct fake_redis *fake, const char *line) {
    pthread_mutex_lock(&fake->lock);
    size_t said = strlen(fake->heard);
    snprintf(fake->heard + said, sizeof fake->heard - said, "%s\n", line);
    pthread_mutex_unlock(&fake->lock);
}

/* Hears a command; false at the end. */
static inline bool fake_hear(const struct fake_peer *peer) {
    char line[FAKE_HEARD_BYTES] = "", argument[FAKE_HEARD_BYTES];
    long count = fake_read_number(peer->in);
    for (long i = 0; i < count; i++) {
        long length = fake_read_number(peer->in);
        if (length < 0 || length > FAKE_HEARD_BYTES - 3 ||
            fread(argument, 1, (size_t)length + 2, peer->in) != (size_t)length + 2) {
            return false;
        }
        argument[length] = '\0';
        size_t said = strlen(line);
        snprintf(line + said, sizeof line - said, "%s%s", i > 0 ? " " : "", argument);
    }
    if (count > 0) {
        fake_note(peer->fake, line);
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

static inline void fake_converse(const struct fake_peer *peer) {
    const struct fake_connection *script = peer->script;
    int fd = fileno(peer->in);
    size_t i = 0;
    while (i < FAKE_ANSWERS_MAX && script->answers[i].data != NULL) {
        if (!fake_hear(peer) || !fake_say(fd, script->answers[i++])) {
            return;
        }
    }
    if (script->end == FAKE_LEAVES || !fake_hear(peer) || script->end == FAKE_HANGS_UP) {
        return;
    }
    if (script->end == FAKE_TRICKLES) {
        fake_trickle(fd);
    }
    do {
        if (script->end == FAKE_REPEATS) {
            fake_say(fd, script->answers[i - 1]);
        }
    } while (fake_hear(peer));
}

static inline void *fake_serve(void *argument) {
    const struct fake_peer *peer = argument;
    fake_converse(peer);
    shutdown(fileno(peer->in), SHUT_RDWR);
    return NULL;
}

static inline void *fake_run(void *argument) {
    struct fake_redis *fake = argument;
    struct fake_peer peers[FAKE_CONNECTIONS_MAX];
    unsigned count = 0;
    for (int fd; count < FAKE_CONNECTIONS_MAX && (fd = accept(fake->fd, NULL, NULL)) >= 0; count++) {
        struct fake_peer *peer = &peers[count];
        *peer = (struct fake_peer){.fake = fake, .script = &fake->script[count], .in = fdopen(fd, "r")};
        atomic_fetch_add(&fake->connections, 1);
        assert_int_equal(pthread_create(&peer->thread, NULL, fake_serve, peer), 0);
    }
    for (unsigned i = 0; i < count; i++) {
        pthread_join(peers[i].thread, NULL);
        fclose(peers[i].in);
    }
    return NULL;
}

/* Starts it at path, with its script set; what a test that failed left there is replaced. */
static inline void fake_start(struct fake_redis *fake, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    pthread_mutex_init(&fake->lock, NULL);
    unlink(path);
    fake->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fake->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fake->fd, 16), 0);
    assert_int_equal(pthread_create(&fake->thread, NULL, fake_run, fake), 0);
}

/* Its clients must have left. */
static inline void fake_stop(struct fake_redis *fake, const char *path) {
    shutdown(fake->fd, SHUT_RDWR);
    pthread_join(fake->thread, NULL);
    pthread_mutex_destroy(&fake->lock);
    close(fake->fd);
    unlink(path);
    fake_dated_ms = 0;
}

#endif
