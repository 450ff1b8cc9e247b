#include "json.h"

#include <stdbool.h>

#include "http.h"

static void *json_malloc(void *arena, size_t size) { return arena_alloc(arena, size); }
static void *json_realloc(void *arena, void *piece, size_t old_size, size_t size) {
    return arena_grow(arena, piece, old_size, size);
}
static void json_free(void *arena, void *piece) {
    (void)arena;
    (void)piece;
}

yyjson_alc json_memory(struct arena *arena) {
    return (yyjson_alc){.malloc = json_malloc, .realloc = json_realloc, .free = json_free, .ctx = arena};
}

/* What is no JSON may be counted wrong: the parser refuses it anyway. */
static bool is_deeper(struct slice text, unsigned depth_max) {
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '{' || c == '[') {
            if (++depth > depth_max) {
                return true;
            }
        } else if (c == '}' || c == ']') {
            depth -= depth > 0;
        } else {
            in_string = c == '"';
        }
    }
    return false;
}

yyjson_val *json_read(struct slice text, unsigned depth_max, struct arena *arena) {
    if (is_deeper(text, depth_max)) {
        return NULL;
    }
    /* Without the flag to parse in place, yyjson only reads the text. */
    yyjson_alc memory = json_memory(arena);
    return yyjson_doc_get_root(yyjson_read_opts((char *)text.data, text.length, YYJSON_READ_NOFLAG, &memory, NULL));
}

const char *json_text(yyjson_val *object, const char *name) {
    yyjson_val *value = yyjson_obj_get(object, name);
    const char *text = yyjson_get_str(value);
    return text != NULL && http_is_text((struct slice){text, yyjson_get_len(value)}) ? text : NULL;
}
