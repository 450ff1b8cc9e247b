#include "throttle.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics.h"
#include "rate_limit.h"
#include "secret.h"
#include "shop.h"
#include "visitor.h"

enum {
    BURST_S = 5,             /* of requests, at once: a page comes with others */
    QUESTIONS_A_SECOND = 20, /* to Redis, of who makes as many requests as the limit lets */
    BUCKETS = 16384,
    NETWORK_BYTES = 8, /* of an IPv6 address */
    KEY_BYTES = SECRET_HASH_CHARS + 1,
    NUMBER_BYTES = 24,
};

struct throttle {
    struct rate_limiter *limiter;
    struct rate_limit_rule rules[LIMIT_COUNT]; /* interval_us 0: no limit */
};

static const char *const names[LIMIT_COUNT] = {
#define ROW(name, bucket, sentence) [LIMIT_##name] = (bucket),
    LIMITS(ROW)
#undef ROW
};

static const char *const sentences[LIMIT_COUNT] = {
#define ROW(name, bucket, sentence) [LIMIT_##name] = (sentence),
    LIMITS(ROW)
#undef ROW
};

static const enum metric counters[LIMIT_COUNT] = {
#define ROW(name, bucket, sentence) [LIMIT_##name] = METRIC_LIMITED_##name,
    LIMITS(ROW)
#undef ROW
};

/* --- Of the process ------------------------------------------------------------------- */

static void set_per_second(struct throttle *throttle, enum limit limit, int64_t requests) {
    int64_t lease = requests / QUESTIONS_A_SECOND;
    throttle->rules[limit] = (struct rate_limit_rule){
        .name = names[limit],
        .interval_us = requests > 0 ? 1000000 / requests : 0,
        .burst = requests * BURST_S,
        .lease = lease > 1 ? lease : 1,
    };
}

static void set_per_window(struct throttle *throttle, enum limit limit, int64_t tries, int64_t window_ms) {
    throttle->rules[limit] = (struct rate_limit_rule){
        .name = names[limit],
        .interval_us = tries > 0 ? window_ms * 1000 / tries : 0,
        .burst = tries,
        .lease = 1,
    };
}

enum status throttle_new(const struct config *config, struct throttle **out) {
    struct throttle *throttle = calloc(1, sizeof *throttle);
    if (throttle == NULL) {
        return STATUS_NO_MEMORY;
    }
    throttle->limiter = rate_limiter_new(BUCKETS);
    if (throttle->limiter == NULL) {
        throttle_free(throttle);
        return STATUS_NO_MEMORY;
    }
    set_per_second(throttle, LIMIT_ADDRESS, config->limit_address_per_s);
    set_per_second(throttle, LIMIT_ACCOUNT, config->limit_account_per_s);
    set_per_window(throttle, LIMIT_LOGIN_ADDRESS, config->limit_login_address, config->limit_login_ms);
    set_per_window(throttle, LIMIT_LOGIN_ACCOUNT, config->limit_login_account, config->limit_login_ms);
    set_per_window(throttle, LIMIT_SIGN_UP, config->limit_sign_up, config->limit_login_ms);
    *out = throttle;
    return STATUS_OK;
}

void throttle_free(struct throttle *throttle) {
    if (throttle != NULL) {
        rate_limiter_free(throttle->limiter);
        free(throttle);
    }
}

/* --- Whose bucket --------------------------------------------------------------------- */

static bool key_of_address(const struct exchange *exchange, char key[static KEY_BYTES]) {
    struct slice remote = http_variable(&exchange->in, "REMOTE_ADDR");
    struct in6_addr v6;
    struct in_addr v4;
    char text[INET6_ADDRSTRLEN];
    snprintf(text, sizeof text, "%.*s", (int)remote.length, remote.data);
    if (inet_pton(AF_INET, text, &v4) == 1) {
        return inet_ntop(AF_INET, &v4, key, KEY_BYTES) != NULL;
    }
    if (inet_pton(AF_INET6, text, &v6) != 1) {
        return false;
    }
    if (IN6_IS_ADDR_V4MAPPED(&v6)) {
        return inet_ntop(AF_INET, &v6.s6_addr[12], key, KEY_BYTES) != NULL;
    }
    memset(&v6.s6_addr[NETWORK_BYTES], 0, sizeof v6 - NETWORK_BYTES);
    return inet_ntop(AF_INET6, &v6, key, KEY_BYTES) != NULL;
}

