/*
 *   epoll_wait
 *     listener readable --> accept_some         new connections
 *     connection ready  --> connection_handle   bytes in, on_request, bytes out
 *     wake_fd readable  --> take_back_done      answers of other threads, back into their connections
 *   every tick          --> look_after          time-outs, the stages of stopping
 */
#include "server.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "connection.h"
#include "listener.h"
#include "log.h"
#include "metrics.h"

enum {
    TICK_MS = 50,
    EVENTS_AT_ONCE = 64,
    ACCEPTS_AT_ONCE = 16,
    ADDRESS_BYTES = 128,
};

enum stage { RUNNING, LINGERING, DRAINING };

struct server {
    struct server_options options;
    char address[ADDRESS_BYTES];
    int epoll_fd, listen_fd, wake_fd;
    bool accepting; /* the listener is watched */
    struct connections *connections;
    unsigned given_up; /* connections that were closed with a request in work, or an answer not sent */
    unsigned stops_seen;
    enum stage stage;
    int64_t stage_ends_us;
    pthread_t loop_thread;

    atomic_uint stops_asked;
    pthread_mutex_t lock;      /* guards done */
    struct fcgi_request *done; /* answered, not yet taken back, newest first */
};

/* --- Accepting ------------------------------------------------------------------------ */

static void watch_listener(struct server *server, bool on) {
    if (server->accepting == on || server->listen_fd < 0) {
        return;
    }
    struct epoll_event event = {.events = on ? EPOLLIN : 0, .data.ptr = &server->listen_fd};
    epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, server->listen_fd, &event);
    server->accepting = on;
}

/* True: there may be more of them. */
static bool accept_some(struct server *server) {
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        if (connections_count(server->connections) >= server->options.limits.connections) {
            watch_listener(server, false); /* the rest waits in the backlog, look_after() comes back to it */
            return false;
        }
        int fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
            log_event(LOG_ERROR, "cannot accept", LOG_TEXT("error", strerror(errno)));
            watch_listener(server, false);
            return false;
        }
        if (fd < 0) {
            return false;
        }
        if (!connections_add(server->connections, fd)) {
            close(fd);
        }
    }
    return true;
}

/* --- Answers -------------------------------------------------------------------------- */

static struct fcgi_request *take_done(struct server *server) {
    pthread_mutex_lock(&server->lock);
    struct fcgi_request *request = server->done;
    server->done = NULL;
    pthread_mutex_unlock(&server->lock);
    return request;
}

static void take_back_done(struct server *server) {
    uint64_t wakes;
    if (read(server->wake_fd, &wakes, sizeof wakes) < 0) {
        return;
    }
    struct fcgi_request *request = take_done(server);
    while (request != NULL) {
        struct fcgi_request *next = request->next_done;
        struct connection *connection = connection_take_back(request);
        if (connection != NULL) {
            connection_flush(connection);
        }
        request = next;
    }
}

