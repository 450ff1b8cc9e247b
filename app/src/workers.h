/*
 * workers -- threads for what waits on a backend, behind a bounded queue.
 *
 * The queue never makes the caller wait: when it is full, workers_submit() says so
 * at once and the caller sheds the request. A worker takes the oldest job. Each
 * thread has a state of its own (its database connection), made and freed by it.
 */
#ifndef WORKERS_H
#define WORKERS_H

#include <stdbool.h>

#include "status.h"

struct workers;

struct workers_options {
    unsigned threads;
    unsigned queue_length;
    void *(*open)(void *context);        /* a thread starts: returns its state */
    void (*run)(void *state, void *job); /* one job; must not end the thread */
    void (*close)(void *state);          /* the thread ends */
    void *context;
};

/* STATUS_NO_MEMORY: not enough memory or threads; nothing runs then. */
enum status workers_start(const struct workers_options *options, struct workers **out);

/* Queues a job. False: the queue is full, or the workers are stopping; the job is
 * the caller's still. */
bool workers_submit(struct workers *workers, void *job);

/* Jobs in the queue, and threads that are running one, at this moment. */
unsigned workers_queued(struct workers *workers);
unsigned workers_busy(struct workers *workers);

/* Runs what is queued, ends the threads, frees everything. NULL is allowed. */
void workers_stop(struct workers *workers);

#endif
