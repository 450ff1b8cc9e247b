/*
 * db_bench -- a place for a fake MySQL, and connections to it as the shop's account.
 *
 * set_up() and tear_down() are for the group of tests. Include it after cmocka.h.
 */
#ifndef DB_BENCH_H
#define DB_BENCH_H

#include <stdlib.h>

#include "db.h"
#include "fake_mysql.h"

static char directory[] = "/tmp/test_db-XXXXXX";
static char path[64]; /* for fake_start() */

static inline struct db *new_db_at(const char *where, const char *ca_file, int64_t timeout_ms) {
    struct db_options options = {.name = where,
                                 .user = "shop",
                                 .password = "",
                                 .database = "shop",
                                 .ca_file = ca_file,
                                 .timeout_ms = timeout_ms};
    assert_int_equal(address_read(where, &options.address), STATUS_OK);
    struct db *db = db_new(&options);
    assert_non_null(db);
    return db;
}

static inline struct call call_within(int64_t ms) {
    struct call call = {.deadline = deadline_in_ms(ms)};
    trace_begin(&call.trace, (struct slice){0});
    return call;
}

static inline int set_up(void **state) {
    (void)state;
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/mysql.sock", directory);
    return db_library_init() == STATUS_OK ? 0 : -1;
}

static inline int tear_down(void **state) {
    (void)state;
    db_library_end();
    return rmdir(directory);
}

#endif
