/* Who asks for too much, as seen from the web server: 429 before a worker is needed, and never for those who run the site. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shop_bench.h"

enum { AT_ONCE = 5, ASKED = 50 };

/* The status of an answer to a request from an address. */
static int status_for(struct client *client, const char *uri, const char *address) {
    char params[256];
    snprintf(params, sizeof params, "REQUEST_METHOD=GET\nREQUEST_URI=%s\nREMOTE_ADDR=%s\n", uri, address);
    struct answer answer = ask_with(client, params, "");
    int status = atoi(strstr((char *)answer.bytes.data, "Status: ") + strlen("Status: "));
    assert_int_equal(status == 429, has_header(&answer, "\nRateLimit-Limit: 5\r\n"));
    free_bytes(&answer.bytes);
    return status;
}

static void an_address_gets_its_share_and_then_429(void **state) {
    (void)state;
    struct bench bench;
    strcpy(limit_per_s, "1");
    start(&bench);
    strcpy(limit_per_s, "0");
    struct client *client = client_new(listen_at);
    int64_t begun_us = clock_monotonic_us(), limited = metrics_get(METRIC_LIMITED_ADDRESS);
    int served = 0;
    for (int i = 0; i < ASKED; i++) {
        served += status_for(client, "/login", "192.0.2.1") == 200;
    }
    int64_t seconds = (clock_monotonic_us() - begun_us) / 1000000;
    assert_in_range(served, AT_ONCE, AT_ONCE + seconds + 1);
    assert_int_equal(metrics_get(METRIC_LIMITED_ADDRESS), limited + ASKED - served);
    assert_int_equal(status_for(client, "/login", "192.0.2.2"), 200);
    for (int i = 0; i < ASKED; i++) {
        assert_int_equal(status_for(client, "/livez", "192.0.2.1"), 200);
        assert_int_equal(status_for(client, "/metrics", "192.0.2.1"), 200);
        assert_int_equal(status_for(client, "/readyz", "192.0.2.1"), 503);
    }
    client_free(client);
    stop(&bench);
}

static void a_limit_of_zero_is_none(void **state) {
    (void)state;
    struct bench bench;
    start(&bench);
    struct client *client = client_new(listen_at);
    for (int i = 0; i < ASKED; i++) {
        assert_int_equal(status_for(client, "/login", "192.0.2.1"), 200);
    }
    client_free(client);
    stop(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_gets_its_share_and_then_429),
        cmocka_unit_test(a_limit_of_zero_is_none),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
