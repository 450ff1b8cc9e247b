#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "breaker.h"
#include "clock.h"
#include "metrics.h"
#include "wait.h"

static const char *const routes[] = {"/", "/products/{id}", "unmatched"};
enum { ROUTES = sizeof routes / sizeof routes[0], EXPOSITION_BYTES_MAX = 1 << 20 };

static int name_routes(void **state) {
    (void)state;
    metrics_init(routes, ROUTES);
    return 0;
}

/* The exposition as a string; to be freed. */
static char *render_with(const struct metrics_server *servers, size_t count) {
    struct arena arena;
    struct text text;
    struct slice out;
    arena_init(&arena, EXPOSITION_BYTES_MAX);
    text_init(&text, &arena);
    metrics_render(&text, servers, count);
    assert_int_equal(text_slice(&text, &out), STATUS_OK);
    char *copy = strndup(out.data, out.length);
    assert_non_null(copy);
    arena_free(&arena);
    return copy;
}

static char *render(void) { return render_with(NULL, 0); }

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
    int64_t before = metrics_get(METRIC_SHED_VITAL_TOO_LATE);
    metrics_add(METRIC_SHED_VITAL_TOO_LATE, 1);
    metrics_add(METRIC_SHED_VITAL_TOO_LATE, 41);
    assert_int_equal(metrics_get(METRIC_SHED_VITAL_TOO_LATE), before + 42);
    metrics_set(METRIC_CONNECTIONS, 7);
    metrics_set(METRIC_CONNECTIONS, 5);
    assert_int_equal(metrics_get(METRIC_CONNECTIONS), 5);
    char *text = render();
    assert_true(value_of(text, "shopd_requests_shed_total{class=\"vital\",reason=\"too_late\"}") ==
                (double)before + 42);
    assert_true(value_of(text, "shopd_fcgi_connections") == 5);
    free(text);
}

enum { THREADS = 4 };
static const int64_t rounds = 5000;

static void *count_much(void *argument) {
    size_t number = *(const size_t *)argument;
    for (int i = 0; i < (int)rounds; i++) {
        metrics_add(METRIC_DB_RETRIES, 1);
        metrics_request(number % ROUTES, 200 + (int)(number % 2) * 204, i);
        metrics_backend_call(BACKEND_REDIS, STATUS_OK, i);
        metrics_set(METRIC_QUEUED_VITAL, i);
    }
    return NULL;
}

static void no_count_of_several_threads_is_lost(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    size_t numbers[THREADS];
    int64_t before = metrics_get(METRIC_DB_RETRIES);
    for (size_t i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, count_much, &numbers[i]), 0);
    }
    free(render()); /* a scrape comes at any time */
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    char *text = render();
    assert_int_equal(metrics_get(METRIC_DB_RETRIES), before + THREADS * rounds);
    assert_true(value_of(text, "shopd_http_requests_total{route=\"/\",code=\"200\"}") == (double)rounds);
    assert_true(value_of(text, "shopd_http_requests_total{route=\"/\",code=\"404\"}") == (double)rounds);
    assert_true(value_of(text, "shopd_http_requests_total{route=\"/products/{id}\",code=\"404\"}") == (double)rounds);
    assert_true(value_of(text, "shopd_http_requests_total{route=\"unmatched\",code=\"200\"}") == (double)rounds);
    assert_true(value_of(text, "shopd_http_request_duration_seconds_count{route=\"/\"}") == 2 * (double)rounds);
    assert_true(value_of(text, "shopd_backend_calls_total{backend=\"redis\",outcome=\"ok\"}") ==
                (double)(THREADS * rounds));
    free(text);
}

/* --- The text format 0.0.4, line by line --- */

static size_t name_length(const char *s) {
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:";
    static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:0123456789";
    return strspn(s, first) > 0 ? strspn(s, rest) : 0;
}

/* Behind the quote that ends a value; in it a backslash goes with what follows. NULL: malformed. */
static const char *skip_value(const char *at) {
    while (*at != '"') {
        if (*at == '\\' && strchr("\\\"n", at[1]) != NULL) {
            at++;
        } else if (*at == '\\' || *at == '\0') {
            return NULL;
        }
        at++;
    }
    return at + 1;
}

