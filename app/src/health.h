/*
 * health -- a thread that looks at the backends, so that /readyz need not wait.
 *
 * It asks MySQL with a connection of its own, again and again, and keeps what it
 * saw. Reading that is instant and safe from any thread.
 */
#ifndef HEALTH_H
#define HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "db.h"
#include "status.h"

struct health;

/* The options, and the strings they name, must stay. Returns after the first look. */
enum status health_start(const struct db_options *database, int64_t interval_ms, struct health **out);

/* How MySQL was at the last look. */
bool health_db_up(const struct health *health);
enum db_role health_db_role(const struct health *health);

/* Ends the thread. NULL is allowed. */
void health_stop(struct health *health);

#endif
