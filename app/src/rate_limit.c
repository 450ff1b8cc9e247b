/*
 * A bucket is one number: the time at which it will be full (the generic cell rate algorithm of ATM networks). A token
 * that is taken puts it off by an interval. Nothing has to be counted up as time goes by.
 */
#include "rate_limit.h"

#include <assert.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHA1_BYTES = 20, PLACES = 8, NUMBER_BYTES = 24, LEASE_US = RATE_LIMIT_LEASE_MS * 1000 };

/* As this node saw it last, on its own clock. All zeros: full, and nobody's. */
struct bucket {
    uint64_t id; /* a hash of its name */
    int64_t asked_us;
    int64_t full_us; /* it will be full then */
    int64_t leased;  /* taken from Redis and not handed out yet */
    int64_t leased_until_us;
};

struct rate_limiter {
    char script_id[2 * SHA1_BYTES + 1];
    unsigned char secret[crypto_shorthash_KEYBYTES]; /* of the ids: nobody can choose names that meet in one row */
    size_t rows;
    pthread_mutex_t lock; /* guards the buckets */
    struct bucket (*buckets)[PLACES];
};

/* What Redis says. */
struct answer {
    int64_t taken;   /* of the tokens that were wanted */
    int64_t lack_us; /* of the bucket, now */
};

/* The same arithmetic as charge(), in Redis: takes up to ARGV[3] tokens, or gives -1 back. What is formatted would be
 * rounded to 14 digits otherwise. */
static const char script[] = "local interval, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])\n"
                             "local time = redis.call('TIME')\n"
                             "local now = time[1] * 1000000 + time[2]\n"
                             "local lack = math.max(tonumber(redis.call('GET', KEYS[1]) or 0) - now, 0)\n"
                             "local there = math.max(math.floor((burst * interval - lack) / interval), 0)\n"
                             "local taken = math.min(wanted, there)\n"
                             "lack = math.max(lack + taken * interval, 0)\n"
                             "if lack == 0 then\n"
                             "  redis.call('DEL', KEYS[1])\n"
                             "elseif taken ~= 0 then\n"
                             "  local ms = string.format('%.0f', math.ceil(lack / 1000))\n"
                             "  redis.call('SET', KEYS[1], string.format('%.0f', now + lack), 'PX', ms)\n"
                             "end\n"
                             "return string.format('%.0f %.0f', taken, lack)\n";

/* --- Arithmetic ----------------------------------------------------------------------- */

/* What a bucket lacks, as the time in which that comes back. */
static int64_t lack_at(int64_t now_us, int64_t full_us) { return full_us > now_us ? full_us - now_us : 0; }

static int64_t tokens(const struct rate_limit_rule *rule, int64_t lack_us) {
    int64_t there_us = rule->burst * rule->interval_us - lack_us;
    return there_us > 0 ? there_us / rule->interval_us : 0;
}

static int64_t seconds(int64_t us) { return (us + 999999) / 1000000; }

/* --- What this node remembers --------------------------------------------------------- */

struct rate_limiter *rate_limiter_new(size_t buckets) {
    unsigned char digest[SHA1_BYTES];
    struct rate_limiter *limiter = calloc(1, sizeof *limiter);
    if (limiter == NULL) {
        return NULL;
    }
    pthread_mutex_init(&limiter->lock, NULL);
    limiter->rows = (buckets + PLACES - 1) / PLACES;
    limiter->buckets = calloc(limiter->rows, sizeof *limiter->buckets);
    if (limiter->buckets == NULL || sodium_init() < 0 ||
        !EVP_Digest(script, sizeof script - 1, digest, NULL, EVP_sha1(), NULL)) {
        rate_limiter_free(limiter);
        return NULL;
    }
    sodium_bin2hex(limiter->script_id, sizeof limiter->script_id, digest, sizeof digest);
    crypto_shorthash_keygen(limiter->secret);
    return limiter;
}