/* Skips {name="value",...}. NULL: malformed. */
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
        at = skip_value(at + length + 2);
        if (at == NULL) {
            return NULL;
        }
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
    metrics_add(METRIC_FCGI_OVERLOADED, 1);
    metrics_backend_spared(BACKEND_MYSQL);
    const struct metrics_server server = {BACKEND_MYSQL, "a \"name\" \\ of\ntwo lines", "primary", "half-open"};
    char *text = render_with(&server, 1);
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
    for (const char *at = strstr(text, "# TYPE "); at != NULL; at = strstr(at + 1, "# TYPE ")) {
        char announced[128];
        snprintf(announced, sizeof announced, "%.*s ", (int)strcspn(at + 7, " ") + 7, at);
        assert_ptr_equal(strstr(text, announced), at);
        assert_null(strstr(at + 1, announced));
    }
    free(text);
}

/* Sets a series to a number that no other has, and finds it there: once, where the table says. */
static void check_series(enum metric metric, const char *family, const char *labels) {
    char line[256];
    int value = 1000000 + (int)metric;
    metrics_set(metric, value);
    snprintf(line, sizeof line, labels[0] != '\0' ? "\n%s{%s} %d\n" : "\n%s%s %d\n", family, labels, value);
    char *text = render();
    char *found = strstr(text, line);
    assert_non_null(found);
    line[strcspn(line, " ") + 1] = '\0';
    assert_null(strstr(found + 1, line));
    free(text);
}

