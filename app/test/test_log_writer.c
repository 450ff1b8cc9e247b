/* The log between log_start() and log_end(), and readers of standard error that are slow, gone or strange. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <yyjson.h>

#include "log.h"
#include "log_threads.h"
#include "log_writer.h"
#include "metrics.h"
#include "trap.h"
#include "wait.h"

enum { PATIENT_MS = PATIENCE_MS };

static void start(void) { assert_int_equal(log_start(), STATUS_OK); }

/* A line of about 300 bytes, as one of a request. */
static void log_number(int number) {
    static char padding[200];
    memset(padding, 'x', sizeof padding - 1);
    log_event(LOG_INFO, "counted", LOG_NUMBER("i", number), LOG_TEXT("padding", padding));
}

/* --- What was written ----------------------------------------------------------------- */

struct tally {
    int lines; /* of log_number(), each with a higher number than the one before */
    int last;
    int drops; /* that other lines tell of */
    int notices;
};

static int number_at(yyjson_doc *doc, const char *key) {
    return yyjson_get_int(yyjson_obj_get(yyjson_doc_get_root(doc), key));
}

static struct tally tally(char *written) {
    struct tally tally = {.last = -1};
    for (char *line = written, *end; *line != '\0'; line = end + 1) {
        end = strchr(line, '\n');
        assert_non_null(end);
        yyjson_doc *doc = yyjson_read(line, (size_t)(end - line), 0);
        assert_non_null(doc);
        if (strcmp(yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "event")), "log lines dropped") == 0) {
            tally.drops += number_at(doc, "lines");
            tally.notices++;
        } else {
            assert_true(number_at(doc, "i") > tally.last);
            tally.last = number_at(doc, "i");
            tally.lines++;
        }
        yyjson_doc_free(doc);
    }
    free(written);
    return tally;
}

/* --- Standard error as a pipe --------------------------------------------------------- */

struct pipe_trap {
    int ends[2];
    int real_stderr;
    struct trap read; /* what came out at the other end */
    pthread_t reader;
};

static struct pipe_trap pipe_stderr(void) {
    struct pipe_trap trap = {.real_stderr = dup(STDERR_FILENO)};
    assert_int_equal(pipe(trap.ends), 0);
    dup2(trap.ends[1], STDERR_FILENO);
    close(trap.ends[1]);
    return trap;
}

static void *read_to_the_end(void *argument) {
    struct pipe_trap *trap = argument;
    char bytes[4096];
    ssize_t length;
    while ((length = read(trap->ends[0], bytes, sizeof bytes)) > 0) {
        if (write(fileno(trap->read.file), bytes, (size_t)length) != length) {
            break;
        }
    }
    return NULL;
}

static void begin_reading(struct pipe_trap *trap) {
    trap->read = (struct trap){tmpfile(), -1};
    assert_non_null(trap->read.file);
    assert_int_equal(pthread_create(&trap->reader, NULL, read_to_the_end, trap), 0);
}

static void leave_pipe(struct pipe_trap *trap) {
    dup2(trap->real_stderr, STDERR_FILENO);
    close(trap->real_stderr);
}

/* After leave_pipe(), which lets the reader see the end. */
static struct tally end_reading(struct pipe_trap *trap) {
    pthread_join(trap->reader, NULL);
    close(trap->ends[0]);
    trap->read.real_stderr = dup(STDERR_FILENO);
    return tally(release(trap->read));
}

/* --- Tests ---------------------------------------------------------------------------- */

static void all_is_written_in_order_before_the_end(void **state) {
    (void)state;
    enum { LINES = 1000 };
    for (int round = 0; round < 3; round++) { /* it can be started again */
        struct trap trap = catch_stderr();
        start();
        for (int i = 0; i < LINES; i++) {
            log_number(i);
        }
        log_end(PATIENT_MS);
        struct tally seen = tally(release(trap));
        assert_int_equal(seen.lines, LINES);
        assert_int_equal(seen.notices, 0);
    }
}

static void a_line_needs_no_other_to_be_written(void **state) {
    (void)state;
    struct trap trap = catch_stderr();
    struct stat file = {0};
    start();
    log_number(1);
    wait_until(fstat(fileno(trap.file), &file) == 0 && file.st_size > 0);
    log_number(2);
    wait_until(fstat(fileno(trap.file), &file) == 0 && file.st_size > 500);
    log_end(PATIENT_MS);
    assert_int_equal(tally(release(trap)).lines, 2);
}

static void outside_of_start_and_end_a_line_is_written_at_once(void **state) {
    (void)state;
    struct trap trap = catch_stderr();
    struct stat before, after;
    fstat(fileno(trap.file), &before);
    log_number(1);
    fstat(fileno(trap.file), &after);
    assert_true(after.st_size > before.st_size);
    start();
    log_end(PATIENT_MS);
    log_number(2);
    fstat(fileno(trap.file), &before);
    assert_true(before.st_size == 2 * after.st_size);
    assert_int_equal(tally(release(trap)).lines, 2);
}

