/*
 * worker -- does what orders leave to be done: their receipts.
 *
 *   with Redis      outbox row ---send---> stream ---take---> receipt and row done, one transaction
 *   without, or     outbox row ------------------take---> the same
 *   while it is away
 *
 * A row is taken with a lock, and its receipt and its state change in one transaction. So
 * whatever is killed, comes twice, or gets lost on its way through Redis: each order has
 * one receipt. A row that fails is tried again later, then given up (retry.h).
 *
 * Each piece of work is one line in the log. One thread; several processes may do so at
 * once, also on one database, each under a name of its own.
 */
#ifndef WORKER_H
#define WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "backends.h"
#include "flags.h"
#include "outbox.h"
#include "retry.h"

struct worker;

struct worker_options {
    struct clients *clients;   /* stays the caller's */
    const struct flags *flags; /* FLAG_RECEIPTS off: what there is waits */
    const char *name;          /* no other worker has it */
    struct retry_rules rules;
    int64_t resend_ms;      /* what was sent and is not done is sent again */
    int64_t claim_ms;       /* what another worker has taken and not finished is taken over */
    bool (*stopping)(void); /* asked between two pieces of work */
};

/* NULL without memory. The strings that options name must stay. */
struct worker *worker_new(const struct worker_options *options);

/* NULL is allowed. */
void worker_free(struct worker *worker);

/* Does what there is to do, a batch at most. STATUS_OK: it was something; STATUS_AGAIN:
 * there was nothing, or what there was must wait; else MySQL could not be asked. */
enum status worker_round(struct worker *worker);

/* Since the start. */
struct worker_counts {
    int64_t sent;    /* rows handed to Redis */
    int64_t written; /* receipts */
    int64_t again;   /* pieces that were done already when they came */
    int64_t failed;  /* tries that failed, the last ones included */
    int64_t dead;    /* rows given up */
};
struct worker_counts worker_counts(const struct worker *worker);

#endif
