#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wait.h"
#include "workers.h"

enum { RUNS_MAX = 4096 };

/* A job waits for its gate, if it has one, and says which one ran, on which state. */
struct job {
    int number;
    const atomic_bool *gate;
};

struct bench {
    struct workers *workers;
    pthread_mutex_t lock;
    int ran[RUNS_MAX];
    atomic_size_t ran_count;
    atomic_uint opened, closed;
    atomic_bool wrong_thread;
};

struct thread_state {
    struct bench *bench;
    pthread_t owner;
};

static void *open_state(void *context) {
    struct bench *bench = context;
    struct thread_state *state = malloc(sizeof *state);
    if (state == NULL) {
        abort();
    }
    *state = (struct thread_state){bench, pthread_self()};
    atomic_fetch_add(&bench->opened, 1);
    return state;
}

static void check_owner(const struct thread_state *state) {
    if (!pthread_equal(state->owner, pthread_self())) {
        atomic_store(&state->bench->wrong_thread, true);
    }
}

static void run_job(void *argument, void *work) {
    struct thread_state *state = argument;
    struct job *job = work;
    struct bench *bench = state->bench;
    check_owner(state);
    while (job->gate != NULL && !atomic_load(job->gate)) {
        look_again_later();
    }
    pthread_mutex_lock(&bench->lock);
    bench->ran[atomic_load(&bench->ran_count)] = job->number;
    atomic_fetch_add(&bench->ran_count, 1);
    pthread_mutex_unlock(&bench->lock);
}

static void close_state(void *argument) {
    struct thread_state *state = argument;
    check_owner(state);
    atomic_fetch_add(&state->bench->closed, 1);
    free(state);
}

static void start_reserved(struct bench *bench, unsigned threads, unsigned reserved, unsigned queue_length) {
    const struct workers_options options = {threads, reserved, queue_length, open_state, run_job, close_state, bench};
    memset(bench, 0, sizeof *bench);
    pthread_mutex_init(&bench->lock, NULL);
    assert_int_equal(workers_start(&options, &bench->workers), STATUS_OK);
}

static void start(struct bench *bench, unsigned threads, unsigned queue_length) {
    start_reserved(bench, threads, 0, queue_length);
}

/* Everything that was opened was closed, by its own thread. */
static void stop(struct bench *bench, unsigned threads) {
    workers_stop(bench->workers);
    assert_int_equal(bench->opened, threads);
    assert_int_equal(bench->closed, threads);
    assert_false(bench->wrong_thread);
    pthread_mutex_destroy(&bench->lock);
}

static void jobs_run_in_the_order_they_came(void **state) {
    (void)state;
    enum { JOBS = 300, QUEUE = 7 }; /* round the ring many times */
    struct bench bench;
    struct job jobs[JOBS];
    start(&bench, 1, QUEUE);
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct job){i, NULL};
        wait_until(workers_submit(bench.workers, WORKERS_BROWSING, &jobs[i]));
    }
    wait_until(bench.ran_count == JOBS);
    for (int i = 0; i < JOBS; i++) {
        assert_int_equal(bench.ran[i], i);
    }
    stop(&bench, 1);
}

static void a_full_queue_refuses_at_once_and_takes_again_later(void **state) {
    (void)state;
    enum { QUEUE = 3 };
    struct bench bench;
    atomic_bool gate = false;
    struct job slow = {0, &gate}, waiting[QUEUE] = {{1, NULL}, {2, NULL}, {3, NULL}}, late = {4, NULL};
    start(&bench, 1, QUEUE);
    assert_int_equal(workers_busy(bench.workers), 0);
    assert_true(workers_submit(bench.workers, WORKERS_BROWSING, &slow));
    wait_until(workers_busy(bench.workers) == 1);
    assert_int_equal(workers_queued(bench.workers, WORKERS_BROWSING), 0);
    for (unsigned i = 0; i < QUEUE; i++) {
        assert_int_equal(workers_queued(bench.workers, WORKERS_BROWSING), i);
        assert_true(workers_submit(bench.workers, WORKERS_BROWSING, &waiting[i]));
    }
    assert_false(workers_submit(bench.workers, WORKERS_BROWSING, &late));
    assert_int_equal(workers_queued(bench.workers, WORKERS_BROWSING), QUEUE);
    assert_int_equal(bench.ran_count, 0);

    atomic_store(&gate, true);
    wait_until(workers_submit(bench.workers, WORKERS_BROWSING, &late));
    wait_until(bench.ran_count == QUEUE + 2);
    for (int i = 0; i < QUEUE + 2; i++) {
        assert_int_equal(bench.ran[i], i);
    }
    wait_until(workers_busy(bench.workers) == 0);
    stop(&bench, 1);
}

