/*
 * flight -- one question at a time: whoever comes while somebody asks the same waits for that answer.
 *
 *   flight_join --> FLIGHT_LEADS    nobody asks: the caller does, and ends with one of
 *                                     flight_arrive()   it has an answer; flight_share() hands it over
 *                                     flight_give_up()  it has none
 *               --> FLIGHT_FOLLOWS  somebody asked, and this is the answer
 *
 * A hundred visitors who want what is not in the cache cost MySQL one statement. A leader that
 * gives up is followed by one of those who wait. One that is late gets another beside it, who may
 * have more luck: with another server, or on another connection. Nobody waits beyond its own
 * deadline.
 *
 * Flights are the process' own. Every function may be called from any thread.
 */
#ifndef FLIGHT_H
#define FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "deadline.h"
#include "slice.h"
#include "status.h"

struct flights; /* all that are under way */
struct flight;  /* one of them, to its leader */

struct flight_answer {
    enum status status;
    struct slice text;
};

enum flight_role { FLIGHT_LEADS, FLIGHT_FOLLOWS, FLIGHT_TOO_LATE, FLIGHT_NO_MEMORY };

/* late_ms: a leader that has asked for longer gets another beside it. NULL without memory. */
struct flights *flights_new(int64_t late_ms);

/* Nobody may be in a flight any more. NULL is allowed. */
void flights_free(struct flights *flights);

/*
 * FLIGHT_LEADS: *flight is set. FLIGHT_FOLLOWS: *answer is set, its text copied into arena.
 * FLIGHT_TOO_LATE: the deadline passed meanwhile.
 */
enum flight_role flight_join(struct flights *flights, struct slice key, struct deadline deadline, struct arena *arena,
                             struct flight **flight, struct flight_answer *answer);

/* Leads if nobody does; never waits. NULL: somebody does, or there is no memory. */
struct flight *flight_lead(struct flights *flights, struct slice key);

/* The leader has an answer. True: others wait for it, and flight_share() or flight_give_up() is
 * owed. False: nobody does, and this was the end. */
bool flight_arrive(struct flights *flights, struct flight *flight);

/* Hands the answer to those who wait; its text is copied. */
void flight_share(struct flights *flights, struct flight *flight, struct flight_answer answer);

/* The leader has no answer to share. */
void flight_give_up(struct flights *flights, struct flight *flight);

#endif
