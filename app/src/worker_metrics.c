#include "worker_metrics.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "log.h"

enum { FILE_BYTES = 4096, PATH_BYTES = 512 };

static void family(struct text *out, const char *type, const char *name, const char *help) {
    text_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void worker_metrics_render(struct text *out, const struct worker_counts *counts,
                           const struct outbox_count waiting[static OUTBOX_STATES], int64_t now_s) {
    static const enum outbox_state states[] = {OUTBOX_NEW, OUTBOX_SENT, OUTBOX_DEAD};
    const struct {
        const char *result;
        int64_t count;
    } pieces[] = {{"sent", counts->sent},
                  {"written", counts->written},
                  {"again", counts->again},
                  {"failed", counts->failed},
                  {"dead", counts->dead}};
    family(out, "counter", "shop_worker_pieces_total",
           "Pieces of work by result: handed to Redis, receipt written, done before, try failed, given up.");
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        text_format(out, "shop_worker_pieces_total{result=\"%s\"} %lld\n", pieces[i].result,
                    (long long)pieces[i].count);
    }
    family(out, "gauge", "shop_outbox_rows", "Orders whose receipt is not written, by state.");
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        text_format(out, "shop_outbox_rows{state=\"%s\"} %lld\n", outbox_state_name(states[i]),
                    (long long)waiting[states[i]].rows);
    }
    family(out, "gauge", "shop_outbox_oldest_seconds", "How long the oldest of them has been waiting, by state.");
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        text_format(out, "shop_outbox_oldest_seconds{state=\"%s\"} %lld\n", outbox_state_name(states[i]),
                    (long long)waiting[states[i]].oldest_s);
    }
    family(out, "gauge", "shop_worker_last_round_timestamp_seconds", "When the worker last looked for work.");
    text_format(out, "shop_worker_last_round_timestamp_seconds %lld\n", (long long)now_s);
}

static bool write_file(const char *path, struct slice bytes) {
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return false;
    }
    bool whole = fwrite(bytes.data, 1, bytes.length, file) == bytes.length;
    return fclose(file) == 0 && whole;
}

enum status worker_metrics_write(const char *path, const struct worker_counts *counts,
                                 const struct outbox_count waiting[static OUTBOX_STATES]) {
    char room[FILE_BYTES], beside[PATH_BYTES];
    struct text text;
    struct slice bytes = {0};
    text_init_in(&text, room, sizeof room);
    worker_metrics_render(&text, counts, waiting, clock_wall_us() / 1000000);
    text_slice(&text, &bytes);
    snprintf(beside, sizeof beside, "%s.new", path);
    if (!write_file(beside, bytes) || rename(beside, path) != 0) {
        log_event(LOG_WARNING, "metrics", LOG_TEXT("file", path), LOG_TEXT("error", strerror(errno)));
        return STATUS_NOT_FOUND;
    }
    return STATUS_OK;
}
