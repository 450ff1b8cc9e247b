/*
 * fake_mysql -- as much of a MySQL server as it takes to be silent, gone, read only or in a deadlock at the right
 * moment. It lets anybody in who has no password, has one row with one number for every SELECT, and does all else.
 *
 * Whatever another statement is, it says that FAKE_ROWS rows were changed, the first of them being number FAKE_ID.
 *
 * What it is asked for is an event, a letter:
 *
 *     L  a connection, before the greeting      R  a SELECT is executed
 *     T  TLS                                    W  another prepared statement is executed
 *     A  the login                              G  it is asked to wait for a GTID
 *     I  the first command of a connection      B C X  BEGIN, COMMIT, ROLLBACK
 *     P  a statement is prepared
 *
 * It answers well, but for what its script says of the next event of that kind. Events from R on are kept in log.
 * It is also asked for its role, for how far it is and for the flags, again and again: that is no event.
 *
 * On a Unix socket, or on TCP, with a thread for each connection. Include it after cmocka.h.
 */
#ifndef FAKE_MYSQL_H
#define FAKE_MYSQL_H

#include <ctype.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* An answer: one of these, or an error code of MySQL. */
enum { FAKE_WELL = 0, FAKE_SILENT = -1, FAKE_CLOSE = -2, FAKE_TOO_LATE = -3, FAKE_WELL_THEN_CLOSE = -4 };

enum { FAKE_ROWS = 2, FAKE_ID = 7 };
enum { FAKE_STEPS_MAX = 16, FAKE_CONNECTIONS_MAX = 64, FAKE_STATEMENTS_MAX = 16, FAKE_LOG_BYTES = 256 };

struct fake_step {
    char event; /* '\0': the end of the script */
    int answer;
};

struct fake_mysql {
    struct fake_step script[FAKE_STEPS_MAX];
    atomic_bool read_only;
    atomic_bool behind; /* it has not got what the primary had, */
    atomic_uint told;   /* and has said so that often */
    /* The only row of the table of flags; NULL: there is none. "": there is no table. */
    _Atomic(const char *) flag;
    atomic_bool flag_enabled;
    const char *gtid; /* of everything it commits; NULL: it has none */

    atomic_uint connections; /* accepted */
    pthread_mutex_t lock;    /* guards the log, the step, and the connections */
    char log[FAKE_LOG_BYTES];
    size_t step;
    int fd;
    char path[108]; /* "": TCP */
    pthread_t thread, threads[FAKE_CONNECTIONS_MAX];
    int fds[FAKE_CONNECTIONS_MAX];
};

/* One connection of it. */
struct fake_peer {
    struct fake_mysql *fake;
    int fd;
    char statements[FAKE_STATEMENTS_MAX]; /* the event of executing each, by its id */
    uint8_t prepared;
    bool in_transaction;
    uint8_t payload[4096]; /* of the packet that came last, with a NUL */
    size_t length;
};

/* --- Packets --- */

#define FAKE_SEND(peer, sequence, bytes) fake_send((peer), (sequence), (bytes), sizeof(bytes) - 1)

static inline void fake_send(struct fake_peer *peer, uint8_t sequence, const char *payload, size_t length) {
    uint8_t packet[512] = {(uint8_t)length, 0, 0, sequence};
    memcpy(packet + 4, payload, length);
    send(peer->fd, packet, length + 4, MSG_NOSIGNAL);
}

/* The first byte of the next packet, which says what is asked; -1 at the end. */
static inline int fake_receive(struct fake_peer *peer) {
    uint8_t header[4];
    if (recv(peer->fd, header, sizeof header, MSG_WAITALL) != sizeof header) {
        return -1;
    }
    peer->length = header[0] | (size_t)header[1] << 8;
    if (peer->length == 0 || peer->length >= sizeof peer->payload ||
        recv(peer->fd, peer->payload, peer->length, MSG_WAITALL) != (ssize_t)peer->length) {
        return -1;
    }
    peer->payload[peer->length] = '\0';
    return peer->payload[0];
}

static inline void fake_send_ok(struct fake_peer *peer, uint8_t sequence) {
    FAKE_SEND(peer, sequence, "\0\0\0\x02\0\0\0");
}

static inline void fake_send_changed(struct fake_peer *peer) {
    const char payload[] = {0, FAKE_ROWS, FAKE_ID, 0x02, 0, 0, 0};
    fake_send(peer, 1, payload, sizeof payload);
}

