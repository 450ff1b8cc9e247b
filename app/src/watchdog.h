/*
 * watchdog -- ends a wait on a socket when its time is over.
 *
 * For libraries that block and count their time-outs in seconds: while a call is under
 * way its socket is watched; when the deadline passes, the socket is shut down and the
 * library finds its peer gone. One thread for all of them, which sleeps until the next
 * deadline: a call that ends in time costs two short locks.
 *
 * The library may close its socket whenever it likes, and the number may then be another
 * file's. So a watch holds a descriptor of its own, made with dup(2), and shuts down what
 * that stands for.
 */
#ifndef WATCHDOG_H
#define WATCHDOG_H

#include <stdbool.h>

#include "deadline.h"
#include "status.h"

struct watchdog;

/* One socket that may be watched; used by one thread. All its fields are the watchdog's. */
struct watch {
    int fd; /* -1: none */
    struct deadline deadline;
    bool bitten; /* its deadline has passed, it is shut down */
    struct watch *next, *previous;
};

/* STATUS_NO_MEMORY: no memory or no thread. */
enum status watchdog_start(struct watchdog **out);

/* Nothing may be watched any more. NULL is allowed. */
void watchdog_stop(struct watchdog *watchdog);

/* Takes a descriptor of its own for the socket fd. STATUS_NO_MEMORY: there are no more. */
enum status watch_open(struct watch *watch, int fd);

/* Not while it is watched. The peer sees the socket's end when fd is closed too. */
void watch_close(struct watch *watch);

/* From now on watch's socket is shut down when deadline passes, until watchdog_leave(). */
void watchdog_watch(struct watchdog *watchdog, struct watch *watch, struct deadline deadline);

/* No longer. True: it was too late, the socket is shut down. */
bool watchdog_leave(struct watchdog *watchdog, struct watch *watch);

#endif
