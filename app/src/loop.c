#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "connection.h"
#include "log.h"
#include "metrics.h"

enum { TICK_MS = 50, EVENTS_AT_ONCE = 64, ACCEPTS_AT_ONCE = 16 };

enum stage { RUNNING, LINGERING, DRAINING };

struct loop {
    struct loop_shared *shared;
    int epoll_fd, listen_fd, wake_fd;
    bool accepting; /* the listener is watched */
    struct connections *connections;
    unsigned given_up; /* connections */
    unsigned stops_seen;
    enum stage stage;

    pthread_mutex_t lock;      /* guards done */
    struct fcgi_request *done; /* answered within on_request() of another connection, newest first */
};

/* --- Accepting ------------------------------------------------------------------------ */

/* Exclusive: of several loops that wait for the listener, one is woken. Such a watch cannot be changed, only ended. */
static void watch_listener(struct loop *loop, bool on) {
    if (loop->accepting == on || loop->listen_fd < 0) {
        return;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = &loop->listen_fd};
    loop->accepting = on && epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->listen_fd, &event) == 0;
    if (!on) {
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, loop->listen_fd, NULL);
    }
}

static bool is_full(const struct loop *loop) {
    return atomic_load(&loop->shared->connections) >= loop->shared->options->limits.connections;
}

/* True: there may be more of them. */
static bool accept_some(struct loop *loop) {
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        if (is_full(loop)) {
            watch_listener(loop, false); /* the rest waits in the backlog, look_after() comes back to it */
            return false;
        }
        int fd = accept4(loop->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
            log_event(LOG_ERROR, "cannot accept", LOG_TEXT("error", strerror(errno)));
            watch_listener(loop, false);
            return false;
        }
        if (fd < 0) {
            return false;
        }
        if (!connections_add(loop->connections, fd)) {
            close(fd);
        }
    }
    return true;
}

/* --- Answers -------------------------------------------------------------------------- */

static struct fcgi_request *take_done(struct loop *loop) {
    pthread_mutex_lock(&loop->lock);
    struct fcgi_request *request = loop->done;
    loop->done = NULL;
    pthread_mutex_unlock(&loop->lock);
    return request;
}

static void answer_done(struct loop *loop) {
    for (struct fcgi_request *request = take_done(loop), *next; request != NULL; request = next) {
        next = request->next_done;
        connection_answer(request);
    }
}

void loop_wake(struct loop *loop) {
    uint64_t one = 1;
    while (write(loop->wake_fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

void loop_respond(struct fcgi_request *request) {
    if (connection_answer(request)) {
        return;
    }
    struct loop *loop = connection_loop(request);
    pthread_mutex_lock(&loop->lock);
    bool first = loop->done == NULL;
    request->next_done = loop->done;
    loop->done = request;
    pthread_mutex_unlock(&loop->lock);
    if (first) {
        loop_wake(loop);
    }
}

/* --- Time and the end ----------------------------------------------------------------- */

void loop_remove_name(struct loop_shared *shared) {
    if (shared->path != NULL && !atomic_flag_test_and_set(&shared->removed)) {
        unlink(shared->path);
    }
}

static void drain(struct loop *loop) {
    loop->stage = DRAINING;
    loop_remove_name(loop->shared);
    while (accept_some(loop)) { /* they have connected, they are answered */
    }
    watch_listener(loop, false);
    close(loop->listen_fd);
    loop->listen_fd = -1;
    connections_drain(loop->connections);
}

static void look_after(struct loop *loop) {
    const struct server_options *options = loop->shared->options;
    int64_t now_us = clock_monotonic_us();
    unsigned stops = loop->stops_seen = atomic_load(&loop->shared->stops_asked);
    int64_t lingered_us = atomic_load(&loop->shared->stopped_us) + options->linger_ms * 1000;
    connections_close_slow(loop->connections, now_us);
    if (loop->stage == RUNNING && stops > 0) {
        loop->stage = LINGERING;
    }
    if (loop->stage == LINGERING && (now_us >= lingered_us || stops > 1)) {
        drain(loop);
    }
    if (loop->stage == DRAINING && (now_us >= lingered_us + options->stop_timeout_ms * 1000 || stops > 1)) {
        loop->given_up += connections_give_up(loop->connections);
    }
    watch_listener(loop, !is_full(loop));
}

/* --- The loop ------------------------------------------------------------------------- */

static void handle(struct loop *loop, const struct epoll_event *event) {
    if (event->data.ptr == &loop->listen_fd) {
        accept_some(loop);
        return;
    }
    if (event->data.ptr == &loop->wake_fd) {
        answer_done(loop);
        return;
    }
    connection_handle(event->data.ptr, event->events);
}

unsigned loop_run(struct loop *loop) {
    int64_t next_look_us = 0;
    while (loop->stage != DRAINING || connections_count(loop->connections) > 0) {
        struct epoll_event events[EVENTS_AT_ONCE];
        int count = epoll_wait(loop->epoll_fd, events, EVENTS_AT_ONCE, TICK_MS);
        for (int i = 0; i < count; i++) {
            handle(loop, &events[i]);
        }
        int64_t now_us = clock_monotonic_us();
        if (now_us >= next_look_us || atomic_load(&loop->shared->stops_asked) != loop->stops_seen) {
            look_after(loop);
            next_look_us = now_us + TICK_MS * 1000;
        }
        connections_sweep(loop->connections);
    }
    return loop->given_up;
}

/* --- Start and end -------------------------------------------------------------------- */

struct loop *loop_new(struct loop_shared *shared, int fd) {
    struct loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL) {
        return NULL;
    }
    loop->shared = shared;
    pthread_mutex_init(&loop->lock, NULL);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->listen_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->connections = connections_new(shared, loop, loop->epoll_fd);
    /* Edge-triggered: every write to it is an event, and it never needs to be read. */
    struct epoll_event wakes = {.events = EPOLLIN | EPOLLET, .data.ptr = &loop->wake_fd};
    if (loop->epoll_fd >= 0 && loop->wake_fd >= 0 && loop->connections != NULL &&
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &wakes) == 0) {
        watch_listener(loop, true);
    }
    if (!loop->accepting) {
        loop_free(loop);
        return NULL;
    }
    return loop;
}

static void close_if_open(int fd) {
    if (fd >= 0) {
        close(fd);
    }
}

void loop_free(struct loop *loop) {
    if (loop == NULL) {
        return;
    }
    if (loop->connections != NULL) {
        connections_give_up(loop->connections);
    }
    answer_done(loop);
    connections_free(loop->connections);
    close_if_open(loop->listen_fd);
    close_if_open(loop->wake_fd);
    close_if_open(loop->epoll_fd);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}
