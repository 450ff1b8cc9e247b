/*
 *   lookup --- fresh -------------------------------------------------------> take
 *          +-- old ----> renew: leads? --no---------------------------------> take the old one
 *          |                      +--yes--> lead, with less time; fails ----> take the old one
 *          +-- else ---> fetch: joins the flight --follows------------------> take what was shared
 *                                          +--leads--> lead
 *
 *   lead: has another node, or did it, while we came here? --yes--> take
 *                                                         +--no--> ask, store
 *         and share it with those who wait
 */
#include "lookup.h"

#include "backoff.h"
#include "metrics.h"

/* Looks again while another node has the lock: some 200 ms, and then nobody waits for it any more. */
static const struct backoff patience = {.base_us = 5000, .most_us = 20000, .tries = 24};

/* One lookup on its way. */
struct quest {
    const struct lookup *with;
    const struct lookup_question *question;
    struct slice key;
    struct cache_entry entry; /* as the cache said last */
    struct cache_lock lock;
    struct flight *flight; /* that it leads; NULL: none */
    struct slice json;     /* the answer as a text; data NULL: not made yet */
    struct lookup_story *story;
};

/* --- Answers as texts ------------------------------------------------------------------- */

static bool read_json(const struct lookup *with, struct slice json, yyjson_mut_val **out) {
    yyjson_doc *doc = yyjson_read_opts((char *)json.data, json.length, YYJSON_READ_NOFLAG, &with->memory, NULL);
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_mut_val *copy = yyjson_is_obj(root) ? yyjson_val_mut_copy(with->doc, root) : NULL;
    if (copy != NULL) {
        *out = copy;
    }
    return copy != NULL;
}

static bool write_json(struct quest *quest, const yyjson_mut_val *value) {
    if (quest->json.data == NULL) {
        size_t length;
        const char *json = yyjson_mut_val_write_opts(value, YYJSON_WRITE_NOFLAG, &quest->with->memory, &length, NULL);
        quest->json = json != NULL ? (struct slice){json, length} : quest->json;
    }
    return quest->json.data != NULL;
}

/* Takes what is in the cache. False: it is not what we would have stored. */
static bool take(struct quest *quest, struct cache_entry entry, yyjson_mut_val **out) {
    if (!read_json(quest->with, entry.value, out)) {
        return false;
    }
    quest->json = entry.value;
    quest->story->source = LOOKUP_FROM_CACHE;
    quest->story->ttl_ms = entry.ttl_ms;
    return true;
}

/* --- Leading ---------------------------------------------------------------------------- */

/* True: the cache has what will do, fresh, or old and being renewed elsewhere. */
static bool is_there_now(struct quest *quest) {
    const struct lookup *with = quest->with;
    for (unsigned retry = 0;; retry++) {
        quest->entry = cache_lock(with->cache, with->call, quest->key, with->arena, &quest->lock);
        bool busy = !quest->lock.held;
        switch (quest->entry.state) {
        case CACHE_FRESH:
            return true;
        case CACHE_OLD:
            return busy;
        case CACHE_ABSENT:
            if (busy && backoff_wait(&patience, retry, with->call->deadline)) {
                continue;
            }
            return false;
        default:
            return false;
        }
    }
}

/* The lock of an old entry that could not be renewed stays: for as long as it lasts nobody else tries in vain. */
static void store(struct quest *quest, enum status status, const yyjson_mut_val *value) {
    const struct lookup *with = quest->with;
    bool may_store = quest->entry.state == CACHE_ABSENT || quest->entry.state == CACHE_OLD;
    if (status == STATUS_OK && may_store && write_json(quest, value)) {
        quest->story->stored = cache_put(with->cache, with->call, quest->key, quest->json, quest->question->ttl_ms,
                                         with->arena, &quest->lock);
    } else if (quest->entry.state != CACHE_OLD) {
        cache_unlock(with->cache, with->call, quest->key, with->arena, &quest->lock);
    }
}

static enum status ask(struct quest *quest, yyjson_mut_val **out) {
    const struct lookup_question *question = quest->question;
    metrics_add(METRIC_LOOKUP_QUESTIONS, 1);
    quest->story->source = LOOKUP_FROM_MYSQL;
    enum status status = question->ask(question->context, out);
    store(quest, status, *out);
    return status;
}

/* Ends the flight: with an answer, if it is one for everybody. */
static void land(struct quest *quest, enum status status, const yyjson_mut_val *value) {
    struct flights *flights = quest->with->flights;
    if (quest->flight == NULL) {
        return;
    }
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        flight_give_up(flights, quest->flight);
    } else if (flight_arrive(flights, quest->flight)) {
        if (status == STATUS_OK && !write_json(quest, value)) {
            flight_give_up(flights, quest->flight);
        } else {
            struct slice text = status == STATUS_OK ? quest->json : slice_of("");
            flight_share(flights, quest->flight, (struct flight_answer){status, text});
        }
    }
}

