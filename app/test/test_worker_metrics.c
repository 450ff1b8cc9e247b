#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "log_capture.h"
#include "worker_metrics.h"

static const struct worker_counts counts = {.sent = 1, .written = 22, .again = 3, .failed = 4, .dead = 5};
static const struct outbox_count waiting[OUTBOX_STATES] = {
    [OUTBOX_NEW] = {6, 70}, [OUTBOX_SENT] = {8, 90}, [OUTBOX_DEAD] = {10, 110}};

static void every_count_has_its_line(void **state) {
    (void)state;
    static const char *const lines[] = {
        "shop_worker_pieces_total{result=\"sent\"} 1\n",
        "shop_worker_pieces_total{result=\"written\"} 22\n",
        "shop_worker_pieces_total{result=\"again\"} 3\n",
        "shop_worker_pieces_total{result=\"failed\"} 4\n",
        "shop_worker_pieces_total{result=\"dead\"} 5\n",
        "shop_outbox_rows{state=\"new\"} 6\n",
        "shop_outbox_rows{state=\"sent\"} 8\n",
        "shop_outbox_rows{state=\"dead\"} 10\n",
        "shop_outbox_oldest_seconds{state=\"new\"} 70\n",
        "shop_outbox_oldest_seconds{state=\"sent\"} 90\n",
        "shop_outbox_oldest_seconds{state=\"dead\"} 110\n",
        "shop_worker_last_round_timestamp_seconds 1774000000\n",
        "# TYPE shop_worker_pieces_total counter\n",
    };
    char room[4096];
    struct text text;
    struct slice out;
    text_init_in(&text, room, sizeof room - 1);
    worker_metrics_render(&text, &counts, waiting, 1774000000);
    assert_int_equal(text_slice(&text, &out), STATUS_OK);
    room[out.length] = '\0';
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (strstr(room, lines[i]) == NULL) {
            fail_msg("there is no %s", lines[i]);
        }
    }
    assert_null(strstr(room, "state=\"done\""));
}

static void the_file_is_replaced_in_one_step(void **state) {
    (void)state;
    char directory[] = "/tmp/metrics-XXXXXX", path[64], beside[80], content[4096];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/worker.prom", directory);
    snprintf(beside, sizeof beside, "%s.new", path);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(worker_metrics_write(path, &counts, waiting), STATUS_OK);
        assert_int_equal(access(beside, F_OK), -1);
    }
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    content[fread(content, 1, sizeof content - 1, file)] = '\0';
    fclose(file);
    assert_non_null(strstr(content, "{result=\"written\"} 22\n"));
    unlink(path);
    rmdir(directory);
}

static void a_file_that_cannot_be_written_is_told(void **state) {
    (void)state;
    begin_log();
    assert_int_equal(worker_metrics_write("/nowhere/worker.prom", &counts, waiting), STATUS_NOT_FOUND);
    const char *log = end_log();
    assert_int_equal(count(log, "\"file\":\"/nowhere/worker.prom\",\"error\":\"No such file or directory\""), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_count_has_its_line),
        cmocka_unit_test(the_file_is_replaced_in_one_step),
        cmocka_unit_test(a_file_that_cannot_be_written_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
