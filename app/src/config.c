#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct text_setting {
    const char *variable;
    const char *preset;
    const char *help;
    enum config_programs programs;
    size_t offset;
};

struct number_setting {
    const char *variable;
    int64_t preset, minimum, maximum;
    const char *unit;
    const char *help;
    enum config_programs programs;
    size_t offset;
};

static const struct text_setting texts[] = {
#define ROW(programs, field, variable, preset, help)                                                                   \
    {variable, preset, help, CONFIG_##programs, offsetof(struct config, field)},
    CONFIG_TEXTS(ROW)
#undef ROW
};

static const struct number_setting numbers[] = {
#define ROW(programs, field, variable, preset, minimum, maximum, unit, help)                                           \
    {variable, preset, minimum, maximum, unit, help, CONFIG_##programs, offsetof(struct config, field)},
    CONFIG_NUMBERS(ROW)
#undef ROW
};

enum { ANSWER_BYTES = 65536 }; /* of a request's memory, the least that is left beside params and body */
enum { TEXT_COUNT = sizeof texts / sizeof texts[0], NUMBER_COUNT = sizeof numbers / sizeof numbers[0] };

static enum status read_text(const struct text_setting *setting, const char *value, struct config *config, char *reason,
                             size_t reason_size) {
    if (value == NULL) {
        value = setting->preset;
    }
    if (strlen(value) >= CONFIG_TEXT_BYTES) {
        snprintf(reason, reason_size, "%s is longer than %d bytes", setting->variable, CONFIG_TEXT_BYTES - 1);
        return STATUS_BAD_INPUT;
    }
    strcpy((char *)config + setting->offset, value);
    return STATUS_OK;
}

static enum status read_number(const struct number_setting *setting, const char *value, struct config *config,
                               char *reason, size_t reason_size) {
    int64_t number = setting->preset;
    if (value != NULL) {
        char *end;
        errno = 0;
        number = strtoll(value, &end, 10);
        if (errno != 0 || end == value || *end != '\0' || number < setting->minimum || number > setting->maximum) {
            snprintf(reason, reason_size, "%s is \"%.32s\"; it must be a whole number from %lld to %lld",
                     setting->variable, value, (long long)setting->minimum, (long long)setting->maximum);
            return STATUS_BAD_INPUT;
        }
    }
    memcpy((char *)config + setting->offset, &number, sizeof number);
    return STATUS_OK;
}

static enum status read_secret(const char *variable, const char *path, char out[static CONFIG_TEXT_BYTES], char *reason,
                               size_t reason_size) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        snprintf(reason, reason_size, "%s: cannot read %s: %s", variable, path, strerror(errno));
        return STATUS_BAD_INPUT;
    }
    char bytes[CONFIG_TEXT_BYTES + 1]; /* the newline, and one more to see that it is too long */
    size_t length = fread(bytes, 1, sizeof bytes, file);
    bool failed = ferror(file);
    fclose(file);
    length -= length > 0 && bytes[length - 1] == '\n';
    const char *wrong = NULL;
    if (failed) {
        wrong = "cannot be read";
    } else if (length == 0) {
        wrong = "is empty";
    } else if (length >= CONFIG_TEXT_BYTES) {
        wrong = "is too long";
    } else if (memchr(bytes, '\0', length) != NULL) {
        wrong = "holds a NUL";
    }
    if (wrong != NULL) {
        snprintf(reason, reason_size, "%s: %s %s; it must hold 1 to %d bytes of text", variable, path, wrong,
                 CONFIG_TEXT_BYTES - 1);
        return STATUS_BAD_INPUT;
    }
    memcpy(out, bytes, length);
    out[length] = '\0';
    return STATUS_OK;
}

/* 660 as people write it becomes 0660 as the kernel wants it. */
static enum status read_octal(int64_t *number, char *reason, size_t reason_size) {
    char digits[32];
    char *end;
    snprintf(digits, sizeof digits, "%lld", (long long)*number);
    *number = strtoll(digits, &end, 8);
    if (*end != '\0') {
        snprintf(reason, reason_size, "SOCKET_MODE is \"%s\"; it must be three octal digits such as 660", digits);
        return STATUS_BAD_INPUT;
    }
    return STATUS_OK;
}

/* The arena of a request holds both, and has to leave room for its answer. */
static enum status check_memory(const struct config *config, char *reason, size_t reason_size) {
    int64_t least = config->params_bytes + config->body_bytes + ANSWER_BYTES;
    if (config->request_memory_bytes < least) {
        snprintf(
            reason, reason_size,
            "REQUEST_MEMORY_BYTES is %lld; it must be at least %lld: PARAMS_BYTES, BODY_BYTES and %d for the answer",
            (long long)config->request_memory_bytes, (long long)least, ANSWER_BYTES);
        return STATUS_BAD_INPUT;
    }
    return STATUS_OK;
}

