#include "template.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "template_compile.h"

struct template_set {
    struct template_page *pages;
    size_t page_count;
};

static const char SUFFIX[] = ".html";
enum { SUFFIX_LENGTH = sizeof SUFFIX - 1 };

/* --- Linking partials --- */

static struct template_page *find_page(const struct template_set *set, struct slice name) {
    for (size_t i = 0; i < set->page_count; i++) {
        if (slice_equal(name, (struct slice){set->pages[i].file, set->pages[i].name_length})) {
            return &set->pages[i];
        }
    }
    return NULL;
}

static enum status link_page(const struct template_set *set, struct template_page *page,
                             const struct template_report *report) {
    page->state = TEMPLATE_LINKING;
    for (struct template_op *op = page->ops; op < page->ops + page->op_count; op++) {
        if (op->kind != TEMPLATE_PARTIAL) {
            continue;
        }
        int length = (int)op->text.length;
        const char *name = op->text.data;
        struct template_page *partial = find_page(set, op->text);
        if (partial == NULL) {
            return template_refuse(report, page, name, "no template %.*s%s", length, name, SUFFIX);
        }
        if (partial->state == TEMPLATE_LINKING) {
            return template_refuse(report, page, name, "{{>%.*s}} goes in a circle", length, name);
        }
        enum status status = partial->state == TEMPLATE_NEW ? link_page(set, partial, report) : STATUS_OK;
        if (status != STATUS_OK) {
            return status;
        }
        if (partial->height >= TEMPLATE_NESTING_MAX) {
            return template_refuse(report, page, name, "partials nest deeper than %d", TEMPLATE_NESTING_MAX);
        }
        page->height = page->height > partial->height ? page->height : partial->height + 1;
        op->page = partial;
    }
    page->state = TEMPLATE_LINKED;
    return STATUS_OK;
}

/* --- Reading a directory --- */

/* Hidden files are what editors leave behind. */
static int is_template_file(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > SUFFIX_LENGTH &&
           strcmp(entry->d_name + length - SUFFIX_LENGTH, SUFFIX) == 0;
}

static enum status unreadable(const struct template_report *report, const char *what) {
    snprintf(report->text, report->size, "%s: %s", what, strerror(errno));
    return STATUS_NOT_FOUND;
}

static enum status read_source(int file, struct template_page *page, const struct template_report *report) {
    struct stat about;
    if (fstat(file, &about) != 0) {
        return unreadable(report, page->file);
    }
    size_t size = (size_t)about.st_size;
    page->source = malloc(size + 1);
    if (page->source == NULL) {
        return STATUS_NO_MEMORY;
    }
    ssize_t got = 1;
    while (page->source_length < size && got > 0) {
        got = read(file, page->source + page->source_length, size - page->source_length);
        page->source_length += got > 0 ? (size_t)got : 0;
    }
    return got < 0 ? unreadable(report, page->file) : STATUS_OK;
}

static enum status read_page(int directory, const char *file_name, struct template_page *page,
                             const struct template_report *report) {
    page->file = strdup(file_name);
    if (page->file == NULL) {
        return STATUS_NO_MEMORY;
    }
    page->name_length = strlen(file_name) - SUFFIX_LENGTH;
    int file = openat(directory, file_name, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return unreadable(report, file_name);
    }
    enum status status = read_source(file, page, report);
    close(file);
    return status;
}

/* In alphabetical order, so that of several errors it is always the same one that is reported. */
static enum status read_directory(struct template_set *set, const char *path, const struct template_report *report) {
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        return unreadable(report, path);
    }
    struct dirent **entries;
    int found = scandirat(directory, ".", &entries, is_template_file, alphasort);
    if (found < 0) {
        enum status failure = unreadable(report, path);
        close(directory);
        return failure;
    }
    enum status status = STATUS_OK;
    set->pages = calloc((size_t)found + 1, sizeof *set->pages);
    if (set->pages == NULL) {
        status = STATUS_NO_MEMORY;
    }
    for (int i = 0; i < found; i++) {
        if (status == STATUS_OK) {
            status = read_page(directory, entries[i]->d_name, &set->pages[set->page_count++], report);
        }
        free(entries[i]);
    }
    free(entries);
    close(directory);
    return status;
}

enum status template_load(const char *directory, char *reason, size_t reason_size, struct template_set **out) {
    struct template_report report = {reason, reason_size};
    struct template_set *set = calloc(1, sizeof *set);
    if (set == NULL) {
        snprintf(reason, reason_size, "%s: no memory for the templates", directory);
        return STATUS_NO_MEMORY;
    }
    enum status status = read_directory(set, directory, &report);
    for (size_t i = 0; status == STATUS_OK && i < set->page_count; i++) {
        status = template_compile(&set->pages[i], &report);
    }
    for (size_t i = 0; status == STATUS_OK && i < set->page_count; i++) {
        if (set->pages[i].state == TEMPLATE_NEW) {
            status = link_page(set, &set->pages[i], &report);
        }
    }
    if (status == STATUS_OK) {
        *out = set;
        return STATUS_OK;
    }
    if (status == STATUS_NO_MEMORY) {
        snprintf(reason, reason_size, "%s: no memory for the templates", directory);
    }
    template_free(set);
    return status;
}

