#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "metrics.h"

static const char *const routes[] = {"/", "/products/{id}", "unmatched"};
enum { ROUTES = sizeof routes / sizeof routes[0], EXPOSITION_BYTES_MAX = 1 << 20 };

static int name_routes(void **state) {
    (void)state;
    metrics_init(routes, ROUTES);
    return 0;
}

/* The exposition as a string; to be freed. */
static char *render(void) {
    struct arena arena;
    struct text text;
    struct slice out;
    arena_init(&arena, EXPOSITION_BYTES_MAX);
    text_init(&text, &arena);
    metrics_render(&text);
    assert_int_equal(text_slice(&text, &out), STATUS_OK);
    char *copy = strndup(out.data, out.length);
    assert_non_null(copy);
    arena_free(&arena);
    return copy;
}

/* The value of the line that starts with series, as "name" or "name{labels}"; -1 if there is none. */
static double value_of(const char *exposition, const char *series) {
    size_t length = strlen(series);
    for (const char *line = exposition; line != NULL && *line != '\0';) {
        if (strncmp(line, series, length) == 0 && line[length] == ' ') {
            return strtod(line + length, NULL);
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return -1;
}

static void values_are_added_and_set(void **state) {
    (void)state;
    int64_t before = metrics_get(METRIC_REQUESTS_SHED);
    metrics_add(METRIC_REQUESTS_SHED, 1);
    metrics_add(METRIC_REQUESTS_SHED, 41);
    assert_int_equal(metrics_get(METRIC_REQUESTS_SHED), before + 42);
    metrics_set(METRIC_CONNECTIONS, 7);
    metrics_set(METRIC_CONNECTIONS, 5);
    assert_int_equal(metrics_get(METRIC_CONNECTIONS), 5);
    char *text = render();
    assert_true(value_of(text, "shopd_requests_shed_total") == (double)before + 42);
    assert_true(value_of(text, "shopd_fcgi_connections") == 5);
    free(text);
}

enum { THREADS = 4 };
static const int64_t rounds = 5000;

static void *count_much(void *argument) {
    size_t number = *(const size_t *)argument;
    for (int i = 0; i < (int)rounds; i++) {
        metrics_add(METRIC_FCGI_ODDITIES, 1);
        metrics_request(number % ROUTES, 200 + (int)(number % 2) * 204, i);
        metrics_set(METRIC_QUEUED, i);
    }
    return NULL;
}

static void no_count_of_several_threads_is_lost(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    size_t numbers[THREADS];
    int64_t before = metrics_get(METRIC_FCGI_ODDITIES);
    for (size_t i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, count_much, &numbers[i]), 0);
    }
    free(render()); /* a scrape comes at any time */
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    char *text = render();
    assert_int_equal(metrics_get(METRIC_FCGI_ODDITIES), before + THREADS * rounds);
    assert_true(value_of(text, "shopd_http_requests_total{route=\"/\",code=\"200\"}") == (double)rounds);
    assert_true(value_of(text, "shopd_http_requests_total{route=\"/\",code=\"404\"}") == (double)rounds);
    assert_true(value_of(text, "shopd_http_requests_total{route=\"/products/{id}\",code=\"404\"}") == (double)rounds);
    assert_true(value_of(text, "shopd_http_requests_total{route=\"unmatched\",code=\"200\"}") == (double)rounds);
    assert_true(value_of(text, "shopd_http_request_duration_seconds_count{route=\"/\"}") == 2 * (double)rounds);
    free(text);
}

/* --- The text format 0.0.4, line by line --- */

static size_t name_length(const char *s) {
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:";
    static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:0123456789";
    return strspn(s, first) > 0 ? strspn(s, rest) : 0;
}

/* Skips {name="value",...}; values of ours need no escapes. NULL: malformed. */
static const char *skip_labels(const char *at) {
    if (*at != '{') {
        return at;
    }
    do {
        at++;
        size_t length = name_length(at);
        if (length == 0 || at[length] != '=' || at[length + 1] != '"') {
            return NULL;
        }
        at += length + 2;
        at += strcspn(at, "\"\\\n");
        if (*at != '"') {
            return NULL;
        }
        at++;
    } while (*at == ',');
    return *at == '}' ? at + 1 : NULL;
}

struct family {
    char name[128];
    char kind[16];
};

/* A sample belongs to the family that was announced last. */
static bool of_family(const struct family *family, const char *name, size_t length) {
    size_t family_length = strlen(family->name);
    if (length < family_length || strncmp(name, family->name, family_length) != 0) {
        return false;
    }
    char suffix[16];
    snprintf(suffix, sizeof suffix, "%.*s", (int)(length - family_length), name + family_length);
    if (strcmp(family->kind, "histogram") == 0) {
        return strcmp(suffix, "_bucket") == 0 || strcmp(suffix, "_sum") == 0 || strcmp(suffix, "_count") == 0;
    }
    return suffix[0] == '\0';
}

static void check_sample(const struct family *family, const char *line) {
    size_t length = name_length(line);
    assert_true(length > 0 && of_family(family, line, length));
    const char *value = skip_labels(line + length);
    assert_non_null(value);
    assert_int_equal(*value, ' ');
    char *end;
    assert_true(strtod(value + 1, &end) >= 0);
    assert_true(end > value + 1 && *end == '\0');
}

