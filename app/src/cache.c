#include "cache.h"

#include <stdio.h>

#include "metrics.h"
#include "random.h"
#include "text.h"

enum { NUMBER_BYTES = 24, DIGITS_MAX = 18 };

/* --- Reading -------------------------------------------------------------------------- */

static int64_t now_ms(void) { return clock_wall_us() / 1000; }

/* Cuts "NUMBER " off the front of *text; false: it does not begin so. */
static bool take_number(struct slice *text, int64_t *number) {
    size_t i = 0;
    int64_t read = 0;
    for (; i < text->length && i < DIGITS_MAX && text->data[i] >= '0' && text->data[i] <= '9'; i++) {
        read = read * 10 + (text->data[i] - '0');
    }
    if (i == 0 || i == text->length || text->data[i] != ' ') {
        return false;
    }
    *number = read;
    *text = (struct slice){text->data + i + 1, text->length - i - 1};
    return true;
}

/* What is there and cannot be read is as good as absent. */
static struct cache_entry read_answer(const struct redis_reply *answer) {
    struct cache_entry entry = {.state = CACHE_AWAY, .value = answer->text};
    int64_t fresh_until_ms;
    bool holds_text = answer->kind == REDIS_TEXT && answer->text.length > 0;
    if (answer->kind == REDIS_NIL || (holds_text && !take_number(&entry.value, &fresh_until_ms))) {
        entry.state = CACHE_ABSENT;
    } else if (holds_text) {
        entry.ttl_ms = fresh_until_ms - now_ms();
        entry.state = entry.ttl_ms > 0 ? CACHE_FRESH : CACHE_OLD;
    } else if (answer->kind == REDIS_TEXT) {
        entry.state = CACHE_CHANGED;
    }
    return entry;
}

static void count_look(enum cache_state state) {
    static const enum metric counters[] = {
        [CACHE_ABSENT] = METRIC_CACHE_MISSES,  [CACHE_FRESH] = METRIC_CACHE_HITS,  [CACHE_OLD] = METRIC_CACHE_OLD,
        [CACHE_CHANGED] = METRIC_CACHE_MISSES, [CACHE_AWAY] = METRIC_CACHE_ERRORS,
    };
    metrics_add(counters[state], 1);
}

struct cache_entry cache_get(const struct cache *cache, struct call *call, struct slice key, struct arena *arena) {
    const struct redis_command get = {.arguments = {slice_of("GET"), key}, .count = 2, .repeatable = true};
    struct cache_entry entry = {.state = CACHE_AWAY};
    struct redis_reply answer;
    if (cache->redis == NULL) {
        return entry;
    }
    if (redis_run(cache->redis, call, &get, 1, arena, &answer) == STATUS_OK) {
        entry = read_answer(&answer);
    }
    count_look(entry.state);
    return entry;
}

/* --- The lock ------------------------------------------------------------------------- */

/* An empty slice without memory, which the arena remembers. */
static struct slice lock_of(struct slice key, struct arena *arena) {
    struct text name;
    struct slice out = {"", 0};
    text_init(&name, arena);
    text_put(&name, "lock:");
    text_put_slice(&name, key);
    text_slice(&name, &out);
    return out;
}

struct cache_entry cache_lock(const struct cache *cache, struct call *call, struct slice key, struct arena *arena,
                              struct cache_lock *lock) {
    char lifetime[NUMBER_BYTES];
    struct redis_reply answers[2];
    *lock = (struct cache_lock){.held = false};
    snprintf(lifetime, sizeof lifetime, "%d", CACHE_LOCK_MS);
    snprintf(lock->token, sizeof lock->token, "%016llx", (unsigned long long)random_u64());
    const struct redis_command commands[] = {
        {.arguments = {slice_of("SET"), lock_of(key, arena), slice_of(lock->token), slice_of("NX"), slice_of("PX"),
                       slice_of(lifetime)},
         .count = 6},
        {.arguments = {slice_of("GET"), key}, .count = 2, .repeatable = true},
    };
    if (redis_run(cache->redis, call, commands, 2, arena, answers) != STATUS_OK) {
        return (struct cache_entry){.state = CACHE_AWAY};
    }
    lock->held = answers[0].kind == REDIS_TEXT;
    return read_answer(&answers[1]);
}

