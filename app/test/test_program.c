#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "program.h"

/* A program that notes what it was told to do. */
struct notes {
    unsigned served, listed, prepared, released;
    const char *wrong; /* what prepare() finds; NULL: nothing */
    char node[CONFIG_TEXT_BYTES];
};

static int serve(const struct config *config, void *context) {
    struct notes *notes = context;
    notes->served++;
    strcpy(notes->node, config->node);
    return 0;
}

static int list(const struct config *config, void *context) {
    (void)config;
    ((struct notes *)context)->listed++;
    return 7;
}

static enum status prepare(const struct config *config, void *context, char reason[static PROGRAM_REASON_BYTES]) {
    struct notes *notes = context;
    (void)config;
    notes->prepared++;
    if (notes->wrong != NULL) {
        snprintf(reason, PROGRAM_REASON_BYTES, "%s", notes->wrong);
    }
    return notes->wrong != NULL ? STATUS_BAD_INPUT : STATUS_OK;
}

static void release(void *context) { ((struct notes *)context)->released++; }

/* What it says on both of its outputs. */
static char said[16384];

/* Runs it with up to two options. */
static int call(struct notes *notes, const char *first, const char *second) {
    const struct program program = {
        .name = "tested",
        .checked = "settings",
        .settings = CONFIG_MIGRATE,
        .tasks = {{NULL, "serves", serve}, {"--list", "lists", list}},
        .prepare = prepare,
        .release = release,
        .context = notes,
    };
    char *arguments[] = {"tested", (char *)first, (char *)second, NULL};
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    int real_stdout = dup(STDOUT_FILENO), real_stderr = dup(STDERR_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    int status = program_main(&program, 1 + (first != NULL) + (second != NULL), arguments);
    fflush(stdout);
    dup2(real_stdout, STDOUT_FILENO);
    dup2(real_stderr, STDERR_FILENO);
    close(real_stdout);
    close(real_stderr);
    rewind(file);
    said[fread(said, 1, sizeof said - 1, file)] = '\0';
    fclose(file);
    return status;
}

static int set_up(void **state) {
    (void)state;
    setenv("MYSQL_PASSWORD_FILE", "", 1);
    setenv("NODE", "server-9", 1);
    unsetenv("MYSQL_TIMEOUT_MS");
    return 0;
}

static void an_option_chooses_the_task(void **state) {
    (void)state;
    struct notes notes = {0};
    assert_int_equal(call(&notes, NULL, NULL), 0);
    assert_string_equal(notes.node, "server-9");
    assert_int_equal(call(&notes, "--list", NULL), 7);
    assert_int_equal(notes.served, 1);
    assert_int_equal(notes.listed, 1);
    assert_int_equal(notes.prepared, 2);
    assert_int_equal(notes.released, 2);
}

static void check_runs_no_task(void **state) {
    (void)state;
    struct notes notes = {0};
    assert_int_equal(call(&notes, "--check", NULL), 0);
    assert_string_equal(said, "tested: settings are right\n");
    assert_int_equal(notes.prepared, 1);
    assert_int_equal(notes.served + notes.listed, 0);
    assert_int_equal(notes.released, 1);
}

static void what_is_wrong_is_said_in_one_line_before_anything_runs(void **state) {
    (void)state;
    struct notes notes = {.wrong = "the moon is full"};
    assert_int_equal(call(&notes, NULL, NULL), PROGRAM_MISUSED);
    assert_string_equal(said, "tested: the moon is full\n");
    setenv("MYSQL_TIMEOUT_MS", "soon", 1);
    assert_int_equal(call(&notes, "--check", NULL), PROGRAM_MISUSED);
    assert_non_null(strstr(said, "tested: MYSQL_TIMEOUT_MS is \"soon\""));
    assert_int_equal(notes.prepared, 1);
    assert_int_equal(notes.served + notes.released, 0);
}

static void help_is_asked_for_or_misuse(void **state) {
    (void)state;
    struct notes notes = {0};
    assert_int_equal(call(&notes, "--help", NULL), 0);
    assert_non_null(strstr(said, "  --list "));
    assert_non_null(strstr(said, "  MYSQL_USER "));
    assert_null(strstr(said, "  LISTEN "));
    assert_int_equal(call(&notes, "--no-such-option", NULL), PROGRAM_MISUSED);
    assert_int_equal(call(&notes, "--list", "--list"), PROGRAM_MISUSED);
    assert_int_equal(notes.prepared, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_option_chooses_the_task, set_up),
        cmocka_unit_test_setup(check_runs_no_task, set_up),
        cmocka_unit_test_setup(what_is_wrong_is_said_in_one_line_before_anything_runs, set_up),
        cmocka_unit_test_setup(help_is_asked_for_or_misuse, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