static void check_announcement(struct family *family, const char *line) {
    char name[128], kind[16];
    int at = 0;
    if (sscanf(line, "# HELP %127s %n", name, &at) == 1 && at > 0) {
        assert_int_equal(name_length(name), strlen(name));
        assert_true(strlen(line + at) > 10); /* a sentence */
        snprintf(family->name, sizeof family->name, "%s", name);
        family->kind[0] = '\0';
        return;
    }
    assert_int_equal(sscanf(line, "# TYPE %127s %15s", name, kind), 2);
    assert_string_equal(name, family->name);
    assert_string_equal(family->kind, ""); /* once, and before the samples */
    snprintf(family->kind, sizeof family->kind, "%s", kind);
    bool total = strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_total") == 0;
    assert_int_equal(strcmp(kind, "counter") == 0, total);
    assert_true(total || strcmp(kind, "gauge") == 0 || strcmp(kind, "histogram") == 0);
}

static void every_line_is_of_the_text_format(void **state) {
    (void)state;
    struct family family = {"", ""};
    metrics_request(0, 100, 0);
    metrics_request(2, 599, INT64_C(1) << 40);
    char *text = render();
    size_t lines = 0;
    assert_int_equal(text[strlen(text) - 1], '\n');
    for (char *line = text, *end; *line != '\0'; line = end + 1, lines++) {
        end = strchr(line, '\n');
        assert_non_null(end);
        *end = '\0';
        if (line[0] == '#') {
            check_announcement(&family, line);
        } else {
            check_sample(&family, line);
        }
    }
    assert_true(lines > 3 * METRIC_COUNT);
    free(text);
}

static void every_family_is_there_once(void **state) {
    (void)state;
    char *text = render();
#define ONCE(metric, name, help)                                                                                       \
    {                                                                                                                  \
        const char *found = strstr(text, "# TYPE " name " ");                                                          \
        assert_non_null(found);                                                                                        \
        assert_null(strstr(found + 1, "# TYPE " name " "));                                                            \
        assert_true(value_of(text, name) >= 0);                                                                        \
    }
    METRICS_COUNTERS(ONCE)
    METRICS_GAUGES(ONCE)
#undef ONCE
    free(text);
}

/* --- The histogram --- */

static double bucket(const char *text, const char *le) {
    char series[128];
    snprintf(series, sizeof series, "shopd_http_request_duration_seconds_bucket{route=\"/products/{id}\",le=\"%s\"}",
             le);
    double value = value_of(text, series);
    assert_true(value >= 0);
    return value;
}

static void a_bound_belongs_to_its_bucket(void **state) {
    (void)state;
    char *before = render();
    metrics_request(1, 200, 0);
    metrics_request(1, 200, 250);
    metrics_request(1, 200, 251);
    metrics_request(1, 200, 1000);
    metrics_request(1, 503, 5000000);
    metrics_request(1, 503, 5000001);
    char *after = render();
    static const struct {
        const char *le;
        int more;
    } expected[] = {{"0.00025", 2}, {"0.0005", 3}, {"0.001", 4}, {"0.0025", 4}, {"2.5", 4}, {"5", 5}, {"+Inf", 6}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_true(bucket(after, expected[i].le) - bucket(before, expected[i].le) == expected[i].more);
    }
    static const char sum[] = "shopd_http_request_duration_seconds_sum{route=\"/products/{id}\"}";
    double seconds = value_of(after, sum) - value_of(before, sum);
    assert_true(seconds > 10.001501 && seconds < 10.001503);
    free(before);
    free(after);
}

static void buckets_are_cumulative_and_end_in_the_count(void **state) {
    (void)state;
    static const char prefix[] = "shopd_http_request_duration_seconds_bucket{";
    for (int64_t duration_us = 1; duration_us < 20000000; duration_us *= 3) {
        metrics_request(0, 200, duration_us);
    }
    char *text = render();
    size_t routes_seen = 0, buckets_seen = 0;
    double last = 0, last_bound = 0;
    for (const char *line = strstr(text, prefix); line != NULL; line = strstr(line + 1, prefix)) {
        const char *le = strstr(line, "le=\"");
        assert_non_null(le);
        double bound = strtod(le + 4, NULL), value = strtod(strchr(le, ' '), NULL);
        assert_true(bound > last_bound && value >= last);
        bool infinite = strncmp(le + 4, "+Inf", 4) == 0;
        last_bound = infinite ? 0 : bound;
        last = infinite ? 0 : value;
        buckets_seen++;
        if (infinite) {
            char count[128];
            snprintf(count, sizeof count, "shopd_http_request_duration_seconds_count{route=\"%s\"}",
                     routes[routes_seen++]);
            assert_true(value_of(text, count) == value);
        }
    }
    assert_int_equal(routes_seen, ROUTES);
    assert_int_equal(buckets_seen, ROUTES * 15);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_added_and_set),
        cmocka_unit_test(no_count_of_several_threads_is_lost),
        cmocka_unit_test(every_line_is_of_the_text_format),
        cmocka_unit_test(every_family_is_there_once),
        cmocka_unit_test(a_bound_belongs_to_its_bucket),
        cmocka_unit_test(buckets_are_cumulative_and_end_in_the_count),
    };
    return cmocka_run_group_tests(tests, name_routes, NULL);
}
