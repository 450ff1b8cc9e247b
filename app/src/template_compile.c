#include "template_compile.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status template_refuse(const struct template_report *report, const struct template_page *page, const char *where,
                            const char *format, ...) {
    char what[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);

    size_t line = 1;
    for (const char *at = page->source; at < where; at++) {
        line += *at == '\n';
    }
    snprintf(report->text, report->size, "%s:%zu: %s", page->file, line, what);
    return STATUS_BAD_INPUT;
}

struct compiler {
    const struct template_report *report;
    struct template_page *page;
    const char *at;                    /* everything before it is compiled */
    const char *end;                   /* of the source */
    size_t open[TEMPLATE_NESTING_MAX]; /* the sections around at, as indices of their ops, outermost first */
    size_t depth;
};

static const char *find(const char *from, const char *end, const char *what) {
    return memmem(from, (size_t)(end - from), what, strlen(what));
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static struct slice trim(const char *from, const char *end) {
    while (from < end && is_blank(*from)) {
        from++;
    }
    while (end > from && is_blank(end[-1])) {
        end--;
    }
    return (struct slice){from, (size_t)(end - from)};
}

static bool is_name(struct slice s) {
    for (size_t i = 0; i < s.length; i++) {
        char c = s.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!plain) {
            return false;
        }
    }
    return s.length > 0;
}

static void add_op(struct compiler *compiler, enum template_op_kind kind, struct slice text) {
    compiler->page->ops[compiler->page->op_count++] = (struct template_op){.kind = kind, .text = text};
}

static void add_text(struct compiler *compiler, const char *end) {
    if (compiler->at < end) {
        add_op(compiler, TEMPLATE_TEXT, (struct slice){compiler->at, (size_t)(end - compiler->at)});
    }
}

/* A tag that puts nothing itself takes its line with it if it is alone there: then
 * *from and *end are widened to the whole line. */
static void widen_to_line(const struct compiler *compiler, const char **from, const char **end) {
    const char *first = *from;
    while (first > compiler->at && (first[-1] == ' ' || first[-1] == '\t')) {
        first--;
    }
    const char *last = *end;
    while (last < compiler->end && is_blank(*last) && *last != '\n') {
        last++;
    }
    bool starts_line = first == compiler->page->source || first[-1] == '\n';
    bool ends_line = last == compiler->end || *last == '\n';
    if (starts_line && ends_line) {
        *from = first;
        *end = last + (last < compiler->end);
    }
}

static enum status open_section(struct compiler *compiler, enum template_op_kind kind, struct slice name) {
    if (compiler->depth == TEMPLATE_NESTING_MAX) {
        return template_refuse(compiler->report, compiler->page, name.data, "sections nest deeper than %d",
                               TEMPLATE_NESTING_MAX);
    }
    compiler->open[compiler->depth++] = compiler->page->op_count;
    add_op(compiler, kind, name);
    return STATUS_OK;
}

static enum status close_section(struct compiler *compiler, struct slice name) {
    struct template_page *page = compiler->page;
    if (compiler->depth == 0) {
        return template_refuse(compiler->report, page, name.data, "{{/%.*s}} closes nothing", (int)name.length,
                               name.data);
    }
    size_t index = compiler->open[--compiler->depth];
    struct slice due = page->ops[index].text;
    if (!slice_equal(name, due)) {
        return template_refuse(compiler->report, page, name.data, "{{/%.*s}} where {{/%.*s}} is due", (int)name.length,
                               name.data, (int)due.length, due.data);
    }
    page->ops[index].body_count = page->op_count - index - 1;
    return STATUS_OK;
}

/* Compiles the text up to a tag and the tag, which begins at from. */
static enum status compile_tag(struct compiler *compiler, const char *from) {
    const char *inner = from + 2;
    const char *inner_end = find(inner, compiler->end, "}}");
    const char *next = find(inner, compiler->end, "{{");
    if (inner_end == NULL || (next != NULL && next < inner_end)) {
        return template_refuse(compiler->report, compiler->page, from, "tag is not closed");
    }
    char sigil = strchr("#^/>!", *inner) != NULL ? *inner : '\0';
    struct slice name = trim(inner + (sigil != '\0'), inner_end);
    if (sigil != '!' && !is_name(name)) {
        return template_refuse(compiler->report, compiler->page, from, "a name is letters, digits, '_' and '-'");
    }
    const char *end = inner_end + 2;
    if (sigil != '\0') {
        widen_to_line(compiler, &from, &end);
    }
    add_text(compiler, from);
    compiler->at = end;
    switch (sigil) {
    case '#':
        return open_section(compiler, TEMPLATE_SECTION, name);
    case '^':
        return open_section(compiler, TEMPLATE_INVERTED, name);
    case '/':
        return close_section(compiler, name);
    case '>':
        add_op(compiler, TEMPLATE_PARTIAL, name);
        return STATUS_OK;
    case '!':
        return STATUS_OK;
    default:
        add_op(compiler, TEMPLATE_VALUE, name);
        return STATUS_OK;
    }
}

enum status template_compile(struct template_page *page, const struct template_report *report) {
    struct compiler compiler = {.report = report, .page = page, .at = page->source};
    compiler.end = page->source + page->source_length;
    size_t tags = 0;
    for (const char *at = page->source; (at = find(at, compiler.end, "{{")) != NULL; at += 2) {
        tags++;
    }
    page->ops = calloc(2 * tags + 1, sizeof *page->ops); /* a tag and the text before it, and the last text */
    if (page->ops == NULL) {
        return STATUS_NO_MEMORY;
    }
    const char *tag;
    while ((tag = find(compiler.at, compiler.end, "{{")) != NULL) {
        enum status status = compile_tag(&compiler, tag);
        if (status != STATUS_OK) {
            return status;
        }
    }
    add_text(&compiler, compiler.end);
    if (compiler.depth > 0) {
        struct slice name = page->ops[compiler.open[compiler.depth - 1]].text;
        return template_refuse(report, page, name.data, "section %.*s is not closed", (int)name.length, name.data);
    }
    return STATUS_OK;
}
