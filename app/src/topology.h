/*
 * topology -- the servers of MySQL, and which of them is the primary now.
 *
 * One for the process. A thread a server asks it again and again whether it takes writes:
 * the primary is found, never configured. A server that refuses a write is no longer the
 * primary from that moment on. If two say that they are, the one that was it first stays,
 * and the log says so: going back and forth would spread the writes over both.
 *
 * MySQL tells how late a replica is only to administrators. But everybody may ask which
 * transactions a server has: what the primary had at an earlier look, a replica has to
 * have by now, or it is behind. That finds one that stands still as well.
 *
 * A primary that does not answer stays the primary until another one is found: it may be
 * back before the next look, and a write that cannot reach it does no harm.
 *
 * All functions but start and stop are instant and may be called from any thread.
 */
#ifndef TOPOLOGY_H
#define TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

#include "breaker.h"
#include "db.h"
#include "status.h"

struct topology;

enum { TOPOLOGY_SERVERS_MAX = 8, TOPOLOGY_NOBODY = -1 };

struct topology_options {
    const char *servers;       /* unix:PATH or ADDRESS:PORT, separated by spaces */
    struct db_options account; /* of all of them; name and address are filled in here */
    int64_t interval_ms;       /* between two looks at a server */
    int64_t lag_ms;            /* a replica that is later is behind */
    int64_t gtid_wait_ms;      /* how long a read waits for a replica to see the visitor's write; 0: it does not */
    unsigned breaker_failures; /* in a row, then the breaker opens */
    int64_t breaker_cooldown_ms;
};

/* STATUS_BAD_INPUT unless servers is of the form above, with 1 to TOPOLOGY_SERVERS_MAX of them. */
enum status topology_check(const char *servers);

/* After db_library_init(). servers has passed topology_check(); the strings that options
 * name must stay. Returns after the first look at every server, one after the other.
 * STATUS_NO_MEMORY: nothing runs. */
enum status topology_start(const struct topology_options *options, struct topology **out);

/* Ends its threads. All databases must have been freed. NULL is allowed. */
void topology_stop(struct topology *topology);

/* --- For people ----------------------------------------------------------------------- */

/* What the last looks saw: DB_ROLE_PRIMARY: there is a primary; DB_ROLE_REPLICA: none, but
 * a replica; DB_ROLE_NONE: nothing answers. */
enum db_role topology_best(const struct topology *topology);

/* One server, for /readyz and /metrics; index from 0. False: there are not so many. */
struct topology_server {
    const char *address; /* as in topology_options; lives as long as topology */
    enum db_role role;   /* at the last look; DB_ROLE_NONE: it does not answer */
    bool behind;         /* a replica that is too late to be read while others answer */
    const char *breaker; /* breaker_state_name() */
};
bool topology_server(struct topology *topology, unsigned index, struct topology_server *out);

/* --- For database.c: servers are known by their index ---------------------------------- */

/* index is less than topology_count(); what is pointed to lives as long as topology. */
unsigned topology_count(const struct topology *topology);
const struct topology_options *topology_options(const struct topology *topology);
const struct db_options *topology_login(const struct topology *topology, unsigned index);
struct breaker *topology_breaker(struct topology *topology, unsigned index);

/* At the last look. */
bool topology_is_replica(const struct topology *topology, unsigned index);
bool topology_is_behind(const struct topology *topology, unsigned index);

/* Where writes go; TOPOLOGY_NOBODY: no primary is known. */
int topology_primary(const struct topology *topology);

/* The server has refused a write: it is a replica now. */
void topology_takes_no_writes(struct topology *topology, unsigned index);

#endif