static void wake(struct server *server) {
    uint64_t one = 1;
    while (write(server->wake_fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

void server_respond(struct server *server, struct fcgi_request *request) {
    if (pthread_equal(pthread_self(), server->loop_thread) && connections_reading(server->connections, request)) {
        connection_take_back(request);
        return;
    }
    pthread_mutex_lock(&server->lock);
    bool first = server->done == NULL;
    request->next_done = server->done;
    server->done = request;
    pthread_mutex_unlock(&server->lock);
    if (first) {
        wake(server);
    }
}

/* --- Time and the end ----------------------------------------------------------------- */

/* The name goes first: once nobody listens any more, another server may have put its own socket there. */
static void close_listener(struct server *server) {
    if (strncmp(server->address, "unix:", 5) == 0) {
        unlink(server->address + 5);
    }
    while (server->stage == DRAINING && accept_some(server)) { /* they have connected, they are answered */
    }
    close(server->listen_fd);
    server->listen_fd = -1;
}

static void drain(struct server *server, int64_t now_us) {
    server->stage = DRAINING;
    server->stage_ends_us = now_us + server->options.stop_timeout_ms * 1000;
    close_listener(server);
    connections_drain(server->connections);
}

static void look_after(struct server *server) {
    int64_t now_us = clock_monotonic_us();
    unsigned stops = server->stops_seen = atomic_load(&server->stops_asked);
    connections_close_slow(server->connections, now_us);
    if (server->stage == RUNNING && stops > 0) {
        server->stage = LINGERING;
        server->stage_ends_us = now_us + server->options.linger_ms * 1000;
    }
    if (server->stage == LINGERING && (now_us >= server->stage_ends_us || stops > 1)) {
        drain(server, now_us);
    }
    if (server->stage == DRAINING && (now_us >= server->stage_ends_us || stops > 1)) {
        server->given_up += connections_give_up(server->connections);
    }
    watch_listener(server, connections_count(server->connections) < server->options.limits.connections);
}

/* --- The loop ------------------------------------------------------------------------- */

static void handle(struct server *server, const struct epoll_event *event) {
    if (event->data.ptr == &server->listen_fd) {
        accept_some(server);
        return;
    }
    if (event->data.ptr == &server->wake_fd) {
        take_back_done(server);
        return;
    }
    connection_handle(event->data.ptr, event->events);
}

bool server_run(struct server *server) {
    int64_t next_look_us = 0;
    server->loop_thread = pthread_self();
    while (server->stage != DRAINING || connections_count(server->connections) > 0) {
        struct epoll_event events[EVENTS_AT_ONCE];
        int count = epoll_wait(server->epoll_fd, events, EVENTS_AT_ONCE, TICK_MS);
        for (int i = 0; i < count; i++) {
            handle(server, &events[i]);
        }
        int64_t now_us = clock_monotonic_us();
        if (now_us >= next_look_us || atomic_load(&server->stops_asked) != server->stops_seen) {
            look_after(server);
            next_look_us = now_us + TICK_MS * 1000;
        }
        connections_sweep(server->connections);
    }
    return server->given_up == 0;
}

/* --- Start and end -------------------------------------------------------------------- */

static bool watch_first(struct server *server, int *fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = fd};
    return *fd >= 0 && epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, *fd, &event) == 0;
}

enum status server_open(const struct server_options *options, struct server **out) {
    struct server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return STATUS_NO_MEMORY;
    }
    server->options = *options;
    server->listen_fd = -1;
    pthread_mutex_init(&server->lock, NULL);
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->connections = connections_new(&server->options, server, server->epoll_fd);
    server->accepting = true;
    enum status status = listener_open(options->listen, options->socket_mode, &server->listen_fd, server->address,
                                       sizeof server->address);
    if (status == STATUS_OK && (server->connections == NULL || !watch_first(server, &server->listen_fd) ||
                                !watch_first(server, &server->wake_fd))) {
        status = STATUS_NO_MEMORY;
    }
    if (status != STATUS_OK) {
        server_free(server);
        return status;
    }
    *out = server;
    return STATUS_OK;
}

const char *server_address(const struct server *server) { return server->address; }

void server_stop(struct server *server) {
    atomic_fetch_add(&server->stops_asked, 1);
    wake(server);
}

bool server_stopping(const struct server *server) { return atomic_load(&server->stops_asked) > 0; }

void server_free(struct server *server) {
    if (server == NULL) {
        return;
    }
    if (server->connections != NULL) {
        connections_give_up(server->connections);
    }
    for (struct fcgi_request *request = take_done(server), *next; request != NULL; request = next) {
        next = request->next_done;
        connection_take_back(request);
    }
    connections_free(server->connections);
    if (server->listen_fd >= 0) {
        close_listener(server);
    }
    close(server->wake_fd);
    close(server->epoll_fd);
    pthread_mutex_destroy(&server->lock);
    free(server);
}
