/* Redis behind TLS, which falls silent, leaves or becomes slow at any byte. Whom to trust is tested in tests/backends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "redis_bench.h"
#include "tls_front.h"

static struct front_call call_twice(struct tls_front *front, int64_t ms) {
    static const struct fake_connection good = {.answers = {SAY("+OK\r\n"), SAY("$5\r\nthere\r\n")}};
    struct fake_redis fake = {.script = {good, good}};
    struct bench bench;
    fake_start(&fake, path);
    front->behind = path;
    front_start(front);
    struct redis_options options = options_for(front->where);
    options.password = "a secret";
    options.ca_file = front->ca_file;
    options.timeout_ms = FRONT_ENOUGH_MS;
    set_up_bench(&bench, &options);
    int64_t begun_us = clock_monotonic_us();
    bench.call.deadline = deadline_in_ms(ms);
    struct front_call first = {.status = run(&bench, &get_k)};
    first.spent_us = clock_monotonic_us() - begun_us;
    bench.call.deadline = deadline_in_ms(FRONT_ENOUGH_MS);
    assert_true(first.status == STATUS_OK || run(&bench, &get_k) == STATUS_OK);
    expect_text(bench.replies[0], "there");
    tear_down_bench(&bench);
    front_stop(front);
    fake_stop(&fake, path);
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