void rate_limiter_free(struct rate_limiter *limiter) {
    if (limiter != NULL) {
        pthread_mutex_destroy(&limiter->lock);
        free(limiter->buckets);
        free(limiter);
    }
}

/* Writes the name that a bucket has in Redis; returns its id. */
static uint64_t name_bucket(const struct rate_limiter *limiter, const struct rate_limit_rule *rule, const char *key,
                            char name[static RATE_LIMIT_NAME_BYTES]) {
    unsigned char hash[crypto_shorthash_BYTES];
    uint64_t id;
    static_assert(sizeof id == sizeof hash, "a hash is an id");
    snprintf(name, RATE_LIMIT_NAME_BYTES, "limit:v1:%s:%s", rule->name, key);
    crypto_shorthash(hash, (const unsigned char *)name, strlen(name), limiter->secret);
    memcpy(&id, hash, sizeof id);
    return id;
}

/* With the lock held. The bucket of id; one that was not remembered is full. */
static struct bucket *find(struct rate_limiter *limiter, uint64_t id, int64_t now_us) {
    struct bucket *row = limiter->buckets[id % limiter->rows], *oldest = row;
    for (size_t i = 0; i < PLACES; i++) {
        if (row[i].id == id) {
            row[i].asked_us = now_us;
            return &row[i];
        }
        oldest = row[i].asked_us < oldest->asked_us ? &row[i] : oldest;
    }
    *oldest = (struct bucket){.id = id, .asked_us = now_us};
    return oldest;
}

static int64_t leased_at(int64_t now_us, const struct bucket *bucket) {
    return now_us < bucket->leased_until_us ? bucket->leased : 0;
}

static struct rate_limit_result describe(const struct rate_limit_rule *rule, const struct bucket *bucket,
                                         int64_t now_us, bool allowed) {
    int64_t lack_us = lack_at(now_us, bucket->full_us);
    int64_t remaining = tokens(rule, lack_us) + leased_at(now_us, bucket);
    int64_t until_token_us = lack_us - (rule->burst - 1) * rule->interval_us;
    return (struct rate_limit_result){
        .allowed = allowed,
        .limit = rule->burst,
        .remaining = remaining,
        .reset_s = seconds(lack_us),
        .retry_after_s = remaining > 0 ? 0 : seconds(until_token_us),
    };
}

/* Takes a token, or gives -1 back. */
static struct rate_limit_result charge(struct rate_limiter *limiter, const struct rate_limit_rule *rule, uint64_t id,
                                       int64_t wanted) {
    int64_t now_us = clock_monotonic_us();
    pthread_mutex_lock(&limiter->lock);
    struct bucket *bucket = find(limiter, id, now_us);
    int64_t lack_us = lack_at(now_us, bucket->full_us);
    bool allowed = tokens(rule, lack_us) >= wanted;
    if (allowed) {
        bucket->full_us = now_us + lack_us + wanted * rule->interval_us;
    }
    struct rate_limit_result result = describe(rule, bucket, now_us, allowed);
    pthread_mutex_unlock(&limiter->lock);
    return result;
}

/* --- What Redis knows ----------------------------------------------------------------- */

/* False: Redis does not answer, or not what it should. */
static bool ask_redis(const struct rate_limiter *limiter, const struct rate_limit_rule *rule, const char *name,
                      int64_t wanted, const struct rate_limit_redis *redis, struct answer *out) {
    char interval[NUMBER_BYTES], burst[NUMBER_BYTES], count[NUMBER_BYTES], *rest;
    struct redis_reply reply;
    struct redis_command command = {.count = 7, .repeatable = true}; /* a token too much wrongs nobody */
    if (redis->redis == NULL) {
        return false;
    }
    snprintf(interval, sizeof interval, "%lld", (long long)rule->interval_us);
    snprintf(burst, sizeof burst, "%lld", (long long)rule->burst);
    snprintf(count, sizeof count, "%lld", (long long)wanted);
    const char *const arguments[] = {"EVALSHA", limiter->script_id, "1", name, interval, burst, count};
    for (size_t i = 0; i < command.count; i++) {
        command.arguments[i] = slice_of(arguments[i]);
    }
    enum status status = redis_run(redis->redis, redis->call, &command, 1, redis->arena, &reply);
    if (status == STATUS_OK && reply.kind == REDIS_ERROR && strncmp(reply.text.data, "NOSCRIPT", 8) == 0) {
        command.arguments[0] = slice_of("EVAL"); /* which Redis remembers, until it is started anew */
        command.arguments[1] = slice_of(script);
        status = redis_run(redis->redis, redis->call, &command, 1, redis->arena, &reply);
    }
    if (status != STATUS_OK || reply.kind != REDIS_TEXT) {
        return false;
    }
    out->taken = strtoll(reply.text.data, &rest, 10);
    out->lack_us = strtoll(rest, &rest, 10);
    return *rest == '\0';
}

