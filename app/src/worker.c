#include "worker.h"

#include <stdlib.h>

#include "log.h"
#include "random.h"
#include "receipts.h"
#include "stream.h"

enum { PIECE_MS = 4000, MEMORY_BYTES = 1 << 20 };

struct worker {
    struct worker_options options;
    struct stream stream; /* redis NULL: there is none */
    struct arena arena;   /* of one piece of work */
    struct arena taken;   /* of what the stream handed out last */
    struct worker_counts counts;
    bool worked;         /* in this round */
    bool resume;         /* we have taken entries of the stream and not finished them */
    int64_t claim_at_us; /* when to look for those of others */
};

struct worker *worker_new(const struct worker_options *options) {
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker != NULL) {
        worker->options = *options;
        worker->stream = (struct stream){options->clients->cache.redis, options->name, options->claim_ms};
        worker->resume = true; /* those of a life before this one */
        arena_init(&worker->arena, MEMORY_BYTES);
        arena_init(&worker->taken, MEMORY_BYTES);
    }
    return worker;
}

void worker_free(struct worker *worker) {
    if (worker != NULL) {
        arena_free(&worker->arena);
        arena_free(&worker->taken);
        free(worker);
    }
}

struct worker_counts worker_counts(const struct worker *worker) { return worker->counts; }

/* --- One piece of work ---------------------------------------------------------------- */

enum outcome {
    OUTCOME_WRITTEN,
    OUTCOME_SENT,    /* to the stream, for whoever takes it */
    OUTCOME_AGAIN,   /* it was done, or given up, before */
    OUTCOME_NOBODYS, /* somebody else has the row, or there is none */
    OUTCOME_WAITS,   /* for a backend to be back */
    OUTCOME_FAILED,
    OUTCOME_DEAD,
};

typedef enum status lock_row(struct database *database, struct call *call, int64_t id, struct outbox_row *out);

struct piece {
    struct worker *worker;
    struct call call;
    int64_t begun_us;
    int64_t id;     /* of the row */
    lock_row *lock; /* takes it */
    struct outbox_row row;
    const char *why; /* it fails; NULL: not known */
    enum outcome outcome;
    bool stream_away; /* the stream took nothing */
};

static struct piece begin(struct worker *worker, int64_t id, lock_row *lock) {
    struct piece piece = {
        .worker = worker,
        .call = {.deadline = deadline_in_ms(PIECE_MS)},
        .begun_us = clock_monotonic_us(),
        .id = id,
        .lock = lock,
    };
    trace_begin(&piece.call.trace, (struct slice){0});
    return piece;
}

static void log_piece(const struct piece *piece) {
    static const char *const results[] = {
        [OUTCOME_WRITTEN] = "written", [OUTCOME_SENT] = "sent",     [OUTCOME_AGAIN] = "was done before",
        [OUTCOME_FAILED] = "failed",   [OUTCOME_DEAD] = "given up",
    };
    bool failed = piece->outcome >= OUTCOME_FAILED;
    char traceparent[TRACE_PARENT_CHARS + 1];
    trace_format(&piece->call.trace, traceparent);
    log_event(failed ? LOG_WARNING : LOG_INFO, "receipt", LOG_TEXT("result", results[piece->outcome]),
              LOG_NUMBER("outbox", piece->id), LOG_NUMBER("order", piece->row.order),
              LOG_NUMBER("tries", piece->row.tries), LOG_TEXT("error", failed ? piece->why : ""),
              LOG_TEXT("traceparent", traceparent), LOG_NUMBER("duration_us", clock_monotonic_us() - piece->begun_us),
              LOG_NUMBER("mysql_us", piece->call.spent_us[BACKEND_MYSQL]),
              LOG_NUMBER("redis_us", piece->call.spent_us[BACKEND_REDIS]));
}

/* What is nobody's, or has to wait, is no work. */
static void finish(const struct piece *piece) {
    struct worker *worker = piece->worker;
    if (piece->outcome != OUTCOME_NOBODYS && piece->outcome != OUTCOME_WAITS) {
        worker->counts.sent += piece->outcome == OUTCOME_SENT;
        worker->counts.written += piece->outcome == OUTCOME_WRITTEN;
        worker->counts.again += piece->outcome == OUTCOME_AGAIN;
        worker->counts.failed += piece->outcome >= OUTCOME_FAILED;
        worker->counts.dead += piece->outcome == OUTCOME_DEAD;
        worker->worked = true;
        log_piece(piece);
    }
    arena_free(&worker->arena);
}

/* Takes the row and, if it is still to be done, does step with it, all in one transaction. Runs again after a deadlock. */
static enum status lock_and(struct piece *piece, struct database *database, struct call *call,
                            enum status (*step)(struct piece *piece, struct database *database, struct call *call)) {
    arena_free(&piece->worker->arena);
    piece->row = (struct outbox_row){0};
    piece->why = NULL;
    enum status status = piece->lock(database, call, piece->id, &piece->row);
    if (status == STATUS_NOT_FOUND) {
        piece->outcome = OUTCOME_NOBODYS;
        return STATUS_OK;
    }
    if (status == STATUS_OK && (piece->row.state == OUTBOX_DONE || piece->row.state == OUTBOX_DEAD)) {
        piece->outcome = OUTCOME_AGAIN;
        return STATUS_OK;
    }
    return status == STATUS_OK ? step(piece, database, call) : status;
}

/* --- Writing a receipt ---------------------------------------------------------------- */

static enum status write_step(struct piece *piece, struct database *database, struct call *call) {
    piece->outcome = OUTCOME_WRITTEN;
    enum status status = receipts_write(database, call, piece->row.order, &piece->worker->arena, &piece->why);
    return status == STATUS_OK ? outbox_done(database, call, piece->id) : status;
}

