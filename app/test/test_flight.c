#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "flight.h"
#include "metrics.h"
#include "wait.h"

enum { LATE_MS = 60000, SOON_MS = 30, READERS = 100 };

static const struct slice key = {"product:7", 9};

static struct deadline patient(void) { return deadline_in_ms(PATIENCE_MS); }

static int64_t waiting(void) { return metrics_get(METRIC_FLIGHT_WAITING); }

/* One that comes along in a thread of its own. What it does when it has to lead is told by the test. */
struct reader {
    struct flights *flights;
    struct deadline deadline;
    enum { SHARES, GIVES_UP } leading;
    atomic_bool *go; /* it leads until this is true; NULL: for no time */
    atomic_uint led; /* times */
    enum flight_role role;
    struct flight_answer answer;
    struct arena arena;
    pthread_t thread;
};

static void lead(struct reader *reader, struct flight *flight) {
    atomic_fetch_add(&reader->led, 1);
    if (reader->go != NULL) {
        wait_until(atomic_load(reader->go));
    }
    if (reader->leading == GIVES_UP) {
        flight_give_up(reader->flights, flight);
    } else if (flight_arrive(reader->flights, flight)) {
        flight_share(reader->flights, flight, (struct flight_answer){STATUS_OK, slice_of("the answer")});
    }
}

static void *read_it(void *argument) {
    struct reader *reader = argument;
    struct flight *flight;
    arena_init(&reader->arena, 4096);
    reader->role = flight_join(reader->flights, key, reader->deadline, &reader->arena, &flight, &reader->answer);
    if (reader->role == FLIGHT_LEADS) {
        lead(reader, flight);
    }
    return NULL;
}

static void begin(struct reader *reader, struct flights *flights) {
    reader->flights = flights;
    reader->deadline = reader->deadline.at_us != 0 ? reader->deadline : patient();
    assert_int_equal(pthread_create(&reader->thread, NULL, read_it, reader), 0);
}

static void end(struct reader *reader) {
    pthread_join(reader->thread, NULL);
    if (reader->role == FLIGHT_FOLLOWS) {
        assert_int_equal(reader->answer.status, STATUS_OK);
        assert_true(slice_equal(reader->answer.text, slice_of("the answer")));
    }
    arena_free(&reader->arena);
}

/* --- One for all --- */

static void a_hundred_readers_ask_once(void **state) {
    (void)state;
    struct flights *flights = flights_new(LATE_MS);
    static struct reader readers[READERS];
    atomic_bool go = false;
    unsigned led = 0, followed = 0;
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.go = &go};
        begin(&readers[i], flights);
    }
    wait_until(waiting() == READERS - 1);
    atomic_store(&go, true);
    for (int i = 0; i < READERS; i++) {
        end(&readers[i]);
        led += readers[i].led;
        followed += readers[i].role == FLIGHT_FOLLOWS;
    }
    assert_int_equal(led, 1);
    assert_int_equal(followed, READERS - 1);
    assert_int_equal(waiting(), 0);
    flights_free(flights);
}

/* The test's own lead, of one that nobody leads yet. */
static struct flight *lead_it(struct flights *flights) {
    struct flight *flight = flight_lead(flights, key);
    assert_non_null(flight);
    return flight;
}

static void who_leads_alone_has_nobody_to_share_with(void **state) {
    (void)state;
    struct flights *flights = flights_new(LATE_MS);
    for (int i = 0; i < 2; i++) { /* and what has ended is begun anew */
        assert_false(flight_arrive(flights, lead_it(flights)));
        flight_give_up(flights, lead_it(flights));
    }
    flights_free(flights);
}

static void who_need_not_wait_does_not(void **state) {
    (void)state;
    struct flights *flights = flights_new(LATE_MS);
    struct flight *flight = lead_it(flights);
    assert_null(flight_lead(flights, key));
    struct flight *other = flight_lead(flights, slice_of("product:70"));
    assert_non_null(other);
    assert_false(flight_arrive(flights, other));
    assert_false(flight_arrive(flights, flight));
    flights_free(flights);
}