/* False: nobody knows, so nobody is limited. */
static bool key_of(const struct exchange *exchange, enum limit limit, const char *account, char key[static KEY_BYTES]) {
    switch (limit) {
    case LIMIT_ACCOUNT:
        snprintf(key, KEY_BYTES, "%llu", (unsigned long long)visitor_user(exchange));
        return visitor_user(exchange) != 0;
    case LIMIT_LOGIN_ACCOUNT: /* an address of mail may be longer than a key, and is nobody's business in Redis */
        secret_hash(slice_of(account), key);
        return true;
    default:
        return key_of_address(exchange, key);
    }
}

/* --- What becomes of it --------------------------------------------------------------- */

static void add_number(struct exchange *exchange, const char *name, int64_t number) {
    char text[NUMBER_BYTES];
    snprintf(text, sizeof text, "%lld", (long long)number);
    http_header(&exchange->out, name, text);
}

/* The fields are those of draft-ietf-httpapi-ratelimit-headers-03, which clients know best. */
static bool judge(struct exchange *exchange, enum limit limit, struct rate_limit_result result) {
    if (result.allowed) {
        return true;
    }
    metrics_add(counters[limit], 1);
    add_number(exchange, "Retry-After", result.retry_after_s);
    add_number(exchange, "RateLimit-Limit", result.limit);
    add_number(exchange, "RateLimit-Remaining", result.remaining);
    add_number(exchange, "RateLimit-Reset", result.reset_s);
    exchange_problem(exchange, 429, sentences[limit]);
    return false;
}

/* The rule that holds and the key of the bucket; NULL: there is no limit. */
static const struct rate_limit_rule *rule_for(const struct exchange *exchange, enum limit limit, const char *account,
                                              char key[static KEY_BYTES]) {
    const struct rate_limit_rule *rule = &exchange->shop->throttle->rules[limit];
    return rule->interval_us > 0 && key_of(exchange, limit, account, key) ? rule : NULL;
}

static struct rate_limit_redis redis_of(struct exchange *exchange) {
    return (struct rate_limit_redis){
        .redis = exchange->cache.redis, .call = &exchange->call, .arena = &exchange->request->arena};
}

bool throttle_admit(struct exchange *exchange) {
    char key[KEY_BYTES];
    const struct rate_limit_rule *rule = rule_for(exchange, LIMIT_ADDRESS, NULL, key);
    return rule == NULL ||
           judge(exchange, LIMIT_ADDRESS, rate_limit_look(exchange->shop->throttle->limiter, rule, key));
}

bool throttle_take(struct exchange *exchange, enum limit limit, const char *account) {
    char key[KEY_BYTES];
    const struct rate_limit_rule *rule = rule_for(exchange, limit, account, key);
    const struct rate_limit_redis redis = redis_of(exchange);
    return rule == NULL ||
           judge(exchange, limit, rate_limit_take(exchange->shop->throttle->limiter, rule, key, &redis));
}

void throttle_give_back(struct exchange *exchange, enum limit limit, const char *account) {
    char key[KEY_BYTES];
    const struct rate_limit_rule *rule = rule_for(exchange, limit, account, key);
    const struct rate_limit_redis redis = redis_of(exchange);
    if (rule != NULL) {
        rate_limit_give_back(exchange->shop->throttle->limiter, rule, key, &redis);
    }
}

bool throttle_count_request(struct exchange *exchange) {
    return throttle_take(exchange, LIMIT_ADDRESS, NULL) && throttle_take(exchange, LIMIT_ACCOUNT, NULL);
}
