#include "catalog.h"

#include "clock.h"
#include "price.h"

#define PRODUCT_COLUMNS "id, sku, name, category, description, price_cents, stock"
#define PRODUCT_TYPES "issssii"

static const struct db_statement one_product = {
    .sql = "SELECT " PRODUCT_COLUMNS " FROM products WHERE id = ?",
    .params = "i",
    .columns = PRODUCT_TYPES,
    .repeatable = true,
};

/* And the next ones of its kind, from the first again after the last: one round trip instead of two. The index of
 * categories is enough to choose them. */
static const struct db_statement one_product_and_more = {
    .sql = "SELECT " PRODUCT_COLUMNS " FROM products WHERE id = ? UNION ALL SELECT " PRODUCT_COLUMNS
           " FROM (SELECT id FROM products WHERE category = (SELECT category FROM products WHERE id = ?) AND id <> ?"
           " ORDER BY id < ?, id LIMIT ?) AS more JOIN products USING (id)",
    .params = "iiiii",
    .columns = PRODUCT_TYPES,
    .repeatable = true,
};

static const struct db_statement some_products = {
    .sql = "SELECT " PRODUCT_COLUMNS " FROM products ORDER BY id LIMIT ? OFFSET ?",
    .params = "ii",
    .columns = PRODUCT_TYPES,
    .repeatable = true,
};

/* How many there are comes along with each of them: one round trip instead of two. */
static const struct db_statement some_products_and_count = {
    .sql = "SELECT " PRODUCT_COLUMNS ", (SELECT COUNT(*) FROM products) FROM products ORDER BY id LIMIT ? OFFSET ?",
    .params = "ii",
    .columns = PRODUCT_TYPES "i",
    .repeatable = true,
};

static const struct db_statement some_of_a_kind = {
    .sql = "SELECT " PRODUCT_COLUMNS ", (SELECT COUNT(*) FROM products WHERE category = ?) FROM products"
           " WHERE category = ? ORDER BY id LIMIT ? OFFSET ?",
    .params = "ssii",
    .columns = PRODUCT_TYPES "i",
    .repeatable = true,
};

/* All words have to be there; those with a word in the name come first. The scores are only compared: no arithmetic with
 * numbers of somebody else's. */
static const struct db_statement found_products = {
    .sql = "SELECT " PRODUCT_COLUMNS ", COUNT(*) OVER () FROM products"
           " WHERE MATCH (name, description) AGAINST (? IN BOOLEAN MODE)"
           " ORDER BY MATCH (name) AGAINST (? IN BOOLEAN MODE) DESC,"
           " MATCH (name, description) AGAINST (? IN BOOLEAN MODE) DESC, id LIMIT ? OFFSET ?",
    .params = "sssii",
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

/* --- How many there are ----------------------------------------------------------------- */

/* The two numbers are not read as one: either is of a count that is young enough. */
static bool recall(struct catalog_size *size, int64_t *products) {
    bool young = clock_monotonic_us() < atomic_load(&size->until_us);
    *products = atomic_load(&size->products);
    return young;
}

static void remember(struct catalog_size *size, int64_t products) {
    atomic_store(&size->products, products);
    atomic_store(&size->until_us, clock_monotonic_us() + CATALOG_SIZE_TTL_MS * 1000);
}

/* --- Rows ------------------------------------------------------------------------------- */

struct collector {
    yyjson_mut_doc *doc;
    yyjson_mut_val *list;
    int64_t total;           /* of collect_counted_product() */
    int64_t wanted;          /* of collect_apart(): which one is not for the list, */
    yyjson_mut_val *product; /* and that one; NULL: it has not come */
};

static void add_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, struct slice text) {
    yyjson_mut_obj_add_strncpy(doc, object, key, text.data, text.length);
}

static yyjson_mut_val *make_product(yyjson_mut_doc *doc, const struct db_value *column) {
    yyjson_mut_val *product = yyjson_mut_obj(doc);
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
    return product;
}

static void collect_product(void *context, const struct db_value *column) {
    struct collector *collector = context;
    yyjson_mut_arr_append(collector->list, make_product(collector->doc, column));
}

