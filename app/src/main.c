/*
 * shopd -- the FastCGI application server of webstack-lab.
 *
 * Start: configuration, templates, log, database library, backends, workers, server.
 * Stop:  the same in reverse order, after SIGTERM or SIGINT.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "exchange.h"
#include "log.h"
#include "program.h"
#include "shop.h"

static struct server_options server_options(struct shop *shop) {
    const struct config *config = shop->config;
    return (struct server_options){
        .listen = config->listen,
        .socket_mode = (mode_t)config->socket_mode,
        .loops = (unsigned)config->loops,
        .limits =
            {
                .params_bytes = (size_t)config->params_bytes,
                .body_bytes = (size_t)config->body_bytes,
                .memory_bytes = (size_t)config->request_memory_bytes,
                .connections = (unsigned)config->connections,
                .requests = (unsigned)config->requests_per_connection,
            },
        .requests = (unsigned)config->requests,
        .output_bytes = (size_t)config->output_bytes,
        .read_timeout_ms = config->read_timeout_ms,
        .idle_timeout_ms = config->idle_timeout_ms,
        .linger_ms = config->linger_ms,
        .stop_timeout_ms = config->stop_timeout_ms,
        .on_request = shop_on_request,
        .context = shop,
    };
}

/* The signals that stop us are taken by one thread, as if they were messages: nothing
 * happens inside a signal handler. */
static void *take_signals(void *argument) {
    struct server *server = argument;
    sigset_t stops;
    int signal_number;
    program_stop_signals(&stops);
    for (;;) {
        if (sigwait(&stops, &signal_number) == 0) {
            log_event(LOG_INFO, "stopping", LOG_TEXT("signal", strsignal(signal_number)));
            server_stop(server);
        }
    }
    return NULL;
}

/* Runs until stopped. True: every request was answered. */
static bool serve(struct shop *shop) {
    pthread_t signals;
    if (pthread_create(&signals, NULL, take_signals, shop->server) != 0) {
        return false;
    }
    log_event(LOG_INFO, "listening", LOG_TEXT("address", server_address(shop->server)),
              LOG_NUMBER("workers", shop->config->workers));
    bool complete = server_run(shop->server);
    pthread_cancel(signals);
    pthread_join(signals, NULL);
    log_event(LOG_INFO, "stopped", LOG_TEXT("requests", complete ? "all answered" : "some given up"));
    if (!complete) {
        log_end(PROGRAM_LOG_END_MS);
        _exit(EXIT_FAILURE); /* the workers may wait on a backend for seconds more, for nobody */
    }
    return complete;
}

static int run(const struct config *config, void *context) {
    const struct template_set *const *templates = context;
    struct shop shop = {.config = config, .templates = *templates};
    bool complete = false;
    shop_init();
    const struct server_options options = server_options(&shop);
    if (log_start() == STATUS_OK && db_library_init() == STATUS_OK &&
        backends_start(&shop.backends, config) == STATUS_OK && shop_start(&shop) == STATUS_OK &&
        server_open(&options, &shop.server) == STATUS_OK) {
        complete = serve(&shop);
    } else {
        log_event(LOG_ERROR, "cannot start", LOG_TEXT("listen", config->listen));
    }
    shop_stop(&shop);
    server_free(shop.server);
    backends_stop(&shop.backends);
    db_library_end();
    log_end(PROGRAM_LOG_END_MS);
    return complete ? EXIT_SUCCESS : EXIT_FAILURE;
}

static enum status check_listen(const struct config *config, char reason[static PROGRAM_REASON_BYTES]) {
    struct address address;
    enum status status = address_read(config->listen, &address);
    if (status != STATUS_OK) {
        snprintf(reason, PROGRAM_REASON_BYTES, "LISTEN is \"%s\"; it must be unix:PATH or ADDRESS:PORT",
                 config->listen);
    }
    return status;
}

static enum status prepare(const struct config *config, void *context, char reason[static PROGRAM_REASON_BYTES]) {
    struct template_set **templates = context;
    enum status status = check_listen(config, reason);
    if (status == STATUS_OK) {
        status = backends_check(config, reason, PROGRAM_REASON_BYTES);
    }
    if (status == STATUS_OK) {
        status = template_load(config->template_dir, reason, PROGRAM_REASON_BYTES, templates);
    }
    const char *missing = status == STATUS_OK ? exchange_missing_template(*templates) : NULL;
    if (missing != NULL) {
        snprintf(reason, PROGRAM_REASON_BYTES, "TEMPLATE_DIR/%s.html is missing; TEMPLATE_DIR is \"%s\"", missing,
                 config->template_dir);
        template_free(*templates);
        status = STATUS_NOT_FOUND;
    }
    return status;
}

static void release(void *context) {
    struct template_set **templates = context;
    template_free(*templates);
}

int main(int argc, char **argv) {
    struct template_set *templates = NULL;
    const struct program shopd = {
        .name = "shopd",
        .checked = "configuration and templates",
        .settings = CONFIG_SHOPD,
        .tasks = {{NULL, "serves the shop", run}},
        .prepare = prepare,
        .release = release,
        .context = &templates,
    };
    return program_main(&shopd, argc, argv);
}
