#include "watchdog.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct watchdog {
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows, and all watches in the ring */
    pthread_cond_t wake;
    bool stopping;
    int64_t sleeps_until_us; /* INT64_MAX: for ever */
    struct watch ring;       /* its head; only next and previous are used */
};

enum status watch_open(struct watch *watch, int fd) {
    *watch = (struct watch){.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)};
    return watch->fd >= 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

void watch_close(struct watch *watch) {
    if (watch->fd >= 0) {
        close(watch->fd);
    }
    watch->fd = -1;
}

static void insert(struct watchdog *watchdog, struct watch *watch) {
    watch->next = watchdog->ring.next;
    watch->previous = &watchdog->ring;
    watch->next->previous = watch;
    watchdog->ring.next = watch;
}

static void take_out(struct watch *watch) {
    watch->next->previous = watch->previous;
    watch->previous->next = watch->next;
}

/* Shuts down what is late. Returns when the next one will be. */
static int64_t bite(struct watchdog *watchdog) {
    int64_t now_us = clock_monotonic_us(), next_us = INT64_MAX;
    for (struct watch *watch = watchdog->ring.next; watch != &watchdog->ring; watch = watch->next) {
        if (watch->bitten) {
            continue;
        }
        if (watch->deadline.at_us <= now_us) {
            shutdown(watch->fd, SHUT_RDWR);
            watch->bitten = true;
        } else if (watch->deadline.at_us < next_us) {
            next_us = watch->deadline.at_us;
        }
    }
    return next_us;
}

static void *guard(void *argument) {
    struct watchdog *watchdog = argument;
    pthread_mutex_lock(&watchdog->lock);
    while (!watchdog->stopping) {
        int64_t next_us = bite(watchdog);
        watchdog->sleeps_until_us = next_us;
        if (next_us == INT64_MAX) {
            pthread_cond_wait(&watchdog->wake, &watchdog->lock);
        } else {
            const struct timespec until = clock_timespec(next_us);
            pthread_cond_clockwait(&watchdog->wake, &watchdog->lock, CLOCK_MONOTONIC, &until);
        }
    }
    pthread_mutex_unlock(&watchdog->lock);
    return NULL;
}

static void destroy(struct watchdog *watchdog) {
    pthread_cond_destroy(&watchdog->wake);
    pthread_mutex_destroy(&watchdog->lock);
    free(watchdog);
}

enum status watchdog_start(struct watchdog **out) {
    struct watchdog *watchdog = calloc(1, sizeof *watchdog);
    if (watchdog == NULL) {
        return STATUS_NO_MEMORY;
    }
    watchdog->ring.next = watchdog->ring.previous = &watchdog->ring;
    pthread_cond_init(&watchdog->wake, NULL);
    pthread_mutex_init(&watchdog->lock, NULL);
    if (pthread_create(&watchdog->thread, NULL, guard, watchdog) != 0) {
        destroy(watchdog);
        return STATUS_NO_MEMORY;
    }
    *out = watchdog;
    return STATUS_OK;
}

void watchdog_stop(struct watchdog *watchdog) {
    if (watchdog == NULL) {
        return;
    }
    pthread_mutex_lock(&watchdog->lock);
    watchdog->stopping = true;
    pthread_cond_signal(&watchdog->wake);
    pthread_mutex_unlock(&watchdog->lock);
    pthread_join(watchdog->thread, NULL);
    destroy(watchdog);
}

/* The thread is woken only if it would sleep too long. It does not mind watches that have gone: it finds the ring
 * without them, and sleeps on. So with calls coming one after the other it wakes about once a time-out, not once a call. */
void watchdog_watch(struct watchdog *watchdog, struct watch *watch, struct deadline deadline) {
    pthread_mutex_lock(&watchdog->lock);
    watch->deadline = deadline;
    watch->bitten = false;
    insert(watchdog, watch);
    if (deadline.at_us < watchdog->sleeps_until_us) {
        watchdog->sleeps_until_us = deadline.at_us; /* the next one need not wake it again for a later one */
        pthread_cond_signal(&watchdog->wake);
    }
    pthread_mutex_unlock(&watchdog->lock);
}

bool watchdog_leave(struct watchdog *watchdog, struct watch *watch) {
    pthread_mutex_lock(&watchdog->lock);
    take_out(watch);
    bool bitten = watch->bitten;
    pthread_mutex_unlock(&watchdog->lock);
    return bitten;
}
