/*
 * shop-worker -- writes the receipts of orders, some time after they were placed.
 *
 * Start: configuration, log, database library, backends, worker. Stop: the same in reverse
 * order, after SIGTERM or SIGINT, when the piece of work at hand is done.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends.h"
#include "log.h"
#include "program.h"
#include "stream.h"
#include "worker.h"
#include "worker_metrics.h"

enum { METRICS_EVERY_US = 2000000, LOOK_MS = 3000, MEMORY_BYTES = 65536 };

/* What a task has to work with. */
struct tools {
    const struct config *config;
    struct backends backends;
    struct clients *clients;
};

/* --- Stopping ------------------------------------------------------------------------- */

/* Waits so long for a signal that stops us; what has come once is remembered. */
static bool wait_for_stop(int64_t ms) {
    static bool stopped;
    const struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    sigset_t stops;
    program_stop_signals(&stops);
    int signal_number = stopped ? -1 : sigtimedwait(&stops, NULL, &wait);
    if (signal_number > 0) {
        log_event(LOG_INFO, "stopping", LOG_TEXT("signal", strsignal(signal_number)));
        stopped = true;
    }
    return stopped;
}

static bool stopping(void) { return wait_for_stop(0); }

/* --- Working -------------------------------------------------------------------------- */

static struct call new_call(void) {
    struct call call = {.deadline = deadline_in_ms(LOOK_MS)};
    trace_begin(&call.trace, (struct slice){0});
    return call;
}

static void write_metrics(const struct tools *tools, const struct worker *worker) {
    struct outbox_count waiting[OUTBOX_STATES];
    struct call call = new_call();
    const struct worker_counts counts = worker_counts(worker);
    if (outbox_count(tools->clients->database, &call, waiting) == STATUS_OK) {
        worker_metrics_write(tools->config->metrics_file, &counts, waiting);
    }
}

static void keep_working(const struct tools *tools, struct worker *worker) {
    const struct config *config = tools->config;
    int64_t metrics_at_us = 0;
    log_event(LOG_INFO, "working", LOG_TEXT("name", config->node), LOG_TEXT("redis", config->redis_server));
    while (!stopping()) {
        enum status status = worker_round(worker);
        bool looked = status == STATUS_OK || status == STATUS_AGAIN;
        if (looked && config->metrics_file[0] != '\0' && clock_monotonic_us() >= metrics_at_us) {
            write_metrics(tools, worker);
            metrics_at_us = clock_monotonic_us() + METRICS_EVERY_US;
        }
        if (status != STATUS_OK) {
            wait_for_stop(config->worker_interval_ms);
        }
    }
    log_event(LOG_INFO, "stopped", LOG_NUMBER("written", worker_counts(worker).written));
}

static struct worker_options worker_options(const struct tools *tools) {
    const struct config *config = tools->config;
    return (struct worker_options){
        .clients = tools->clients,
        .flags = tools->backends.flags,
        .name = config->node,
        .rules = {.tries = (unsigned)config->worker_tries, .base_ms = config->worker_retry_ms},
        .resend_ms = config->worker_resend_ms,
        .claim_ms = config->worker_claim_ms,
        .stopping = stopping,
    };
}

/* Runs task with all that it takes. */
static int with_tools(const struct config *config, int (*task)(const struct tools *tools)) {
    struct tools tools = {.config = config};
    int exit_status = EXIT_FAILURE;
    if (log_start() == STATUS_OK && db_library_init() == STATUS_OK &&
        backends_start(&tools.backends, config) == STATUS_OK &&
        (tools.clients = clients_new(&tools.backends)) != NULL) {
        exit_status = task(&tools);
    } else {
        log_event(LOG_ERROR, "cannot start", LOG_TEXT("node", config->node));
    }
    clients_free(tools.clients);
    backends_stop(&tools.backends);
    db_library_end();
    log_end(PROGRAM_LOG_END_MS);
    return exit_status;
}

static int work(const struct tools *tools) {
    const struct worker_options options = worker_options(tools);
    struct worker *worker = worker_new(&options);
    if (worker == NULL) {
        return EXIT_FAILURE;
    }
    keep_working(tools, worker);
    worker_free(worker);
    return EXIT_SUCCESS;
}

/* --- Dead letters --------------------------------------------------------------------- */

static void print_dead_letter(void *context, const struct db_value *column) {
    size_t *count = context;
    if ((*count)++ == 0) {
        printf("%8s  %-36s  %5s  %-19s  %s\n", "outbox", "order", "tries", "placed", "error");
    }
    printf("%8lld  %-36.*s  %5lld  %.*s  %.*s\n", (long long)column[0].number, (int)column[1].text.length,
           column[1].text.data, (long long)column[2].number, (int)column[3].text.length, column[3].text.data,
           (int)column[4].text.length, column[4].text.data);
}

static int mysql_is_away(void) {
    fprintf(stderr, "error: MySQL does not answer, or has no outbox\n");
    return EXIT_FAILURE;
}

static int list_dead(const struct tools *tools) {
    struct call call = new_call();
    size_t count = 0;
    if (outbox_dead_letters(tools->clients->database, &call, print_dead_letter, &count) != STATUS_OK) {
        return mysql_is_away();
    }
    if (count == 0) {
        puts("no dead letters");
    }
    return EXIT_SUCCESS;
}

static int requeue_dead(const struct tools *tools) {
    const struct stream stream = {.redis = tools->clients->cache.redis, .consumer = tools->config->node};
    struct call call = new_call();
    struct arena arena;
    if (outbox_requeue(tools->clients->database, &call) != STATUS_OK) {
        return mysql_is_away();
    }
    printf("%lld put back\n", (long long)call.rows_changed);
    if (stream.redis != NULL) {
        arena_init(&arena, MEMORY_BYTES);
        stream_clear_dead(&stream, &call, &arena);
        arena_free(&arena);
    }
    return EXIT_SUCCESS;
}

/* --- The program ---------------------------------------------------------------------- */

static int run(const struct config *config, void *context) {
    (void)context;
    return with_tools(config, work);
}

static int run_dead(const struct config *config, void *context) {
    (void)context;
    log_at_least(LOG_ERROR);
    return with_tools(config, list_dead);
}

static int run_requeue(const struct config *config, void *context) {
    (void)context;
    log_at_least(LOG_ERROR);
    return with_tools(config, requeue_dead);
}

static enum status prepare(const struct config *config, void *context, char reason[static PROGRAM_REASON_BYTES]) {
    (void)context;
    return backends_check(config, reason, PROGRAM_REASON_BYTES);
}

int main(int argc, char **argv) {
    const struct program shop_worker = {
        .name = "shop-worker",
        .checked = "settings",
        .settings = CONFIG_WORKER,
        .tasks = {{NULL, "writes receipts until it is stopped", run},
                  {"--dead", "lists the orders whose receipt was given up", run_dead},
                  {"--requeue", "puts all of them back", run_requeue}},
        .prepare = prepare,
    };
    return program_main(&shop_worker, argc, argv);
}
