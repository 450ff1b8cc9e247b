/*
 *   leaders ask, the others wait for news: an answer, or that nobody leads any more
 *
 *   join: found? --no--> added to the list, leads
 *            +--yes--> waits ... answered --> follows
 *                                nobody leads, or the last one is late --> leads
 *
 * A flight is in the list until it is answered: who comes later begins another one. It is freed by
 * the last of its holders. There are no more of them than threads, so a list is all it takes.
 */
#include "flight.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "metrics.h"

struct flight {
    struct flight *next;
    pthread_cond_t news;
    unsigned holders, leaders, waiting; /* threads; holders are both */
    int64_t lead_us;                    /* when the last leader began */
    bool answered;
    struct flight_answer answer; /* its text is the flight's; does not change once answered */
    size_t key_length;
    char key[];
};

struct flights {
    int64_t late_us;
    pthread_condattr_t monotonic;
    pthread_mutex_t lock; /* guards the list and all that is in it */
    struct flight *first;
};

struct flights *flights_new(int64_t late_ms) {
    struct flights *flights = calloc(1, sizeof *flights);
    if (flights != NULL) {
        flights->late_us = late_ms * 1000;
        pthread_condattr_init(&flights->monotonic);
        pthread_condattr_setclock(&flights->monotonic, CLOCK_MONOTONIC);
        pthread_mutex_init(&flights->lock, NULL);
    }
    return flights;
}

void flights_free(struct flights *flights) {
    if (flights != NULL) {
        pthread_condattr_destroy(&flights->monotonic);
        pthread_mutex_destroy(&flights->lock);
        free(flights);
    }
}

/* --- The list; with the lock held --------------------------------------------------------- */

static struct flight *find(const struct flights *flights, struct slice key) {
    struct flight *flight = flights->first;
    while (flight != NULL && !slice_equal((struct slice){flight->key, flight->key_length}, key)) {
        flight = flight->next;
    }
    return flight;
}

static struct flight *add(struct flights *flights, struct slice key) {
    struct flight *flight = malloc(sizeof *flight + key.length);
    if (flight != NULL) {
        *flight = (struct flight){.next = flights->first, .key_length = key.length};
        memcpy(flight->key, key.data, key.length);
        pthread_cond_init(&flight->news, &flights->monotonic);
        flights->first = flight;
    }
    return flight;
}

/* Who comes from now on begins another one. */
static void take_out(struct flights *flights, const struct flight *flight) {
    struct flight **at = &flights->first;
    while (*at != NULL && *at != flight) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = flight->next;
    }
}

static void let_go(struct flights *flights, struct flight *flight) {
    if (--flight->holders == 0) {
        take_out(flights, flight);
        pthread_cond_destroy(&flight->news);
        free((char *)flight->answer.text.data);
        free(flight);
    }
}

/* --- Joining ------------------------------------------------------------------------------ */

static void begin_to_lead(struct flight *flight) {
    flight->leaders++;
    flight->lead_us = clock_monotonic_us();
}

static bool wants_leader(const struct flights *flights, const struct flight *flight) {
    return flight->leaders == 0 || clock_monotonic_us() - flight->lead_us >= flights->late_us;
}

static enum flight_role wait_for_news(struct flights *flights, struct flight *flight, struct deadline deadline) {
    flight->waiting++;
    metrics_add(METRIC_FLIGHT_WAITING, 1);
    while (!flight->answered && !deadline_passed(deadline) && !wants_leader(flights, flight)) {
        const struct deadline late = {flight->lead_us + flights->late_us};
        const struct timespec until = deadline_timespec(deadline_sooner(deadline, late));
        pthread_cond_timedwait(&flight->news, &flights->lock, &until);
    }
    flight->waiting--;
    metrics_add(METRIC_FLIGHT_WAITING, -1);
    if (flight->answered) {
        return FLIGHT_FOLLOWS;
    }
    if (deadline_passed(deadline)) {
        let_go(flights, flight);
        return FLIGHT_TOO_LATE;
    }
    begin_to_lead(flight);
    return FLIGHT_LEADS;
}

/* Without the lock, which a long answer need not be copied under: the flight stays, and its answer as it is. */
static enum flight_role take_answer(struct flights *flights, struct flight *flight, struct arena *arena,
                                    struct flight_answer *answer) {
    const struct slice text = flight->answer.text;
    const char *copy = arena_copy(arena, text.data, text.length);
    if (copy != NULL) {
        *answer = (struct flight_answer){flight->answer.status, {copy, text.length}};
    }
    pthread_mutex_lock(&flights->lock);
    let_go(flights, flight);
    pthread_mutex_unlock(&flights->lock);
    return copy != NULL ? FLIGHT_FOLLOWS : FLIGHT_NO_MEMORY;
}

enum flight_role flight_join(struct flights *flights, struct slice key, struct deadline deadline, struct arena *arena,
                             struct flight **flight, struct flight_answer *answer) {
    enum flight_role role = FLIGHT_NO_MEMORY;
    pthread_mutex_lock(&flights->lock);
    struct flight *found = find(flights, key);
    if (found != NULL) {
        found->holders++;
        role = wait_for_news(flights, found, deadline);
    } else if ((found = add(flights, key)) != NULL) {
        found->holders++;
        begin_to_lead(found);
        role = FLIGHT_LEADS;
    }
    pthread_mutex_unlock(&flights->lock);
    if (role == FLIGHT_LEADS) {
        *flight = found;
    }
    return role == FLIGHT_FOLLOWS ? take_answer(flights, found, arena, answer) : role;
}

struct flight *flight_lead(struct flights *flights, struct slice key) {
    struct flight *flight = NULL;
    pthread_mutex_lock(&flights->lock);
    if (find(flights, key) == NULL && (flight = add(flights, key)) != NULL) {
        flight->holders++;
        begin_to_lead(flight);
    }
    pthread_mutex_unlock(&flights->lock);
    return flight;
}

/* --- Ending ------------------------------------------------------------------------------- */

bool flight_arrive(struct flights *flights, struct flight *flight) {
    pthread_mutex_lock(&flights->lock);
    bool awaited = flight->waiting > 0 && !flight->answered;
    if (!awaited) {
        take_out(flights, flight);
        let_go(flights, flight);
    }
    pthread_mutex_unlock(&flights->lock);
    return awaited;
}

void flight_share(struct flights *flights, struct flight *flight, struct flight_answer answer) {
    char *text = malloc(answer.text.length + 1);
    if (text == NULL) {
        flight_give_up(flights, flight);
        return;
    }
    memcpy(text, answer.text.data, answer.text.length);
    pthread_mutex_lock(&flights->lock);
    if (flight->answered) { /* by another leader, meanwhile */
        free(text);
    } else {
        flight->answer = (struct flight_answer){answer.status, {text, answer.text.length}};
        flight->answered = true;
        take_out(flights, flight);
        pthread_cond_broadcast(&flight->news);
    }
    let_go(flights, flight);
    pthread_mutex_unlock(&flights->lock);
}

void flight_give_up(struct flights *flights, struct flight *flight) {
    pthread_mutex_lock(&flights->lock);
    if (--flight->leaders == 0) {
        pthread_cond_broadcast(&flight->news); /* all of them: the one that is woken may be too late to lead */
    }
    let_go(flights, flight);
    pthread_mutex_unlock(&flights->lock);
}
