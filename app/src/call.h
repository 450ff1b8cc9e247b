/*
 * call -- what one request carries into every call of a backend.
 *
 * By when the visitor must have an answer, whether anybody still waits, the trace it
 * belongs to, what the visitor has written before, and, on the way back, what the calls
 * have cost.
 */
#ifndef CALL_H
#define CALL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "deadline.h"
#include "trace.h"

enum backend { BACKEND_MYSQL, BACKEND_REDIS, BACKEND_COUNT };

/* As metrics and Server-Timing call it: "mysql", "redis". */
static inline const char *backend_name(enum backend backend) {
    static const char *const names[] = {[BACKEND_MYSQL] = "mysql", [BACKEND_REDIS] = "redis"};
    return names[backend];
}

/* Which MySQL answered. */
enum db_role { DB_ROLE_NONE, DB_ROLE_PRIMARY, DB_ROLE_REPLICA };

enum { CALL_GTID_BYTES = 128 }; /* with the NUL; one of MySQL has 89 characters at most */

/* Used by one thread at a time, but for what cancelled points to. All zeros but deadline and trace is a good start. */
struct call {
    struct deadline deadline;
    const atomic_bool *cancelled; /* nobody waits for the answer any more; NULL: somebody always does */
    struct trace trace;
    char gtid[CALL_GTID_BYTES];      /* of the visitor's last write, which reads have to see; "": none */
    enum db_role db_role;            /* of the MySQL that did the last statement */
    uint64_t rows_changed;           /* by the last statement that has no rows of its own, such as an UPDATE */
    uint64_t id_made;                /* AUTO_INCREMENT gave it to the row that the last INSERT made */
    int64_t spent_us[BACKEND_COUNT]; /* waited for each backend, all calls together */
    unsigned calls[BACKEND_COUNT];
};

/* Nothing more is to be begun for it. */
static inline bool call_is_over(const struct call *call) {
    return deadline_passed(call->deadline) || (call->cancelled != NULL && atomic_load(call->cancelled));
}

/* Accounts for one call of a backend that began at begun_us. */
static inline void call_spent(struct call *call, enum backend backend, int64_t begun_us) {
    call->spent_us[backend] += clock_monotonic_us() - begun_us;
    call->calls[backend]++;
}

#endif
