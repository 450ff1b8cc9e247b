/*
 * migrations -- the numbered changes to the tables: the files, and what of them a database
 * does not have yet.
 *
 *   SCHEMA_DIR/001-catalogue.sql    three digits and a name; the number is the order
 *
 * A database keeps a record of each (table schema_migrations): its number, its file and the
 * SHA-256 of that, and when it was applied. Nothing here speaks to a database.
 */
#ifndef MIGRATIONS_H
#define MIGRATIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "slice.h"
#include "status.h"

enum { MIGRATIONS_MAX = 256, MIGRATION_FILE_BYTES = 65, MIGRATION_SUM_CHARS = 64 };

enum migration_state {
    MIGRATION_MISSING,
    MIGRATION_BEGUN, /* some of its statements may have been run, nobody knows which */
    MIGRATION_APPLIED,
};

struct migration {
    unsigned version;                  /* 0 to 999 */
    char file[MIGRATION_FILE_BYTES];   /* "001-catalogue.sql": digits, a to z, '-', '_' and '.' */
    char sum[MIGRATION_SUM_CHARS + 1]; /* in hexadecimal */
    struct slice sql;
    enum migration_state state;
};

struct migrations {
    struct migration *list; /* by version */
    size_t count;
    struct arena arena; /* holds all of it */
};

/*
 * Reads every *.sql of a directory; all are missing until records say otherwise.
 * STATUS_NOT_FOUND: it, or a file, cannot be read; STATUS_BAD_INPUT: a file has no proper
 * name, or the number of another. reason, which has room for reason_size bytes, says what in
 * one line. Either way *out is to be given to migrations_free().
 */
enum status migrations_read(const char *directory, struct migrations *out, char *reason, size_t reason_size);

void migrations_free(struct migrations *migrations);

/*
 * Takes note of a record. One without a file is of a shop that is newer than this one: it is
 * left alone, as each version leaves room for the one before. STATUS_BAD_INPUT: the
 * file has changed since it was applied; reason says so in one line.
 */
enum status migrations_note(struct migrations *migrations, unsigned version, const char *sum, bool applied,
                            char *reason, size_t reason_size);

#endif
