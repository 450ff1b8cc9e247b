#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clock.h"
#include "wait.h"
#include "watcher.h"

struct watched {
    atomic_uint looks, ends;
};

static void look(void *context) { atomic_fetch_add(&((struct watched *)context)->looks, 1); }

static void end(void *context) { atomic_fetch_add(&((struct watched *)context)->ends, 1); }

static void it_looks_again_and_again(void **state) {
    (void)state;
    struct watched watched = {0};
    const struct watcher_options options = {1, look, end, &watched};
    struct watcher *watcher;
    assert_int_equal(watcher_start(&options, &watcher), STATUS_OK);
    wait_until(atomic_load(&watched.looks) > 3);
    assert_int_equal(watched.ends, 0);
    watcher_stop(watcher);
    assert_int_equal(watched.ends, 1);
    unsigned looks = atomic_load(&watched.looks);
    assert_true(looks > 3);
}

static void it_ends_without_waiting_for_the_next_look(void **state) {
    (void)state;
    struct watched watched = {0};
    const struct watcher_options options = {600000, look, NULL, &watched};
    struct watcher *watcher;
    assert_int_equal(watcher_start(&options, &watcher), STATUS_OK);
    int64_t begun_us = clock_monotonic_us();
    watcher_stop(watcher);
    assert_true(clock_monotonic_us() - begun_us < 10000000);
    assert_int_equal(watched.looks, 0);
}

static void nothing_is_stopped_in_peace(void **state) {
    (void)state;
    watcher_stop(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_looks_again_and_again),
        cmocka_unit_test(it_ends_without_waiting_for_the_next_look),
        cmocka_unit_test(nothing_is_stopped_in_peace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
