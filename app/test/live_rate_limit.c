/*
 * live_rate_limit -- two nodes that take tokens from buckets in a real Redis, for tests/backends/rate_limit.bats.
 *
 * Each line of standard input is "take", "look" or "back", the node, "a" or "b", then the key, and of the rule the
 * microseconds between two tokens, the burst and the lease. Each line of output says whether there was a token, what this
 * node says of the bucket then, and how often it asked Redis.
 *
 *     take a ada 60000000 10 1     yes limit 10 remaining 9 reset 60 retry 0 asked 1
 *
 * Environment: REDIS_SERVER, REDIS_USER and REDIS_PASSWORD, as for shopd but for the password, which stands here itself.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rate_limit.h"

enum { LINE_BYTES = 256, KEY_BYTES = 64, BUCKETS = 64, MEMORY_BYTES = 1 << 16, TIMEOUT_MS = 5000 };

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

static void print(const char *what, struct rate_limit_result result, unsigned asked) {
    printf("%s limit %lld remaining %lld reset %lld retry %lld asked %u\n", what, (long long)result.limit,
           (long long)result.remaining, (long long)result.reset_s, (long long)result.retry_after_s, asked);
    fflush(stdout);
}

static void run(struct rate_limiter *const nodes[static 2], struct redis *redis, const char *line) {
    char verb[8], node[2], key[KEY_BYTES];
    long long interval_us, burst, lease;
    struct rate_limit_rule rule = {.name = "live"};
    struct call call = {.deadline = deadline_in_ms(2 * TIMEOUT_MS)};
    struct arena arena;
    if (sscanf(line, "%7s %1s %63s %lld %lld %lld", verb, node, key, &interval_us, &burst, &lease) != 6) {
        return;
    }
    struct rate_limiter *limiter = nodes[node[0] == 'b'];
    rule.interval_us = interval_us;
    rule.burst = burst;
    rule.lease = lease;
    arena_init(&arena, MEMORY_BYTES);
    const struct rate_limit_redis shared = {redis, &call, &arena};
    if (strcmp(verb, "back") == 0) {
        rate_limit_give_back(limiter, &rule, key, &shared);
    }
    struct rate_limit_result result = strcmp(verb, "take") == 0 ? rate_limit_take(limiter, &rule, key, &shared)
                                                                : rate_limit_look(limiter, &rule, key);
    print(result.allowed ? "yes" : "no", result, call.calls[BACKEND_REDIS]);
    arena_free(&arena);
}

int main(void) {
    char line[LINE_BYTES];
    struct redis_options options = {
        .user = setting("REDIS_USER"), .password = setting("REDIS_PASSWORD"), .ca_file = "", .timeout_ms = TIMEOUT_MS};
    signal(SIGPIPE, SIG_IGN);
    if (address_read(setting("REDIS_SERVER"), &options.server) != STATUS_OK) {
        fprintf(stderr, "live_rate_limit: REDIS_SERVER must be unix:PATH or ADDRESS:PORT\n");
        return 2;
    }
    struct redis *redis = redis_new(&options);
    struct rate_limiter *const nodes[] = {rate_limiter_new(BUCKETS), rate_limiter_new(BUCKETS)};
    while (fgets(line, sizeof line, stdin) != NULL) {
        run(nodes, redis, line);
    }
    rate_limiter_free(nodes[0]);
    rate_limiter_free(nodes[1]);
    redis_free(redis);
    return 0;
}
