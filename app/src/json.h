/*
 * json -- yyjson with the memory of a request, and with a limit to how deep it nests.
 */
#ifndef JSON_H
#define JSON_H

#include <yyjson.h>

#include "arena.h"
#include "slice.h"

/* An arena as yyjson wants it: nothing of it needs freeing. */
yyjson_alc json_memory(struct arena *arena);

/* The value that text holds (RFC 8259), in arena; an object alone is 1 deep. NULL: it is no
 * JSON, nests deeper than depth_max, or there is no room. */
yyjson_val *json_read(struct slice text, unsigned depth_max, struct arena *arena);

/* A text of an object, under the rules of http_is_text(), NUL-terminated. NULL: there is
 * none of this name, or it is not that. */
const char *json_text(yyjson_val *object, const char *name);

#endif
