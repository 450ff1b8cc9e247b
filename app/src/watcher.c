#include "watcher.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "clock.h"

struct watcher {
    struct watcher_options options;
    pthread_t thread;
    pthread_mutex_t lock; /* guards stopping */
    pthread_cond_t stop;
    bool stopping;
};

/* Waits for the next look. False: there is none, we are to stop. */
static bool wait_interval(struct watcher *watcher) {
    const struct timespec until = clock_timespec(clock_monotonic_us() + watcher->options.interval_ms * 1000);
    int waited = 0;
    pthread_mutex_lock(&watcher->lock);
    while (!watcher->stopping && waited == 0) {
        waited = pthread_cond_clockwait(&watcher->stop, &watcher->lock, CLOCK_MONOTONIC, &until);
    }
    bool go_on = !watcher->stopping;
    pthread_mutex_unlock(&watcher->lock);
    return go_on;
}

static void *keep_looking(void *argument) {
    const struct watcher_options *options = &((struct watcher *)argument)->options;
    while (wait_interval(argument)) {
        options->look(options->context);
    }
    if (options->end != NULL) {
        options->end(options->context);
    }
    return NULL;
}

static void destroy(struct watcher *watcher) {
    pthread_cond_destroy(&watcher->stop);
    pthread_mutex_destroy(&watcher->lock);
    free(watcher);
}

enum status watcher_start(const struct watcher_options *options, struct watcher **out) {
    struct watcher *watcher = calloc(1, sizeof *watcher);
    if (watcher == NULL) {
        return STATUS_NO_MEMORY;
    }
    watcher->options = *options;
    pthread_cond_init(&watcher->stop, NULL);
    pthread_mutex_init(&watcher->lock, NULL);
    if (pthread_create(&watcher->thread, NULL, keep_looking, watcher) != 0) {
        destroy(watcher);
        return STATUS_NO_MEMORY;
    }
    *out = watcher;
    return STATUS_OK;
}

void watcher_stop(struct watcher *watcher) {
    if (watcher == NULL) {
        return;
    }
    pthread_mutex_lock(&watcher->lock);
    watcher->stopping = true;
    pthread_cond_signal(&watcher->stop);
    pthread_mutex_unlock(&watcher->lock);
    pthread_join(watcher->thread, NULL);
    destroy(watcher);
}