static void an_end_without_a_start_is_nothing(void **state) {
    (void)state;
    log_end(PATIENT_MS);
    start();
    log_end(PATIENT_MS);
    log_end(PATIENT_MS);
}

/* Every write to such a socket is a message of its own. */
static void many_lines_are_one_write(void **state) {
    (void)state;
    enum { LINES = 500 };
    int ends[2], real_stderr = dup(STDERR_FILENO), writes = 0;
    static char message[LOG_BUFFER_BYTES];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    dup2(ends[1], STDERR_FILENO);
    start();
    for (int i = 0; i < LINES; i++) {
        log_number(i);
    }
    log_end(PATIENT_MS);
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    close(ends[1]);
    while (recv(ends[0], message, sizeof message, MSG_DONTWAIT) > 0) {
        writes++;
    }
    close(ends[0]);
    assert_in_range(writes, 1, LINES / 5);
}

/* One more line, and whether it was taken. */
static bool one_more_is_taken(int *sent) {
    int64_t dropped = metrics_get(METRIC_LOG_DROPPED);
    log_number((*sent)++);
    return metrics_get(METRIC_LOG_DROPPED) == dropped;
}

/* Whether the pipe is a blocking one or not. */
static void check_slow_reader(int flags) {
    struct pipe_trap trap = pipe_stderr();
    int64_t dropped = metrics_get(METRIC_LOG_DROPPED);
    int sent = 0;
    fcntl(STDERR_FILENO, F_SETFL, flags);
    start();
    while (metrics_get(METRIC_LOG_DROPPED) < dropped + 100) { /* nobody reads: comes to an end if nobody waits */
        log_number(sent++);
    }
    begin_reading(&trap);
    wait_until(one_more_is_taken(&sent));
    dropped = metrics_get(METRIC_LOG_DROPPED) - dropped;
    log_end(PATIENT_MS);
    leave_pipe(&trap);
    struct tally seen = end_reading(&trap);
    assert_true(seen.notices >= 1); /* two, if the thread came late to the first buffer */
    assert_int_equal(seen.drops, dropped);
    assert_int_equal(seen.lines, sent - dropped);
    assert_int_equal(seen.last, sent - 1);
    assert_true(seen.lines * 400 > LOG_BUFFER_BYTES); /* not before the buffers were full */
}

static void a_slow_reader_costs_lines_and_is_told_how_many(void **state) {
    (void)state;
    check_slow_reader(0);
    check_slow_reader(O_NONBLOCK);
}

/* A pipe that is full, and two lines on their way: the thread hangs in write(2). */
static void the_end_does_not_wait_for_who_never_reads(void **state) {
    (void)state;
    struct pipe_trap trap = pipe_stderr();
    int64_t dropped = metrics_get(METRIC_LOG_DROPPED);
    start();
    for (int i = 0; metrics_get(METRIC_LOG_DROPPED) == dropped; i++) {
        log_number(i);
    }
    int64_t begun_us = clock_monotonic_us();
    log_end(20);
    int64_t took_us = clock_monotonic_us() - begun_us;
    leave_pipe(&trap);
    close(trap.ends[0]);
    assert_in_range(took_us, 20000, 5000000);
    struct trap file = catch_stderr(); /* and afterwards it is as if it had never been started */
    log_number(1);
    start();
    log_number(2);
    log_end(PATIENT_MS);
    struct tally seen = tally(release(file));
    assert_int_equal(seen.lines, 2);
    assert_int_equal(seen.notices, 0);
}

static void without_standard_error_nothing_hangs(void **state) {
    (void)state;
    struct trap trap = catch_stderr();
    close(STDERR_FILENO);
    start();
    for (int i = 0; i < 5000; i++) {
        log_number(i);
    }
    log_end(PATIENT_MS);
    free(release(trap));
}

/* --- Several threads ------------------------------------------------------------------ */

/* What is logged while the log ends is written by the thread or by the caller: nothing is lost. */
static void lines_of_several_threads_survive_the_end(void **state) {
    (void)state;
    pthread_t threads[LOG_THREADS];
    struct trap trap = catch_stderr();
    start();
    start_log_threads(threads);
    log_end(PATIENT_MS);
    join_log_threads(threads);
    expect_lines_of_all(release(trap));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_written_in_order_before_the_end),
        cmocka_unit_test(a_line_needs_no_other_to_be_written),
        cmocka_unit_test(outside_of_start_and_end_a_line_is_written_at_once),
        cmocka_unit_test(an_end_without_a_start_is_nothing),
        cmocka_unit_test(many_lines_are_one_write),
        cmocka_unit_test(a_slow_reader_costs_lines_and_is_told_how_many),
        cmocka_unit_test(the_end_does_not_wait_for_who_never_reads),
        cmocka_unit_test(without_standard_error_nothing_hangs),
        cmocka_unit_test(lines_of_several_threads_survive_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
