/*
 * worker_metrics -- what a worker counts, as a file in the text format of Prometheus (0.0.4).
 *
 * A worker listens nowhere, so it cannot be asked: it writes, and an agent on the machine
 * picks the file up. That the file is young says as well that the worker is at work.
 */
#ifndef WORKER_METRICS_H
#define WORKER_METRICS_H

#include <stdint.h>

#include "outbox.h"
#include "status.h"
#include "text.h"
#include "worker.h"

/* Appends all of it. */
void worker_metrics_render(struct text *out, const struct worker_counts *counts,
                           const struct outbox_count waiting[static OUTBOX_STATES], int64_t now_s);

/* Replaces the file in one step. STATUS_NOT_FOUND: it cannot be written, which is logged. */
enum status worker_metrics_write(const char *path, const struct worker_counts *counts,
                                 const struct outbox_count waiting[static OUTBOX_STATES]);

#endif
