/*
 * tls_front -- speaks TLS for a server that cannot, and falls silent, leaves or becomes slow where a test wants it to: at
 * any byte of a handshake, or of what is said behind it.
 *
 *     client <--- TLS, on TCP ---> front <--- in plain, on a Unix socket ---> fake server
 *
 * It serves one connection after the other. Its certificate, for 127.0.0.1, is signed by itself. Include it after cmocka.h.
 */
#ifndef TLS_FRONT_H
#define TLS_FRONT_H

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "status.h"
#include "wait.h"

/* What becomes of its first connection when it has sent so many bytes there. All further ones are served well. */
enum front_end { FRONT_SILENT, FRONT_LEAVES, FRONT_TRICKLES };

struct tls_front {
    int version;       /* TLS1_2_VERSION or TLS1_3_VERSION */
    size_t most_bytes; /* of TLS, on the first connection */
    enum front_end end;
    const char *behind; /* path of the server's Unix socket */
    bool greets;        /* as MySQL does: the server speaks first, and the client asks for TLS then */

    char where[32], ca_file[32]; /* its address, and its certificate, for the client */
    size_t sent_bytes;           /* of TLS, on all connections; to be read after front_stop(), as the next one */
    size_t shaken_bytes;         /* of these, in the first handshake */
    SSL_CTX *context;
    int fd;
    pthread_t thread;
};

/* One connection: its two ends, and what it may still send. */
struct front_line {
    struct tls_front *front;
    int client, server;
    SSL *ssl;
    size_t left_bytes;
};

/* --- Who it is --- */

static inline X509 *front_sign(EVP_PKEY *key) {
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_EXTENSION *address = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    assert_non_null(address);
    X509_set_version(certificate, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"front", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_add_ext(certificate, address, -1);
    X509_EXTENSION_free(address);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, NULL) > 0);
    return certificate;
}

