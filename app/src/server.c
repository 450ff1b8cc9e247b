#include "server.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "listener.h"
#include "log.h"
#include "loop.h"

enum { ADDRESS_BYTES = 128 };

struct server {
    struct server_options options;
    struct fcgi_budget budget;
    struct loop_shared shared;
    char address[ADDRESS_BYTES];
    struct loop **loops;
    pthread_t *threads;   /* threads[i] runs loops[i]; loops[0] runs in server_run() itself */
    atomic_uint given_up; /* connections that were closed with a request in work, or an answer not sent */
};

/* --- Start ---------------------------------------------------------------------------- */

/* Each loop keeps a duplicate of fd, which is the caller's. */
static enum status open_loops(struct server *server, int fd) {
    unsigned count = server->options.loops;
    server->loops = calloc(count, sizeof *server->loops);
    server->threads = calloc(count, sizeof *server->threads);
    if (server->loops == NULL || server->threads == NULL) {
        return STATUS_NO_MEMORY;
    }
    for (unsigned i = 0; i < count; i++) {
        server->loops[i] = loop_new(&server->shared, fd);
        if (server->loops[i] == NULL) {
            return STATUS_NO_MEMORY;
        }
    }
    return STATUS_OK;
}

static enum status listen_with_loops(struct server *server) {
    static const char unix_prefix[] = "unix:";
    int fd;
    enum status status = listener_open(server->options.listen, server->options.socket_mode, &fd, server->address,
                                       sizeof server->address);
    if (status != STATUS_OK) {
        return status;
    }
    if (strncmp(server->address, unix_prefix, strlen(unix_prefix)) == 0) {
        server->shared.path = server->address + strlen(unix_prefix);
    }
    status = open_loops(server, fd);
    close(fd);
    return status;
}

enum status server_open(const struct server_options *options, struct server **out) {
    struct server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return STATUS_NO_MEMORY;
    }
    server->options = *options;
    server->options.limits.budget = &server->budget;
    server->budget.most = options->requests;
    server->shared.options = &server->options;
    server->shared.server = server;
    atomic_flag_clear(&server->shared.removed);
    enum status status = listen_with_loops(server);
    if (status != STATUS_OK) {
        server_free(server);
        return status;
    }
    *out = server;
    return STATUS_OK;
}

const char *server_address(const struct server *server) { return server->address; }

/* --- Work ----------------------------------------------------------------------------- */

struct task {
    struct server *server;
    struct loop *loop;
};

static void *run_loop(void *argument) {
    struct task task = *(struct task *)argument;
    free(argument);
    atomic_fetch_add(&task.server->given_up, loop_run(task.loop));
    return NULL;
}

static bool start_thread(struct server *server, unsigned index) {
    struct task *task = malloc(sizeof *task);
    if (task == NULL) {
        return false;
    }
    *task = (struct task){server, server->loops[index]};
    if (pthread_create(&server->threads[index], NULL, run_loop, task) != 0) {
        free(task);
        return false;
    }
    return true;
}

bool server_run(struct server *server) {
    unsigned running = 1;
    while (running < server->options.loops && start_thread(server, running)) {
        running++;
    }
    if (running < server->options.loops) {
        log_event(LOG_ERROR, "cannot start a loop", LOG_NUMBER("loops", server->options.loops),
                  LOG_NUMBER("running", running));
        server_stop(server);
    }
    atomic_fetch_add(&server->given_up, loop_run(server->loops[0]));
    for (unsigned i = 1; i < running; i++) {
        pthread_join(server->threads[i], NULL);
    }
    return running == server->options.loops && server->given_up == 0;
}

void server_respond(struct server *server, struct fcgi_request *request) {
    (void)server;
    loop_respond(request);
}

/* --- End ------------------------------------------------------------------------------ */

void server_stop(struct server *server) {
    long long never = 0;
    atomic_compare_exchange_strong(&server->shared.stopped_us, &never, clock_monotonic_us());
    atomic_fetch_add(&server->shared.stops_asked, 1);
    for (unsigned i = 0; i < server->options.loops; i++) {
        loop_wake(server->loops[i]);
    }
}

bool server_stopping(const struct server *server) { return atomic_load(&server->shared.stops_asked) > 0; }

void server_free(struct server *server) {
    if (server == NULL) {
        return;
    }
    loop_remove_name(&server->shared);
    for (unsigned i = 0; server->loops != NULL && i < server->options.loops; i++) {
        loop_free(server->loops[i]);
    }
    free(server->loops);
    free(server->threads);
    free(server);
}
