/*
 * migrate -- brings the tables of a database to where this version of the shop wants them.
 *
 * Applies the files of migrations.h that it has no record of, in their order, on the MySQL
 * that takes writes. Safe to run again, and from several machines at once: a lock in
 * MySQL lets one do it while the others wait, and find nothing left to do. Where all is
 * applied nothing is written.
 *
 * To change a table is a commit of its own in MySQL, so a file can be applied half. Its
 * record is made before the first statement and finished behind the last: a file that was
 * begun and not finished is run from its start again, and then what a statement makes may
 * be there already, or be gone if it drops it. Anything else that fails ends the run.
 *
 * A statement that has to wait for a table that others use gives up after some seconds: all
 * who come later would wait behind it, and the shop would stand still.
 */
#ifndef MIGRATE_H
#define MIGRATE_H

#include <stddef.h>
#include <stdint.h>

#include "db.h"
#include "status.h"

struct migrate_options {
    const char *schema_dir;
    const char *servers;       /* as topology.h wants them, checked */
    struct db_options account; /* may change tables; name and address are filled in here */
    int64_t wait_ms;           /* for a MySQL that takes writes, and for others that migrate */
};

/*
 * Logs each file that it applies. STATUS_BAD_INPUT, STATUS_NOT_FOUND: a person has to look;
 * anything else but STATUS_OK: it may go well the next time. reason, which has room for
 * reason_size bytes, says why in one line.
 */
enum status migrate(const struct migrate_options *options, char *reason, size_t reason_size);

#endif
