#include "connection.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "metrics.h"

enum { VECTORS_AT_ONCE = 64, READ_BYTES = 64 * 1024 };

struct connection {
    struct connections *all;
    struct connection *previous, *next; /* in the lists of the loop, which alone goes through them */

    /* Held by the loop while it is at work on the connection, and by a thread that sends an answer. */
    pthread_mutex_t lock; /* guards what follows */
    int fd;               /* -1: closed; written by the loop only */
    struct fcgi_conn *fcgi;
    struct fcgi_conn_events events;
    uint32_t watched;        /* what epoll watches for now */
    unsigned in_work;        /* requests handed out and not given back */
    int64_t active_us;       /* bytes came or went last */
    int64_t unsent_since_us; /* output waits since then, or since bytes went last; 0: none waits */
};

struct connections {
    const struct server_options *options;
    struct loop_shared *shared;
    struct loop *loop;
    int epoll_fd;
    struct connection *open;
    struct connection *closed; /* linked by next only */
    unsigned count;            /* of the open ones */
    uint8_t buffer[READ_BYTES];
};

/* What this thread feeds bytes to, and holds the lock of: on_request() is called from within. */
static _Thread_local const struct connection *feeding;

/* --- Ending --------------------------------------------------------------------------- */

/* With the lock, on the loop. */
static void close_connection(struct connection *connection) {
    struct connections *all = connection->all;
    close(connection->fd);
    connection->fd = -1;
    /* Requests that are being worked on live on, without a connection. */
    fcgi_conn_free(connection->fcgi);
    connection->fcgi = NULL;
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        all->open = connection->next;
    }
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
    connection->next = all->closed;
    all->closed = connection;
    all->count--;
    atomic_fetch_sub(&all->shared->connections, 1);
    metrics_add(METRIC_CONNECTIONS, -1);
}

unsigned connections_give_up(struct connections *all) {
    unsigned given_up = 0;
    while (all->open != NULL) {
        struct connection *connection = all->open;
        pthread_mutex_lock(&connection->lock);
        given_up += connection->in_work > 0 || fcgi_conn_pending_bytes(connection->fcgi) > 0;
        close_connection(connection);
        pthread_mutex_unlock(&connection->lock);
    }
    return given_up;
}

void connections_sweep(struct connections *all) {
    struct connection **link = &all->closed;
    while (*link != NULL) {
        struct connection *connection = *link;
        pthread_mutex_lock(&connection->lock);
        bool in_work = connection->in_work > 0;
        pthread_mutex_unlock(&connection->lock);
        if (in_work) {
            link = &connection->next;
        } else {
            *link = connection->next;
            pthread_mutex_destroy(&connection->lock);
            free(connection);
        }
    }
}

/* --- Bytes out ------------------------------------------------------------------------ */

