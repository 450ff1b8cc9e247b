/*
 * program -- what the programs of this folder have in common: a command line of one option
 * at most, settings that are checked before anything is opened, signals taken as messages.
 *
 *   NAME                does its work
 *   NAME --check        says whether its settings are right, and opens nothing
 *   NAME --help         prints its options and settings
 *   NAME --settings     prints the table of all settings in Markdown
 *
 * Exit status: what the task returns, or PROGRAM_MISUSED with one line that says why.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <signal.h>
#include <stddef.h>

#include "config.h"
#include "status.h"

enum { PROGRAM_MISUSED = 2, PROGRAM_REASON_BYTES = 512, PROGRAM_LOG_END_MS = 1000, PROGRAM_TASKS_MAX = 4 };

/* What a program does when it is called with option. */
struct program_task {
    const char *option; /* NULL: without one */
    const char *help;
    int (*run)(const struct config *config, void *context);
};

struct program {
    const char *name;
    const char *checked; /* "configuration and templates": what prepare() looks at */
    enum config_programs settings;
    struct program_task tasks[PROGRAM_TASKS_MAX]; /* run NULL: no more */

    /* Reads all that can be wrong beyond the settings themselves. Not STATUS_OK: reason says
     * in one line what is. Then neither a task nor release runs. */
    enum status (*prepare)(const struct config *config, void *context, char reason[static PROGRAM_REASON_BYTES]);
    void (*release)(void *context); /* gives back what prepare() took; NULL: nothing */
    void *context;
};

/* All of main(). */
int program_main(const struct program *program, int argc, char **argv);

/* The signals that stop a program; they are blocked in every thread, to be waited for. */
void program_stop_signals(sigset_t *out);

#endif