/* Another node has, or has begun to, since we looked. */
static bool was_overtaken(struct quest *quest, yyjson_mut_val **out) {
    const struct lookup *with = quest->with;
    bool cached = quest->entry.state == CACHE_ABSENT || quest->entry.state == CACHE_OLD;
    if (!cached || !is_there_now(quest)) {
        return false;
    }
    if (!take(quest, quest->entry, out)) {
        quest->entry.state = CACHE_ABSENT; /* what nobody can read may be overwritten */
        return false;
    }
    cache_unlock(with->cache, with->call, quest->key, with->arena, &quest->lock);
    return true;
}

static enum status lead(struct quest *quest, yyjson_mut_val **out) {
    enum status status = was_overtaken(quest, out) ? STATUS_OK : ask(quest, out);
    land(quest, status, *out);
    return status;
}

/* --- The ways --------------------------------------------------------------------------- */

/* Nothing is there: waits, or asks. */
static enum status fetch(struct quest *quest, yyjson_mut_val **out) {
    const struct lookup *with = quest->with;
    struct flight_answer answer;
    if (with->call->gtid[0] != '\0') {
        return lead(quest, out);
    }
    switch (flight_join(with->flights, quest->key, with->call->deadline, with->arena, &quest->flight, &answer)) {
    case FLIGHT_LEADS:
        return lead(quest, out);
    case FLIGHT_TOO_LATE:
        return STATUS_TIMEOUT;
    case FLIGHT_NO_MEMORY:
        return STATUS_NO_MEMORY;
    case FLIGHT_FOLLOWS:
        break;
    }
    metrics_add(METRIC_LOOKUP_SHARED, 1);
    quest->story->source = LOOKUP_FROM_OTHERS;
    if (answer.status == STATUS_OK && !read_json(with, answer.text, out)) {
        return STATUS_NO_MEMORY; /* the text is our own */
    }
    return answer.status;
}

/* An old one is there: the first one asks, for all who will come, and has the old one in reserve. */
static enum status renew(struct quest *quest, yyjson_mut_val **out) {
    struct call *call = quest->with->call;
    const struct cache_entry old = quest->entry;
    const struct deadline whole = call->deadline;
    quest->flight = flight_lead(quest->with->flights, quest->key);
    if (quest->flight == NULL) {
        return take(quest, old, out) ? STATUS_OK : fetch(quest, out);
    }
    call->deadline = deadline_sooner(whole, deadline_in_ms(quest->with->renew_ms));
    enum status status = lead(quest, out);
    call->deadline = whole;
    if (status == STATUS_OK) {
        return STATUS_OK;
    }
    if (status == STATUS_NOT_FOUND) {
        cache_changed(quest->with->cache, call, &quest->key, 1, quest->with->arena);
        return status;
    }
    /* A tombstone that came meanwhile says that the old one is wrong. */
    return quest->entry.state != CACHE_CHANGED && take(quest, old, out) ? STATUS_OK : status;
}

enum status lookup(const struct lookup *with, const struct lookup_question *question, yyjson_mut_val **out,
                   struct lookup_story *story) {
    struct quest quest = {.with = with, .question = question, .key = slice_of(question->key), .story = story};
    yyjson_mut_val *answer = NULL;
    enum status status = STATUS_OK;
    quest.entry = cache_get(with->cache, with->call, quest.key, with->arena);
    *story = (struct lookup_story){.found = quest.entry.state};
    if (quest.entry.state == CACHE_OLD) {
        status = renew(&quest, &answer);
    } else if (quest.entry.state != CACHE_FRESH || !take(&quest, quest.entry, &answer)) {
        quest.entry.state = quest.entry.state == CACHE_FRESH ? CACHE_ABSENT : quest.entry.state;
        status = fetch(&quest, &answer);
    }
    if (status == STATUS_OK) {
        *out = answer;
    }
    return status;
}

/* --- Telling ---------------------------------------------------------------------------- */

void lookup_tell(const struct lookup_story *story, struct text *out) {
    text_put(out, "shopd; ");
    if (story->source == LOOKUP_FROM_CACHE) {
        text_put(out, "hit; ttl=");
        /* Whole seconds, rounded down: what has been old for an instant is not fresh. */
        text_put_number(out, story->ttl_ms >= 0 ? story->ttl_ms / 1000 : -((999 - story->ttl_ms) / 1000));
        return;
    }
    text_put(out, story->found == CACHE_OLD ? "fwd=stale" : "fwd=miss");
    if (story->stored) {
        text_put(out, "; stored");
    }
    if (story->source == LOOKUP_FROM_OTHERS) {
        text_put(out, "; collapsed");
    }
    if (story->found == CACHE_CHANGED) {
        text_put(out, "; detail=changed");
    }
    if (story->found == CACHE_AWAY) {
        text_put(out, "; detail=away");
    }
}