/* Only one's own: what took longer than the lock lasts must not give back that of another. */
#define GIVE_BACK(lock, token) "if redis.call('GET', " lock ") == " token " then redis.call('DEL', " lock ") end "

void cache_unlock(const struct cache *cache, struct call *call, struct slice key, struct arena *arena,
                  const struct cache_lock *lock) {
    static const char script[] = GIVE_BACK("KEYS[1]", "ARGV[1]") "return 1";
    struct redis_reply answer;
    if (!lock->held) {
        return;
    }
    const struct redis_command command = {
        .arguments = {slice_of("EVAL"), slice_of(script), slice_of("1"), lock_of(key, arena), slice_of(lock->token)},
        .count = 5,
        .repeatable = true};
    redis_run(cache->redis, call, &command, 1, arena, &answer);
}

/* --- Writing -------------------------------------------------------------------------- */

static int64_t draw_lifetime_ms(int64_t ttl_ms) {
    int64_t tenth = ttl_ms / 10;
    return ttl_ms - tenth + (int64_t)(random_u64() % (uint64_t)(2 * tenth + 1));
}

/* A value as it is stored. An empty slice without memory, which the arena remembers. */
static struct slice dated(struct slice value, int64_t fresh_until_ms, struct arena *arena) {
    struct text text;
    struct slice out = {"", 0};
    text_init(&text, arena);
    text_reserve(&text, value.length + NUMBER_BYTES);
    text_put_number(&text, fresh_until_ms);
    text_put(&text, " ");
    text_put_slice(&text, value);
    text_slice(&text, &out);
    return out;
}

bool cache_put(const struct cache *cache, struct call *call, struct slice key, struct slice value, int64_t ttl_ms,
               struct arena *arena, const struct cache_lock *lock) {
    static const char script[] =
        "local changed = redis.call('GET', KEYS[1]) == '' "
        "if not changed then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end " GIVE_BACK(
            "KEYS[2]", "ARGV[3]") "return changed and 0 or 1";
    char lifetime[NUMBER_BYTES];
    struct redis_reply answer;
    int64_t fresh_ms = draw_lifetime_ms(ttl_ms), kept_ms = fresh_ms + cache->stale_ms;
    const struct slice stored = dated(value, now_ms() + fresh_ms, arena);
    snprintf(lifetime, sizeof lifetime, "%lld", (long long)kept_ms);
    if (stored.length == 0) {
        return false; /* or it would be a tombstone */
    }
    const struct redis_command command = {.arguments = {slice_of("EVAL"), slice_of(script), slice_of("2"), key,
                                                        lock_of(key, arena), stored, slice_of(lifetime),
                                                        slice_of(lock->token)},
                                          .count = 8,
                                          .repeatable = true};
    enum status status = redis_run(cache->redis, call, &command, 1, arena, &answer);
    return status == STATUS_OK && answer.kind == REDIS_NUMBER && answer.number == 1;
}

bool cache_changed(const struct cache *cache, struct call *call, const struct slice *keys, size_t count,
                   struct arena *arena) {
    char lifetime[NUMBER_BYTES];
    if (cache->redis == NULL || count == 0) {
        return true;
    }
    struct redis_command *commands = arena_alloc(arena, count * sizeof *commands);
    struct redis_reply *answers = arena_alloc(arena, count * sizeof *answers);
    if (commands == NULL || answers == NULL) {
        return false;
    }
    snprintf(lifetime, sizeof lifetime, "%lld", (long long)cache->changed_ms);
    for (size_t i = 0; i < count; i++) {
        commands[i] = (struct redis_command){
            .arguments = {slice_of("SET"), keys[i], slice_of(""), slice_of("PX"), slice_of(lifetime)},
            .count = 5,
            .repeatable = true};
    }
    bool told = redis_run(cache->redis, call, commands, count, arena, answers) == STATUS_OK;
    for (size_t i = 0; told && i < count; i++) {
        told = answers[i].kind == REDIS_TEXT;
    }
    metrics_add(told ? METRIC_CACHE_CHANGES : METRIC_CACHE_CHANGES_LOST, (int64_t)count);
    return told;
}
