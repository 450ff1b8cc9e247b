#include "log_writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "metrics.h"

/* A buffer that is half full is written without waiting for more. */
enum { HALF_FULL = LOG_BUFFER_BYTES / 2 };

static struct {
    pthread_t thread;
    void (*drops)(int64_t lines);

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t work;  /* lines to write, or the end */
    pthread_cond_t done;  /* no longer running */
    bool running;
    bool ending;
    unsigned filling; /* which of the buffers */
    size_t filled;    /* bytes of it */
    int64_t dropped;  /* lines that found it full */
} writer = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .work = PTHREAD_COND_INITIALIZER,
    .done = PTHREAD_COND_INITIALIZER,
};

static char buffers[2][LOG_BUFFER_BYTES]; /* the one that is not filling is the thread's */

static struct timespec in_ms(int64_t ms) { return clock_timespec(clock_monotonic_us() + ms * 1000); }

/* A log that cannot be written has nobody to be told. */
void log_writer_write(struct slice line) {
    while (line.length > 0) {
        ssize_t written = write(STDERR_FILENO, line.data, line.length);
        if (written > 0) {
            line = (struct slice){line.data + written, line.length - (size_t)written};
        } else if (written < 0 && errno == EAGAIN) { /* whoever we share it with has made it non-blocking */
            struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
            poll(&room, 1, -1);
        } else if (written == 0 || errno != EINTR) {
            return;
        }
    }
}

/* --- Callers -------------------------------------------------------------------------- */

/* With the lock held. */
static void queue(struct slice line) {
    if (line.length > LOG_BUFFER_BYTES - writer.filled) {
        writer.dropped++;
        metrics_add(METRIC_LOG_DROPPED, 1);
        return;
    }
    size_t before = writer.filled;
    memcpy(buffers[writer.filling] + before, line.data, line.length);
    writer.filled += line.length;
    if (before == 0 || (before < HALF_FULL && writer.filled >= HALF_FULL)) {
        pthread_cond_signal(&writer.work);
    }
}

void log_writer_put(struct slice line) {
    pthread_mutex_lock(&writer.lock);
    bool queued = writer.running;
    if (queued) {
        queue(line);
    }
    pthread_mutex_unlock(&writer.lock);
    if (!queued) {
        log_writer_write(line);
    }
}

/* --- The thread ----------------------------------------------------------------------- */

/* With the lock held. False: there is nothing to write, and no more will come. */
static bool wait_for_lines(void) {
    while (writer.filled == 0 && !writer.ending) {
        pthread_cond_wait(&writer.work, &writer.lock);
    }
    const struct timespec until = in_ms(LOG_LINGER_MS);
    int waited = 0;
    while (writer.filled < HALF_FULL && !writer.ending && waited == 0) {
        waited = pthread_cond_clockwait(&writer.work, &writer.lock, CLOCK_MONOTONIC, &until);
    }
    return writer.filled > 0;
}

/* With the lock held, but not while it writes. */
static void write_lines(void) {
    struct slice lines = {buffers[writer.filling], writer.filled};
    int64_t dropped = writer.dropped;
    writer.filling = 1 - writer.filling;
    writer.filled = 0;
    writer.dropped = 0;
    pthread_mutex_unlock(&writer.lock);
    /* Whoever reads standard error may never do so again: only here log_writer_end() can end the thread. */
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    log_writer_write(lines);
    if (dropped > 0) {
        writer.drops(dropped);
    }
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_mutex_lock(&writer.lock);
}

static void *write_until_the_end(void *argument) {
    (void)argument;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_mutex_lock(&writer.lock);
    while (wait_for_lines()) {
        write_lines();
    }
    writer.running = false;
    pthread_cond_signal(&writer.done);
    pthread_mutex_unlock(&writer.lock);
    return NULL;
}

enum status log_writer_start(void (*drops)(int64_t lines)) {
    pthread_mutex_lock(&writer.lock);
    writer.drops = drops;
    writer.ending = false;
    writer.filled = 0;
    writer.dropped = 0;
    writer.running = pthread_create(&writer.thread, NULL, write_until_the_end, NULL) == 0;
    bool running = writer.running;
    pthread_mutex_unlock(&writer.lock);
    return running ? STATUS_OK : STATUS_NO_MEMORY;
}

void log_writer_end(int64_t timeout_ms) {
    const struct timespec until = in_ms(timeout_ms);
    int waited = 0;
    pthread_mutex_lock(&writer.lock);
    bool started = writer.running;
    writer.ending = true;
    pthread_cond_signal(&writer.work);
    while (writer.running && waited == 0) {
        waited = pthread_cond_clockwait(&writer.done, &writer.lock, CLOCK_MONOTONIC, &until);
    }
    bool stuck = writer.running;
    writer.running = false;
    pthread_mutex_unlock(&writer.lock);
    if (stuck) {
        pthread_cancel(writer.thread);
    }
    if (started) {
        pthread_join(writer.thread, NULL);
    }
}