static void a_slow_job_does_not_hold_up_the_others(void **state) {
    (void)state;
    enum { JOBS = 100 };
    struct bench bench;
    atomic_bool gate = false;
    struct job slow = {-1, &gate}, quick[JOBS];
    start(&bench, 2, JOBS + 1);
    assert_true(workers_submit(bench.workers, WORKERS_BROWSING, &slow));
    for (int i = 0; i < JOBS; i++) {
        quick[i] = (struct job){i, NULL};
        assert_true(workers_submit(bench.workers, WORKERS_BROWSING, &quick[i]));
    }
    wait_until(bench.ran_count == JOBS);
    wait_until(workers_busy(bench.workers) == 1);
    atomic_store(&gate, true);
    wait_until(bench.ran_count == JOBS + 1);
    assert_int_equal(bench.ran[JOBS], -1);
    stop(&bench, 2);
}

static void *open_gate(void *argument) {
    atomic_bool *gate = argument;
    atomic_store(gate, true);
    return NULL;
}

static void stop_runs_what_is_queued(void **state) {
    (void)state;
    enum { JOBS = 50 };
    struct bench bench;
    atomic_bool gate = false;
    struct job slow = {0, &gate}, queued[JOBS];
    pthread_t thread;
    start(&bench, 1, JOBS);
    assert_true(workers_submit(bench.workers, WORKERS_BROWSING, &slow));
    wait_until(workers_busy(bench.workers) == 1);
    for (int i = 0; i < JOBS; i++) {
        queued[i] = (struct job){i + 1, NULL};
        assert_true(workers_submit(bench.workers, WORKERS_BROWSING, &queued[i]));
    }
    assert_int_equal(pthread_create(&thread, NULL, open_gate, &gate), 0);
    stop(&bench, 1);
    pthread_join(thread, NULL);
    assert_int_equal(bench.ran_count, JOBS + 1);
    for (int i = 0; i < JOBS + 1; i++) {
        assert_int_equal(bench.ran[i], i);
    }
}

static void each_thread_has_a_state_of_its_own(void **state) {
    (void)state;
    enum { THREADS = 8, JOBS = 400 };
    struct bench bench;
    struct job jobs[JOBS];
    start(&bench, THREADS, JOBS);
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct job){i, NULL};
        assert_true(workers_submit(bench.workers, WORKERS_BROWSING, &jobs[i]));
    }
    wait_until(bench.ran_count == JOBS);
    stop(&bench, THREADS);
}

static void *submit_many(void *argument) {
    static struct job job = {7, NULL};
    struct bench *bench = argument;
    for (int i = 0; i < 500; i++) {
        while (!workers_submit(bench->workers, WORKERS_BROWSING, &job)) {
            look_again_later();
        }
    }
    return NULL;
}

static void several_threads_may_submit(void **state) {
    (void)state;
    enum { SUBMITTERS = 4 };
    struct bench bench;
    pthread_t threads[SUBMITTERS];
    start(&bench, 4, 16);
    for (int i = 0; i < SUBMITTERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, &bench), 0);
    }
    for (int i = 0; i < SUBMITTERS; i++) {
        pthread_join(threads[i], NULL);
    }
    stop(&bench, 4);
    assert_int_equal(bench.ran_count, SUBMITTERS * 500);
}

