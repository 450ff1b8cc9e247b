#include "flags.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "database.h"
#include "log.h"
#include "metrics.h"
#include "watcher.h"

struct flags {
    struct flags_options options;
    struct database *database; /* of the looks */
    struct watcher *watcher;
    atomic_bool on[FLAG_COUNT];
};

static const struct {
    const char *name;
    enum metric metric;
} table[FLAG_COUNT] = {
#define FLAGS_ROW(name, text) {text, METRIC_FLAG_##name},
    FLAGS(FLAGS_ROW)
#undef FLAGS_ROW
};

static const struct db_statement all_flags = {
    .sql = "SELECT name, enabled FROM flags",
    .params = "",
    .columns = "si",
    .repeatable = true,
};

/* What a look has found; on where the table says nothing. */
struct findings {
    bool on[FLAG_COUNT];
};

static void note(void *context, const struct db_value *column) {
    struct findings *findings = context;
    for (enum flag flag = 0; flag < FLAG_COUNT; flag++) {
        if (slice_equal(column[0].text, slice_of(table[flag].name))) {
            findings->on[flag] = column[1].number != 0;
        }
    }
}

static void set(struct flags *flags, enum flag flag, bool on) {
    if (atomic_exchange(&flags->on[flag], on) != on) {
        log_event(LOG_INFO, "flag", LOG_TEXT("name", table[flag].name), LOG_TEXT("state", on ? "on" : "off"));
    }
    metrics_set(table[flag].metric, on);
}

static void look(void *context) {
    struct flags *flags = context;
    struct call call = {.deadline = deadline_in_ms(flags->options.timeout_ms)};
    struct findings findings;
    for (enum flag flag = 0; flag < FLAG_COUNT; flag++) {
        findings.on[flag] = true;
    }
    trace_begin(&call.trace, (struct slice){0});
    if (database_read(flags->database, &call, &all_flags, NULL, note, &findings) != STATUS_OK) {
        metrics_add(METRIC_FLAGS_ERRORS, 1);
        return;
    }
    for (enum flag flag = 0; flag < FLAG_COUNT; flag++) {
        set(flags, flag, findings.on[flag]);
    }
}

static void end(void *context) {
    (void)context;
    db_thread_end();
}

enum status flags_start(const struct flags_options *options, struct flags **out) {
    struct flags *flags = calloc(1, sizeof *flags);
    if (flags == NULL) {
        return STATUS_NO_MEMORY;
    }
    const struct watcher_options watcher = {options->interval_ms, look, end, flags};
    enum status status = STATUS_NO_MEMORY;
    flags->options = *options;
    flags->database = database_new(options->topology);
    for (enum flag flag = 0; flag < FLAG_COUNT; flag++) {
        atomic_init(&flags->on[flag], true);
        metrics_set(table[flag].metric, true);
    }
    if (flags->database != NULL) {
        look(flags);
        status = watcher_start(&watcher, &flags->watcher);
    }
    if (status != STATUS_OK) {
        flags_stop(flags);
        return status;
    }
    *out = flags;
    return STATUS_OK;
}

bool flags_on(const struct flags *flags, enum flag flag) {
    return flags == NULL || atomic_load_explicit(&flags->on[flag], memory_order_relaxed);
}

void flags_stop(struct flags *flags) {
    if (flags != NULL) {
        watcher_stop(flags->watcher);
        database_free(flags->database);
        free(flags);
    }
}