static inline void fake_send_end(struct fake_peer *peer, uint8_t sequence) {
    FAKE_SEND(peer, sequence, "\xfe\0\0\x02\0");
}

static inline void fake_send_error(struct fake_peer *peer, unsigned code) {
    char payload[64] = {(char)0xff, (char)code, (char)(code >> 8)};
    int length = snprintf(payload + 3, sizeof payload - 3, "#HY000error %u", code);
    fake_send(peer, 1, payload, 3 + (size_t)length);
}

static inline void fake_send_column(struct fake_peer *peer, uint8_t sequence) {
    FAKE_SEND(peer, sequence, "\003def\0\0\0\001x\0\x0c\x3f\0\x14\0\0\0\x08\0\0\0\0\0");
}

/* What it did is committed, and has a name. */
static inline void fake_send_committed(struct fake_peer *peer) {
    const char *gtid = peer->fake->gtid;
    if (gtid == NULL) {
        fake_send_changed(peer);
        return;
    }
    char payload[256] = {0, FAKE_ROWS, FAKE_ID, 0x02, 0x40, 0, 0, 0}; /* session state has changed */
    size_t length = strlen(gtid);
    payload[8] = (char)(length + 4);
    payload[9] = 3; /* by a GTID */
    payload[10] = (char)(length + 2);
    payload[11] = 0;
    payload[12] = (char)length;
    memcpy(payload + 13, gtid, length);
    fake_send(peer, 1, payload, 13 + length);
}

static inline void fake_send_text_column(struct fake_peer *peer, uint8_t sequence) {
    FAKE_SEND(peer, sequence, "\003def\0\0\0\001x\0\x0c\xff\0\xa0\0\0\0\xfd\0\0\0\0\0");
}

/* A name and a number. */
static inline void fake_send_flags(struct fake_peer *peer) {
    const char *flag = atomic_load(&peer->fake->flag);
    uint8_t sequence = 1;
    if (flag != NULL && flag[0] == '\0') {
        fake_send_error(peer, 1146);
        return;
    }
    FAKE_SEND(peer, sequence++, "\002");
    fake_send_text_column(peer, sequence++);
    fake_send_column(peer, sequence++);
    fake_send_end(peer, sequence++);
    if (flag != NULL) {
        char row[64] = {0, 0, (char)strlen(flag)};
        memcpy(row + 3, flag, strlen(flag));
        row[3 + strlen(flag)] = atomic_load(&peer->fake->flag_enabled);
        fake_send(peer, sequence++, row, 3 + strlen(flag) + 8);
    }
    fake_send_end(peer, sequence);
}

static inline void fake_send_row(struct fake_peer *peer, uint8_t number) {
    const char row[] = {0, 0, (char)number, 0, 0, 0, 0, 0, 0, 0};
    FAKE_SEND(peer, 1, "\001");
    fake_send_column(peer, 2);
    fake_send_end(peer, 3);
    fake_send(peer, 4, row, sizeof row);
    fake_send_end(peer, 5);
}

/* --- Events --- */

static inline void fake_wait_until_left(struct fake_peer *peer) {
    char bytes[64];
    while (recv(peer->fd, bytes, sizeof bytes, 0) > 0) {
    }
}

/* What the script says; FAKE_WELL if it says nothing. */
static inline int fake_event(struct fake_mysql *fake, char event) {
    int answer = FAKE_WELL;
    pthread_mutex_lock(&fake->lock);
    if (strchr("RWGBCX", event) != NULL && strlen(fake->log) < FAKE_LOG_BYTES - 1) {
        fake->log[strlen(fake->log)] = event;
    }
    if (fake->step < FAKE_STEPS_MAX && fake->script[fake->step].event == event) {
        answer = fake->script[fake->step++].answer;
    }
    pthread_mutex_unlock(&fake->lock);
    return answer;
}

/* True: the event is to be answered well. False: it has been answered otherwise. *go_on: the connection stays open. */
static inline bool fake_goes_well(struct fake_peer *peer, char event, bool *go_on) {
    int answer = fake_event(peer->fake, event);
    *go_on = answer >= FAKE_WELL || answer == FAKE_TOO_LATE;
    if (answer == FAKE_SILENT) {
        fake_wait_until_left(peer);
    } else if (answer == FAKE_TOO_LATE) {
        fake_send_row(peer, 1);
    } else if (answer > FAKE_WELL) {
        fake_send_error(peer, (unsigned)answer);
    }
    return answer == FAKE_WELL || answer == FAKE_WELL_THEN_CLOSE;
}