static void every_series_of_the_table_is_there_once(void **state) {
    (void)state;
    const char *family = NULL;
    enum metric next = 0;
#define FAMILY(type, name, help) family = name;
#define SERIES(metric, labels)                                                                                         \
    assert_int_equal(METRIC_##metric, next++);                                                                         \
    check_series(METRIC_##metric, family, labels);
    METRICS(FAMILY, SERIES)
#undef FAMILY
#undef SERIES
    assert_int_equal(next, METRIC_COUNT);
}

static void oddities_are_told_apart(void **state) {
    (void)state;
    static const char *const oddities[] = {"unknown_type", "unknown_role", "overloaded", "inactive_id"};
    for (size_t i = 0; i < sizeof oddities / sizeof oddities[0]; i++) {
        char series[128];
        snprintf(series, sizeof series, "shopd_fcgi_errors_total{kind=\"%s\"}", oddities[i]);
        char *before = render();
        metrics_fcgi_oddity(oddities[i]);
        char *after = render();
        assert_true(value_of(after, series) == value_of(before, series) + 1);
        free(before);
        free(after);
    }
}

/* --- Backends ------------------------------------------------------------------------- */

static double calls(const char *text, const char *outcome) {
    char series[128];
    snprintf(series, sizeof series, "shopd_backend_calls_total{backend=\"mysql\",outcome=\"%s\"}", outcome);
    double value = value_of(text, series);
    assert_true(value >= 0);
    return value;
}

static void calls_are_counted_by_how_the_backend_did(void **state) {
    (void)state;
    static const struct {
        enum status status;
        const char *outcome;
    } cases[] = {
        {STATUS_OK, "ok"},        {STATUS_GONE, "gone"},    {STATUS_TIMEOUT, "timeout"}, {STATUS_BAD_INPUT, "refused"},
        {STATUS_NOT_FOUND, "ok"}, {STATUS_NO_MEMORY, "ok"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *before = render();
        metrics_backend_call(BACKEND_MYSQL, cases[i].status, 250);
        char *after = render();
        assert_true(calls(after, cases[i].outcome) == calls(before, cases[i].outcome) + 1);
        free(before);
        free(after);
    }
}

static void a_call_that_was_not_made_took_no_time(void **state) {
    (void)state;
    static const char timed[] = "shopd_backend_call_duration_seconds_count{backend=\"mysql\"}";
    char *before = render();
    metrics_backend_spared(BACKEND_MYSQL);
    char *spared = render();
    metrics_backend_call(BACKEND_MYSQL, STATUS_TIMEOUT, 70);
    char *after = render();
    assert_true(calls(spared, "breaker_open") == calls(before, "breaker_open") + 1);
    assert_true(value_of(spared, timed) == value_of(before, timed));
    assert_true(value_of(after, timed) == value_of(spared, timed) + 1);
    static const char bucket[] = "shopd_backend_call_duration_seconds_bucket{backend=\"mysql\",le=\"0.0001\"}";
    assert_true(value_of(after, bucket) == value_of(before, bucket) + 1);
    free(before);
    free(spared);
    free(after);
}

static void a_server_has_one_state_and_at_most_one_role(void **state) {
    (void)state;
    const struct metrics_server servers[] = {
        {BACKEND_MYSQL, "10.89.3.11:3306", "replica", breaker_state_name(BREAKER_OPEN)},
        {BACKEND_MYSQL, "10.89.3.12:3306", "none", breaker_state_name(BREAKER_HALF_OPEN)},
        {BACKEND_REDIS, "unix:/run/\"redis\"", NULL, breaker_state_name(BREAKER_CLOSED)},
    };
    static const struct {
        const char *series;
        int value;
    } expected[] = {
        {"shopd_breaker_state{backend=\"mysql\",server=\"10.89.3.11:3306\",state=\"closed\"}", 0},
        {"shopd_breaker_state{backend=\"mysql\",server=\"10.89.3.11:3306\",state=\"open\"}", 1},
        {"shopd_breaker_state{backend=\"mysql\",server=\"10.89.3.11:3306\",state=\"half-open\"}", 0},
        {"shopd_breaker_state{backend=\"mysql\",server=\"10.89.3.12:3306\",state=\"half-open\"}", 1},
        {"shopd_breaker_state{backend=\"redis\",server=\"unix:/run/\\\"redis\\\"\",state=\"closed\"}", 1},
        {"shopd_server_role{backend=\"mysql\",server=\"10.89.3.11:3306\",role=\"primary\"}", 0},
        {"shopd_server_role{backend=\"mysql\",server=\"10.89.3.11:3306\",role=\"replica\"}", 1},
        {"shopd_server_role{backend=\"mysql\",server=\"10.89.3.12:3306\",role=\"primary\"}", 0},
        {"shopd_server_role{backend=\"mysql\",server=\"10.89.3.12:3306\",role=\"replica\"}", 0},
    };
    char *text = render_with(servers, sizeof servers / sizeof servers[0]);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_true(value_of(text, expected[i].series) == expected[i].value);
    }
    assert_null(strstr(text, "shopd_server_role{backend=\"redis\""));
    free(text);
}

/* --- The process ---------------------------------------------------------------------- */

static double process_value(const char *series) {
    char *text = render();
    double value = value_of(text, series);
    free(text);
    return value;
}

static void the_process_is_looked_at(void **state) {
    (void)state;
    double started = process_value("process_start_time_seconds"), now = (double)clock_wall_us() / 1e6;
    assert_true(started > now - 600 && started <= now);
    char *text = render();
    assert_non_null(strstr(text, "\nshopd_build_info{version=\""));
    free(text);
    double before = process_value("process_cpu_seconds_total");
    wait_until(process_value("process_cpu_seconds_total") > before);
}

static void open_files_are_counted(void **state) {
    (void)state;
    enum { MORE = 50 };
    int fds[MORE];
    double before = process_value("process_open_fds");
    for (int i = 0; i < MORE; i++) {
        fds[i] = dup(STDERR_FILENO);
    }
    double open = process_value("process_open_fds");
    for (int i = 0; i < MORE; i++) {
        close(fds[i]);
    }
    assert_true(before >= 3 && open == before + (int)MORE);
    assert_true(process_value("process_open_fds") == before);
}

static void memory_in_use_is_seen(void **state) {
    (void)state;
    enum { MORE = 64 << 20 };
    double before = process_value("process_resident_memory_bytes");
    char *memory = malloc(MORE);
    assert_non_null(memory);
    memset(memory, 'x', MORE);
    double more = process_value("process_resident_memory_bytes") - before;
    free(memory);
    assert_true(before > 0 && more > 0.9 * (int)MORE);
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
    } expected[] = {{"5e-05", 1},  {"0.00025", 2}, {"0.0005", 3}, {"0.001", 4},
                    {"0.0025", 4}, {"2.5", 4},     {"5", 5},      {"+Inf", 6}};
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
    assert_int_equal(buckets_seen, ROUTES * 17);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_added_and_set),
        cmocka_unit_test(no_count_of_several_threads_is_lost),
        cmocka_unit_test(every_line_is_of_the_text_format),
        cmocka_unit_test(every_family_is_there_once),
        cmocka_unit_test(every_series_of_the_table_is_there_once),
        cmocka_unit_test(oddities_are_told_apart),
        cmocka_unit_test(calls_are_counted_by_how_the_backend_did),
        cmocka_unit_test(a_call_that_was_not_made_took_no_time),
        cmocka_unit_test(a_server_has_one_state_and_at_most_one_role),
        cmocka_unit_test(the_process_is_looked_at),
        cmocka_unit_test(open_files_are_counted),
        cmocka_unit_test(memory_in_use_is_seen),
        cmocka_unit_test(a_bound_belongs_to_its_bucket),
        cmocka_unit_test(buckets_are_cumulative_and_end_in_the_count),
    };
    return cmocka_run_group_tests(tests, name_routes, NULL);
}
