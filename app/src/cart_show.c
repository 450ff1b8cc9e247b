/* The half of cart.h that asks MySQL. */
#include "cart.h"
#include "price.h"
#include "text.h"

enum { ITEM_BYTES = sizeof "[4294967295,99]," };

/* All products of the cart in one round trip: it goes to MySQL as a text, [[product,quantity],…], and is a table there. */
static const struct db_statement show_items = {
    .sql = "SELECT products.id, sku, name, item.quantity, price_cents, stock FROM JSON_TABLE(?, '$[*]' COLUMNS ("
           "place FOR ORDINALITY, product INT UNSIGNED PATH '$[0]', quantity INT UNSIGNED PATH '$[1]')) item"
           " JOIN products ON products.id = item.product ORDER BY item.place",
    .params = "s",
    .columns = "issiii",
    .repeatable = true,
};

struct collector {
    yyjson_mut_doc *doc;
    yyjson_mut_val *list;
    int64_t pieces, total_cents;
};

yyjson_mut_val *cart_add_line(yyjson_mut_doc *doc, yyjson_mut_val *list, const struct cart_line *line) {
    yyjson_mut_val *object = yyjson_mut_arr_add_obj(doc, list);
    yyjson_mut_obj_add_int(doc, object, "product", line->product);
    yyjson_mut_obj_add_strncpy(doc, object, "sku", line->sku.data, line->sku.length);
    yyjson_mut_obj_add_strncpy(doc, object, "name", line->name.data, line->name.length);
    yyjson_mut_obj_add_int(doc, object, "quantity", line->quantity);
    price_add(doc, object, "price", "price_cents", (uint64_t)line->price_cents);
    price_add(doc, object, "sum", "sum_cents", (uint64_t)(line->price_cents * line->quantity));
    return object;
}

static void collect_item(void *context, const struct db_value *column) {
    struct collector *collector = context;
    const struct cart_line line = {.product = column[0].number,
                                   .sku = column[1].text,
                                   .name = column[2].text,
                                   .quantity = column[3].number,
                                   .price_cents = column[4].number};
    yyjson_mut_val *item = cart_add_line(collector->doc, collector->list, &line);
    yyjson_mut_obj_add_int(collector->doc, item, "stock", column[5].number);
    yyjson_mut_obj_add_bool(collector->doc, item, "enough", column[5].number >= line.quantity);
    collector->pieces += line.quantity;
    collector->total_cents += line.quantity * line.price_cents;
}

static struct slice write_items(const struct session_item *items, size_t count,
                                char room[static SESSION_CART_MAX * ITEM_BYTES]) {
    struct text text;
    struct slice written = {0};
    text_init_in(&text, room, SESSION_CART_MAX * ITEM_BYTES);
    for (size_t i = 0; i < count; i++) {
        text_format(&text, "%s[%u,%u]", i == 0 ? "[" : ",", (unsigned)items[i].product, (unsigned)items[i].quantity);
    }
    text_put(&text, "]");
    text_slice(&text, &written);
    return written;
}

enum status cart_show(struct database *database, struct call *call, const struct session_item *items, size_t count,
                      yyjson_mut_doc *doc, yyjson_mut_val **out) {
    char room[SESSION_CART_MAX * ITEM_BYTES];
    struct collector collector = {.doc = doc, .list = yyjson_mut_arr(doc)};
    if (count > 0) {
        const struct db_value params[] = {{.text = write_items(items, count, room)}};
        enum status status = database_read(database, call, &show_items, params, collect_item, &collector);
        if (status != STATUS_OK) {
            return status;
        }
    }
    *out = yyjson_mut_obj(doc);
    yyjson_mut_obj_add_val(doc, *out, "items", collector.list);
    yyjson_mut_obj_add_int(doc, *out, "pieces", collector.pieces);
    price_add(doc, *out, "total", "total_cents", (uint64_t)collector.total_cents);
    yyjson_mut_obj_add_str(doc, *out, "currency", PRICE_CURRENCY);
    return STATUS_OK;
}
