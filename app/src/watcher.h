/*
 * watcher -- a thread that looks at something again and again.
 */
#ifndef WATCHER_H
#define WATCHER_H

#include <stdint.h>

#include "status.h"

struct watcher;

struct watcher_options {
    int64_t interval_ms;         /* between two looks, and before the first */
    void (*look)(void *context); /* on the watcher's thread */
    void (*end)(void *context);  /* at the end of that thread; NULL: nothing to do */
    void *context;
};

/* STATUS_NO_MEMORY: no memory or no thread. */
enum status watcher_start(const struct watcher_options *options, struct watcher **out);

/* Returns once the look that is under way has ended. NULL is allowed. */
void watcher_stop(struct watcher *watcher);

#endif
