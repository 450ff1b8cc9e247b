#include "redis_watch.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "metrics.h"
#include "watcher.h"

enum { MEMORY_BYTES = 65536 };

struct redis_watch {
    struct redis *redis;
    int64_t timeout_ms;
    atomic_bool up;
    struct watcher *watcher;
};

static void look(void *context) {
    static const struct redis_command ping = {.arguments = {{"PING", 4}}, .count = 1, .repeatable = true};
    struct redis_watch *watch = context;
    struct call call = {.deadline = deadline_in_ms(watch->timeout_ms)};
    struct redis_reply reply;
    struct arena arena;
    arena_init(&arena, MEMORY_BYTES);
    bool up = redis_run(watch->redis, &call, &ping, 1, &arena, &reply) == STATUS_OK;
    arena_free(&arena);
    atomic_store(&watch->up, up);
    metrics_set(METRIC_REDIS_UP, up);
}

enum status redis_watch_start(const struct redis_options *options, int64_t interval_ms, struct redis_watch **out) {
    struct redis_watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL) {
        return STATUS_NO_MEMORY;
    }
    struct redis_options alone = *options;
    alone.breaker = NULL;
    const struct watcher_options watcher = {.interval_ms = interval_ms, .look = look, .context = watch};
    enum status status = STATUS_NO_MEMORY;
    watch->timeout_ms = options->timeout_ms;
    watch->redis = redis_new(&alone);
    if (watch->redis != NULL) {
        look(watch);
        status = watcher_start(&watcher, &watch->watcher);
    }
    if (status != STATUS_OK) {
        redis_watch_stop(watch);
        return status;
    }
    *out = watch;
    return STATUS_OK;
}

bool redis_watch_up(const struct redis_watch *watch) { return atomic_load(&watch->up); }

void redis_watch_stop(struct redis_watch *watch) {
    if (watch == NULL) {
        return;
    }
    watcher_stop(watch->watcher);
    redis_free(watch->redis);
    free(watch);
}
