/*
 *   orders_place
 *     └─ place            in a transaction, which is begun anew after a deadlock
 *     │    lock_stock       each product's row, by id: is it there, are there enough, what does it cost?
 *     │    write_order      order, lines, what is left, outbox
 *     └─ find_attempt     something was in the way: was it an earlier attempt that went well?
 *
 * The earlier attempt is not asked for first: it hardly ever is there, and where it is, the order's key, which is unique,
 * or the empty shelf says so. Locks are taken in one order by all: rows of products by id, then the key.
 */
#include "orders.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "metrics.h"
#include "price.h"
#include "secret.h"
#include "text.h"

enum { ITEM_BYTES = sizeof "4294967295:99 " };

static const struct db_statement lock_product = {
    .sql = "SELECT stock, price_cents FROM products WHERE id = ? FOR UPDATE", .params = "i", .columns = "ii"};

static const struct db_statement insert_order = {
    .sql = "INSERT INTO orders (uuid, user_id, idempotency_key, request_hash, total_cents, currency)"
           " VALUES (UUID_TO_BIN(?), ?, ?, UNHEX(?), ?, '" PRICE_CURRENCY "')",
    .params = "sissi",
    .columns = ""};

static const struct db_statement insert_line = {
    .sql = "INSERT INTO order_lines (order_id, product_id, sku, name, quantity, price_cents)"
           " SELECT ?, id, sku, name, ?, price_cents FROM products WHERE id = ?",
    .params = "iii",
    .columns = ""};

static const struct db_statement take_stock = {
    .sql = "UPDATE products SET stock = stock - ? WHERE id = ?", .params = "ii", .columns = ""};

static const struct db_statement insert_event = {
    .sql = "INSERT INTO outbox (order_id, topic) VALUES (?, 'order.placed')", .params = "i", .columns = ""};

static const struct db_statement find_order = {
    .sql = "SELECT BIN_TO_UUID(uuid), total_cents, request_hash = UNHEX(?) FROM orders"
           " WHERE user_id = ? AND idempotency_key = ?",
    .params = "sis",
    .columns = "sii"};

/* One attempt. */
struct attempt {
    const struct orders_request *request;
    struct session_item items[SESSION_CART_MAX]; /* by product */
    char hash[SECRET_HASH_CHARS + 1];            /* of the items */
    char uuid[ORDERS_UUID_CHARS + 1];            /* of the order that it would make */
    struct orders_answer *answer;
};

bool orders_is_key(struct slice text) {
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f) {
            return false;
        }
    }
    return text.length >= 1 && text.length <= ORDERS_KEY_CHARS_MAX;
}

void orders_draw_uuid(char out[static ORDERS_UUID_CHARS + 1]) {
    uuid_t uuid;
    uuid_generate_time_v7(uuid);
    uuid_unparse_lower(uuid, out);
}

/* --- In the transaction --------------------------------------------------------------- */

/* What was decided is in *answer; STATUS_NOT_FOUND rolls the transaction back. */
static enum status refuse(struct orders_answer *answer, enum orders_outcome outcome, uint32_t product,
                          uint64_t number) {
    *answer = (struct orders_answer){.outcome = outcome, .product = product};
    answer->stock = outcome == ORDERS_SOLD_OUT ? number : 0;
    answer->total_cents = outcome == ORDERS_PRICE_CHANGED ? number : 0;
    return STATUS_NOT_FOUND;
}

struct shelf {
    bool found;
    uint64_t stock, price_cents;
};

static void take_shelf(void *context, const struct db_value *columns) {
    struct shelf *shelf = context;
    *shelf = (struct shelf){true, (uint64_t)columns[0].number, (uint64_t)columns[1].number};
}

/* From here to the end of the transaction nobody else can buy these products. *total_cents is untouched unless OK. */
static enum status lock_stock(struct database *database, struct call *call, const struct attempt *attempt,
                              uint64_t *total_cents) {
    uint64_t total = 0;
    for (size_t i = 0; i < attempt->request->count; i++) {
        const struct session_item *item = &attempt->items[i];
        struct shelf shelf = {0};
        enum status status = database_write(database, call, &lock_product,
                                            (const struct db_value[]){{.number = item->product}}, take_shelf, &shelf);
        if (status != STATUS_OK) {
            return status;
        }
        if (!shelf.found) {
            return refuse(attempt->answer, ORDERS_NO_PRODUCT, item->product, 0);
        }
        if (shelf.stock < item->quantity) {
            return refuse(attempt->answer, ORDERS_SOLD_OUT, item->product, shelf.stock);
        }
        total += shelf.price_cents * item->quantity;
    }
    if (attempt->request->expected_cents != 0 && attempt->request->expected_cents != total) {
        return refuse(attempt->answer, ORDERS_PRICE_CHANGED, 0, total);
    }
    *total_cents = total;
    return STATUS_OK;
}

static enum status write_line(struct database *database, struct call *call, int64_t order,
                              const struct session_item *item) {
    const struct db_value line[] = {{.number = order}, {.number = item->quantity}, {.number = item->product}};
    const struct db_value taken[] = {{.number = item->quantity}, {.number = item->product}};
    enum status status = database_write(database, call, &insert_line, line, NULL, NULL);
    return status == STATUS_OK ? database_write(database, call, &take_stock, taken, NULL, NULL) : status;
}