static inline char fake_kind(const char *sql) {
    if (strstr(sql, "read_only") != NULL) {
        return 'q';
    }
    if (strstr(sql, "@@global.gtid_executed") != NULL) {
        return 'p';
    }
    if (strstr(sql, "FROM flags") != NULL) {
        return 'f';
    }
    if (strstr(sql, "WAIT_FOR_EXECUTED_GTID_SET") != NULL) {
        return 'G';
    }
    return strncmp(sql, "SELECT", 6) == 0 ? 'R' : 'W';
}

static inline bool fake_prepare(struct fake_peer *peer) {
    bool go_on = true;
    const char *sql = (const char *)peer->payload + 1;
    char kind = fake_kind(sql);
    if (isupper(kind) && !fake_goes_well(peer, 'P', &go_on)) {
        return go_on;
    }
    uint8_t params = 0, id = peer->prepared++ % FAKE_STATEMENTS_MAX, columns = kind == 'f' ? 2 : kind != 'W',
            sequence = 2;
    for (const char *mark = sql; (mark = strchr(mark, '?')) != NULL; mark++) {
        params++;
    }
    peer->statements[id] = kind;
    const char answer[] = {0, (char)id, 0, 0, 0, (char)columns, 0, (char)params, 0, 0, 0, 0};
    fake_send(peer, 1, answer, sizeof answer);
    for (uint8_t i = 0; i < params; i++) {
        fake_send_column(peer, sequence++);
    }
    if (params > 0) {
        fake_send_end(peer, sequence++);
    }
    if (columns == 2) {
        fake_send_text_column(peer, sequence++);
    }
    if (columns > 0) {
        fake_send_column(peer, sequence++);
        fake_send_end(peer, sequence++);
    }
    return true;
}

static inline bool fake_execute(struct fake_peer *peer) {
    bool go_on = true;
    char event = peer->statements[peer->payload[1] % FAKE_STATEMENTS_MAX];
    if (isupper(event) && !fake_goes_well(peer, event, &go_on)) {
        return go_on;
    }
    if (event == 'W' && !peer->in_transaction) {
        fake_send_committed(peer);
    } else if (event == 'W') {
        fake_send_changed(peer);
    } else if (event == 'f') {
        fake_send_flags(peer);
    } else if (event == 'p') {
        bool behind = atomic_load(&peer->fake->behind);
        fake_send_row(peer, !behind);
        atomic_fetch_add(&peer->fake->told, behind);
    } else {
        fake_send_row(peer, event == 'q' && atomic_load(&peer->fake->read_only));
    }
    return go_on;
}

static inline bool fake_query(struct fake_peer *peer) {
    static const struct {
        const char *sql;
        char event;
    } commands[] = {{"START TRANSACTION", 'B'}, {"COMMIT", 'C'}, {"ROLLBACK", 'X'}, {"", 'I'}};
    size_t i = 0;
    bool go_on;
    while (strncmp((const char *)peer->payload + 1, commands[i].sql, strlen(commands[i].sql)) != 0) {
        i++;
    }
    char event = commands[i].event;
    peer->in_transaction = event == 'B' || (event == 'I' && peer->in_transaction);
    if (!fake_goes_well(peer, event, &go_on)) {
        return go_on;
    }
    if (event == 'C') {
        fake_send_committed(peer);
    } else {
        fake_send_ok(peer, 1);
    }
    return true;
}

/* --- Connections --- */

static inline bool fake_log_in(struct fake_peer *peer) {
    enum { TLS_REQUEST_BYTES = 32 };
    static const char greeting[] = "\x0a"
                                   "9.7.0\0"
                                   "\x01\0\0\0"
                                   "abcdefgh\0"
                                   "\x09\xaa\xff\x02\0\x88\0\x15" /* capabilities, character set, state */
                                   "\0\0\0\0\0\0\0\0\0\0"
                                   "ijklmnopqrst\0"
                                   "caching_sha2_password\0";
    bool go_on;
    uint8_t sequence = 2;
    if (!fake_goes_well(peer, 'L', &go_on)) {
        return false;
    }
    FAKE_SEND(peer, 0, greeting);
    if (fake_receive(peer) < 0) {
        return false;
    }
    if (peer->length == TLS_REQUEST_BYTES) { /* which somebody else has to speak, see tls_front.h */
        if (!fake_goes_well(peer, 'T', &go_on) || fake_receive(peer) < 0) {
            return false;
        }
        sequence++;
    }
    if (!fake_goes_well(peer, 'A', &go_on)) {
        return false;
    }
    fake_send_ok(peer, sequence);
    return true;
}

