/*
 * trap -- catches what is written to standard error.
 *
 * Include it after cmocka.h.
 */
#ifndef TRAP_H
#define TRAP_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Standard error, caught in a file; what sanitizers have to say goes to a real one again after release(). */
struct trap {
    FILE *file;
    int real_stderr;
};

static inline struct trap catch_stderr(void) {
    struct trap trap = {tmpfile(), dup(STDERR_FILENO)};
    assert_non_null(trap.file);
    fcntl(fileno(trap.file), F_SETFL, O_APPEND); /* as a pipe: a write goes behind the last one */
    dup2(fileno(trap.file), STDERR_FILENO);
    return trap;
}

/* What was written, as a string to be freed. */
static inline char *release(struct trap trap) {
    dup2(trap.real_stderr, STDERR_FILENO);
    close(trap.real_stderr);
    fseek(trap.file, 0, SEEK_END);
    size_t length = (size_t)ftell(trap.file);
    char *written = calloc(1, length + 1);
    assert_non_null(written);
    rewind(trap.file);
    assert_int_equal(fread(written, 1, length, trap.file), length);
    fclose(trap.file);
    return written;
}

#endif
