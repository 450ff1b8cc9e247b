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
#include "config.h"
#include "exchange.h"
#include "log.h"
#include "shop.h"

enum { EXIT_USAGE = 2, REASON_BYTES = 512, LOG_END_MS = 1000 };

static int usage(FILE *out) {
    fprintf(out, "usage: shopd [--check | --help | --settings]\n"
                 "\n"
                 "  --check     says whether configuration and templates are right; opens nothing\n"
                 "  --settings  prints the table of settings in Markdown\n"
                 "\n"
                 "Settings, all of them environment variables:\n");
    config_print_help(out);
    return out == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

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
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    for (;;) {
        if (sigwait(&stops, &signal_number) == 0) {
            log_event(LOG_INFO, "stopping", LOG_TEXT("signal", strsignal(signal_number)));
            server_stop(server);
        }
    }
    return NULL;
}

static void block_signals(void) {
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stops, NULL); /* every thread made later inherits it */
    signal(SIGPIPE, SIG_IGN);                 /* a peer that is gone is an error of write, not our end */
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
        log_end(LOG_END_MS);
        _exit(EXIT_FAILURE); /* the workers may wait on a backend for seconds more, for nobody */
    }
    return complete;
}

static int run(const struct config *config, const struct template_set *templates) {
    struct shop shop = {.config = config, .templates = templates};
    bool complete = false;
    shop_init();
    const struct server_options options = server_options(&shop);
    if (log_start() == STATUS_OK && db_library_init() == STATUS_OK &&
        backends_start(&shop.backends, config) == STATUS_OK && shop_start_workers(&shop) == STATUS_OK &&
        server_open(&options, &shop.server) == STATUS_OK) {
        complete = serve(&shop);
    } else {
        log_event(LOG_ERROR, "cannot start", LOG_TEXT("listen", config->listen));
    }
    workers_stop(shop.workers);
    server_free(shop.server);
    backends_stop(&shop.backends);
    db_library_end();
    log_end(LOG_END_MS);
    return complete ? EXIT_SUCCESS : EXIT_FAILURE;
}

static enum status check_address(const char *variable, const char *value, char reason[static REASON_BYTES]) {
    struct address address;
    enum status status = address_read(value, &address);
    if (status != STATUS_OK) {
        snprintf(reason, REASON_BYTES, "%s is \"%s\"; it must be unix:PATH or ADDRESS:PORT", variable, value);
    }
    return status;
}

/* Reads all that can be wrong before anything is opened. STATUS_OK, or reason says what is. */
static enum status prepare(struct config *config, struct template_set **templates, char reason[static REASON_BYTES]) {
    enum status status = config_read(getenv, config, reason, REASON_BYTES);
    if (status == STATUS_OK) {
        status = check_address("LISTEN", config->listen, reason);
    }
    if (status == STATUS_OK && config->redis_server[0] != '\0') {
        status = check_address("REDIS_SERVER", config->redis_server, reason);
    }
    if (status == STATUS_OK && topology_check(config->mysql_servers) != STATUS_OK) {
        snprintf(reason, REASON_BYTES,
                 "MYSQL_SERVERS is \"%s\"; it must be 1 to %d of unix:PATH or ADDRESS:PORT, separated by spaces",
                 config->mysql_servers, TOPOLOGY_SERVERS_MAX);
        status = STATUS_BAD_INPUT;
    }
    if (status == STATUS_OK) {
        status = template_load(config->template_dir, reason, REASON_BYTES, templates);
    }
    const char *missing = status == STATUS_OK ? exchange_missing_template(*templates) : NULL;
    if (missing != NULL) {
        snprintf(reason, REASON_BYTES, "TEMPLATE_DIR/%s.html is missing; TEMPLATE_DIR is \"%s\"", missing,
                 config->template_dir);
        template_free(*templates);
        status = STATUS_NOT_FOUND;
    }
    return status;
}

int main(int argc, char **argv) {
    static struct config config;
    struct template_set *templates;
    char reason[REASON_BYTES];
    const char *option = argc == 2 ? argv[1] : "";
    if (argc > 2 || (argc == 2 && strcmp(option, "--check") != 0 && strcmp(option, "--settings") != 0)) {
        return usage(strcmp(option, "--help") == 0 ? stdout : stderr);
    }
    if (strcmp(option, "--settings") == 0) {
        config_print_markdown(stdout);
        return EXIT_SUCCESS;
    }
    block_signals();
    if (prepare(&config, &templates, reason) != STATUS_OK) {
        fprintf(stderr, "shopd: %s\n", reason);
        return EXIT_USAGE;
    }
    log_init(config.node);
    int status = EXIT_SUCCESS;
    if (strcmp(option, "--check") == 0) {
        puts("shopd: configuration and templates are right");
    } else {
        status = run(&config, templates);
    }
    template_free(templates);
    return status;
}