static void watch(struct connection *connection) {
    size_t unsent = fcgi_conn_pending_bytes(connection->fcgi);
    uint32_t wanted = 0;
    if (unsent < connection->all->options->output_bytes) {
        wanted |= EPOLLIN;
    }
    if (unsent > 0) {
        wanted |= EPOLLOUT;
    }
    if (wanted != connection->watched) {
        struct epoll_event event = {.events = wanted, .data.ptr = connection};
        epoll_ctl(connection->all->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
        connection->watched = wanted;
    }
}

/* Bytes went, or there may be more of them now: since when do they wait? */
static void note_unsent(struct connection *connection, bool sent) {
    if (fcgi_conn_pending_bytes(connection->fcgi) == 0) {
        connection->unsent_since_us = 0;
    } else if (sent || connection->unsent_since_us == 0) {
        connection->unsent_since_us = clock_monotonic_us();
    }
}

/* Sends what can be sent now, then watches for what is left. With the lock, on any thread. False: close it. */
static bool flush(struct connection *connection) {
    struct iovec vectors[VECTORS_AT_ONCE];
    size_t count;
    bool some_sent = false;
    while ((count = fcgi_conn_output(connection->fcgi, vectors, VECTORS_AT_ONCE)) > 0) {
        const struct msghdr message = {.msg_iov = vectors, .msg_iovlen = count};
        ssize_t sent = sendmsg(connection->fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            break;
        }
        if (sent < 0) {
            return false;
        }
        fcgi_conn_sent(connection->fcgi, (size_t)sent);
        connection->active_us = clock_monotonic_us();
        some_sent = true;
    }
    note_unsent(connection, some_sent);
    if (fcgi_conn_finished(connection->fcgi)) {
        return false;
    }
    watch(connection);
    return true;
}

/* --- Bytes in ------------------------------------------------------------------------- */

static void on_request(void *context, struct fcgi_request *request) {
    struct connection *connection = context;
    const struct server_options *options = connection->all->options;
    connection->in_work++;
    request->application = connection; /* which outlives it */
    options->on_request(options->context, connection->all->shared->server, request);
}

static void on_oddity(void *context, const char *what) {
    (void)context;
    metrics_fcgi_oddity(what);
}

/* The bytes could not be taken: by the peer's fault, or by ours. */
static void count_refusal(const struct connection *connection, enum status status) {
    if (status == STATUS_NO_MEMORY) {
        metrics_add(METRIC_CONNECTIONS_NO_MEMORY, 1);
        log_event(LOG_ERROR, "no memory, connection closed", LOG_NUMBER("fd", connection->fd));
    } else {
        metrics_add(METRIC_CONNECTIONS_MALFORMED, 1);
        log_event(LOG_WARNING, "malformed FastCGI, connection closed", LOG_NUMBER("fd", connection->fd));
    }
}

enum { NOTHING_YET = 0, PEER_HAS_GONE = -1 };

/* Fills the loop's buffer. Needs no lock: nobody else reads from the socket, or closes it. */
static ssize_t receive(const struct connection *connection) {
    ssize_t received = recv(connection->fd, connection->all->buffer, READ_BYTES, 0);
    if (received < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) {
        return NOTHING_YET;
    }
    return received > 0 ? received : PEER_HAS_GONE;
}

/* Takes what receive() has returned. With the lock, on the loop. False: close it. */
static bool take(struct connection *connection, ssize_t received) {
    if (received <= 0) {
        return received == NOTHING_YET;
    }
    connection->active_us = clock_monotonic_us();
    feeding = connection;
    enum status status =
        fcgi_conn_feed(connection->fcgi, connection->all->buffer, (size_t)received, connection->active_us);
    feeding = NULL;
    if (status != STATUS_OK) {
        count_refusal(connection, status);
        return false;
    }
    return flush(connection);
}

void connection_handle(struct connection *connection, uint32_t events) {
    if (connection->fd < 0) {
        return;
    }
    ssize_t received = events & (EPOLLIN | EPOLLERR | EPOLLHUP) ? receive(connection) : NOTHING_YET;
    pthread_mutex_lock(&connection->lock);
    bool alive = take(connection, received);
    if (alive && events & EPOLLOUT) {
        alive = flush(connection);
    }
    if (!alive) {
        close_connection(connection);
    }
    pthread_mutex_unlock(&connection->lock);
}

void connections_drain(struct connections *all) {
    struct connection *next;
    for (struct connection *c = all->open; c != NULL; c = next) {
        next = c->next;
        ssize_t received = receive(c); /* a request that has come already is not lost */
        pthread_mutex_lock(&c->lock);
        bool alive = take(c, received);
        if (alive) {
            fcgi_conn_drain(c->fcgi);
            alive = flush(c);
        }
        if (!alive) {
            close_connection(c);
        }
        pthread_mutex_unlock(&c->lock);
    }
}

/* --- Answers -------------------------------------------------------------------------- */

/* With the lock. True: somebody waits for the answer. */
static bool take_back(struct connection *connection, struct fcgi_request *request) {
    bool waited_for = request->conn != NULL;
    connection->in_work--;
    if (!waited_for) {
        metrics_add(METRIC_REQUESTS_ABORTED, 1);
    }
    fcgi_conn_respond(request);
    return waited_for;
}

bool connection_answer(struct fcgi_request *request) {
    struct connection *connection = request->application;
    if (feeding == connection) {
        take_back(connection, request); /* who feeds it sends afterwards */
        return true;
    }
    if (feeding != NULL) {
        return false;
    }
    pthread_mutex_lock(&connection->lock);
    if (take_back(connection, request) && !flush(connection)) {
        shutdown(connection->fd, SHUT_RDWR); /* its loop sees that, and closes it */
    }
    pthread_mutex_unlock(&connection->lock); /* from here on the loop may free it */
    return true;
}

struct loop *connection_loop(const struct fcgi_request *request) {
    const struct connection *connection = request->application;
    return connection->all->loop;
}

/* --- Time ----------------------------------------------------------------------------- */

/* False: the peer has stopped within a record. */
static bool expire_requests(struct connection *connection, int64_t before_us) {
    feeding = connection;
    bool whole = fcgi_conn_expire(connection->fcgi, before_us);
    feeding = NULL;
    return whole;
}

/* With the lock, on the loop. False: close it. */
static bool look_at(struct connection *connection, int64_t now_us) {
    const struct server_options *options = connection->all->options;
    int64_t read_us = options->read_timeout_ms * 1000;
    unsigned open = fcgi_conn_open_requests(connection->fcgi);
    bool stuck = connection->unsent_since_us != 0 && now_us - connection->unsent_since_us > read_us;
    if (stuck || !expire_requests(connection, now_us - read_us)) {
        metrics_add(METRIC_CONNECTIONS_TIMED_OUT, 1);
        return false;
    }
    if (open > 0) {
        return flush(connection); /* what expired may have been answered */
    }
    return now_us - connection->active_us <= options->idle_timeout_ms * 1000;
}

void connections_close_slow(struct connections *all, int64_t now_us) {
    struct connection *next;
    for (struct connection *connection = all->open; connection != NULL; connection = next) {
        next = connection->next;
        pthread_mutex_lock(&connection->lock);
        if (!look_at(connection, now_us)) {
            close_connection(connection);
        }
        pthread_mutex_unlock(&connection->lock);
    }
}

/* --- Beginning ------------------------------------------------------------------------ */

bool connections_add(struct connections *all, int fd) {
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        return false;
    }
    pthread_mutex_init(&connection->lock, NULL);
    connection->all = all;
    connection->fd = fd;
    connection->active_us = clock_monotonic_us();
    connection->events = (struct fcgi_conn_events){on_request, on_oddity, connection};
    connection->fcgi = fcgi_conn_new(&all->options->limits, &connection->events);
    connection->watched = EPOLLIN;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (connection->fcgi == NULL || epoll_ctl(all->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        fcgi_conn_free(connection->fcgi);
        pthread_mutex_destroy(&connection->lock);
        free(connection);
        return false;
    }
    connection->next = all->open;
    if (connection->next != NULL) {
        connection->next->previous = connection;
    }
    all->open = connection;
    all->count++;
    atomic_fetch_add(&all->shared->connections, 1);
    metrics_add(METRIC_CONNECTIONS_ACCEPTED, 1);
    metrics_add(METRIC_CONNECTIONS, 1);
    return true;
}

unsigned connections_count(const struct connections *all) { return all->count; }

struct connections *connections_new(struct loop_shared *shared, struct loop *loop, int epoll_fd) {
    struct connections *all = calloc(1, sizeof *all);
    if (all != NULL) {
        all->options = shared->options;
        all->shared = shared;
        all->loop = loop;
        all->epoll_fd = epoll_fd;
    }
    return all;
}

void connections_free(struct connections *all) {
    if (all != NULL) {
        connections_sweep(all);
        assert(all->open == NULL && all->closed == NULL);
        free(all);
    }
}
