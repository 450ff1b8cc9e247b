#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wait.h"
#include "watchdog.h"

/* A socket, and its peer, which says nothing. */
struct line {
    int fd, peer;
    struct watch watch;
};

static void open_line(struct line *line) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    line->fd = fds[0];
    line->peer = fds[1];
    assert_int_equal(watch_open(&line->watch, line->fd), STATUS_OK);
}

static void close_line(struct line *line) {
    watch_close(&line->watch);
    close(line->fd);
    close(line->peer);
}

/* What a library does: it waits for bytes. */
static ssize_t wait_for_bytes(int fd) {
    char byte;
    return recv(fd, &byte, 1, 0);
}

static bool is_open(int fd) {
    char byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT) == -1;
}

static struct watchdog *start(void) {
    struct watchdog *watchdog;
    assert_int_equal(watchdog_start(&watchdog), STATUS_OK);
    return watchdog;
}

static void a_wait_ends_at_its_deadline(void **state) {
    (void)state;
    struct watchdog *watchdog = start();
    struct line line;
    open_line(&line);
    int64_t begun_us = clock_monotonic_us();
    watchdog_watch(watchdog, &line.watch, deadline_in_ms(40));
    assert_int_equal(wait_for_bytes(line.fd), 0);
    int64_t spent_us = clock_monotonic_us() - begun_us;
    assert_true(spent_us >= 40000);
    assert_true(spent_us < 5000000);
    assert_true(watchdog_leave(watchdog, &line.watch));
    close_line(&line);
    watchdog_stop(watchdog);
}

static void the_sooner_deadline_comes_first(void **state) {
    (void)state;
    struct watchdog *watchdog = start();
    struct line late, soon;
    open_line(&late);
    open_line(&soon);
    watchdog_watch(watchdog, &late.watch, deadline_in_ms(60000));
    watchdog_watch(watchdog, &soon.watch, deadline_in_ms(20));
    assert_int_equal(wait_for_bytes(soon.fd), 0);
    assert_true(watchdog_leave(watchdog, &soon.watch));
    assert_true(is_open(late.fd));
    assert_false(watchdog_leave(watchdog, &late.watch));
    close_line(&late);
    close_line(&soon);
    watchdog_stop(watchdog);
}

static void who_left_in_time_is_not_bitten(void **state) {
    (void)state;
    struct watchdog *watchdog = start();
    struct line left, waits;
    open_line(&left);
    open_line(&waits);
    watchdog_watch(watchdog, &left.watch, deadline_in_ms(1000)); /* as a busy machine may take to leave */
    assert_false(watchdog_leave(watchdog, &left.watch));
    watchdog_watch(watchdog, &waits.watch, deadline_in_ms(1050));
    assert_int_equal(wait_for_bytes(waits.fd), 0); /* by then the first deadline has passed too */
    watchdog_leave(watchdog, &waits.watch);
    assert_true(is_open(left.fd));
    close_line(&left);
    close_line(&waits);
    watchdog_stop(watchdog);
}

static void a_deadline_that_has_passed_bites_at_once(void **state) {
    (void)state;
    struct watchdog *watchdog = start();
    struct line line;
    open_line(&line);
    watchdog_watch(watchdog, &line.watch, (struct deadline){0});
    assert_int_equal(wait_for_bytes(line.fd), 0);
    assert_true(watchdog_leave(watchdog, &line.watch));
    close_line(&line);
    watchdog_stop(watchdog);
}

/* The number of a closed socket goes to the next one that is opened, which is none of the watchdog's business. */
static void a_socket_that_got_the_number_of_a_closed_one_is_left_alone(void **state) {
    (void)state;
    struct watchdog *watchdog = start();
    struct line line, other;
    open_line(&line);
    watchdog_watch(watchdog, &line.watch, deadline_in_ms(20));
    int number = line.fd;
    close(line.fd);
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(fds[0], number);
    assert_int_equal(wait_for_bytes(line.peer), 0); /* bitten */
    assert_true(is_open(fds[0]));
    assert_true(watchdog_leave(watchdog, &line.watch));
    watch_close(&line.watch);
    close(line.peer);
    close(fds[0]);
    close(fds[1]);
    open_line(&other);
    close_line(&other);
    watchdog_stop(watchdog);
}

enum { THREADS = 4, ROUNDS = 2000 };

static void *watch_and_leave(void *argument) {
    struct watchdog *watchdog = argument;
    for (int i = 0; i < ROUNDS; i++) {
        struct line line;
        open_line(&line);
        watchdog_watch(watchdog, &line.watch, (struct deadline){clock_monotonic_us() + i % 3 * 20});
        bool bitten = watchdog_leave(watchdog, &line.watch);
        assert_int_equal(is_open(line.fd), !bitten);
        close_line(&line);
    }
    return NULL;
}

static void many_threads_are_told_the_truth(void **state) {
    (void)state;
    struct watchdog *watchdog = start();
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, watch_and_leave, watchdog), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    watchdog_stop(watchdog);
}

static void no_watchdog_is_stopped_in_peace(void **state) {
    (void)state;
    watchdog_stop(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_ends_at_its_deadline),
        cmocka_unit_test(the_sooner_deadline_comes_first),
        cmocka_unit_test(who_left_in_time_is_not_bitten),
        cmocka_unit_test(a_deadline_that_has_passed_bites_at_once),
        cmocka_unit_test(a_socket_that_got_the_number_of_a_closed_one_is_left_alone),
        cmocka_unit_test(many_threads_are_told_the_truth),
        cmocka_unit_test(no_watchdog_is_stopped_in_peace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
