/* MySQL behind TLS, which falls silent, leaves or becomes slow at any byte. Whom to trust is tested in tests/backends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db_bench.h"
#include "tls_front.h"

static enum status read_within(struct db *db, int64_t ms) {
    static const struct db_statement statement = {.sql = "SELECT 1", .params = "", .columns = "i", .repeatable = true};
    struct call call = call_within(ms);
    return db_run(db, &call, &statement, NULL, NULL, NULL);
}

static struct front_call call_twice(struct tls_front *front, int64_t ms) {
    struct fake_mysql fake = {0};
    fake_start(&fake, path);
    front->behind = path;
    front->greets = true;
    front_start(front);
    struct db *db = new_db_at(front->where, front->ca_file, FRONT_ENOUGH_MS);
    int64_t begun_us = clock_monotonic_us();
    struct front_call first = {.status = read_within(db, ms)};
    first.spent_us = clock_monotonic_us() - begun_us;
    assert_true(first.status == STATUS_OK || read_within(db, FRONT_ENOUGH_MS) == STATUS_OK);
    db_free(db);
    front_stop(front);
    fake_stop(&fake);
    return first;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_at_any_byte_costs_the_time_of_the_call),
        cmocka_unit_test(leaving_at_any_byte_is_noticed_before_that),
        cmocka_unit_test(a_handshake_that_trickles_costs_no_more),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
