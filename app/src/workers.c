#include "workers.h"

#include <pthread.h>
#include <stdlib.h>

struct workers {
    struct workers_options options;
    pthread_t *threads;
    unsigned started;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t work;  /* the queue is no longer empty, or stopping */
    void **queue;         /* a ring of options.queue_length */
    unsigned head, queued, busy;
    bool stopping;
};

/* Waits for a job. NULL: the queue is empty for good. */
static void *take(struct workers *workers) {
    void *job = NULL;
    pthread_mutex_lock(&workers->lock);
    while (workers->queued == 0 && !workers->stopping) {
        pthread_cond_wait(&workers->work, &workers->lock);
    }
    if (workers->queued > 0) {
        job = workers->queue[workers->head];
        workers->head = (workers->head + 1) % workers->options.queue_length;
        workers->queued--;
        workers->busy++;
    }
    pthread_mutex_unlock(&workers->lock);
    return job;
}

static void *work(void *argument) {
    struct workers *workers = argument;
    void *state = workers->options.open(workers->options.context);
    void *job;
    while ((job = take(workers)) != NULL) {
        workers->options.run(state, job);
        pthread_mutex_lock(&workers->lock);
        workers->busy--;
        pthread_mutex_unlock(&workers->lock);
    }
    workers->options.close(state);
    return NULL;
}

enum status workers_start(const struct workers_options *options, struct workers **out) {
    struct workers *workers = calloc(1, sizeof *workers);
    if (workers == NULL) {
        return STATUS_NO_MEMORY;
    }
    workers->options = *options;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->work, NULL);
    workers->queue = calloc(options->queue_length, sizeof *workers->queue);
    workers->threads = calloc(options->threads, sizeof *workers->threads);
    if (workers->queue == NULL || workers->threads == NULL) {
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

bool workers_submit(struct workers *workers, void *job) {
    bool taken = false;
    pthread_mutex_lock(&workers->lock);
    if (!workers->stopping && workers->queued < workers->options.queue_length) {
        workers->queue[(workers->head + workers->queued) % workers->options.queue_length] = job;
        workers->queued++;
        taken = true;
        pthread_cond_signal(&workers->work);
    }
    pthread_mutex_unlock(&workers->lock);
    return taken;
}

static unsigned read_locked(struct workers *workers, const unsigned *value) {
    pthread_mutex_lock(&workers->lock);
    unsigned result = *value;
    pthread_mutex_unlock(&workers->lock);
    return result;
}

unsigned workers_queued(struct workers *workers) { return read_locked(workers, &workers->queued); }

unsigned workers_busy(struct workers *workers) { return read_locked(workers, &workers->busy); }

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
    free(workers->queue);
    free(workers->threads);
    free(workers);
}