static struct rate_limit_result remember(struct rate_limiter *limiter, const struct rate_limit_rule *rule, uint64_t id,
                                         const struct answer *answer) {
    int64_t now_us = clock_monotonic_us();
    bool allowed = answer->taken > 0;
    pthread_mutex_lock(&limiter->lock);
    struct bucket *bucket = find(limiter, id, now_us);
    bucket->full_us = now_us + answer->lack_us;
    if (answer->taken > 1) {
        bucket->leased = leased_at(now_us, bucket) + answer->taken - 1;
        bucket->leased_until_us = now_us + LEASE_US;
    }
    struct rate_limit_result result = describe(rule, bucket, now_us, allowed);
    pthread_mutex_unlock(&limiter->lock);
    return result;
}

static bool take_leased(struct rate_limiter *limiter, const struct rate_limit_rule *rule, uint64_t id,
                        struct rate_limit_result *result) {
    int64_t now_us = clock_monotonic_us();
    pthread_mutex_lock(&limiter->lock);
    struct bucket *bucket = find(limiter, id, now_us);
    bool taken = leased_at(now_us, bucket) > 0;
    if (taken) {
        bucket->leased--;
        *result = describe(rule, bucket, now_us, true);
    }
    pthread_mutex_unlock(&limiter->lock);
    return taken;
}

/* --- For everybody -------------------------------------------------------------------- */

struct rate_limit_result rate_limit_take(struct rate_limiter *limiter, const struct rate_limit_rule *rule,
                                         const char *key, const struct rate_limit_redis *redis) {
    char name[RATE_LIMIT_NAME_BYTES];
    uint64_t id = name_bucket(limiter, rule, key, name);
    struct rate_limit_result result;
    struct answer answer;
    if (rule->lease > 1 && take_leased(limiter, rule, id, &result)) {
        return result;
    }
    return ask_redis(limiter, rule, name, rule->lease, redis, &answer) ? remember(limiter, rule, id, &answer)
                                                                       : charge(limiter, rule, id, 1);
}

void rate_limit_give_back(struct rate_limiter *limiter, const struct rate_limit_rule *rule, const char *key,
                          const struct rate_limit_redis *redis) {
    char name[RATE_LIMIT_NAME_BYTES];
    uint64_t id = name_bucket(limiter, rule, key, name);
    struct answer answer;
    if (ask_redis(limiter, rule, name, -1, redis, &answer)) {
        remember(limiter, rule, id, &answer);
    } else {
        charge(limiter, rule, id, -1);
    }
}

struct rate_limit_result rate_limit_look(struct rate_limiter *limiter, const struct rate_limit_rule *rule,
                                         const char *key) {
    char name[RATE_LIMIT_NAME_BYTES];
    uint64_t id = name_bucket(limiter, rule, key, name);
    int64_t now_us = clock_monotonic_us();
    pthread_mutex_lock(&limiter->lock);
    struct rate_limit_result result = describe(rule, find(limiter, id, now_us), now_us, true);
    pthread_mutex_unlock(&limiter->lock);
    result.allowed = result.remaining > 0;
    return result;
}
