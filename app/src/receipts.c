#include "receipts.h"

#include "receipt.h"

static const struct db_statement read_order = {
    .sql =
        "SELECT BIN_TO_UUID(uuid), FLOOR(UNIX_TIMESTAMP(created_at)), currency, total_cents FROM orders WHERE id = ?",
    .params = "i",
    .columns = "sisi",
    .repeatable = true,
};

static const struct db_statement read_lines = {
    .sql = "SELECT sku, name, quantity, price_cents FROM order_lines WHERE order_id = ? ORDER BY product_id",
    .params = "i",
    .columns = "ssii",
    .repeatable = true,
};

static const struct db_statement add_receipt = {
    .sql = "INSERT INTO receipts (order_id, text) VALUES (?, ?)",
    .params = "is",
    .columns = "",
};

/* An order as it is read. */
struct reader {
    struct arena *arena;
    struct receipt *receipt;
    bool found, too_long;
};

static struct slice keep(struct arena *arena, struct slice text) {
    const char *copy = arena_copy(arena, text.data, text.length);
    return (struct slice){copy, copy != NULL ? text.length : 0};
}

static void take_order(void *context, const struct db_value *column) {
    struct reader *reader = context;
    reader->found = true;
    reader->receipt->order = keep(reader->arena, column[0].text);
    reader->receipt->ordered_s = column[1].number;
    reader->receipt->currency = keep(reader->arena, column[2].text);
    reader->receipt->total_cents = column[3].number;
}

static void take_line(void *context, const struct db_value *column) {
    struct reader *reader = context;
    struct receipt *receipt = reader->receipt;
    if (receipt->line_count == RECEIPT_LINES_MAX) {
        reader->too_long = true;
        return;
    }
    receipt->lines[receipt->line_count++] = (struct receipt_line){
        .sku = keep(reader->arena, column[0].text),
        .name = keep(reader->arena, column[1].text),
        .quantity = column[2].number,
        .price_cents = column[3].number,
    };
}

static enum status read_all(struct database *database, struct call *call, int64_t order_id, struct reader *reader,
                            const char **why) {
    const struct db_value id = {.number = order_id};
    enum status status = database_write(database, call, &read_order, &id, take_order, reader);
    if (status == STATUS_OK && !reader->found) {
        *why = "there is no such order";
        return STATUS_NOT_FOUND;
    }
    if (status == STATUS_OK) {
        status = database_write(database, call, &read_lines, &id, take_line, reader);
    }
    if (status == STATUS_OK && reader->too_long) {
        *why = "it has too many lines";
        return STATUS_TOO_LARGE;
    }
    return status == STATUS_OK && arena_failed(reader->arena) ? STATUS_NO_MEMORY : status;
}

enum status receipts_write(struct database *database, struct call *call, int64_t order_id, struct arena *arena,
                           const char **why) {
    struct receipt *receipt = arena_alloc(arena, sizeof *receipt);
    struct reader reader = {.arena = arena, .receipt = receipt};
    struct text text;
    struct slice rendered = {0};
    if (receipt == NULL) {
        return STATUS_NO_MEMORY;
    }
    receipt->line_count = 0;
    enum status status = read_all(database, call, order_id, &reader, why);
    if (status == STATUS_OK) {
        text_init(&text, arena);
        status = receipt_render(receipt, &text, why);
    }
    if (status == STATUS_OK) {
        status = text_slice(&text, &rendered);
    }
    if (status == STATUS_OK) {
        const struct db_value params[] = {{.number = order_id}, {.text = rendered}};
        status = database_write(database, call, &add_receipt, params, NULL, NULL);
    }
    return status == STATUS_EXISTS ? STATUS_OK : status;
}