/* The one that was asked for, and those beside it. */
static void collect_apart(void *context, const struct db_value *column) {
    struct collector *collector = context;
    if (column[0].number == collector->wanted) {
        collector->product = make_product(collector->doc, column);
    } else {
        collect_product(collector, column);
    }
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

/* --- One -------------------------------------------------------------------------------- */

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

enum status catalog_product_and_more(struct database *database, struct call *call, uint32_t id, yyjson_mut_doc *doc,
                                     yyjson_mut_val *out) {
    struct collector collector = {.doc = doc, .list = yyjson_mut_arr(doc), .wanted = id};
    const struct db_value params[] = {
        {.number = id}, {.number = id}, {.number = id}, {.number = id}, {.number = CATALOG_MORE}};
    enum status status = database_read(database, call, &one_product_and_more, params, collect_apart, &collector);
    if (status != STATUS_OK) {
        return status;
    }
    if (collector.product == NULL) {
        return STATUS_NOT_FOUND;
    }
    yyjson_mut_obj_add_val(doc, out, "product", collector.product);
    if (yyjson_mut_arr_size(collector.list) > 0) {
        yyjson_mut_obj_add_val(doc, out, "more", collector.list);
    }
    return STATUS_OK;
}

/* --- Many ------------------------------------------------------------------------------- */

/* The page of a longer list that the collector has got; of a list that is empty there is one page. */
static enum status add_page(const struct collector *collector, uint32_t page, yyjson_mut_val *out) {
    yyjson_mut_doc *doc = collector->doc;
    int64_t total = collector->total, pages = total == 0 ? 1 : (total + CATALOG_PAGE_SIZE - 1) / CATALOG_PAGE_SIZE;
    if (page > pages) {
        return STATUS_NOT_FOUND;
    }
    yyjson_mut_obj_add_val(doc, out, "products", collector->list);
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

static int64_t rows_before(uint32_t page) { return ((int64_t)page - 1) * CATALOG_PAGE_SIZE; }

static enum status read_all(struct database *database, struct call *call, struct catalog_size *size, uint32_t page,
                            struct collector *collector) {
    const struct db_value params[] = {{.number = CATALOG_PAGE_SIZE}, {.number = rows_before(page)}};
    if (recall(size, &collector->total)) {
        return database_read(database, call, &some_products, params, collect_product, collector);
    }
    collector->total = 0;
    enum status status =
        database_read(database, call, &some_products_and_count, params, collect_counted_product, collector);
    if (status == STATUS_OK && collector->total > 0) { /* nobody has counted where the page holds nothing */
        remember(size, collector->total);
    }
    return status;
}

static enum status read_kind(struct database *database, struct call *call, const char *category, uint32_t page,
                             struct collector *collector) {
    const struct slice kind = slice_of(category);
    const struct db_value params[] = {
        {.text = kind}, {.text = kind}, {.number = CATALOG_PAGE_SIZE}, {.number = rows_before(page)}};
    enum status status = database_read(database, call, &some_of_a_kind, params, collect_counted_product, collector);
    return status == STATUS_OK && collector->total == 0 ? STATUS_NOT_FOUND : status;
}

enum status catalog_page(struct database *database, struct call *call, struct catalog_size *size, const char *category,
                         uint32_t page, yyjson_mut_doc *doc, yyjson_mut_val *out) {
    struct collector collector = {.doc = doc, .list = yyjson_mut_arr(doc)};
    if (page < 1) {
        return STATUS_NOT_FOUND;
    }
    enum status status = category == NULL ? read_all(database, call, size, page, &collector)
                                          : read_kind(database, call, category, page, &collector);
    return status == STATUS_OK ? add_page(&collector, page, out) : status;
}

enum status catalog_search(struct database *database, struct call *call, const char *all, const char *any,
                           uint32_t page, yyjson_mut_doc *doc, yyjson_mut_val *out) {
    struct collector collector = {.doc = doc, .list = yyjson_mut_arr(doc)};
    if (page < 1) {
        return STATUS_NOT_FOUND;
    }
    const struct db_value params[] = {{.text = slice_of(all)},
                                      {.text = slice_of(any)},
                                      {.text = slice_of(any)},
                                      {.number = CATALOG_PAGE_SIZE},
                                      {.number = rows_before(page)}};
    enum status status = database_read(database, call, &found_products, params, collect_counted_product, &collector);
    return status == STATUS_OK ? add_page(&collector, page, out) : status;
}

static enum status count(struct database *database, struct call *call, struct catalog_size *size, int64_t *products) {
    if (recall(size, products)) {
        return STATUS_OK;
    }
    enum status status = database_read(database, call, &count_products, NULL, collect_number, products);
    if (status == STATUS_OK) {
        remember(size, *products);
    }
    return status;
}

enum status catalog_featured(struct database *database, struct call *call, struct catalog_size *size,
                             yyjson_mut_doc *doc, yyjson_mut_val *out) {
    int64_t total = 0;
    struct collector collector = {.doc = doc, .list = yyjson_mut_arr(doc)};
    enum status status = count(database, call, size, &total);
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
