/*
 * template_compile -- the inside of template.h: a template's text to a row of operations.
 *
 *   Hello {{name}}{{#more}}, {{x}}{{/more}}!
 *   TEXT  VALUE   SECTION   TEXT VALUE       TEXT
 *                 body_count = 2
 *
 * A tag that puts nothing itself (section, partial, comment) takes its line with it
 * if it is alone there, so that it leaves no empty line.
 */
#ifndef TEMPLATE_COMPILE_H
#define TEMPLATE_COMPILE_H

#include <stddef.h>

#include "slice.h"
#include "status.h"

enum { TEMPLATE_NESTING_MAX = 16 }; /* of sections in a template, and of partials in partials: bounds the stack */

enum template_op_kind { TEMPLATE_TEXT, TEMPLATE_VALUE, TEMPLATE_SECTION, TEMPLATE_INVERTED, TEMPLATE_PARTIAL };

struct template_page;

/* The body of a section follows it. */
struct template_op {
    enum template_op_kind kind;
    struct slice text;                /* what to put, or the name; points into the page's source */
    size_t body_count;                /* of a section: how many ops are its body */
    const struct template_page *page; /* of a partial */
};

struct template_page {
    char *file; /* such as "product.html" */
    size_t name_length;
    char *source;
    size_t source_length;
    struct template_op *ops;
    size_t op_count;
    enum { TEMPLATE_NEW, TEMPLATE_LINKING, TEMPLATE_LINKED } state;
    unsigned height; /* how deep its partials nest, 0 for none */
};

/* Where the reason of a refusal goes. */
struct template_report {
    char *text;  /* the caller's */
    size_t size; /* bytes of text, its NUL included */
};

/* Compiles the source of page to its ops; partials are not looked up yet. The ops
 * are freed by the caller, also those of a template that was refused: STATUS_BAD_INPUT,
 * reported. STATUS_NO_MEMORY is not reported. */
enum status template_compile(struct template_page *page, const struct template_report *report);

/* Reports "file:LINE: what" for a place in the source of page. Returns STATUS_BAD_INPUT. */
enum status template_refuse(const struct template_report *report, const struct template_page *page, const char *where,
                            const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