static void what_is_vital_goes_first_and_has_a_queue_of_its_own(void **state) {
    (void)state;
    struct bench bench;
    atomic_bool gate = false;
    struct job slow = {0, &gate}, browsing[2] = {{3, NULL}, {4, NULL}}, vital[2] = {{1, NULL}, {2, NULL}};
    start(&bench, 1, 2);
    assert_true(workers_submit(bench.workers, WORKERS_BROWSING, &slow));
    wait_until(workers_busy(bench.workers) == 1);
    for (size_t i = 0; i < 2; i++) {
        assert_true(workers_submit(bench.workers, WORKERS_BROWSING, &browsing[i]));
    }
    assert_false(workers_submit(bench.workers, WORKERS_BROWSING, &slow));
    for (size_t i = 0; i < 2; i++) {
        assert_true(workers_submit(bench.workers, WORKERS_VITAL, &vital[i]));
    }
    assert_false(workers_submit(bench.workers, WORKERS_VITAL, &slow));
    assert_int_equal(workers_queued(bench.workers, WORKERS_VITAL), 2);
    assert_int_equal(workers_queued(bench.workers, WORKERS_BROWSING), 2);
    atomic_store(&gate, true);
    wait_until(bench.ran_count == 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(bench.ran[i], i);
    }
    stop(&bench, 1);
}

static void some_workers_are_kept_free_of_browsing(void **state) {
    (void)state;
    enum { JOBS = 6 };
    struct bench bench;
    atomic_bool gate = false;
    struct job slow[JOBS], vital = {99, NULL};
    start_reserved(&bench, 3, 1, JOBS);
    for (int i = 0; i < JOBS; i++) {
        slow[i] = (struct job){i, &gate};
        assert_true(workers_submit(bench.workers, WORKERS_BROWSING, &slow[i]));
    }
    wait_until(workers_busy(bench.workers) == 2);
    assert_true(workers_submit(bench.workers, WORKERS_VITAL, &vital));
    wait_until(bench.ran_count == 1);
    assert_int_equal(bench.ran[0], 99);
    wait_until(workers_busy(bench.workers) == 2);
    assert_int_equal(workers_queued(bench.workers, WORKERS_BROWSING), JOBS - 2);
    atomic_store(&gate, true);
    wait_until(bench.ran_count == JOBS + 1);
    stop(&bench, 3);
}

/* None of them in particular: whichever is free. */
static void any_worker_may_be_the_one_that_is_kept_free(void **state) {
    (void)state;
    struct bench bench;
    atomic_bool first = false, second = false;
    struct job slow = {1, &first}, vital = {2, &second}, next = {4, NULL};
    start_reserved(&bench, 2, 1, 4);
    assert_true(workers_submit(bench.workers, WORKERS_VITAL, &vital));
    wait_until(workers_busy(bench.workers) == 1);
    assert_true(workers_submit(bench.workers, WORKERS_BROWSING, &slow));
    wait_until(workers_busy(bench.workers) == 2);
    assert_true(workers_submit(bench.workers, WORKERS_BROWSING, &next));
    atomic_store(&first, true);
    wait_until(bench.ran_count == 2);
    assert_int_equal(bench.ran[1], 4);
    atomic_store(&second, true);
    stop(&bench, 2);
}

static void one_worker_that_is_reserved_browses_all_the_same(void **state) {
    (void)state;
    struct bench bench;
    struct job job = {1, NULL};
    start_reserved(&bench, 1, 1, 4);
    assert_true(workers_submit(bench.workers, WORKERS_BROWSING, &job));
    wait_until(bench.ran_count == 1);
    stop(&bench, 1);
}

static void stopping_without_work_and_without_workers(void **state) {
    (void)state;
    struct bench bench;
    start(&bench, 3, 1);
    stop(&bench, 3);
    workers_stop(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_run_in_the_order_they_came),
        cmocka_unit_test(a_full_queue_refuses_at_once_and_takes_again_later),
        cmocka_unit_test(a_slow_job_does_not_hold_up_the_others),
        cmocka_unit_test(stop_runs_what_is_queued),
        cmocka_unit_test(each_thread_has_a_state_of_its_own),
        cmocka_unit_test(several_threads_may_submit),
        cmocka_unit_test(what_is_vital_goes_first_and_has_a_queue_of_its_own),
        cmocka_unit_test(some_workers_are_kept_free_of_browsing),
        cmocka_unit_test(any_worker_may_be_the_one_that_is_kept_free),
        cmocka_unit_test(one_worker_that_is_reserved_browses_all_the_same),
        cmocka_unit_test(stopping_without_work_and_without_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
