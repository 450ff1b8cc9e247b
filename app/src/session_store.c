#include "session_store.h"

#include <stdio.h>

#include "clock.h"
#include "metrics.h"

#define PREFIX "session:v1:"

enum { PREFIX_CHARS = sizeof PREFIX - 1, LIFETIME_BYTES = 24 };

const char *session_store_name(const struct session_store *store) { return store->memory != NULL ? "memory" : "redis"; }

/* Where a session lies and for how long, as the stores are told. */
struct place {
    char key[PREFIX_CHARS + SECRET_HASH_CHARS + 1];
    char lifetime_ms[LIFETIME_BYTES];
};

static struct place place_of(const struct session_store *store, const char *id) {
    struct place place = {.key = PREFIX};
    secret_hash(slice_of(id), place.key + PREFIX_CHARS);
    snprintf(place.lifetime_ms, sizeof place.lifetime_ms, "%lld", (long long)store->idle_ms);
    return place;
}

/* In memory there is nothing but sessions. */
static const char *short_key(const struct place *place) { return place->key + PREFIX_CHARS; }

/* --- Redis ---------------------------------------------------------------------------- */

static struct redis_command set_command(const struct place *place, struct slice json) {
    return (struct redis_command){
        .arguments = {slice_of("SET"), slice_of(place->key), json, slice_of("PX"), slice_of(place->lifetime_ms)},
        .count = 5,
        .repeatable = true};
}

static struct redis_command delete_command(const struct place *place) {
    return (struct redis_command){.arguments = {slice_of("DEL"), slice_of(place->key)}, .count = 2, .repeatable = true};
}

/* Redis refuses to store when its memory is full: no better than one that is away. */
static enum status run(const struct session_store *store, struct call *call, struct arena *arena,
                       const struct redis_command *commands, size_t count, struct redis_reply *replies) {
    enum status status = redis_run(store->redis, call, commands, count, arena, replies);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = replies[i].kind == REDIS_ERROR ? STATUS_GONE : STATUS_OK;
    }
    return status;
}

/* What lies there and is no session is one that never was. */
static enum status load_from_redis(const struct session_store *store, struct call *call, struct arena *arena,
                                   const struct place *place, struct session *out) {
    const struct redis_command get = {
        .arguments = {slice_of("GETEX"), slice_of(place->key), slice_of("PX"), slice_of(place->lifetime_ms)},
        .count = 4,
        .repeatable = true};
    struct redis_reply reply;
    enum status status = run(store, call, arena, &get, 1, &reply);
    if (status == STATUS_OK) {
        status = reply.kind == REDIS_TEXT ? session_read(reply.text, arena, out) : STATUS_NOT_FOUND;
    }
    return status == STATUS_BAD_INPUT ? STATUS_NOT_FOUND : status;
}

static enum status create_in_redis(const struct session_store *store, struct call *call, struct arena *arena,
                                   const struct place *place, const struct session *session) {
    struct slice json;
    struct redis_reply reply;
    enum status status = session_write(session, arena, &json);
    if (status != STATUS_OK) {
        return status;
    }
    const struct redis_command set = set_command(place, json);
    return run(store, call, arena, &set, 1, &reply);
}

static enum status update_in_redis(const struct session_store *store, struct call *call, struct arena *arena,
                                   const struct place *place, const struct session *session) {
    struct slice json;
    struct redis_reply reply;
    enum status status = session_write(session, arena, &json);
    if (status != STATUS_OK) {
        return status;
    }
    struct redis_command set = set_command(place, json);
    set.arguments[set.count++] = slice_of("XX"); /* only where there is one: what has ended stays ended */
    status = run(store, call, arena, &set, 1, &reply);
    return status == STATUS_OK && reply.kind == REDIS_NIL ? STATUS_NOT_FOUND : status;
}

static enum status renew_in_redis(const struct session_store *store, struct call *call, struct arena *arena,
                                  const struct place *old_place, const struct place *place,
                                  const struct session *session) {
    struct slice json;
    struct redis_reply replies[2];
    enum status status = session_write(session, arena, &json);
    if (status != STATUS_OK) {
        return status;
    }
    const struct redis_command commands[] = {set_command(place, json), delete_command(old_place)};
    return run(store, call, arena, commands, 2, replies);
}

static enum status remove_from_redis(const struct session_store *store, struct call *call, struct arena *arena,
                                     const struct place *place) {
    struct redis_reply reply;
    const struct redis_command remove = delete_command(place);
    return run(store, call, arena, &remove, 1, &reply);
}

/* --- Either --------------------------------------------------------------------------- */

static bool is_too_old(const struct session_store *store, const struct session *session) {
    return clock_wall_us() / 1000 - session->begun_s * 1000 >= store->max_ms;
}

static void count_load(enum status status) {
    metrics_add(status == STATUS_OK          ? METRIC_SESSION_FOUND
                : status == STATUS_NOT_FOUND ? METRIC_SESSION_UNKNOWN
                                             : METRIC_SESSION_ERRORS,
                1);
}

enum status session_store_load(const struct session_store *store, struct call *call, struct arena *arena,
                               const char *id, struct session *out) {
    struct session session;
    const struct place place = place_of(store, id);
    enum status status = store->memory != NULL
                             ? session_memory_load(store->memory, short_key(&place), clock_monotonic_us(), &session)
                             : load_from_redis(store, call, arena, &place, &session);
    if (status == STATUS_OK && is_too_old(store, &session)) {
        session_store_remove(store, call, arena, id);
        status = STATUS_NOT_FOUND;
    }
    count_load(status);
    if (status == STATUS_OK) {
        snprintf(session.id, sizeof session.id, "%s", id);
        *out = session;
    }
    return status;
}

enum status session_store_create(const struct session_store *store, struct call *call, struct arena *arena,
                                 const struct session *session) {
    const struct place place = place_of(store, session->id);
    return store->memory != NULL
               ? session_memory_create(store->memory, short_key(&place), clock_monotonic_us(), session)
               : create_in_redis(store, call, arena, &place, session);
}

enum status session_store_update(const struct session_store *store, struct call *call, struct arena *arena,
                                 const struct session *session) {
    const struct place place = place_of(store, session->id);
    return store->memory != NULL
               ? session_memory_update(store->memory, short_key(&place), clock_monotonic_us(), session)
               : update_in_redis(store, call, arena, &place, session);
}

enum status session_store_renew(const struct session_store *store, struct call *call, struct arena *arena,
                                const char *old_id, const struct session *session) {
    const struct place old_place = place_of(store, old_id), place = place_of(store, session->id);
    if (store->memory != NULL) {
        session_memory_remove(store->memory, short_key(&old_place));
        return session_memory_create(store->memory, short_key(&place), clock_monotonic_us(), session);
    }
    return renew_in_redis(store, call, arena, &old_place, &place, session);
}

enum status session_store_remove(const struct session_store *store, struct call *call, struct arena *arena,
                                 const char *id) {
    const struct place place = place_of(store, id);
    if (store->memory != NULL) {
        session_memory_remove(store->memory, short_key(&place));
        return STATUS_OK;
    }
    return remove_from_redis(store, call, arena, &place);
}
