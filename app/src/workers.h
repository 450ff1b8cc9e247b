/*
 * workers -- threads for what waits on a backend, behind bounded queues.
 *
 * A queue never makes the caller wait: when it is full, workers_submit() says so at once
 * and the caller sheds the request. There are two classes, each with a queue of its own.
 * What is vital goes before what is browsing, and some workers are kept free of browsing,
 * so that a checkout need not wait for one of many slow lists to end. Within a class the
 * oldest job is taken. Each thread has a state of its own (its connections to the
 * backends), made and freed by it.
 */
#ifndef WORKERS_H
#define WORKERS_H

#include <stdbool.h>

#include "status.h"

struct workers;

enum workers_class { WORKERS_VITAL, WORKERS_BROWSING, WORKERS_CLASSES };

struct workers_options {
    unsigned threads;                    /* at least 1 */
    unsigned reserved;                   /* threads that do not take browsing, if that leaves one that does */
    unsigned queue_length;               /* jobs of each class that may wait; at least 1 */
    void *(*open)(void *context);        /* a thread starts: returns its state, any pointer */
    void (*run)(void *state, void *job); /* one job; must not end the thread */
    void (*close)(void *state);          /* the thread ends */
    void *context;
};

/* STATUS_NO_MEMORY: not enough memory or threads; nothing runs then. */
enum status workers_start(const struct workers_options *options, struct workers **out);

/* Queues a job, which is not NULL. Any thread. False: the queue of its class is full, or the
 * workers are stopping; the job is the caller's still. */
bool workers_submit(struct workers *workers, enum workers_class class, void *job);

/* Jobs in the queue of a class, and threads that are running one, at this moment. Any thread. */
unsigned workers_queued(struct workers *workers, enum workers_class class);
unsigned workers_busy(struct workers *workers);

/* Runs what is queued, ends the threads, frees everything. NULL is allowed. On none of its threads. */
void workers_stop(struct workers *workers);

#endif
