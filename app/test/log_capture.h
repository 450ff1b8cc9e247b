/*
 * log_capture -- what is written to the log meanwhile.
 *
 * Include it after cmocka.h.
 */
#ifndef LOG_CAPTURE_H
#define LOG_CAPTURE_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static FILE *log_file;
static int real_stderr;

static inline void begin_log(void) {
    log_file = tmpfile();
    assert_non_null(log_file);
    real_stderr = dup(STDERR_FILENO);
    dup2(fileno(log_file), STDERR_FILENO);
}

/* Ends the log and returns its text, until the next one. */
static inline const char *end_log(void) {
    static char text[8192];
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    rewind(log_file);
    text[fread(text, 1, sizeof text - 1, log_file)] = '\0';
    fclose(log_file);
    return text;
}

static inline unsigned count(const char *text, const char *what) {
    unsigned found = 0;
    while ((text = strstr(text, what)) != NULL) {
        text += strlen(what);
        found++;
    }
    return found;
}

#endif
