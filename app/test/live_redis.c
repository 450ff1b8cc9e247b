/*
 * live_redis -- talks to a real Redis, for tests/backends/redis.bats.
 *
 * Each line of standard input is a command, its arguments between single spaces; each line of output says what became of
 * it: the status, the kind and text or number of the reply, and how many milliseconds it took.
 *
 *     SET k hello        ok text OK 0
 *     GET k              ok text hello 0
 *
 * Environment: REDIS_SERVER, REDIS_USER, REDIS_PASSWORD, REDIS_CA_FILE and REDIS_TIMEOUT_MS, as for shopd but for the
 * password, which stands here itself. What redis.c logs goes to standard error.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "redis.h"

enum { LINE_BYTES = 65536, MEMORY_BYTES = 1 << 20 };

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

/* What a line asks for, in place. Of the commands used in tests all but INCR may be sent twice. */
static struct redis_command read_command(char *line) {
    struct redis_command command = {.repeatable = strncmp(line, "INCR", 4) != 0};
    char *rest;
    for (char *word = strtok_r(line, " \n", &rest); word != NULL && command.count < REDIS_ARGUMENTS_MAX;
         word = strtok_r(NULL, " \n", &rest)) {
        command.arguments[command.count++] = slice_of(word);
    }
    return command;
}

static void print_reply(const struct redis_reply *reply) {
    switch (reply->kind) {
    case REDIS_NIL:
        printf("nil -");
        break;
    case REDIS_NUMBER:
        printf("number %lld", (long long)reply->number);
        break;
    case REDIS_TEXT:
    case REDIS_ERROR:
        printf("%s %s", reply->kind == REDIS_TEXT ? "text" : "error", reply->text.data);
        break;
    case REDIS_LIST:
        printf("list %zu", reply->count);
        break;
    }
}

static void run(struct redis *redis, char *line, int64_t timeout_ms) {
    struct redis_command command = read_command(line);
    struct call call = {.deadline = deadline_in_ms(2 * timeout_ms)};
    struct redis_reply reply;
    struct arena arena;
    arena_init(&arena, MEMORY_BYTES);
    int64_t begun_us = clock_monotonic_us();
    enum status status = redis_run(redis, &call, &command, 1, &arena, &reply);
    if (status == STATUS_OK) {
        printf("ok ");
        print_reply(&reply);
    } else {
        printf("%s - -", status == STATUS_TIMEOUT ? "timeout" : status == STATUS_GONE ? "gone" : "no-memory");
    }
    printf(" %lld\n", (long long)(clock_monotonic_us() - begun_us) / 1000);
    fflush(stdout);
    arena_free(&arena);
}

int main(void) {
    static char line[LINE_BYTES];
    const char *timeout = setting("REDIS_TIMEOUT_MS");
    struct redis_options options = {
        .user = setting("REDIS_USER"),
        .password = setting("REDIS_PASSWORD"),
        .ca_file = setting("REDIS_CA_FILE"),
        .timeout_ms = timeout[0] != '\0' ? atoi(timeout) : 1000,
    };
    signal(SIGPIPE, SIG_IGN);
    if (address_read(setting("REDIS_SERVER"), &options.server) != STATUS_OK) {
        fprintf(stderr, "live_redis: REDIS_SERVER must be unix:PATH or ADDRESS:PORT\n");
        return 2;
    }
    struct redis *redis = redis_new(&options);
    while (fgets(line, sizeof line, stdin) != NULL) {
        run(redis, line, options.timeout_ms);
    }
    redis_free(redis);
    return 0;
}
