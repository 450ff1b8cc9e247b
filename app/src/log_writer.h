/*
 * log_writer -- takes whole lines from any thread and writes them to standard error.
 *
 *   put()  ---> [ lines ....    ]  filling
 *               [ lines ........]  being written  ---> one write(2)
 *
 * Two buffers of LOG_BUFFER_BYTES: while the thread writes one, callers fill the other. A
 * line waits LOG_LINGER_MS at most for company; a full buffer drops what comes. Nothing is
 * allocated. Without the thread put() writes by itself.
 */
#ifndef LOG_WRITER_H
#define LOG_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "slice.h"
#include "status.h"

enum { LOG_BUFFER_BYTES = 512 * 1024, LOG_LINGER_MS = 10 };

/* Starts the thread. drops is called by it, after the lines that were in time, to write of
 * how many more that was not true. STATUS_NO_MEMORY: no thread. */
enum status log_writer_start(void (*drops)(int64_t lines));

/* Queues, or writes, a line, its newline included. */
void log_writer_put(struct slice line);

/* Writes by itself, as put() without the thread; for drops(). */
void log_writer_write(struct slice line);

/* Writes what is queued and ends the thread, if there is one; gives up after timeout_ms. */
void log_writer_end(int64_t timeout_ms);

#endif