/* The password in a file; without a file there is none. */
static enum status read_password(const char *variable, const char *path, char out[static CONFIG_TEXT_BYTES],
                                 char *reason, size_t reason_size) {
    return path[0] != '\0' ? read_secret(variable, path, out, reason, reason_size) : STATUS_OK;
}

static enum status check_session_store(const struct config *config, char *reason, size_t reason_size) {
    bool redis = strcmp(config->session_store, "redis") == 0;
    if (!redis && strcmp(config->session_store, "memory") != 0) {
        snprintf(reason, reason_size, "SESSION_STORE is \"%.32s\"; it must be memory or redis", config->session_store);
        return STATUS_BAD_INPUT;
    }
    if (redis && config->redis_server[0] == '\0') {
        snprintf(reason, reason_size, "SESSION_STORE is \"redis\"; REDIS_SERVER must say where that is");
        return STATUS_BAD_INPUT;
    }
    return STATUS_OK;
}

enum status config_read(enum config_programs programs, char *(*get)(const char *name), struct config *out, char *reason,
                        size_t reason_size) {
    struct config config = {0};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < TEXT_COUNT && status == STATUS_OK; i++) {
        const char *value = (texts[i].programs & programs) != 0 ? get(texts[i].variable) : NULL;
        status = read_text(&texts[i], value, &config, reason, reason_size);
    }
    for (size_t i = 0; i < NUMBER_COUNT && status == STATUS_OK; i++) {
        const char *value = (numbers[i].programs & programs) != 0 ? get(numbers[i].variable) : NULL;
        status = read_number(&numbers[i], value, &config, reason, reason_size);
    }
    if (status == STATUS_OK) {
        status = check_memory(&config, reason, reason_size);
    }
    if (status == STATUS_OK) {
        status = check_session_store(&config, reason, reason_size);
    }
    if (status == STATUS_OK) {
        status = read_octal(&config.socket_mode, reason, reason_size);
    }
    if (status == STATUS_OK) {
        status = read_password("MYSQL_PASSWORD_FILE", config.mysql_password_file, config.mysql_password, reason,
                               reason_size);
    }
    if (status == STATUS_OK) {
        status = read_password("REDIS_PASSWORD_FILE", config.redis_password_file, config.redis_password, reason,
                               reason_size);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (config.node[0] == '\0') {
        gethostname(config.node, sizeof config.node - 1);
    }
    *out = config;
    return STATUS_OK;
}

void config_print_help(FILE *out, enum config_programs programs) {
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        if ((texts[i].programs & programs) != 0) {
            fprintf(out, "  %-24s %s\n%27s(default: %s)\n", texts[i].variable, texts[i].help, "", texts[i].preset);
        }
    }
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        const struct number_setting *n = &numbers[i];
        if ((n->programs & programs) != 0) {
            fprintf(out, "  %-24s %s\n%27s(%lld to %lld%s%s, default: %lld)\n", n->variable, n->help, "",
                    (long long)n->minimum, (long long)n->maximum, n->unit[0] ? " " : "", n->unit, (long long)n->preset);
        }
    }
}

/* "shopd", "worker", "shopd, worker" and so on. */
static void print_programs(FILE *out, enum config_programs programs) {
    static const struct {
        enum config_programs program;
        const char *name;
    } names[] = {{CONFIG_SHOPD, "shopd"}, {CONFIG_WORKER, "worker"}, {CONFIG_MIGRATE, "migrate"}};
    const char *between = "";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((programs & names[i].program) != 0) {
            fprintf(out, "%s%s", between, names[i].name);
            between = ", ";
        }
    }
    fprintf(out, " |\n");
}

void config_print_markdown(FILE *out) {
    fprintf(out, "| variable | default | range | meaning | read by |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        fprintf(out, "| `%s` | `%s` | | %s | ", texts[i].variable, texts[i].preset, texts[i].help);
        print_programs(out, texts[i].programs);
    }
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        const struct number_setting *n = &numbers[i];
        fprintf(out, "| `%s` | %lld | %lld–%lld%s%s | %s | ", n->variable, (long long)n->preset, (long long)n->minimum,
                (long long)n->maximum, n->unit[0] ? " " : "", n->unit, n->help);
        print_programs(out, n->programs);
    }
}
