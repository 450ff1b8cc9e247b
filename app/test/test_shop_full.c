/* A shop that is full: who is turned away, how soon, and who is served all the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_mysql.h"
#include "shop_bench.h"

enum { QUEUE_LENGTH = 2 }; /* of shop_bench, behind its one worker */

struct full {
    struct bench bench;
    struct fake_mysql mysql;
    struct client *inside; /* who fills it */
    int64_t shed;          /* turned away before it was full */
};

/* MySQL says nothing to the one worker, and the queue behind it is full, until end(). */
static void begin(struct full *full) {
    char path[sizeof mysql_at];
    struct bytes requests = {0};
    *full = (struct full){
        .mysql = {.script = {{'R', FAKE_SILENT}, {'R', FAKE_SILENT}, {'R', FAKE_SILENT}}}}; /* a minute each */
    snprintf(path, sizeof path, "%s/mysql", directory);
    snprintf(mysql_at, sizeof mysql_at, "unix:%s", path);
    strcpy(mysql_timeout_ms, "60000");
    strcpy(request_timeout_ms, "600000");
    fake_start(&full->mysql, path);
    start(&full->bench);
    full->inside = client_new(listen_at);
    for (uint16_t id = 1; id <= 1 + QUEUE_LENGTH; id++) {
        put_request(&requests, id, FCGI_KEEP_CONN, "REQUEST_METHOD=GET\nREQUEST_URI=/\n", "");
        client_send(full->inside, &requests);
        wait_until(workers_busy(full->bench.shop.workers) == 1); /* before the next one comes */
    }
    wait_until(workers_queued(full->bench.shop.workers, WORKERS_BROWSING) == QUEUE_LENGTH);
    full->shed = metrics_get(METRIC_SHED_BROWSING_QUEUE_FULL);
}

static void end(struct full *full) {
    assert_int_equal(workers_queued(full->bench.shop.workers, WORKERS_BROWSING), QUEUE_LENGTH); /* all the time */
    fake_stop(&full->mysql);
    client_free(full->inside);
    stop(&full->bench);
}

static void browsing_is_turned_away_and_what_needs_no_worker_is_not(void **state) {
    (void)state;
    enum { VISITORS = 17 };
    struct full full;
    struct bytes requests = {0};
    begin(&full);
    struct client *client = client_new(listen_at), *other = client_new(listen_at);
    for (uint16_t id = 1; id <= VISITORS; id++) {
        put_request(&requests, id, FCGI_KEEP_CONN, "REQUEST_METHOD=GET\nREQUEST_URI=/\n", "");
    }
    client_send(client, &requests);
    for (int i = 0; i < VISITORS; i++) {
        struct bytes text;
        assert_true(client_answer(client, &text) <= VISITORS);
        assert_non_null(strstr((char *)text.data, "Status: 503 Service Unavailable\r\n"));
        assert_non_null(strstr((char *)text.data, "Retry-After: 1\r\n"));
        free_bytes(&text);
    }
    assert_int_equal(metrics_get(METRIC_SHED_BROWSING_QUEUE_FULL), full.shed + VISITORS);
    struct answer answer = ask(other, "GET", "/livez");
    expect_status(&answer, "200 OK");
    free_bytes(&answer.bytes);
    answer = ask(other, "GET", "/readyz");
    expect_status(&answer, "503 Service Unavailable"); /* no balancer should send more now */
    assert_non_null(strstr(answer.content, "\"full\""));
    free_bytes(&answer.bytes);
    client_free(client);
    client_free(other);
    end(&full);
}

/* --- How soon ------------------------------------------------------------------------- */

enum { REFUSALS = 1000, MOST_US = 1000 };

static _Thread_local int64_t whole_us; /* a request has come in whole, and nothing was sent since; 0: none has */
static int64_t spent_us[REFUSALS];     /* from then until its answer was the kernel's */
static atomic_uint counted;

static void note_whole(void *context, struct server *server, struct fcgi_request *request) {
    whole_us = clock_monotonic_us();
    shop_on_request(context, server, request);
}

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

/* An answer that another thread sends has whole_us 0 there, and is not counted. */
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags) {
    ssize_t sent = __real_sendmsg(fd, message, flags);
    unsigned index = atomic_load(&counted);
    if (whole_us != 0 && index < REFUSALS) {
        spent_us[index] = clock_monotonic_us() - whole_us;
        atomic_store(&counted, index + 1);
    }
    whole_us = 0;
    return sent;
}

static int compare(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* Taken in shopd, where it is the work of a moment; a visitor also waits for two threads to be woken, which is the
 * machine's affair. The median, because a thread may lose its processor at any moment, as some of a thousand do. */
static void turning_away_takes_less_than_a_millisecond(void **state) {
    (void)state;
    struct full full;
    on_request = note_whole;
    strcpy(log_requests, "0"); /* a thousand lines; who asks does not wait for any of them, see test_log_writer.c */
    begin(&full);
    struct client *client = client_new(listen_at);
    atomic_store(&counted, 0);
    for (unsigned i = 1; i <= REFUSALS; i++) {
        struct answer answer = ask(client, "GET", "/");
        expect_header(&answer, "Retry-After: 1");
        expect_page(answer, "503 Service Unavailable");
        wait_until(atomic_load(&counted) == i); /* by the thread that has read the request: no hand-over */
    }
    assert_int_equal(metrics_get(METRIC_SHED_BROWSING_QUEUE_FULL), full.shed + REFUSALS);
    client_free(client);
    end(&full);
    qsort(spent_us, REFUSALS, sizeof spent_us[0], compare);
    int64_t median_us = spent_us[REFUSALS / 2], late_us = spent_us[REFUSALS * 99 / 100];
    print_message("# turned away in %lld us, the median; 99 %% in %lld us\n", (long long)median_us, (long long)late_us);
    assert_true(median_us < MOST_US);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(browsing_is_turned_away_and_what_needs_no_worker_is_not),
        cmocka_unit_test(turning_away_takes_less_than_a_millisecond),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