/* With Ed25519, whose signatures are all of one size, and without tickets, every conversation is as long as the last. */
static inline void front_make_context(struct tls_front *front) {
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_non_null(key);
    X509 *certificate = front_sign(key);
    strcpy(front->ca_file, "/tmp/tls_front-XXXXXX");
    FILE *file = fdopen(mkstemp(front->ca_file), "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    fclose(file);
    front->context = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(front->context, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(front->context, key), 1);
    SSL_CTX_set_max_proto_version(front->context, front->version);
    SSL_CTX_set_options(front->context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(front->context, 0);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* --- One connection --- */

static inline void front_send(struct front_line *line, const char *bytes, size_t length) {
    line->left_bytes -= length;
    line->front->sent_bytes += length;
    if (length > 0) {
        send(line->client, bytes, length, MSG_NOSIGNAL);
    }
}

/* Byte by byte, until the client has had enough. */
static inline void front_trickle(const struct front_line *line, const char *bytes, size_t length) {
    const struct timespec pause = {.tv_nsec = 5000000};
    for (size_t i = 0; i < length && send(line->client, bytes + i, 1, MSG_NOSIGNAL) == 1; i++) {
        nanosleep(&pause, NULL);
    }
}

/* Sends what TLS has to say, as far as it may. */
static inline void front_flush(struct front_line *line) {
    char bytes[16384];
    int got;
    while ((got = BIO_read(SSL_get_wbio(line->ssl), bytes, sizeof bytes)) > 0) {
        size_t length = (size_t)got, now = length < line->left_bytes ? length : line->left_bytes;
        bool stops = now < length;
        front_send(line, bytes, now);
        if (stops && line->front->end == FRONT_LEAVES) {
            shutdown(line->client, SHUT_RDWR);
        }
        if (stops && line->front->end == FRONT_TRICKLES) {
            front_trickle(line, bytes + now, length - now);
        }
    }
}

/* Both: false at the end. */
static inline bool front_hear_client(struct front_line *line) {
    char bytes[16384];
    ssize_t got = recv(line->client, bytes, sizeof bytes, 0);
    if (got <= 0) {
        return false;
    }
    BIO_write(SSL_get_rbio(line->ssl), bytes, (int)got);
    for (int plain; (plain = SSL_read(line->ssl, bytes, sizeof bytes)) > 0;) { /* which shakes hands first */
        send(line->server, bytes, (size_t)plain, MSG_NOSIGNAL);
    }
    front_flush(line);
    if (SSL_is_init_finished(line->ssl) && line->front->shaken_bytes == 0) {
        line->front->shaken_bytes = line->front->sent_bytes;
    }
    return true;
}

/* A byte a record: how many records there are is not left to chance. */
static inline bool front_hear_server(struct front_line *line) {
    char byte;
    if (recv(line->server, &byte, 1, 0) <= 0) {
        return false;
    }
    SSL_write(line->ssl, &byte, 1);
    front_flush(line);
    return true;
}

/* The greeting of MySQL, and the client's wish for TLS. */
static inline bool front_pass_greeting(struct front_line *line) {
    enum { HEADER_BYTES = 4, WISH_BYTES = 36 };
    uint8_t packet[256 + HEADER_BYTES];
    if (recv(line->server, packet, HEADER_BYTES, MSG_WAITALL) != HEADER_BYTES ||
        recv(line->server, packet + HEADER_BYTES, packet[0], MSG_WAITALL) != packet[0]) {
        return false;
    }
    send(line->client, packet, HEADER_BYTES + (size_t)packet[0], MSG_NOSIGNAL);
    if (recv(line->client, packet, WISH_BYTES, MSG_WAITALL) != WISH_BYTES) {
        return false;
    }
    return send(line->server, packet, WISH_BYTES, MSG_NOSIGNAL) == WISH_BYTES;
}

static inline void front_serve(struct front_line *line) {
    struct pollfd ends[] = {{.fd = line->client, .events = POLLIN}, {.fd = line->server, .events = POLLIN}};
    bool goes_on = !line->front->greets || front_pass_greeting(line);
    while (goes_on && poll(ends, 2, PATIENCE_MS) > 0) {
        goes_on =
            (ends[0].revents == 0 || front_hear_client(line)) && (ends[1].revents == 0 || front_hear_server(line));
    }
}

static inline int front_reach_server(const struct tls_front *front) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", front->behind);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* --- All of them --- */

static inline void *front_run(void *argument) {
    struct tls_front *front = argument;
    struct front_line line = {.front = front, .left_bytes = front->most_bytes};
    const int yes = 1;
    while ((line.client = accept(front->fd, NULL, NULL)) >= 0) {
        setsockopt(line.client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes); /* many small records */
        line.server = front_reach_server(front);
        line.ssl = SSL_new(front->context);
        SSL_set_bio(line.ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_accept_state(line.ssl);
        front_serve(&line);
        SSL_free(line.ssl);
        close(line.server);
        close(line.client);
        line.left_bytes = SIZE_MAX;
    }
    return NULL;
}

static inline void front_start(struct tls_front *front) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    front_make_context(front);
    front->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(front->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(front->fd, 16), 0);
    assert_int_equal(getsockname(front->fd, (struct sockaddr *)&address, &length), 0);
    snprintf(front->where, sizeof front->where, "127.0.0.1:%u", ntohs(address.sin_port));
    assert_int_equal(pthread_create(&front->thread, NULL, front_run, front), 0);
}

/* Its clients must have left. */
static inline void front_stop(struct tls_front *front) {
    shutdown(front->fd, SHUT_RDWR);
    pthread_join(front->thread, NULL);
    close(front->fd);
    SSL_CTX_free(front->context);
    unlink(front->ca_file);
}

/* --- Tests, for any client --- */

enum { FRONT_ENOUGH_MS = 20000, FRONT_SHORT_MS = 100, FRONT_LATE_MS = 8000 };

/* A call, and how long it took. */
struct front_call {
    enum status status;
    int64_t spent_us;
};

/* Who includes this defines it: starts a server and the front, makes a call that has so many ms, sees that a second one
 * goes well behind it, and stops both. */
static struct front_call call_twice(struct tls_front *front, int64_t ms);

static const int front_versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* The first of the calls runs into its deadline, and takes no longer. */
static inline void front_expect_timeout(int version, enum front_end end, size_t most_bytes) {
    struct tls_front front = {.version = version, .most_bytes = most_bytes, .end = end};
    struct front_call call = call_twice(&front, FRONT_SHORT_MS);
    assert_int_equal(call.status, STATUS_TIMEOUT);
    assert_true(call.spent_us >= FRONT_SHORT_MS * 1000);
    assert_true(call.spent_us < (FRONT_SHORT_MS + FRONT_LATE_MS) * 1000);
}

static inline void front_expect_gone(int version, enum front_end end, size_t most_bytes) {
    struct tls_front front = {.version = version, .most_bytes = most_bytes, .end = end};
    assert_int_equal(call_twice(&front, FRONT_ENOUGH_MS).status, STATUS_GONE);
}

/* What comes of a connection that ends at the start of a handshake, within it, at its end, or behind it. */
static inline void front_expect_at_any_byte(enum front_end end,
                                            void (*expect)(int version, enum front_end end, size_t most_bytes)) {
    for (size_t i = 0; i < 2; i++) {
        struct tls_front whole = {.version = front_versions[i], .most_bytes = SIZE_MAX};
        assert_int_equal(call_twice(&whole, FRONT_ENOUGH_MS).status, STATUS_OK);
        const size_t shaken = whole.shaken_bytes, sent = whole.sent_bytes;
        const size_t ends[] = {0,      1,          shaken / 4,          shaken / 2, shaken - 1,
                               shaken, shaken + 1, (shaken + sent) / 2, sent - 1};
        for (size_t j = 0; j < sizeof ends / sizeof ends[0]; j++) {
            expect(front_versions[i], end, ends[j]);
        }
    }
}

static inline void silence_at_any_byte_costs_the_time_of_the_call(void **state) {
    (void)state;
    front_expect_at_any_byte(FRONT_SILENT, front_expect_timeout);
}

static inline void leaving_at_any_byte_is_noticed_before_that(void **state) {
    (void)state;
    front_expect_at_any_byte(FRONT_LEAVES, front_expect_gone);
}

/* A byte comes in time for each read, and the whole does not. */
static inline void a_handshake_that_trickles_costs_no_more(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        front_expect_timeout(front_versions[i], FRONT_TRICKLES, 100);
    }
}

#endif
