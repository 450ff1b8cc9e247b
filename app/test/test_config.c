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

#include "config.h"

enum { VARIABLES_MAX = 8, REASON_BYTES = 512 };

/* The environment of a test. */
static struct {
    const char *name;
    char *value;
} environment[VARIABLES_MAX];

static char secret_path[] = "/tmp/test_config-XXXXXX";

static char *get(const char *name) {
    for (size_t i = 0; i < VARIABLES_MAX && environment[i].name != NULL; i++) {
        if (strcmp(environment[i].name, name) == 0) {
            return environment[i].value;
        }
    }
    return NULL;
}

static void set(const char *name, const char *value) {
    size_t i = 0;
    while (environment[i].name != NULL && strcmp(environment[i].name, name) != 0) {
        assert_true(++i < VARIABLES_MAX);
    }
    free(environment[i].value);
    environment[i].name = name;
    environment[i].value = strdup(value);
    assert_non_null(environment[i].value);
}

static void write_secret(const void *bytes, size_t length) {
    FILE *file = fopen(secret_path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

/* An environment that is right: a password file and nothing else. */
static int set_up(void **state) {
    (void)state;
    write_secret("pass word\n", 10);
    set("MYSQL_PASSWORD_FILE", secret_path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    for (size_t i = 0; i < VARIABLES_MAX; i++) {
        free(environment[i].value);
        environment[i].name = NULL;
        environment[i].value = NULL;
    }
    return 0;
}

static struct config read_well(void) {
    struct config config;
    char reason[REASON_BYTES] = "";
    if (config_read(CONFIG_ALL, get, &config, reason, sizeof reason) != STATUS_OK) {
        fail_msg("%s", reason);
    }
    return config;
}

/* The reason, in one line, has to name what is wrong; out stays as it was. */
static void expect_refusal(const char *says) {
    struct config config, untouched;
    char reason[REASON_BYTES] = "";
    memset(&config, 0x5a, sizeof config);
    memset(&untouched, 0x5a, sizeof untouched);
    assert_int_equal(config_read(CONFIG_ALL, get, &config, reason, sizeof reason), STATUS_BAD_INPUT);
    assert_memory_equal(&config, &untouched, sizeof config);
    assert_null(strchr(reason, '\n'));
    if (strstr(reason, says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", reason, says);
    }
}

static void defaults_are_those_of_the_table(void **state) {
    (void)state;
    struct config config = read_well();
#define SAME(programs, field, variable, preset, ...)                                                                   \
    if (strcmp(variable, "NODE") != 0 && strcmp(variable, "MYSQL_PASSWORD_FILE") != 0) {                               \
        assert_string_equal(config.field, preset);                                                                     \
    }
    CONFIG_TEXTS(SAME)
#undef SAME
#define SAME(programs, field, variable, preset, ...)                                                                   \
    if (strcmp(variable, "SOCKET_MODE") != 0) {                                                                        \
        assert_int_equal(config.field, preset);                                                                        \
    }
    CONFIG_NUMBERS(SAME)
#undef SAME
    assert_int_equal(config.socket_mode, 0660);
    assert_string_equal(config.mysql_password, "pass word");
}

static void a_node_without_a_name_has_its_host_name(void **state) {
    (void)state;
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    assert_string_equal(read_well().node, host);
    set("NODE", "server-1");
    assert_string_equal(read_well().node, "server-1");
}

static void every_text_is_taken_and_has_a_longest_length(void **state) {
    (void)state;
    char longest[CONFIG_TEXT_BYTES + 1];
    memset(longest, 'x', sizeof longest);
#define CHECK(programs, field, variable, ...)                                                                          \
    if (strstr(variable, "_PASSWORD_FILE") == NULL && strcmp(variable, "SESSION_STORE") != 0) {                        \
        longest[CONFIG_TEXT_BYTES - 1] = '\0';                                                                         \
        set(variable, longest);                                                                                        \
        assert_string_equal(read_well().field, longest);                                                               \
        longest[CONFIG_TEXT_BYTES - 1] = 'x';                                                                          \
        longest[CONFIG_TEXT_BYTES] = '\0';                                                                             \
        set(variable, longest);                                                                                        \
        expect_refusal(variable " is longer than 255 bytes");                                                          \
        tear_down(NULL);                                                                                               \
        set_up(NULL);                                                                                                  \
    }
    CONFIG_TEXTS(CHECK)
#undef CHECK
}

/* With PARAMS_BYTES at its minimum and no body. */
enum { MEMORY_LEAST = 1024 + 65536 };

static void check_range(const char *variable, int64_t minimum, int64_t maximum) {
    char text[32];
    int64_t lowest = minimum;
    if (strcmp(variable, "REQUEST_MEMORY_BYTES") != 0) {
        set("REQUEST_MEMORY_BYTES", "268435456"); /* enough for all that has to fit into it */
    } else {
        set("PARAMS_BYTES", "1024");
        set("BODY_BYTES", "0");
        lowest = MEMORY_LEAST;
    }
    snprintf(text, sizeof text, "%lld", (long long)lowest);
    set(variable, text);
    read_well();
    snprintf(text, sizeof text, "%lld", (long long)maximum);
    set(variable, text);
    read_well();
    snprintf(text, sizeof text, "%lld", (long long)minimum - 1);
    set(variable, text);
    expect_refusal(variable);
    snprintf(text, sizeof text, "%lld", (long long)maximum + 1);
    set(variable, text);
    expect_refusal(variable);
    char range[64];
    snprintf(range, sizeof range, "from %lld to %lld", (long long)minimum, (long long)maximum);
    expect_refusal(range);
    tear_down(NULL);
    set_up(NULL);
}

static void every_number_has_its_range(void **state) {
    (void)state;
#define CHECK(programs, field, variable, preset, minimum, maximum, ...) check_range(variable, minimum, maximum);
    CONFIG_NUMBERS(CHECK)
#undef CHECK
}

static void the_memory_of_a_request_holds_params_and_body(void **state) {
    (void)state;
    set("PARAMS_BYTES", "2000");
    set("BODY_BYTES", "30000");
    set("REQUEST_MEMORY_BYTES", "97536");
    assert_int_equal(read_well().request_memory_bytes, 97536);
    set("REQUEST_MEMORY_BYTES", "97535");
    expect_refusal("REQUEST_MEMORY_BYTES is 97535; it must be at least 97536");
    expect_refusal("PARAMS_BYTES, BODY_BYTES");
    set("REQUEST_MEMORY_BYTES", "4194304");
    set("BODY_BYTES", "67108864");
    expect_refusal("REQUEST_MEMORY_BYTES is 4194304; it must be at least");
}

static void a_number_is_a_whole_number(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "", "four", "4x", "4 ", "4.0", "0x4", "1e2", "--4", "9223372036854775808", "99999999999999999999999999", "-"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        set("WORKERS", wrong[i]);
        expect_refusal("WORKERS is");
    }
    set("WORKERS", "017");
    assert_int_equal(read_well().workers, 17);
}

static void the_socket_mode_is_octal(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t mode;
    } right[] = {{"0", 0}, {"600", 0600}, {"660", 0660}, {"0666", 0666}, {"777", 0777}, {"7", 07}};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        set("SOCKET_MODE", right[i].text);
        assert_int_equal(read_well().socket_mode, right[i].mode);
    }
    static const char *const wrong[] = {"668", "8", "690", "778", "1777", "-1", "rw-"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        set("SOCKET_MODE", wrong[i]);
        expect_refusal("SOCKET_MODE");
    }
}

static void sessions_are_in_memory_or_in_a_redis_that_is_known(void **state) {
    (void)state;
    static const char *const wrong[] = {"", "Memory", "redis ", "disk"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        set("SESSION_STORE", wrong[i]);
        expect_refusal("SESSION_STORE is \"");
        expect_refusal("\"; it must be memory or redis");
    }
    set("SESSION_STORE", "redis");
    expect_refusal("REDIS_SERVER must say where");
    set("REDIS_SERVER", "unix:/run/redis.sock");
    assert_string_equal(read_well().session_store, "redis");
    set("SESSION_STORE", "memory");
    assert_string_equal(read_well().session_store, "memory");
}

static void only_the_last_newline_of_a_secret_is_cut_off(void **state) {
    (void)state;
    static const struct {
        const char *file, *password;
    } cases[] = {{"secret", "secret"},           {"secret\n", "secret"},   {"secret\n\n", "secret\n"},
                 {"two\nlines\n", "two\nlines"}, {" sp ace ", " sp ace "}, {"\xff\x01", "\xff\x01"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_secret(cases[i].file, strlen(cases[i].file));
        assert_string_equal(read_well().mysql_password, cases[i].password);
    }
}

static void a_secret_has_a_longest_length(void **state) {
    (void)state;
    char bytes[2 * CONFIG_TEXT_BYTES];
    memset(bytes, 's', sizeof bytes);
    write_secret(bytes, CONFIG_TEXT_BYTES - 1);
    assert_int_equal(strlen(read_well().mysql_password), CONFIG_TEXT_BYTES - 1);
    bytes[CONFIG_TEXT_BYTES - 1] = '\n';
    write_secret(bytes, CONFIG_TEXT_BYTES);
    assert_int_equal(strlen(read_well().mysql_password), CONFIG_TEXT_BYTES - 1);
    bytes[CONFIG_TEXT_BYTES - 1] = 's';
    write_secret(bytes, CONFIG_TEXT_BYTES);
    expect_refusal("too long");
    write_secret(bytes, sizeof bytes);
    expect_refusal("too long");
    bytes[CONFIG_TEXT_BYTES] = '\n';
    write_secret(bytes, CONFIG_TEXT_BYTES + 1);
    expect_refusal("too long");
}

static void a_secret_is_a_text_in_a_file_that_can_be_read(void **state) {
    (void)state;
    write_secret("", 0);
    expect_refusal("is empty");
    write_secret("\n", 1);
    expect_refusal("is empty");
    write_secret("ab\0cd", 5);
    expect_refusal("NUL");
    set("MYSQL_PASSWORD_FILE", "/tmp");
    expect_refusal("cannot be read");
    set("MYSQL_PASSWORD_FILE", "/nowhere/secret");
    expect_refusal("MYSQL_PASSWORD_FILE: cannot read /nowhere/secret: No such file or directory");
}

static void a_password_without_a_file_is_none(void **state) {
    (void)state;
    set("MYSQL_PASSWORD_FILE", "");
    assert_string_equal(read_well().mysql_password, "");
}

/* A program is not stopped by what only others read, and does not hear of it. */
static void a_program_reads_its_own_settings(void **state) {
    (void)state;
    struct config config;
    char reason[REASON_BYTES];
    set("NODE", "server-1");
    set("WORKERS", "none");
    set("TEMPLATE_DIR", "/elsewhere");
    assert_int_equal(config_read(CONFIG_SHOPD, get, &config, reason, sizeof reason), STATUS_BAD_INPUT);
    assert_int_equal(config_read(CONFIG_MIGRATE, get, &config, reason, sizeof reason), STATUS_OK);
    assert_string_equal(config.node, "server-1");
    assert_int_equal(config.workers, 4);
    assert_string_equal(config.template_dir, "/usr/share/shopd/templates");
}

static void no_reason_tells_the_secret(void **state) {
    (void)state;
    char reason[REASON_BYTES] = "";
    struct config config;
    write_secret("hush-hush", 9);
    set("WORKERS", "none");
    assert_int_equal(config_read(CONFIG_ALL, get, &config, reason, sizeof reason), STATUS_BAD_INPUT);
    assert_null(strstr(reason, "hush"));
}

static void a_reason_fits_where_it_goes(void **state) {
    (void)state;
    struct config config;
    char reason[8];
    set("WORKERS", "none");
    memset(reason, 'x', sizeof reason);
    assert_int_equal(config_read(CONFIG_ALL, get, &config, reason, sizeof reason), STATUS_BAD_INPUT);
    assert_string_equal(reason, "WORKERS");
}

/* --- The table, printed --- */

static char *printed(void (*print)(FILE *out)) {
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    print(out);
    fclose(out);
    return text;
}

static void print_help(FILE *out) { config_print_help(out, CONFIG_ALL); }

static void print_help_of_the_worker(FILE *out) { config_print_help(out, CONFIG_WORKER); }

static void help_names_every_setting(void **state) {
    (void)state;
    char *help = printed(print_help);
#define NAMED(programs, field, variable, preset, ...) assert_non_null(strstr(help, "  " variable " "));
    CONFIG_TEXTS(NAMED)
    CONFIG_NUMBERS(NAMED)
#undef NAMED
    assert_non_null(strstr(help, "(1 to 256 threads, default: 4)"));
    assert_non_null(strstr(help, "(default: unix:/run/shopd/fcgi.sock)"));
    free(help);
}

static void help_of_a_program_names_its_settings(void **state) {
    (void)state;
    char *help = printed(print_help_of_the_worker);
    assert_non_null(strstr(help, "  MYSQL_USER "));
    assert_null(strstr(help, "  WORKERS "));
    free(help);
}

static void markdown_is_a_table_of_every_setting(void **state) {
    (void)state;
    char *table = printed(config_print_markdown);
    size_t rows = 0, expected = 2;
    for (char *line = table, *end; *line != '\0'; line = end + 1, rows++) {
        size_t bars = 0;
        end = strchr(line, '\n');
        assert_non_null(end);
        for (const char *c = line; c < end; c++) {
            bars += *c == '|';
        }
        assert_int_equal(bars, 6);
        assert_true(line[0] == '|' && end[-1] == '|');
    }
#define NAMED(programs, field, variable, preset, ...)                                                                  \
    assert_non_null(strstr(table, "\n| `" variable "` | "));                                                           \
    expected++;
    CONFIG_TEXTS(NAMED)
    CONFIG_NUMBERS(NAMED)
#undef NAMED
    assert_int_equal(rows, expected);
    assert_non_null(strstr(table, " | directory of the pages | shopd |\n"));
    assert_non_null(strstr(table, " | account in MySQL | shopd, worker, migrate |\n"));
    free(table);
}

static int make_secret(void **state) {
    (void)state;
    int fd = mkstemp(secret_path);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0 ? 0 : -1;
}

static int remove_secret(void **state) {
    (void)state;
    return unlink(secret_path);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_those_of_the_table),
        TEST(a_node_without_a_name_has_its_host_name),
        TEST(every_text_is_taken_and_has_a_longest_length),
        TEST(every_number_has_its_range),
        TEST(the_memory_of_a_request_holds_params_and_body),
        TEST(a_number_is_a_whole_number),
        TEST(the_socket_mode_is_octal),
        TEST(sessions_are_in_memory_or_in_a_redis_that_is_known),
        TEST(only_the_last_newline_of_a_secret_is_cut_off),
        TEST(a_secret_has_a_longest_length),
        TEST(a_secret_is_a_text_in_a_file_that_can_be_read),
        TEST(a_password_without_a_file_is_none),
        TEST(a_program_reads_its_own_settings),
        TEST(no_reason_tells_the_secret),
        TEST(a_reason_fits_where_it_goes),
        TEST(help_names_every_setting),
        TEST(help_of_a_program_names_its_settings),
        TEST(markdown_is_a_table_of_every_setting),
    };
    return cmocka_run_group_tests(tests, make_secret, remove_secret);
}