static inline void fake_converse(struct fake_peer *peer) {
    enum { COM_QUERY_BYTE = 3, COM_PREPARE_BYTE = 22, COM_EXECUTE_BYTE = 23 };
    bool go_on = fake_log_in(peer);
    for (int command; go_on && (command = fake_receive(peer)) >= 0;) {
        if (command == COM_QUERY_BYTE) {
            go_on = fake_query(peer);
        } else if (command == COM_PREPARE_BYTE) {
            go_on = fake_prepare(peer);
        } else if (command == COM_EXECUTE_BYTE) {
            go_on = fake_execute(peer);
        }
    }
}

struct fake_start {
    struct fake_mysql *fake;
    unsigned index;
};

static inline void *fake_serve(void *argument) {
    struct fake_start *start = argument;
    struct fake_mysql *fake = start->fake;
    struct fake_peer *peer = calloc(1, sizeof *peer);
    *peer = (struct fake_peer){.fake = fake, .fd = fake->fds[start->index]};
    fake_converse(peer);
    pthread_mutex_lock(&fake->lock);
    fake->fds[start->index] = -1;
    close(peer->fd);
    pthread_mutex_unlock(&fake->lock);
    free(peer);
    free(start);
    return NULL;
}

static inline void *fake_accept(void *argument) {
    struct fake_mysql *fake = argument;
    for (int fd; (fd = accept(fake->fd, NULL, NULL)) >= 0;) {
        unsigned index = atomic_load(&fake->connections);
        assert_true(index < FAKE_CONNECTIONS_MAX);
        struct fake_start *start = malloc(sizeof *start);
        *start = (struct fake_start){fake, index};
        fake->fds[index] = fd;
        atomic_store(&fake->connections, index + 1);
        assert_int_equal(pthread_create(&fake->threads[index], NULL, fake_serve, start), 0);
    }
    return NULL;
}

/* Starts it, its script set, at path; "": on TCP, on the port that is returned. */
static inline unsigned fake_start(struct fake_mysql *fake, const char *path) {
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in remote = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof remote;
    bool is_local = path[0] != '\0';
    snprintf(fake->path, sizeof fake->path, "%s", path);
    snprintf(local.sun_path, sizeof local.sun_path, "%s", path);
    pthread_mutex_init(&fake->lock, NULL);
    fake->fd = socket(is_local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(is_local ? bind(fake->fd, (struct sockaddr *)&local, sizeof local)
                              : bind(fake->fd, (struct sockaddr *)&remote, sizeof remote),
                     0);
    assert_int_equal(listen(fake->fd, 16), 0);
    if (!is_local) {
        assert_int_equal(getsockname(fake->fd, (struct sockaddr *)&remote, &length), 0);
    }
    assert_int_equal(pthread_create(&fake->thread, NULL, fake_accept, fake), 0);
    return ntohs(remote.sin_port);
}

/* Ends it and all its connections, as kill -9 would. */
static inline void fake_stop(struct fake_mysql *fake) {
    shutdown(fake->fd, SHUT_RDWR);
    pthread_join(fake->thread, NULL);
    close(fake->fd);
    pthread_mutex_lock(&fake->lock);
    for (unsigned i = 0; i < atomic_load(&fake->connections); i++) {
        if (fake->fds[i] >= 0) {
            shutdown(fake->fds[i], SHUT_RDWR);
        }
    }
    pthread_mutex_unlock(&fake->lock);
    for (unsigned i = 0; i < atomic_load(&fake->connections); i++) {
        pthread_join(fake->threads[i], NULL);
    }
    pthread_mutex_destroy(&fake->lock);
    if (fake->path[0] != '\0') {
        unlink(fake->path);
    }
}

/* Whether it has closed its connection number index, from 0. */
static inline bool fake_has_closed(struct fake_mysql *fake, unsigned index) {
    pthread_mutex_lock(&fake->lock);
    bool closed = fake->fds[index] < 0;
    pthread_mutex_unlock(&fake->lock);
    return closed;
}

/* What has happened so far; until the next call. */
static inline const char *fake_log(struct fake_mysql *fake) {
    static char log[FAKE_LOG_BYTES];
    pthread_mutex_lock(&fake->lock);
    memcpy(log, fake->log, sizeof log);
    pthread_mutex_unlock(&fake->lock);
    return log;
}

#endif