static enum status write_body(struct database *database, struct call *call, void *context) {
    return lock_and(context, database, call, write_step);
}

/* It has failed, and all of it is undone: what becomes of the row. */
static void settle(struct piece *piece, enum status status) {
    const struct worker_options *options = &piece->worker->options;
    int64_t wait_ms = 0;
    enum retry verdict = retry_judge(&options->rules, status, piece->row.tries, random_u64(), &wait_ms);
    piece->outcome = OUTCOME_WAITS;
    if (verdict == RETRY_WHEN_BACK) {
        return;
    }
    if (piece->why == NULL) {
        piece->why =
            status == STATUS_NO_MEMORY ? "there is no memory for it" : "MySQL refused a statement, see the log";
    }
    if (outbox_failed(options->clients->database, &piece->call, piece->id, piece->why, verdict == RETRY_GIVE_UP,
                      wait_ms) == STATUS_OK) {
        piece->outcome = verdict == RETRY_GIVE_UP ? OUTCOME_DEAD : OUTCOME_FAILED;
    }
}

static void write_receipt(struct piece *piece) {
    struct database *database = piece->worker->options.clients->database;
    enum status status = database_transaction(database, &piece->call, write_body, piece);
    if (status != STATUS_OK) {
        settle(piece, status);
    }
    finish(piece);
}

/* --- From the outbox ------------------------------------------------------------------ */

/* The row says that it is sent once it is: killed in between, it is sent twice. */
static enum status send_step(struct piece *piece, struct database *database, struct call *call) {
    struct worker *worker = piece->worker;
    piece->outcome = OUTCOME_SENT;
    enum status status = stream_add(&worker->stream, call, piece->id, &worker->arena);
    piece->stream_away = status != STATUS_OK;
    return status == STATUS_OK ? outbox_sent(database, call, piece->id, worker->options.resend_ms) : status;
}

static enum status send_body(struct database *database, struct call *call, void *context) {
    return lock_and(context, database, call, send_step);
}

/* True: the stream has it, or somebody else, or MySQL is away and nobody gets it now. False: the stream is away. */
static bool send_row(struct worker *worker, int64_t id) {
    struct piece piece = begin(worker, id, outbox_lock_due);
    if (database_transaction(worker->options.clients->database, &piece.call, send_body, &piece) != STATUS_OK) {
        piece.outcome = OUTCOME_WAITS;
    }
    finish(&piece);
    return !piece.stream_away;
}

/* Rows that are due go into the stream; without one they are done here and now. */
static enum status take_from_outbox(struct worker *worker) {
    int64_t ids[OUTBOX_BATCH];
    size_t count = 0;
    struct call call = {.deadline = deadline_in_ms(PIECE_MS)};
    bool streaming = worker->stream.redis != NULL;
    trace_begin(&call.trace, (struct slice){0});
    enum status status = outbox_due(worker->options.clients->database, &call, ids, &count);
    for (size_t i = 0; i < count && !worker->options.stopping(); i++) {
        streaming = streaming && send_row(worker, ids[i]);
        if (!streaming) {
            struct piece piece = begin(worker, ids[i], outbox_lock_due);
            write_receipt(&piece);
        }
    }
    return status;
}

/* --- From the stream ------------------------------------------------------------------ */

/* False: it is not finished, somebody has to take it again. */
static bool take_entry(struct worker *worker, const struct stream_entry *entry) {
    struct piece piece = begin(worker, entry->outbox, outbox_lock);
    write_receipt(&piece);
    if (piece.outcome == OUTCOME_WAITS) {
        return false;
    }
    bool dead = piece.outcome == OUTCOME_DEAD || piece.row.state == OUTBOX_DEAD;
    const char *why = piece.why != NULL ? piece.why : "";
    if (dead && stream_bury(&worker->stream, &piece.call, entry->outbox, why, &worker->arena) != STATUS_OK) {
        return false;
    }
    return stream_finish(&worker->stream, &piece.call, entry->id, &worker->arena) == STATUS_OK;
}

static void take_from_stream(struct worker *worker, enum stream_source source) {
    struct stream_entry entries[STREAM_BATCH];
    size_t count = 0, i = 0;
    struct call call = {.deadline = deadline_in_ms(PIECE_MS)};
    trace_begin(&call.trace, (struct slice){0});
    enum status status = stream_take(&worker->stream, &call, source, &worker->taken, entries, &count);
    while (i < count && !worker->options.stopping() && take_entry(worker, &entries[i])) {
        i++;
    }
    /* One's own are taken until there are none. */
    worker->resume = i < count || (source == STREAM_OWN ? status != STATUS_OK || count > 0 : worker->resume);
    arena_free(&worker->arena);
    arena_free(&worker->taken);
}

static bool is_time_to_claim(struct worker *worker) {
    int64_t now_us = clock_monotonic_us();
    if (now_us < worker->claim_at_us) {
        return false;
    }
    worker->claim_at_us = now_us + worker->options.claim_ms * 1000;
    return true;
}

enum status worker_round(struct worker *worker) {
    worker->worked = false;
    if (!flags_on(worker->options.flags, FLAG_RECEIPTS)) {
        return STATUS_AGAIN;
    }
    enum status status = take_from_outbox(worker);
    if (status == STATUS_OK && worker->stream.redis != NULL) {
        if (worker->resume) {
            take_from_stream(worker, STREAM_OWN);
        }
        if (is_time_to_claim(worker)) {
            take_from_stream(worker, STREAM_ABANDONED);
        }
        take_from_stream(worker, STREAM_NEW);
    }
    return status == STATUS_OK && !worker->worked ? STATUS_AGAIN : status;
}
