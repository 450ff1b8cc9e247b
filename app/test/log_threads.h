/*
 * log_threads -- threads that log at once, and whether every line of theirs is there: whole, once, and in its order.
 *
 * Include it after cmocka.h.
 */
#ifndef LOG_THREADS_H
#define LOG_THREADS_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "log.h"

enum { LOG_THREADS = 4, LOG_LINES_EACH = 500 };

static const char *const log_thread_names[LOG_THREADS] = {"one", "two", "three", "four"};

static inline void *log_lines(void *name) {
    for (int i = 0; i < LOG_LINES_EACH; i++) {
        log_event(LOG_INFO, name, LOG_TEXT("padding", "all of this has to stay together, \"quotes\" too"),
                  LOG_NUMBER("i", i));
    }
    return NULL;
}

static inline void start_log_threads(pthread_t threads[static LOG_THREADS]) {
    for (size_t i = 0; i < LOG_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, log_lines, (void *)log_thread_names[i]), 0);
    }
}

static inline void join_log_threads(const pthread_t threads[static LOG_THREADS]) {
    for (size_t i = 0; i < LOG_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* Counts a line for the thread that has written it. */
static inline void count_line(const char *line, size_t length, int seen[static LOG_THREADS]) {
    yyjson_doc *doc = yyjson_read(line, length, 0);
    assert_non_null(doc);
    yyjson_val *root = yyjson_doc_get_root(doc);
    for (size_t i = 0; i < LOG_THREADS; i++) {
        if (strcmp(yyjson_get_str(yyjson_obj_get(root, "event")), log_thread_names[i]) == 0) {
            assert_int_equal(yyjson_get_int(yyjson_obj_get(root, "i")), seen[i]++);
        }
    }
    yyjson_doc_free(doc);
}

/* What was written holds the lines of all threads; it is freed. */
static inline void expect_lines_of_all(char *written) {
    int seen[LOG_THREADS] = {0};
    for (char *line = written, *end; *line != '\0'; line = end + 1) {
        end = strchr(line, '\n');
        assert_non_null(end);
        count_line(line, (size_t)(end - line), seen);
    }
    for (size_t i = 0; i < LOG_THREADS; i++) {
        assert_int_equal(seen[i], LOG_LINES_EACH);
    }
    free(written);
}

#endif