static enum status write_order(struct database *database, struct call *call, const struct attempt *attempt,
                               uint64_t total_cents) {
    const struct db_value order[] = {{.text = slice_of(attempt->uuid)},
                                     {.number = (int64_t)attempt->request->user},
                                     {.text = slice_of(attempt->request->key)},
                                     {.text = slice_of(attempt->hash)},
                                     {.number = (int64_t)total_cents}};
    enum status status = database_write(database, call, &insert_order, order, NULL, NULL);
    int64_t id = (int64_t)call->id_made;
    for (size_t i = 0; status == STATUS_OK && i < attempt->request->count; i++) {
        status = write_line(database, call, id, &attempt->items[i]);
    }
    const struct db_value event[] = {{.number = id}};
    return status == STATUS_OK ? database_write(database, call, &insert_event, event, NULL, NULL) : status;
}

static enum status place(struct database *database, struct call *call, void *context) {
    const struct attempt *attempt = context;
    uint64_t total_cents;
    enum status status = lock_stock(database, call, attempt, &total_cents);
    if (status == STATUS_OK) {
        status = write_order(database, call, attempt, total_cents);
    }
    if (status == STATUS_OK) {
        *attempt->answer = (struct orders_answer){.outcome = ORDERS_PLACED, .total_cents = total_cents};
        strcpy(attempt->answer->uuid, attempt->uuid);
    }
    return status;
}

/* --- Around it ------------------------------------------------------------------------ */

static int by_product(const void *a, const void *b) {
    const struct session_item *first = a, *second = b;
    return (first->product > second->product) - (first->product < second->product);
}

/* The same items in another order are the same wish. */
static void prepare(struct attempt *attempt) {
    char room[SESSION_CART_MAX * ITEM_BYTES];
    struct text text;
    struct slice items = {0};
    size_t count = attempt->request->count;
    assert(count <= SESSION_CART_MAX);
    text_init_in(&text, room, sizeof room);
    for (size_t i = 0; i < count; i++) {
        attempt->items[i] = attempt->request->items[i];
    }
    qsort(attempt->items, count, sizeof *attempt->items, by_product);
    for (size_t i = 0; i < count; i++) {
        text_format(&text, "%u:%u ", (unsigned)attempt->items[i].product, (unsigned)attempt->items[i].quantity);
    }
    text_slice(&text, &items);
    secret_hash(items, attempt->hash);
    orders_draw_uuid(attempt->uuid);
}

struct earlier {
    const struct attempt *attempt;
    bool found;
};

static void take_earlier(void *context, const struct db_value *columns) {
    struct earlier *earlier = context;
    /* Where the items came from the cart, that has been emptied since: no items contradict nothing. */
    bool same = columns[2].number == 1 || earlier->attempt->request->count == 0;
    struct orders_answer *answer = earlier->attempt->answer;
    *answer = (struct orders_answer){.outcome = same ? ORDERS_REPEATED : ORDERS_KEY_REUSED,
                                     .total_cents = (uint64_t)columns[1].number};
    memcpy(answer->uuid, columns[0].text.data, ORDERS_UUID_CHARS);
    earlier->found = true;
}

/* On the primary: a replica may not know yet. */
static enum status find_attempt(struct database *database, struct call *call, const struct attempt *attempt,
                                bool *found) {
    struct earlier earlier = {.attempt = attempt};
    const struct db_value params[] = {{.text = slice_of(attempt->hash)},
                                      {.number = (int64_t)attempt->request->user},
                                      {.text = slice_of(attempt->request->key)}};
    enum status status = database_write(database, call, &find_order, params, take_earlier, &earlier);
    *found = earlier.found;
    return status;
}

static void count_outcome(enum orders_outcome outcome) {
    static const enum metric metrics[] = {
        [ORDERS_PLACED] = METRIC_ORDERS_PLACED,         [ORDERS_REPEATED] = METRIC_ORDERS_REPEATED,
        [ORDERS_KEY_REUSED] = METRIC_ORDERS_REFUSED,    [ORDERS_NOTHING] = METRIC_ORDERS_REFUSED,
        [ORDERS_NO_PRODUCT] = METRIC_ORDERS_REFUSED,    [ORDERS_SOLD_OUT] = METRIC_ORDERS_SOLD_OUT,
        [ORDERS_PRICE_CHANGED] = METRIC_ORDERS_REFUSED,
    };
    metrics_add(metrics[outcome], 1);
}

enum status orders_place(struct database *database, struct call *call, const struct orders_request *request,
                         struct orders_answer *answer) {
    struct attempt attempt = {.request = request, .answer = answer};
    prepare(&attempt);
    enum status status = request->count > 0 ? database_transaction(database, call, place, &attempt)
                                            : refuse(answer, ORDERS_NOTHING, 0, 0);
    bool refused = status == STATUS_NOT_FOUND, in_the_way = status == STATUS_EXISTS, found = false;
    if (refused || in_the_way) {
        status = find_attempt(database, call, &attempt, &found);
        /* What was in the way is gone: that is no answer. */
        status = status == STATUS_OK && in_the_way && !found ? STATUS_AGAIN : status;
    }
    if (status == STATUS_OK) {
        count_outcome(answer->outcome);
    } else {
        metrics_add(METRIC_ORDERS_FAILED, 1);
    }
    return status;
}
