#include "catalog.h"

#include "price.h"

#define PRODUCT_COLUMNS "id, sku, name, category, description, price_cents, stock"
#define PRODUCT_TYPES "issssii"

static const struct db_statement one_product = {
    .sql = "SELECT " PRODUCT_COLUMNS " FROM products WHERE id = ?",
    .params = "i",
    .columns = PRODUCT_TYPES,
    .repeatable = true,
};

/* How many there are comes along with each of them: one round trip instead of two. */
static const struct db_statement some_products = {
    .sql = "SELECT " PRODUCT_COLUMNS ", (SELECT COUNT(*) FROM products) FROM products ORDER BY id LIMIT ? OFFSET ?",
    .params = "ii",
    .columns = PRODUCT_TYPES "i",
    .repeatable = true,
};

/* The first product of each category: a varied window, and the same one for everybody. */
static const struct db_statement featured_products = {
    .sql = "SELECT " PRODUCT_COLUMNS " FROM products JOIN (SELECT MIN(id) AS id FROM products GROUP BY category) first"
           " USING (id) ORDER BY id LIMIT ?",
    .params = "i",
    .columns = PRODUCT_TYPES,
    .repeatable = true,
};

static const struct db_statement count_products = {
    .sql = "SELECT COUNT(*) FROM products",
    .params = "",
    .columns = "i",
    .repeatable = true,
};

struct collector {
    yyjson_mut_doc *doc;
    yyjson_mut_val *list;
    int64_t total; /* of collect_counted_product() */
};

static void add_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, struct slice text) {
    yyjson_mut_obj_add_strncpy(doc, object, key, text.data, text.length);
}

static void collect_product(void *context, const struct db_value *column) {
    struct collector *collector = context;
    yyjson_mut_doc *doc = collector->doc;
    yyjson_mut_val *product = yyjson_mut_arr_add_obj(doc, collector->list);
    int64_t stock = column[6].number;
    yyjson_mut_obj_add_int(doc, product, "id", column[0].number);
    add_text(doc, product, "sku", column[1].text);
    add_text(doc, product, "name", column[2].text);
    add_text(doc, product, "category", column[3].text);
    add_text(doc, product, "description", column[4].text);
    price_add(doc, product, "price", "price_cents", (uint64_t)column[5].number);
    yyjson_mut_obj_add_str(doc, product, "currency", PRICE_CURRENCY);
    yyjson_mut_obj_add_int(doc, product, "stock", stock);
    yyjson_mut_obj_add_bool(doc, product, "in_stock", stock > 0);
}

static void collect_counted_product(void *context, const struct db_value *column) {
    struct collector *collector = context;
    collector->total = column[7].number;
    collect_product(context, column);
}

static void collect_number(void *context, const struct db_value *column) {
    int64_t *number = context;
    *number = column[0].number;
}

enum status catalog_product(struct database *database, struct call *call, uint32_t id, yyjson_mut_doc *doc,
                            yyjson_mut_val **out) {
    struct collector collector = {.doc = doc, .list = yyjson_mut_arr(doc)};
    enum status status = database_read(database, call, &one_product, (const struct db_value[]){{.number = id}},
                                       collect_product, &collector);
    if (status != STATUS_OK) {
        return status;
    }
    yyjson_mut_val *product = yyjson_mut_arr_get_first(collector.list);
    if (product == NULL) {
        return STATUS_NOT_FOUND;
    }
    *out = product;
    return STATUS_OK;
}

enum status catalog_page(struct database *database, struct call *call, uint32_t page, yyjson_mut_doc *doc,
                         yyjson_mut_val *out) {
    struct collector collector = {.doc = doc, .list = yyjson_mut_arr(doc)};
    if (page < 1) {
        return STATUS_NOT_FOUND;
    }
    const struct db_value window[] = {{.number = CATALOG_PAGE_SIZE},
                                      {.number = ((int64_t)page - 1) * CATALOG_PAGE_SIZE}};
    enum status status = database_read(database, call, &some_products, window, collect_counted_product, &collector);
    if (status != STATUS_OK) {
        return status;
    }
    int64_t total = collector.total, pages = total == 0 ? 1 : (total + CATALOG_PAGE_SIZE - 1) / CATALOG_PAGE_SIZE;
    if (page > pages) { /* nothing came, and an empty shop has one page */
        return STATUS_NOT_FOUND;
    }
    yyjson_mut_obj_add_val(doc, out, "products", collector.list);
    yyjson_mut_obj_add_int(doc, out, "page", page);
    yyjson_mut_obj_add_int(doc, out, "pages", pages);
    yyjson_mut_obj_add_int(doc, out, "total", total);
    if (page > 1) {
        yyjson_mut_obj_add_int(doc, out, "previous", page - 1);
    }
    if (page < pages) {
        yyjson_mut_obj_add_int(doc, out, "next", page + 1);
    }
    return STATUS_OK;
}

enum status catalog_featured(struct database *database, struct call *call, yyjson_mut_doc *doc, yyjson_mut_val *out) {
    int64_t total = 0;
    struct collector collector = {.doc = doc, .list = yyjson_mut_arr(doc)};
    enum status status = database_read(database, call, &count_products, NULL, collect_number, &total);
    if (status == STATUS_OK) {
        status = database_read(database, call, &featured_products,
                               (const struct db_value[]){{.number = CATALOG_FEATURED}}, collect_product, &collector);
    }
    if (status == STATUS_OK) {
        yyjson_mut_obj_add_val(doc, out, "featured", collector.list);
        yyjson_mut_obj_add_int(doc, out, "total", total);
    }
    return status;
}
