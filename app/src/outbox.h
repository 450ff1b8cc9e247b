/*
 * outbox -- what is to be done for an order after it was placed: a row of the table outbox
 * each, which the checkout writes in the transaction of the order. So there is work exactly
 * where there is an order, whatever dies in between.
 *
 *     NEW ---sent by Redis---> SENT        the row is the truth; what travels through Redis
 *      ^  \                     |          is only its number
 *      |   ------- done ------> DONE
 *      '-------- failed --------'          again later, or after the last try: DEAD
 *
 * NEW and SENT rows are due from next_try_at on: a SENT row that is not done by then is
 * taken for lost on its way. Everything here runs on the primary.
 */
#ifndef OUTBOX_H
#define OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "database.h"
#include "status.h"

enum outbox_state { OUTBOX_NEW, OUTBOX_SENT, OUTBOX_DONE, OUTBOX_DEAD, OUTBOX_STATES };

/* "new", "sent", "done", "dead" */
const char *outbox_state_name(enum outbox_state state);

enum { OUTBOX_BATCH = 32, OUTBOX_ERROR_CHARS = 200 };

struct outbox_row {
    int64_t id, order;
    unsigned tries; /* that failed */
    enum outbox_state state;
};

/* The numbers of rows that are due, oldest first; somebody else may be at them. As database_write(). */
enum status outbox_due(struct database *database, struct call *call, int64_t ids[static OUTBOX_BATCH], size_t *count);

/*
 * Within a transaction: takes a row, so that nobody else does until its end.
 * STATUS_NOT_FOUND: there is none; and of outbox_lock_due(), which does not wait: it is not
 * due any more, or somebody else has it. Else as database_write().
 */
enum status outbox_lock(struct database *database, struct call *call, int64_t id, struct outbox_row *out);
enum status outbox_lock_due(struct database *database, struct call *call, int64_t id, struct outbox_row *out);

/* Within that transaction: what became of it. A SENT row is due again after resend_ms. */
enum status outbox_done(struct database *database, struct call *call, int64_t id);
enum status outbox_sent(struct database *database, struct call *call, int64_t id, int64_t resend_ms);

/* A try has failed, error says why. Due again after wait_ms; dead: never. Nothing, if it is done by now. */
enum status outbox_failed(struct database *database, struct call *call, int64_t id, const char *error, bool dead,
                          int64_t wait_ms);

/* --- For people ----------------------------------------------------------------------- */

/* Calls row for each dead letter, oldest first: id (i), order's UUID or "" (s), tries (i), when
 * it was placed (s), error (s). */
enum status outbox_dead_letters(struct database *database, struct call *call, db_row *row, void *context);

/* Puts all of them back, as if they had not been tried; call->rows_changed says how many. */
enum status outbox_requeue(struct database *database, struct call *call);

struct outbox_count {
    int64_t rows;
    int64_t oldest_s; /* the age of the oldest */
};

/* How much waits: all states but DONE, which only grows. */
enum status outbox_count(struct database *database, struct call *call,
                         struct outbox_count counts[static OUTBOX_STATES]);

#endif
