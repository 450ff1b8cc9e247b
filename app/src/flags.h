/*
 * flags -- parts of the shop that can be switched off while it runs.
 *
 *     UPDATE flags SET enabled = FALSE WHERE name = 'search';
 *
 * A thread reads the table again and again, so that a flag takes effect on every node within
 * FLAGS_INTERVAL_MS and costs a request nothing. One that is not in the table is on; while the table
 * cannot be read each keeps its last value, and is on before there was one. Whatever a flag switches
 * off, the shop has to be whole without it.
 */
#ifndef FLAGS_H
#define FLAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"
#include "topology.h"

/* X(name in enum flag, name in the table). Each has a series METRIC_FLAG_NAME as well. */
#define FLAGS(X)                                                                                                       \
    X(SEARCH, "search")                                                                                                \
    X(RECEIPTS, "receipts")                                                                                            \
    X(RECOMMENDATIONS, "recommendations")

enum flag {
#define FLAGS_NAME(name, text) FLAG_##name,
    FLAGS(FLAGS_NAME)
#undef FLAGS_NAME
        FLAG_COUNT
};

struct flags;

struct flags_options {
    struct topology *topology;
    int64_t interval_ms; /* between two looks */
    int64_t timeout_ms;  /* of one look */
};

/* Returns after the first look. STATUS_NO_MEMORY: nothing runs. */
enum status flags_start(const struct flags_options *options, struct flags **out);

/* Instant, from any thread. flags NULL: nobody reads the table, and all are on. */
bool flags_on(const struct flags *flags, enum flag flag);

/* Ends the thread. NULL is allowed. */
void flags_stop(struct flags *flags);

#endif