void template_free(struct template_set *set) {
    if (set == NULL) {
        return;
    }
    for (size_t i = 0; i < set->page_count; i++) {
        free(set->pages[i].file);
        free(set->pages[i].source);
        free(set->pages[i].ops);
    }
    free(set->pages);
    free(set);
}

/* --- Rendering --- */

/* The object names are looked up in, and those around it. */
struct scope {
    yyjson_mut_val *value;
    const struct scope *outer;
};

static yyjson_mut_val *look_up(const struct scope *scope, struct slice name) {
    yyjson_mut_val *found = NULL;
    for (; scope != NULL && found == NULL; scope = scope->outer) {
        found = yyjson_mut_obj_getn(scope->value, name.data, name.length);
    }
    return found;
}

static bool is_something(yyjson_mut_val *value) {
    if (yyjson_mut_is_str(value)) {
        return yyjson_mut_get_len(value) > 0;
    }
    if (yyjson_mut_is_num(value)) {
        return yyjson_mut_get_num(value) != 0;
    }
    return yyjson_mut_is_true(value) || yyjson_mut_is_obj(value) || yyjson_mut_arr_size(value) > 0;
}

static void put_value(yyjson_mut_val *value, struct text *out) {
    if (yyjson_mut_is_str(value)) {
        text_put_html(out, (struct slice){yyjson_mut_get_str(value), yyjson_mut_get_len(value)});
    } else if (yyjson_mut_is_bool(value)) {
        text_put(out, yyjson_mut_get_bool(value) ? "true" : "false");
    } else if (yyjson_mut_is_int(value) && (yyjson_mut_is_sint(value) || yyjson_mut_get_uint(value) <= INT64_MAX)) {
        text_put_number(out, yyjson_mut_get_sint(value));
    } else if (yyjson_mut_is_num(value)) {
        char room[256]; /* far more than a number takes, so that the writer needs no other memory */
        yyjson_alc pool;
        size_t length;
        yyjson_alc_pool_init(&pool, room, sizeof room);
        const char *digits = yyjson_mut_val_write_opts(value, YYJSON_WRITE_NOFLAG, &pool, &length, NULL);
        if (digits != NULL) {
            text_put_slice(out, (struct slice){digits, length});
        }
    }
}

static void render_ops(const struct template_op *ops, size_t count, const struct scope *scope, struct text *out);

static void render_section(const struct template_op *op, const struct scope *scope, struct text *out) {
    yyjson_mut_val *value = look_up(scope, op->text);
    if (!yyjson_mut_is_arr(value)) {
        if (is_something(value)) {
            render_ops(op + 1, op->body_count, &(struct scope){value, scope}, out);
        }
        return;
    }
    yyjson_mut_arr_iter items = yyjson_mut_arr_iter_with(value);
    yyjson_mut_val *item;
    while ((item = yyjson_mut_arr_iter_next(&items)) != NULL) {
        render_ops(op + 1, op->body_count, &(struct scope){item, scope}, out);
    }
}

static void render_ops(const struct template_op *ops, size_t count, const struct scope *scope, struct text *out) {
    for (size_t i = 0; i < count; i += 1 + ops[i].body_count) {
        const struct template_op *op = &ops[i];
        switch (op->kind) {
        case TEMPLATE_TEXT:
            text_put_slice(out, op->text);
            break;
        case TEMPLATE_VALUE:
            put_value(look_up(scope, op->text), out);
            break;
        case TEMPLATE_SECTION:
            render_section(op, scope, out);
            break;
        case TEMPLATE_INVERTED:
            if (!is_something(look_up(scope, op->text))) {
                render_ops(op + 1, op->body_count, scope, out);
            }
            break;
        case TEMPLATE_PARTIAL:
            render_ops(op->page->ops, op->page->op_count, scope, out);
            break;
        }
    }
}

bool template_exists(const struct template_set *set, const char *name) {
    return find_page(set, slice_of(name)) != NULL;
}

enum status template_render(const struct template_set *set, const char *name, yyjson_mut_val *model, struct text *out) {
    const struct template_page *page = find_page(set, slice_of(name));
    if (page == NULL) {
        return STATUS_NOT_FOUND;
    }
    render_ops(page->ops, page->op_count, &(struct scope){model, NULL}, out);
    return STATUS_OK;
}