static void that_there_is_nothing_is_an_answer_too(void **state) {
    (void)state;
    struct flights *flights = flights_new(LATE_MS);
    struct flight *flight = lead_it(flights);
    struct reader reader = {0};
    begin(&reader, flights);
    wait_until(waiting() == 1);
    assert_true(flight_arrive(flights, flight));
    flight_share(flights, flight, (struct flight_answer){STATUS_NOT_FOUND, slice_of("")});
    pthread_join(reader.thread, NULL);
    assert_int_equal(reader.role, FLIGHT_FOLLOWS);
    assert_int_equal(reader.answer.status, STATUS_NOT_FOUND);
    assert_int_equal(reader.answer.text.length, 0);
    arena_free(&reader.arena);
    flights_free(flights);
}

static void no_room_for_the_answer_is_told(void **state) {
    (void)state;
    struct flights *flights = flights_new(LATE_MS);
    struct flight *flight = lead_it(flights);
    struct reader reader = {0};
    static char large[100000];
    begin(&reader, flights);
    wait_until(waiting() == 1);
    assert_true(flight_arrive(flights, flight));
    flight_share(flights, flight, (struct flight_answer){STATUS_OK, {large, sizeof large}});
    pthread_join(reader.thread, NULL);
    assert_int_equal(reader.role, FLIGHT_NO_MEMORY);
    arena_free(&reader.arena);
    flights_free(flights);
}

/* --- Leaders that fail --- */

static void who_gives_up_is_followed_by_another(void **state) {
    (void)state;
    enum { OTHERS = 10, GIVING_UP = 4 };
    struct flights *flights = flights_new(LATE_MS);
    struct flight *flight = lead_it(flights);
    struct reader readers[OTHERS];
    unsigned led = 0, shared = 0;
    for (int i = 0; i < OTHERS; i++) {
        readers[i] = (struct reader){.leading = i < GIVING_UP ? GIVES_UP : SHARES};
        begin(&readers[i], flights);
    }
    wait_until(waiting() == OTHERS);
    flight_give_up(flights, flight);
    for (int i = 0; i < OTHERS; i++) {
        end(&readers[i]);
        assert_true(readers[i].led <= 1);
        led += readers[i].led;
        shared += readers[i].leading == SHARES && readers[i].led == 1;
    }
    assert_int_equal(shared, 1);
    assert_true(led <= GIVING_UP + 1); /* one after the other, until there is an answer */
    flights_free(flights);
}

static void who_is_late_gets_another_beside_it(void **state) {
    (void)state;
    struct flights *flights = flights_new(SOON_MS);
    struct flight *late = lead_it(flights);
    struct reader reader = {0}, after = {0};
    begin(&reader, flights);
    end(&reader);
    assert_int_equal(reader.role, FLIGHT_LEADS);
    /* That one is over, and what comes is another flight. */
    struct flight *next = lead_it(flights);
    begin(&after, flights);
    wait_until(waiting() == 1 || atomic_load(&after.led) > 0);
    assert_false(flight_arrive(flights, late));
    flight_give_up(flights, next);
    end(&after);
    flights_free(flights);
}

static unsigned led_by(struct reader *readers, int count) {
    unsigned led = 0;
    for (int i = 0; i < count; i++) {
        led += atomic_load(&readers[i].led);
    }
    return led;
}

static void of_those_who_wait_one_goes_beside_a_late_one(void **state) {
    (void)state;
    enum { OTHERS = 20 };
    struct flights *flights = flights_new(SOON_MS);
    int64_t begun_us = clock_monotonic_us();
    struct flight *late = lead_it(flights);
    struct reader readers[OTHERS];
    atomic_bool go = false;
    for (int i = 0; i < OTHERS; i++) {
        readers[i] = (struct reader){.go = &go};
        begin(&readers[i], flights);
    }
    /* On a busy machine the second one is late as well before all are here, and so on. */
    wait_until(led_by(readers, OTHERS) > 0 && waiting() + led_by(readers, OTHERS) == OTHERS);
    atomic_store(&go, true);
    for (int i = 0; i < OTHERS; i++) {
        end(&readers[i]);
    }
    unsigned led = led_by(readers, OTHERS);
    int64_t late_times = (clock_monotonic_us() - begun_us) / (SOON_MS * 1000) + 1;
    assert_in_range(led, 1, late_times + 1);
    flight_give_up(flights, late);
    flights_free(flights);
}

static void the_answer_of_a_late_one_is_as_good(void **state) {
    (void)state;
    struct flights *flights = flights_new(SOON_MS);
    struct flight *late = lead_it(flights);
    atomic_bool go = false;
    struct reader second = {.go = &go}, third = {.go = &go};
    begin(&second, flights);
    wait_until(atomic_load(&second.led) == 1);
    begin(&third, flights);
    wait_until(waiting() == 1 || atomic_load(&third.led) == 1);
    if (flight_arrive(flights, late)) {
        flight_share(flights, late, (struct flight_answer){STATUS_OK, slice_of("the answer")});
    }
    atomic_store(&go, true);
    end(&second);
    end(&third);
    flights_free(flights);
}

