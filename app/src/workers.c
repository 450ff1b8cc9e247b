#include "workers.h"

#include <pthread.h>
#include <stdlib.h>

struct queue {
    void **jobs; /* a ring */
    unsigned head, length;
};

struct workers {
    struct workers_options options;
    pthread_t *threads;
    unsigned started;
    unsigned browsing_most; /* threads that may browse at once */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t work;  /* there is a job that may be taken, or stopping */
    struct queue queues[WORKERS_CLASSES];
    unsigned busy, browsing;
    bool stopping;
};

/* --- The queues ----------------------------------------------------------------------- */

static void put(struct workers *workers, struct queue *queue, void *job) {
    queue->jobs[(queue->head + queue->length) % workers->options.queue_length] = job;
    queue->length++;
}

static void *get(struct workers *workers, struct queue *queue) {
    void *job = queue->jobs[queue->head];
    queue->head = (queue->head + 1) % workers->options.queue_length;
    queue->length--;
    return job;
}

/* The class whose turn it is; WORKERS_CLASSES: no job may be taken now. */
static enum workers_class next_class(const struct workers *workers) {
    if (workers->queues[WORKERS_VITAL].length > 0) {
        return WORKERS_VITAL;
    }
    bool may_browse = workers->browsing < workers->browsing_most || workers->stopping;
    return workers->queues[WORKERS_BROWSING].length > 0 && may_browse ? WORKERS_BROWSING : WORKERS_CLASSES;
}

/* --- The threads ---------------------------------------------------------------------- */

/* Ends the job before, of *class (WORKERS_CLASSES: there was none), and waits for the next one. NULL: the queues are empty
 * for good. */
static void *take(struct workers *workers, enum workers_class *class) {
    void *job = NULL;
    pthread_mutex_lock(&workers->lock);
    workers->busy -= *class != WORKERS_CLASSES;
    workers->browsing -= *class == WORKERS_BROWSING;
    while ((*class = next_class(workers)) == WORKERS_CLASSES && !workers->stopping) {
        pthread_cond_wait(&workers->work, &workers->lock);
    }
    if (*class != WORKERS_CLASSES) {
        job = get(workers, &workers->queues[*class]);
        workers->busy++;
        workers->browsing += *class == WORKERS_BROWSING;
    }
    pthread_mutex_unlock(&workers->lock);
    return job;
}

static void *work(void *argument) {
    struct workers *workers = argument;
    void *state = workers->options.open(workers->options.context);
    enum workers_class class = WORKERS_CLASSES;
    void *job;
    while ((job = take(workers, &class)) != NULL) {
        workers->options.run(state, job);
    }
    workers->options.close(state);
    return NULL;
}

/* --- Start, work, stop ---------------------------------------------------------------- */

static bool make_queues(struct workers *workers) {
    for (size_t i = 0; i < WORKERS_CLASSES; i++) {
        workers->queues[i].jobs = calloc(workers->options.queue_length, sizeof *workers->queues[i].jobs);
        if (workers->queues[i].jobs == NULL) {
            return false;
        }
    }
    return true;
}

enum status workers_start(const struct workers_options *options, struct workers **out) {
    struct workers *workers = calloc(1, sizeof *workers);
    if (workers == NULL) {
        return STATUS_NO_MEMORY;
    }
    workers->options = *options;
    workers->browsing_most = options->reserved < options->threads ? options->threads - options->reserved : 1;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->work, NULL);
    workers->threads = calloc(options->threads, sizeof *workers->threads);
    if (workers->threads == NULL || !make_queues(workers)) {
        goto fail;
    }
    for (; workers->started < options->threads; workers->started++) {
        if (pthread_create(&workers->threads[workers->started], NULL, work, workers) != 0) {
            goto fail;
        }
    }
    *out = workers;
    return STATUS_OK;
fail:
    workers_stop(workers);
    return STATUS_NO_MEMORY;
}

bool workers_submit(struct workers *workers, enum workers_class class, void *job) {
    struct queue *queue = &workers->queues[class];
    pthread_mutex_lock(&workers->lock);
    bool taken = !workers->stopping && queue->length < workers->options.queue_length;
    if (taken) {
        put(workers, queue, job);
    }
    /* Nobody needs to be woken for a job that may not be taken yet: who ends a job looks for the next by itself. */
    bool wake = taken && next_class(workers) != WORKERS_CLASSES && workers->busy < workers->started;
    pthread_mutex_unlock(&workers->lock);
    if (wake) {
        pthread_cond_signal(&workers->work); /* after the lock, which it would wait for */
    }
    return taken;
}

unsigned workers_queued(struct workers *workers, enum workers_class class) {
    pthread_mutex_lock(&workers->lock);
    unsigned queued = workers->queues[class].length;
    pthread_mutex_unlock(&workers->lock);
    return queued;
}

unsigned workers_busy(struct workers *workers) {
    pthread_mutex_lock(&workers->lock);
    unsigned busy = workers->busy;
    pthread_mutex_unlock(&workers->lock);
    return busy;
}

void workers_stop(struct workers *workers) {
    if (workers == NULL) {
        return;
    }
    pthread_mutex_lock(&workers->lock);
    workers->stopping = true;
    pthread_cond_broadcast(&workers->work);
    pthread_mutex_unlock(&workers->lock);
    for (unsigned i = 0; i < workers->started; i++) {
        pthread_join(workers->threads[i], NULL);
    }
    pthread_cond_destroy(&workers->work);
    pthread_mutex_destroy(&workers->lock);
    for (size_t i = 0; i < WORKERS_CLASSES; i++) {
        free(workers->queues[i].jobs);
    }
    free(workers->threads);
    free(workers);
}
