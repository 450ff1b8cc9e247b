/* The half of orders.h that only looks. */
#include <time.h>
#include <uuid/uuid.h>

#include "cart.h"
#include "orders.h"
#include "price.h"

enum { TIME_BYTES = 48 };

/* An order and its lines in one round trip: each line brings the order along. */
static const struct db_statement one_order = {
    .sql = "SELECT BIN_TO_UUID(uuid), FLOOR(UNIX_TIMESTAMP(created_at)), total_cents, currency, product_id, sku, name,"
           " quantity, price_cents FROM orders JOIN order_lines ON order_id = orders.id"
           " WHERE uuid = UUID_TO_BIN(?) AND user_id = ? ORDER BY product_id",
    .params = "si",
    .columns = "siisissii",
    .repeatable = true,
};

static const struct db_statement one_receipt = {
    .sql = "SELECT text FROM receipts JOIN orders ON orders.id = order_id WHERE uuid = UUID_TO_BIN(?) AND user_id = ?",
    .params = "si",
    .columns = "s",
    .repeatable = true,
};

static const struct db_statement some_orders = {
    .sql = "SELECT BIN_TO_UUID(uuid), FLOOR(UNIX_TIMESTAMP(created_at)), total_cents, currency,"
           " (SELECT SUM(quantity) FROM order_lines WHERE order_id = orders.id),"
           " (SELECT COUNT(*) FROM orders WHERE user_id = ?)"
           " FROM orders WHERE user_id = ? ORDER BY id DESC LIMIT ? OFFSET ?",
    .params = "iiii",
    .columns = "siisii",
    .repeatable = true,
};

struct collector {
    yyjson_mut_doc *doc;
    yyjson_mut_val *order, *list; /* orders_one(): NULL until the first row comes, and its lines */
    int64_t total;
};

static void add_time(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, const char *format, time_t time) {
    char text[TIME_BYTES];
    struct tm parts;
    size_t length = strftime(text, sizeof text, format, gmtime_r(&time, &parts));
    yyjson_mut_obj_add_strncpy(doc, object, name, text, length);
}

/* What the first four columns of both statements say. */
static void add_order(yyjson_mut_doc *doc, yyjson_mut_val *order, const struct db_value *column) {
    time_t created = (time_t)column[1].number;
    yyjson_mut_obj_add_strncpy(doc, order, "uuid", column[0].text.data, column[0].text.length);
    add_time(doc, order, "created_at", "%Y-%m-%dT%H:%M:%SZ", created);
    add_time(doc, order, "date", "%-d %B %Y, %H:%M UTC", created);
    price_add(doc, order, "total", "total_cents", (uint64_t)column[2].number);
    yyjson_mut_obj_add_strncpy(doc, order, "currency", column[3].text.data, column[3].text.length);
}

/* --- One ------------------------------------------------------------------------------ */

static void collect_line(void *context, const struct db_value *column) {
    struct collector *collector = context;
    if (collector->order == NULL) {
        collector->order = yyjson_mut_obj(collector->doc);
        add_order(collector->doc, collector->order, column);
        collector->list = yyjson_mut_obj_add_arr(collector->doc, collector->order, "lines");
    }
    const struct cart_line line = {.product = column[4].number,
                                   .sku = column[5].text,
                                   .name = column[6].text,
                                   .quantity = column[7].number,
                                   .price_cents = column[8].number};
    cart_add_line(collector->doc, collector->list, &line);
}

static void collect_receipt(void *context, const struct db_value *column) {
    struct collector *collector = context;
    yyjson_mut_obj_add_strncpy(collector->doc, collector->order, "receipt", column[0].text.data, column[0].text.length);
}

enum status orders_one(struct database *database, struct call *call, uint64_t user, const char *uuid,
                       yyjson_mut_doc *doc, yyjson_mut_val **out) {
    uuid_t parsed;
    struct collector collector = {.doc = doc};
    const struct db_value params[] = {{.text = slice_of(uuid)}, {.number = (int64_t)user}};
    if (uuid_parse(uuid, parsed) != 0) {
        return STATUS_NOT_FOUND;
    }
    enum status status = database_read(database, call, &one_order, params, collect_line, &collector);
    /* Programs without a session cannot say what they wrote last: the replica may be behind. */
    bool late = status == STATUS_OK && collector.order == NULL && call->db_role == DB_ROLE_REPLICA;
    if (late) {
        status = database_write(database, call, &one_order, params, collect_line, &collector);
    }
    if (status == STATUS_OK && collector.order == NULL) {
        status = STATUS_NOT_FOUND;
    }
    if (status == STATUS_OK) {
        *out = collector.order;
        /* Without it the order is whole all the same: whatever comes of this is no failure. */
        (late ? database_write : database_read)(database, call, &one_receipt, params, collect_receipt, &collector);
    }
    return status;
}

/* --- All ------------------------------------------------------------------------------ */

static void collect_order(void *context, const struct db_value *column) {
    struct collector *collector = context;
    yyjson_mut_val *order = yyjson_mut_arr_add_obj(collector->doc, collector->list);
    add_order(collector->doc, order, column);
    yyjson_mut_obj_add_int(collector->doc, order, "pieces", column[4].number);
    collector->total = column[5].number;
}

enum status orders_page(struct database *database, struct call *call, uint64_t user, uint32_t page, yyjson_mut_doc *doc,
                        yyjson_mut_val **out) {
    struct collector collector = {.doc = doc, .list = yyjson_mut_arr(doc)};
    const struct db_value window[] = {{.number = (int64_t)user},
                                      {.number = (int64_t)user},
                                      {.number = ORDERS_PAGE_SIZE},
                                      {.number = ((int64_t)page - 1) * ORDERS_PAGE_SIZE}};
    if (page < 1) {
        return STATUS_NOT_FOUND;
    }
    enum status status = database_read(database, call, &some_orders, window, collect_order, &collector);
    bool empty = yyjson_mut_arr_size(collector.list) == 0;
    if (status != STATUS_OK || (empty && page > 1)) { /* who has no orders has one page */
        return status != STATUS_OK ? status : STATUS_NOT_FOUND;
    }
    int64_t pages = empty ? 1 : (collector.total + ORDERS_PAGE_SIZE - 1) / ORDERS_PAGE_SIZE;
    *out = yyjson_mut_obj(doc);
    yyjson_mut_obj_add_val(doc, *out, "orders", collector.list);
    yyjson_mut_obj_add_int(doc, *out, "page", page);
    yyjson_mut_obj_add_int(doc, *out, "pages", pages);
    yyjson_mut_obj_add_int(doc, *out, "total", collector.total);
    if (page > 1) {
        yyjson_mut_obj_add_int(doc, *out, "previous", page - 1);
    }
    if (page < pages) {
        yyjson_mut_obj_add_int(doc, *out, "next", page + 1);
    }
    return STATUS_OK;
}