/* --- Deadlines --- */

static void nobody_waits_beyond_the_own_deadline(void **state) {
    (void)state;
    struct flights *flights = flights_new(LATE_MS);
    struct flight *flight = lead_it(flights);
    struct reader hurried = {.deadline = deadline_in_ms(SOON_MS)}, patient_one = {0};
    begin(&patient_one, flights);
    begin(&hurried, flights);
    end(&hurried);
    assert_int_equal(hurried.role, FLIGHT_TOO_LATE);
    int64_t over_us = clock_monotonic_us() - hurried.deadline.at_us;
    assert_true(over_us >= 0 && over_us < PATIENCE_MS * INT64_C(1000) / 2);
    wait_until(waiting() == 1);
    assert_true(flight_arrive(flights, flight));
    flight_share(flights, flight, (struct flight_answer){STATUS_OK, slice_of("the answer")});
    end(&patient_one);
    assert_int_equal(patient_one.role, FLIGHT_FOLLOWS);
    flights_free(flights);
}

static void who_is_too_late_does_not_lead(void **state) {
    (void)state;
    struct flights *flights = flights_new(0); /* every leader is late at once */
    struct flight *flight = lead_it(flights);
    struct reader reader = {.deadline = {1}};
    begin(&reader, flights);
    end(&reader);
    assert_int_equal(reader.role, FLIGHT_TOO_LATE);
    flight_give_up(flights, flight);
    flights_free(flights);
}

/* --- A crowd --- */

enum { THREADS = 8, ROUNDS = 2000 };

struct crowd {
    struct flights *flights;
    atomic_uint leading[3], two_at_once, led, followed;
};

/* Any of three keys, and one in four leaders fails. Each leader is the only one. */
static void *keep_reading(void *argument) {
    struct crowd *crowd = argument;
    static const char *const keys[] = {"a", "b", "c"};
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned which = i * 7 % 3;
        struct flight *flight;
        struct flight_answer answer;
        struct arena arena;
        arena_init(&arena, 4096);
        if (flight_join(crowd->flights, slice_of(keys[which]), patient(), &arena, &flight, &answer) == FLIGHT_LEADS) {
            atomic_fetch_add(&crowd->two_at_once, atomic_fetch_add(&crowd->leading[which], 1) != 0);
            atomic_fetch_add(&crowd->led, 1);
            atomic_fetch_sub(&crowd->leading[which], 1);
            if (i % 4 == 0) {
                flight_give_up(crowd->flights, flight);
            } else if (flight_arrive(crowd->flights, flight)) {
                flight_share(crowd->flights, flight, (struct flight_answer){STATUS_OK, slice_of(keys[which])});
            }
        } else {
            assert_true(slice_equal(answer.text, slice_of(keys[which])));
            atomic_fetch_add(&crowd->followed, 1);
        }
        arena_free(&arena);
    }
    return NULL;
}

static void of_a_crowd_one_leads_each(void **state) {
    (void)state;
    struct crowd crowd = {.flights = flights_new(LATE_MS)};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, keep_reading, &crowd), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(crowd.two_at_once, 0);
    assert_int_equal(crowd.led + crowd.followed, THREADS * ROUNDS);
    assert_int_equal(waiting(), 0);
    flights_free(crowd.flights);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_readers_ask_once),
        cmocka_unit_test(who_leads_alone_has_nobody_to_share_with),
        cmocka_unit_test(who_need_not_wait_does_not),
        cmocka_unit_test(that_there_is_nothing_is_an_answer_too),
        cmocka_unit_test(no_room_for_the_answer_is_told),
        cmocka_unit_test(who_gives_up_is_followed_by_another),
        cmocka_unit_test(who_is_late_gets_another_beside_it),
        cmocka_unit_test(of_those_who_wait_one_goes_beside_a_late_one),
        cmocka_unit_test(the_answer_of_a_late_one_is_as_good),
        cmocka_unit_test(nobody_waits_beyond_the_own_deadline),
        cmocka_unit_test(who_is_too_late_does_not_lead),
        cmocka_unit_test(of_a_crowd_one_leads_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
