/* What a visitor is told about time and traces: where it went, when it was up, and that the shop is closing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shop_bench.h"

#define TRACE_ID "4bf92f3577b34da6a3ce929d0e0e4736"

static void the_callers_trace_goes_on(void **state) {
    (void)state;
    struct bench bench;
    start(&bench);
    struct client *client = client_new(listen_at);
    int64_t taken_over = metrics_get(METRIC_TRACES_TAKEN_OVER), begun = metrics_get(METRIC_TRACES_BEGUN);
    struct answer answer = ask_with(client,
                                    "REQUEST_METHOD=GET\nREQUEST_URI=/livez\n"
                                    "HTTP_TRACEPARENT=00-" TRACE_ID "-00f067aa0ba902b7-01\n",
                                    "");
    const char *echoed = strstr((char *)answer.bytes.data, "Traceparent: 00-" TRACE_ID "-");
    assert_non_null(echoed);
    assert_null(strstr(echoed, "00f067aa0ba902b7")); /* the span is ours */
    assert_memory_equal(echoed + strlen("Traceparent: ") + TRACE_PARENT_CHARS - 2, "01\r\n", 4);
    free_bytes(&answer.bytes);

    answer = ask_with(client, "REQUEST_METHOD=GET\nREQUEST_URI=/livez\nHTTP_TRACEPARENT=00-evil\n", "");
    expect_status(&answer, "200 OK");
    assert_false(has_header(&answer, "Traceparent"));
    free_bytes(&answer.bytes);
    assert_int_equal(metrics_get(METRIC_TRACES_TAKEN_OVER), taken_over + 1);
    assert_int_equal(metrics_get(METRIC_TRACES_BEGUN), begun + 1);
    client_free(client);
    stop(&bench);
}

static void a_page_says_where_its_time_went(void **state) {
    (void)state;
    struct bench bench;
    start(&bench);
    struct client *client = client_new(listen_at);
    struct answer answer = ask(client, "GET", "/products");
    const char *timing = strstr((char *)answer.bytes.data, "Server-Timing: queue;dur=");
    assert_non_null(timing);
    float queue = -1, total = -1; /* no MySQL is known to live, so none was asked */
    assert_int_equal(sscanf(timing, "Server-Timing: queue;dur=%f, total;dur=%f\r\n", &queue, &total), 2);
    assert_true(queue >= 0 && total > 0 && queue <= total);
    free_bytes(&answer.bytes);

    answer = ask(client, "GET", "/livez"); /* waited for nothing */
    assert_false(has_header(&answer, "Server-Timing"));
    free_bytes(&answer.bytes);
    client_free(client);
    stop(&bench);
}

static void a_request_that_does_not_come_in_whole_is_408(void **state) {
    (void)state;
    struct bench bench;
    struct bytes records = {0};
    read_timeout_ms = 100;
    start(&bench);
    read_timeout_ms = 60000;
    struct client *client = client_new(listen_at);
    int64_t not_read = metrics_get(METRIC_REFUSED_NOT_READ);
    put_begin(&records, 5, FCGI_RESPONDER, FCGI_KEEP_CONN);
    put_pairs(&records, FCGI_PARAMS, 5, "REQUEST_METHOD=POST\nREQUEST_URI=/cart\n");
    put_record(&records, FCGI_PARAMS, 5, "");
    put_record(&records, FCGI_STDIN, 5, "the first half");
    client_send(client, &records);
    expect_page(receive(client, 5), "408 Request Timeout");
    assert_int_equal(metrics_get(METRIC_REFUSED_NOT_READ), not_read + 1);
    struct answer answer = ask(client, "GET", "/livez");
    expect_status(&answer, "200 OK");
    free_bytes(&answer.bytes);
    client_free(client);
    stop(&bench);
}

/* A request is open until its body has come, so that the connection stays while the shop closes. */
static void what_begins_while_the_shop_closes_is_503(void **state) {
    (void)state;
    struct bench bench;
    struct bytes records = {0};
    linger_ms = 0;
    start(&bench);
    linger_ms = 60000;
    struct client *idle = client_new(listen_at), *client = client_new(listen_at);
    put_begin(&records, 1, FCGI_RESPONDER, FCGI_KEEP_CONN);
    put_pairs(&records, FCGI_PARAMS, 1, "REQUEST_METHOD=GET\nREQUEST_URI=/livez\n");
    put_record(&records, FCGI_PARAMS, 1, "");
    client_send(client, &records);
    struct answer answer;
    put_request(&records, 2, FCGI_KEEP_CONN, "REQUEST_METHOD=GET\nREQUEST_URI=/livez\n", "");
    client_send(client, &records);
    answer = receive(client, 2); /* so the first one has begun */
    expect_status(&answer, "200 OK");
    free_bytes(&answer.bytes);

    int64_t stopping = metrics_get(METRIC_REFUSED_STOPPING);
    server_stop(bench.shop.server);
    client_expect_close(idle); /* the shop has begun to close its connections, this one last */
    put_request(&records, 2, FCGI_KEEP_CONN, "REQUEST_METHOD=GET\nREQUEST_URI=/api/v1/products\n", "");
    client_send(client, &records);
    answer = receive(client, 2);
    expect_header(&answer, "Retry-After: 1");
    expect_problem(answer, "503 Service Unavailable");
    assert_int_equal(metrics_get(METRIC_REFUSED_STOPPING), stopping + 1);

    put_record(&records, FCGI_STDIN, 1, "");
    client_send(client, &records);
    answer = receive(client, 1);
    expect_status(&answer, "200 OK"); /* it had begun before */
    free_bytes(&answer.bytes);
    client_expect_close(client);
    client_free(client);
    client_free(idle);
    stop(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_callers_trace_goes_on),
        cmocka_unit_test(a_page_says_where_its_time_went),
        cmocka_unit_test(a_request_that_does_not_come_in_whole_is_408),
        cmocka_unit_test(what_begins_while_the_shop_closes_is_503),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
