/*
 * paced -- asks an HTTP server for a page on a schedule and tells how late the answers
 * were, as one line of JSON.
 *
 *   paced HOST PORT PATH RATE SECONDS CONNECTIONS
 *
 * Open loop: request i is due at i / RATE seconds, whether or not the earlier ones were
 * answered, and its latency counts from when it was due. A server that stops for a while
 * is late with all that came due meanwhile, which a client that waits for each answer
 * would not notice. A request that is due while all connections are busy waits for one.
 *
 * An answer must be 200 with a Content-Length; anything else, and what is not answered
 * two seconds after the last was due, is a failure.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 256, ANSWER_BYTES = 64 * 1024, REQUEST_BYTES = 1024, GRACE_NS = 2000000000 };

struct connection {
    int64_t due_ns; /* of the request in flight; 0: none is */
    size_t length;
    char answer[ANSWER_BYTES];
};

struct run {
    size_t total, sent, answered, failed, connections;
    int64_t start_ns, interval_ns;
    int64_t *latency_ns; /* of the answered */
    char request[REQUEST_BYTES];
    struct connection connection[CONNECTIONS_MAX];
    struct pollfd poll[CONNECTIONS_MAX];
};

static void die(const char *what) {
    fprintf(stderr, "paced: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int connect_to(const char *host, const char *port) {
    const struct addrinfo wanted = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    if (getaddrinfo(host, port, &wanted, &found) != 0) {
        die(host);
    }
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
        die("connect");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    freeaddrinfo(found);
    return fd;
}

/* --- Requests ------------------------------------------------------------------------- */

static int64_t due_ns(const struct run *run, size_t number) {
    return run->start_ns + (int64_t)number * run->interval_ns;
}

/* Sends what is due, as far as connections are free. */
static void send_due(struct run *run) {
    size_t length = strlen(run->request);
    for (size_t i = 0; i < run->connections && run->sent < run->total; i++) {
        int64_t due = due_ns(run, run->sent);
        if (run->connection[i].due_ns != 0) {
            continue;
        }
        if (due > now_ns()) {
            return;
        }
        if (send(run->poll[i].fd, run->request, length, MSG_NOSIGNAL) != (ssize_t)length) {
            die("send");
        }
        run->connection[i].due_ns = due;
        run->sent++;
    }
}

/* The length of the whole answer, 0 while its head is not there, or the end if it is no answer of ours. */
static size_t whole_length(struct connection *connection) {
    connection->answer[connection->length] = '\0';
    const char *end = strstr(connection->answer, "\r\n\r\n");
    const char *content = strcasestr(connection->answer, "\r\nContent-Length: ");
    if (end == NULL) {
        return 0;
    }
    if (content == NULL || content > end) {
        fputs("paced: an answer without Content-Length\n", stderr);
        exit(EXIT_FAILURE);
    }
    return (size_t)(end - connection->answer) + 4 + strtoul(content + strlen("\r\nContent-Length: "), NULL, 10);
}

static void receive(struct run *run, size_t i) {
    struct connection *connection = &run->connection[i];
    size_t room = ANSWER_BYTES - 1 - connection->length;
    ssize_t received = recv(run->poll[i].fd, connection->answer + connection->length, room, 0);
    if (received <= 0) {
        die("the server closed a connection");
    }
    connection->length += (size_t)received;
    size_t whole = whole_length(connection);
    if (whole == 0 || connection->length < whole) {
        return;
    }
    if (strncmp(connection->answer, "HTTP/1.1 200 ", 13) == 0) {
        run->latency_ns[run->answered++] = now_ns() - connection->due_ns;
    } else {
        run->failed++;
    }
    connection->due_ns = 0;
    connection->length = 0;
}

/* Until the next request is due or bytes come. */
static void wait_for_something(struct run *run) {
    int64_t until = run->sent < run->total ? due_ns(run, run->sent) : now_ns() + GRACE_NS;
    bool all_busy = true;
    for (size_t i = 0; i < run->connections; i++) {
        all_busy = all_busy && run->connection[i].due_ns != 0;
    }
    int64_t left = all_busy ? GRACE_NS : until - now_ns();
    left = left > 0 ? left : 0;
    const struct timespec timeout = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
    if (ppoll(run->poll, (nfds_t)run->connections, &timeout, NULL) < 0) {
        die("poll");
    }
    for (size_t i = 0; i < run->connections; i++) {
        if (run->poll[i].revents != 0) {
            receive(run, i);
        }
    }
}

/* --- What came of it ------------------------------------------------------------------ */

static int by_size(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static double percentile_us(const struct run *run, double share) {
    size_t last = run->answered > 0 ? run->answered - 1 : 0;
    return (double)run->latency_ns[(size_t)((double)last * share)] / 1000;
}

static void report(struct run *run) {
    qsort(run->latency_ns, run->answered, sizeof *run->latency_ns, by_size);
    printf("{\"sent\": %zu, \"answered\": %zu, \"failed\": %zu, \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f}\n",
           run->total, run->answered, run->total - run->answered, percentile_us(run, 0.5), percentile_us(run, 0.99),
           percentile_us(run, 1));
}

int main(int argc, char **argv) {
    static struct run run;
    double rate = argc == 7 ? atof(argv[4]) : 0, seconds = argc == 7 ? atof(argv[5]) : 0;
    int connections = argc == 7 ? atoi(argv[6]) : 0;
    if (rate <= 0 || rate > 1e6 || seconds <= 0 || seconds > 3600 || connections < 1 || connections > CONNECTIONS_MAX) {
        fputs("usage: paced HOST PORT PATH RATE SECONDS CONNECTIONS\n", stderr);
        return EXIT_FAILURE;
    }
    run.connections = (size_t)connections;
    run.total = (size_t)(rate * seconds);
    run.interval_ns = (int64_t)(1e9 / rate);
    run.latency_ns = calloc(run.total + 1, sizeof *run.latency_ns);
    if (run.latency_ns == NULL) {
        die("calloc");
    }
    snprintf(run.request, sizeof run.request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", argv[3], argv[1]);
    for (size_t i = 0; i < run.connections; i++) {
        run.poll[i] = (struct pollfd){.fd = connect_to(argv[1], argv[2]), .events = POLLIN};
    }
    prctl(PR_SET_TIMERSLACK, 1); /* ns; the usual 50,000 would be part of every latency */
    run.start_ns = now_ns() + 1000000;
    int64_t end_ns = due_ns(&run, run.total) + GRACE_NS;
    while (run.answered + run.failed < run.total && now_ns() < end_ns) {
        send_due(&run);
        wait_for_something(&run);
    }
    report(&run);
    return EXIT_SUCCESS;
}
