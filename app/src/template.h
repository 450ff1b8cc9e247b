/*
 * template -- HTML pages with holes, filled from a JSON object.
 *
 *   {{name}}             the value, always HTML-escaped
 *   {{#name}}…{{/name}}  once for each item of an array; once for true, an object, a
 *                        non-empty string or a number but 0; not at all for false, null,
 *                        "", 0, [] or absence
 *   {{^name}}…{{/name}}  the opposite
 *   {{>name}}            another template, name.html of the same directory
 *   {{! … }}             nothing
 *
 * Names are made of letters, digits, '_' and '-'. The value is a string, a number (as
 * JSON writes it) or true or false; anything else puts nothing. Sections nest at most
 * 16 deep, partials too. A line with nothing but one of the tags other than {{name}} leaves
 * no empty line.
 *
 * A subset of Mustache; there is no way to put a value in unescaped. Names are
 * looked up in the innermost object first, then outwards. Templates are read and
 * checked once at start; rendering cannot fail but for lack of memory, and many
 * threads may render at once.
 */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include <stdbool.h>
#include <yyjson.h>

#include "status.h"
#include "text.h"

struct template_set;

/*
 * Reads every *.html of a directory; hidden files are left out. On STATUS_BAD_INPUT (a
 * tag that is not closed, closed twice, unknown partial, partials in a circle),
 * STATUS_NOT_FOUND (no such directory, not readable) and STATUS_NO_MEMORY reason, which has
 * room for reason_size bytes, says what and where in one line: "product.html:12: …".
 */
enum status template_load(const char *directory, char *reason, size_t reason_size, struct template_set **out);

/* NULL is allowed. */
void template_free(struct template_set *set);

/* name is that of the file without .html. */
bool template_exists(const struct template_set *set, const char *name);

/* Appends the page to out, filled from model, an object. STATUS_NOT_FOUND: no template of
 * this name. Lack of memory shows in out. */
enum status template_render(const struct template_set *set, const char *name, yyjson_mut_val *model, struct text *out);

#endif
