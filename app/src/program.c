#include "program.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

void program_stop_signals(sigset_t *out) {
    sigemptyset(out);
    sigaddset(out, SIGTERM);
    sigaddset(out, SIGINT);
}

static void block_signals(void) {
    sigset_t stops;
    program_stop_signals(&stops);
    pthread_sigmask(SIG_BLOCK, &stops, NULL); /* every thread made later inherits it */
    signal(SIGPIPE, SIG_IGN);                 /* a peer that is gone is an error of write, not our end */
}

static int usage(const struct program *program, FILE *out) {
    fprintf(out, "usage: %s [OPTION]\n\n", program->name);
    for (size_t i = 0; i < PROGRAM_TASKS_MAX && program->tasks[i].run != NULL; i++) {
        const struct program_task *task = &program->tasks[i];
        fprintf(out, "  %-11s %s\n", task->option != NULL ? task->option : "(none)", task->help);
    }
    fprintf(out,
            "  --check     says whether %s are right; opens nothing\n"
            "  --settings  prints the table of settings of all programs in Markdown\n"
            "  --help      prints this\n"
            "\n"
            "Settings, all of them environment variables:\n",
            program->checked);
    config_print_help(out, program->settings);
    return out == stdout ? EXIT_SUCCESS : PROGRAM_MISUSED;
}

/* The task that option asks for; NULL: none. */
static const struct program_task *find_task(const struct program *program, const char *option) {
    for (size_t i = 0; i < PROGRAM_TASKS_MAX && program->tasks[i].run != NULL; i++) {
        const char *own = program->tasks[i].option;
        if (own == NULL ? option == NULL : option != NULL && strcmp(own, option) == 0) {
            return &program->tasks[i];
        }
    }
    return NULL;
}

static enum status prepare(const struct program *program, struct config *config,
                           char reason[static PROGRAM_REASON_BYTES]) {
    enum status status = config_read(program->settings, getenv, config, reason, PROGRAM_REASON_BYTES);
    return status == STATUS_OK ? program->prepare(config, program->context, reason) : status;
}

/* task NULL: only looks whether it could run. */
static int run(const struct program *program, const struct program_task *task) {
    static struct config config;
    char reason[PROGRAM_REASON_BYTES];
    int status = EXIT_SUCCESS;
    block_signals();
    if (prepare(program, &config, reason) != STATUS_OK) {
        fprintf(stderr, "%s: %s\n", program->name, reason);
        return PROGRAM_MISUSED;
    }
    log_init(config.node);
    if (task != NULL) {
        status = task->run(&config, program->context);
    } else {
        printf("%s: %s are right\n", program->name, program->checked);
    }
    if (program->release != NULL) {
        program->release(program->context);
    }
    return status;
}

int program_main(const struct program *program, int argc, char **argv) {
    const char *option = argc > 1 ? argv[1] : NULL;
    const struct program_task *task = find_task(program, option);
    if (argc > 2 || (option == NULL && task == NULL)) {
        return usage(program, stderr);
    }
    if (task != NULL) {
        return run(program, task);
    }
    if (strcmp(option, "--check") == 0) {
        return run(program, NULL);
    }
    if (strcmp(option, "--settings") == 0) {
        config_print_markdown(stdout);
        return EXIT_SUCCESS;
    }
    return usage(program, strcmp(option, "--help") == 0 ? stdout : stderr);
}
