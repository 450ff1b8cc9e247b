/*
 * fcgi_client -- a web server's end of a FastCGI connection, over a real socket, for tests.
 *
 * Every wait has an end: a test that gets no answer fails. Include it after cmocka.h.
 */
#ifndef FCGI_CLIENT_H
#define FCGI_CLIENT_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi_peer.h"
#include "wait.h"

enum { CLIENT_IDS = 128 };

struct client {
    int fd;
    struct bytes got;               /* received; what is before got.read has been looked at */
    struct bytes texts[CLIENT_IDS]; /* STDOUT of the requests that have not ended */
};

/* address is "unix:PATH" or "IPV4:PORT". Returns -1 if nobody listens there. */
static inline int connect_to(const char *address) {
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in remote = {.sin_family = AF_INET};
    bool is_local = strncmp(address, "unix:", 5) == 0;
    if (is_local) {
        snprintf(local.sun_path, sizeof local.sun_path, "%s", address + 5);
    } else {
        char host[32];
        snprintf(host, sizeof host, "%.*s", (int)strcspn(address, ":"), address);
        assert_int_equal(inet_pton(AF_INET, host, &remote.sin_addr), 1);
        remote.sin_port = htons((uint16_t)atoi(strchr(address, ':') + 1));
    }
    int fd = socket(is_local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    int result = is_local ? connect(fd, (struct sockaddr *)&local, sizeof local)
                          : connect(fd, (struct sockaddr *)&remote, sizeof remote);
    if (result != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline struct client *client_new(const char *address) {
    struct client *client = calloc(1, sizeof *client);
    assert_non_null(client);
    client->fd = connect_to(address);
    assert_true(client->fd >= 0);
    return client;
}

static inline void client_free(struct client *client) {
    close(client->fd);
    free_bytes(&client->got);
    for (size_t i = 0; i < CLIENT_IDS; i++) {
        free_bytes(&client->texts[i]);
    }
    free(client);
}

static inline bool client_wait(const struct client *client, short events) {
    struct pollfd wanted = {.fd = client->fd, .events = events};
    return poll(&wanted, 1, PATIENCE_MS) == 1;
}

/* Sends the bytes and empties them. */
static inline void client_send(struct client *client, struct bytes *bytes) {
    for (size_t at = 0; at < bytes->length;) {
        assert_true(client_wait(client, POLLOUT));
        ssize_t sent = send(client->fd, bytes->data + at, bytes->length - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        assert_true(sent > 0 || errno == EAGAIN);
        at += sent > 0 ? (size_t)sent : 0;
    }
    free_bytes(bytes);
}

/* Sends a whole request without a body on a connection to be kept. */
static inline void client_ask(struct client *client, uint16_t id, const char *params) {
    struct bytes request = {0};
    put_request(&request, id, FCGI_KEEP_CONN, params, "");
    client_send(client, &request);
}

/* Receives some bytes. False: the server has closed. */
static inline bool client_receive(struct client *client) {
    uint8_t buffer[65536];
    assert_true(client_wait(client, POLLIN));
    ssize_t received = recv(client->fd, buffer, sizeof buffer, 0);
    if (received > 0) {
        put_bytes(&client->got, buffer, (size_t)received);
    }
    assert_true(received >= 0 || errno == ECONNRESET);
    return received > 0;
}

/* True, and the next record, if it has come whole. content is valid until the next call. */
static inline bool client_has_record(struct client *client, struct fcgi_header *header, struct slice *content) {
    struct bytes *got = &client->got;
    size_t there = got->length - got->read;
    if (there < FCGI_HEADER_BYTES) {
        return false;
    }
    assert_int_equal(fcgi_get_header(got->data + got->read, header), STATUS_OK);
    size_t length = (size_t)FCGI_HEADER_BYTES + header->content_length + header->padding_length;
    if (there < length) {
        return false;
    }
    *content = (struct slice){(char *)got->data + got->read + FCGI_HEADER_BYTES, header->content_length};
    got->read += length;
    return true;
}

/* What is behind the records that were looked at, moved to the front. */
static inline void client_forget_read(struct client *client) {
    struct bytes *got = &client->got;
    got->length -= got->read;
    if (got->length > 0) {
        memmove(got->data, got->data + got->read, got->length);
    }
    got->read = 0;
}

/* The first request that ends with what has come: its id, and its output, to be freed. 0: none does. */
static inline uint16_t client_take_answer(struct client *client, struct bytes *text) {
    struct fcgi_header header;
    struct slice content;
    while (client_has_record(client, &header, &content)) {
        assert_true(header.request_id < CLIENT_IDS);
        struct bytes *own = &client->texts[header.request_id];
        if (header.type == FCGI_STDOUT) {
            put_bytes(own, content.data, content.length);
            continue;
        }
        assert_int_equal(header.type, FCGI_END_REQUEST);
        assert_int_equal(content.data[4], FCGI_REQUEST_COMPLETE);
        put_bytes(own, "", 1);
        own->length--;
        *text = *own;
        *own = (struct bytes){0};
        return header.request_id;
    }
    client_forget_read(client);
    return 0;
}

/* Waits for the next request to end. */
static inline uint16_t client_answer(struct client *client, struct bytes *text) {
    uint16_t id;
    while ((id = client_take_answer(client, text)) == 0) {
        assert_true(client_receive(client));
    }
    return id;
}

static inline void client_expect(struct client *client, uint16_t id, const char *expected) {
    struct bytes text;
    assert_int_equal(client_answer(client, &text), id);
    assert_string_equal((char *)text.data, expected);
    free_bytes(&text);
}

/* Waits until the server has closed; what comes before is dropped. */
static inline void client_expect_close(struct client *client) {
    while (client_receive(client)) {
        free_bytes(&client->got);
    }
}

/* Nothing has come, and the connection is open. */
static inline bool client_hears_nothing(const struct client *client) {
    char byte;
    return client->got.length == client->got.read && recv(client->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 &&
           errno == EAGAIN;
}

#endif
