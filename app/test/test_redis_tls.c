/* Redis behind TLS, which falls silent, leaves or becomes slow at any byte. Whom to trust is tested in tests/backends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "redis_bench.h"
#include "tls_front.h"

static char ca_file[PATH_BYTES + 4];

/* Asks for k, and again if that failed. */
static struct front_trial ask_twice(int version, enum front_end end, size_t most_bytes, int64_t ms) {
    static const struct fake_connection good = {.answers = {SAY("+OK\r\n"), SAY("$5\r\nthere\r\n")}};
    struct fake_redis fake = {.script = {good, good}};
    struct tls_front front = {
        .behind = path, .ca_file = ca_file, .version = version, .most_bytes = most_bytes, .end = end};
    struct bench bench;
    fake_start(&fake, path);
    front_start(&front);
    struct redis_options options = options_for(front.where);
    options.password = "a secret";
    options.ca_file = ca_file;
    options.timeout_ms = FRONT_ENOUGH_MS;
    set_up_bench(&bench, &options);
    int64_t begun_us = clock_monotonic_us();
    bench.call.deadline = deadline_in_ms(ms);
    struct front_trial trial = {.status = run(&bench, &get_k)};
    trial.spent_us = clock_monotonic_us() - begun_us;
    bench.call.deadline = deadline_in_ms(FRONT_ENOUGH_MS);
    assert_true(trial.status == STATUS_OK || run(&bench, &get_k) == STATUS_OK);
    expect_text(bench.replies[0], "there");
    tear_down_bench(&bench);
    front_stop(&front);
    fake_stop(&fake, path);
    trial.sent_bytes = front.sent_bytes;
    trial.shaken_bytes = front.shaken_bytes;
    return trial;
}

static void silence_at_any_byte_costs_the_time_of_the_call(void **state) {
    (void)state;
    front_test_any_byte(ask_twice, FRONT_SILENT);
}

static void leaving_at_any_byte_is_noticed_before_that(void **state) {
    (void)state;
    front_test_any_byte(ask_twice, FRONT_LEAVES);
}

static void a_handshake_that_trickles_costs_no_more(void **state) {
    (void)state;
    front_test_slow_handshake(ask_twice);
}

static int set_up_all(void **state) {
    int failed = set_up(state);
    snprintf(ca_file, sizeof ca_file, "%s.pem", path);
    return failed;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_at_any_byte_costs_the_time_of_the_call),
        cmocka_unit_test(leaving_at_any_byte_is_noticed_before_that),
        cmocka_unit_test(a_handshake_that_trickles_costs_no_more),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down);
}
