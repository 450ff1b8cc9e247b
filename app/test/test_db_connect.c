/* MySQL behind TLS, which falls silent or leaves at any byte. Whom to trust is tested in tests/backends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "db.h"
#include "fake_mysql.h"
#include "tls_front.h"

static char directory[] = "/tmp/test_db-XXXXXX";
static char path[64], ca_file[64];

static struct db *new_db_at(const char *where) {
    struct db_options options = {.name = where,
                                 .user = "shop",
                                 .password = "",
                                 .database = "shop",
                                 .ca_file = ca_file,
                                 .timeout_ms = FRONT_ENOUGH_MS};
    assert_int_equal(address_read(where, &options.address), STATUS_OK);
    struct db *db = db_new(&options);
    assert_non_null(db);
    return db;
}

static enum status read_within(struct db *db, int64_t ms) {
    static const struct db_statement statement = {.sql = "SELECT 1", .params = "", .columns = "i", .repeatable = true};
    struct call call = {.deadline = deadline_in_ms(ms)};
    trace_begin(&call.trace, (struct slice){0});
    return db_run(db, &call, &statement, NULL, NULL, NULL);
}

/* Reads, and again if that failed. */
static struct front_trial read_twice(int version, enum front_end end, size_t most_bytes, int64_t ms) {
    struct fake_mysql fake = {0};
    struct tls_front front = {
        .behind = path, .ca_file = ca_file, .greets = true, .version = version, .most_bytes = most_bytes, .end = end};
    fake_start(&fake, path);
    front_start(&front);
    struct db *db = new_db_at(front.where);
    int64_t begun_us = clock_monotonic_us();
    struct front_trial trial = {.status = read_within(db, ms)};
    trial.spent_us = clock_monotonic_us() - begun_us;
    assert_true(trial.status == STATUS_OK || read_within(db, FRONT_ENOUGH_MS) == STATUS_OK);
    db_free(db);
    front_stop(&front);
    fake_stop(&fake);
    trial.sent_bytes = front.sent_bytes;
    trial.shaken_bytes = front.shaken_bytes;
    return trial;
}

static void silence_at_any_byte_costs_the_time_of_the_call(void **state) {
    (void)state;
    front_test_any_byte(read_twice, FRONT_SILENT);
}

static void leaving_at_any_byte_is_noticed_before_that(void **state) {
    (void)state;
    front_test_any_byte(read_twice, FRONT_LEAVES);
}

static void a_handshake_that_trickles_costs_no_more(void **state) {
    (void)state;
    front_test_slow_handshake(read_twice);
}

static int set_up(void **state) {
    (void)state;
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/mysql.sock", directory);
    snprintf(ca_file, sizeof ca_file, "%s/ca.pem", directory);
    return db_library_init() == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    db_library_end();
    return rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_at_any_byte_costs_the_time_of_the_call),
        cmocka_unit_test(leaving_at_any_byte_is_noticed_before_that),
        cmocka_unit_test(a_handshake_that_trickles_costs_no_more),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
