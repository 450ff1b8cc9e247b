#include "stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAM "orders"
#define DEAD "orders:dead"
#define GROUP "receipts"
#define FIELD "outbox"

enum { NUMBER_BYTES = 24 };

static const char *write_number(char room[static NUMBER_BYTES], int64_t number) {
    snprintf(room, NUMBER_BYTES, "%lld", (long long)number);
    return room;
}

/* --- Asking --------------------------------------------------------------------------- */

/* A command of words that end with NULL. All of ours may be sent twice: what then is there twice is found out by whoever
 * takes it. */
static struct redis_command command_of(const char *const *words) {
    struct redis_command command = {.repeatable = true};
    while (words[command.count] != NULL) {
        command.arguments[command.count] = slice_of(words[command.count]);
        command.count++;
    }
    return command;
}

static bool is_error(const struct redis_reply *reply, const char *prefix) {
    return reply->kind == REDIS_ERROR && strncmp(reply->text.data, prefix, strlen(prefix)) == 0;
}

/* A refusal is of as little use as silence. */
static enum status ask(const struct stream *stream, struct call *call, const char *const *words, struct arena *arena,
                       struct redis_reply *reply) {
    const struct redis_command command = command_of(words);
    enum status status = redis_run(stream->redis, call, &command, 1, arena, reply);
    return status == STATUS_OK && reply->kind == REDIS_ERROR ? STATUS_GONE : status;
}

/* From its first entry on, whoever has added that. */
static enum status make_group(const struct stream *stream, struct call *call, struct arena *arena) {
    const char *const words[] = {"XGROUP", "CREATE", STREAM, GROUP, "0", "MKSTREAM", NULL};
    struct redis_reply reply = {.kind = REDIS_NIL};
    enum status status = ask(stream, call, words, arena, &reply);
    bool exists = status == STATUS_GONE && is_error(&reply, "BUSYGROUP ");
    return exists ? STATUS_OK : status;
}

/* --- Adding --------------------------------------------------------------------------- */

enum status stream_add(const struct stream *stream, struct call *call, int64_t outbox, struct arena *arena) {
    char number[NUMBER_BYTES];
    const char *const words[] = {
        "XADD", STREAM, "NOMKSTREAM", "*", FIELD, write_number(number, outbox), NULL,
    };
    struct redis_reply reply = {.kind = REDIS_NIL};
    enum status status = ask(stream, call, words, arena, &reply);
    if (status == STATUS_OK && reply.kind == REDIS_NIL) { /* there is no stream, so no group either */
        status = make_group(stream, call, arena);
        if (status == STATUS_OK) {
            status = ask(stream, call, words, arena, &reply);
        }
    }
    return status;
}

/* --- Taking --------------------------------------------------------------------------- */

static int64_t read_number(struct slice text) {
    char *end;
    errno = 0;
    long long number = strtoll(text.data, &end, 10);
    return errno == 0 && text.length > 0 && *end == '\0' && number > 0 ? number : 0;
}

/* Of an entry that was removed there are no fields any more. */
static int64_t find_outbox(const struct redis_reply *fields) {
    for (size_t i = 0; fields->kind == REDIS_LIST && i + 1 < fields->count; i += 2) {
        const struct redis_reply *name = &fields->items[i], *value = name + 1;
        if (name->kind == REDIS_TEXT && value->kind == REDIS_TEXT && slice_equal(name->text, slice_of(FIELD))) {
            return read_number(value->text);
        }
    }
    return 0;
}

/* What is no entry is left out. */
static size_t read_entries(const struct redis_reply *list, struct stream_entry entries[static STREAM_BATCH]) {
    size_t count = 0;
    for (size_t i = 0; list->kind == REDIS_LIST && i < list->count && count < STREAM_BATCH; i++) {
        const struct redis_reply *entry = &list->items[i];
        if (entry->kind == REDIS_LIST && entry->count == 2 && entry->items[0].kind == REDIS_TEXT) {
            entries[count++] = (struct stream_entry){entry->items[0].text, find_outbox(&entry->items[1])};
        }
    }
    return count;
}

/* The entries are the second of two: behind the name of the stream, which is the first of the streams that XREADGROUP
 * answers with, or behind the cursor of XAUTOCLAIM. */
static size_t read_answer(const struct redis_reply *reply, enum stream_source source,
                          struct stream_entry entries[static STREAM_BATCH]) {
    if (source != STREAM_ABANDONED && reply->kind == REDIS_LIST && reply->count == 1) {
        reply = &reply->items[0];
    }
    return reply->kind == REDIS_LIST && reply->count >= 2 ? read_entries(&reply->items[1], entries) : 0;
}

enum status stream_take(const struct stream *stream, struct call *call, enum stream_source source, struct arena *arena,
                        struct stream_entry entries[static STREAM_BATCH], size_t *count) {
    char most[NUMBER_BYTES], idle[NUMBER_BYTES];
    write_number(most, STREAM_BATCH);
    const char *const claim[] = {
        "XAUTOCLAIM", STREAM, GROUP, stream->consumer, write_number(idle, stream->claim_ms), "0", "COUNT", most, NULL,
    };
    const char *const read[] = {
        "XREADGROUP",
        "GROUP",
        GROUP,
        stream->consumer,
        "COUNT",
        most,
        "STREAMS",
        STREAM,
        source == STREAM_NEW ? ">" : "0",
        NULL,
    };
    struct redis_reply reply = {.kind = REDIS_NIL};
    enum status status = ask(stream, call, source == STREAM_ABANDONED ? claim : read, arena, &reply);
    if (status == STATUS_GONE && is_error(&reply, "NOGROUP ")) {
        status = make_group(stream, call, arena);
        reply.kind = REDIS_NIL;
    }
    if (status == STATUS_OK) {
        *count = read_answer(&reply, source, entries);
    }
    return status;
}

enum status stream_finish(const struct stream *stream, struct call *call, struct slice id, struct arena *arena) {
    const struct redis_command commands[] = {
        command_of((const char *const[]){"XACK", STREAM, GROUP, id.data, NULL}),
        command_of((const char *const[]){"XDEL", STREAM, id.data, NULL}),
    };
    struct redis_reply replies[2];
    return redis_run(stream->redis, call, commands, 2, arena, replies);
}

/* --- Dead letters --------------------------------------------------------------------- */

enum status stream_bury(const struct stream *stream, struct call *call, int64_t outbox, const char *error,
                        struct arena *arena) {
    char number[NUMBER_BYTES], kept[NUMBER_BYTES];
    const char *const words[] = {
        "XADD",  DEAD,  "MAXLEN", "~", write_number(kept, STREAM_DEAD_KEPT), "*", FIELD, write_number(number, outbox),
        "error", error, NULL,
    };
    struct redis_reply reply = {.kind = REDIS_NIL};
    return ask(stream, call, words, arena, &reply);
}

enum status stream_clear_dead(const struct stream *stream, struct call *call, struct arena *arena) {
    struct redis_reply reply = {.kind = REDIS_NIL};
    return ask(stream, call, (const char *const[]){"DEL", DEAD, NULL}, arena, &reply);
}
