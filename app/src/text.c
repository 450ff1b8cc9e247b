#include "text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_BYTES = 256 };

#define REPLACEMENT_CHARACTER "\xEF\xBF\xBD" /* U+FFFD in UTF-8 */

/* Returns where length bytes can be written, or NULL. The caller then adds to text->length what it wrote. */
static char *text_room(struct text *text, size_t length) {
    if (text->failed) {
        return NULL;
    }
    if (length <= text->capacity - text->length) {
        return text->data + text->length;
    }
    if (text->arena == NULL) {
        text->failed = true;
        return NULL;
    }
    size_t wanted = text->capacity > 0 ? text->capacity : FIRST_BYTES / 2;
    wanted = wanted <= SIZE_MAX / 2 ? wanted * 2 : SIZE_MAX;
    if (length > wanted - text->length) {
        wanted = length <= SIZE_MAX - text->length ? text->length + length : SIZE_MAX;
    }
    char *data = arena_grow(text->arena, text->data, text->capacity, wanted);
    if (data == NULL) {
        text->failed = true;
        return NULL;
    }
    text->data = data;
    text->capacity = wanted;
    return data + text->length;
}

static void put_bytes(struct text *text, const char *bytes, size_t length) {
    char *room = length > 0 ? text_room(text, length) : NULL;
    if (room != NULL) {
        memcpy(room, bytes, length);
        text->length += length;
    }
}

void text_init(struct text *text, struct arena *arena) { *text = (struct text){.arena = arena}; }

void text_init_in(struct text *text, char *data, size_t size) { *text = (struct text){.data = data, .capacity = size}; }

void text_put(struct text *text, const char *string) { put_bytes(text, string, strlen(string)); }

void text_put_slice(struct text *text, struct slice bytes) { put_bytes(text, bytes.data, bytes.length); }

void text_reserve(struct text *text, size_t size) { text_room(text, size); }

void text_put_number(struct text *text, int64_t number) {
    char digits[20]; /* of the largest uint64_t; the lowest int64_t has 19 and a sign */
    size_t at = sizeof digits;
    uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (number < 0) {
        digits[--at] = '-';
    }
    put_bytes(text, digits + at, sizeof digits - at);
}

void text_format(struct text *text, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    size_t free_bytes = text->failed ? 0 : text->capacity - text->length;
    int written = vsnprintf(free_bytes > 0 ? text->data + text->length : NULL, free_bytes, format, arguments);
    if (written < 0) {
        text->failed = true;
    } else if ((size_t)written < free_bytes) {
        text->length += (size_t)written;
    } else {
        /* One byte more than the text takes: vsnprintf() ends with a NUL. */
        char *room = text_room(text, (size_t)written + 1);
        if (room != NULL) {
            vsnprintf(room, (size_t)written + 1, format, again);
            text->length += (size_t)written;
        }
    }
    va_end(again);
    va_end(arguments);
}

static const char *const html_escapes[256] = {
    ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;",
};

void text_put_html(struct text *text, struct slice bytes) {
    size_t copied = 0;
    for (size_t i = 0; i < bytes.length; i++) {
        const char *escape = html_escapes[(unsigned char)bytes.data[i]];
        if (escape != NULL) {
            put_bytes(text, bytes.data + copied, i - copied);
            text_put(text, escape);
            copied = i + 1;
        }
    }
    if (copied < bytes.length) {
        put_bytes(text, bytes.data + copied, bytes.length - copied);
    }
}

/* The bytes of the character at the front, or 0 if it is not UTF-8 (RFC 3629 section 4): cut off, longer than
 * needed, a surrogate, or above U+10FFFF. */
static size_t utf8_width(const char *bytes, size_t length) {
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)bytes[0];
    if (first < 0x80) {
        return 1;
    }
    size_t width = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC0 || first >= 0xF8 || width > length) {
        return 0;
    }
    uint32_t code = first & (0x7Fu >> width);
    for (size_t i = 1; i < width; i++) {
        unsigned char next = (unsigned char)bytes[i];
        if ((next & 0xC0) != 0x80) {
            return 0;
        }
        code = code << 6 | (next & 0x3Fu);
    }
    bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    return code < smallest[width] || surrogate || code > 0x10FFFF ? 0 : width;
}

static void put_json_escape(struct text *text, char c) {
    static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
    const char *found = c != '\0' ? strchr(plain, c) : NULL;
    if (found != NULL) {
        put_bytes(text, (char[]){'\\', letter[found - plain]}, 2);
    } else {
        text_format(text, "\\u%04x", (unsigned)(unsigned char)c);
    }
}

void text_put_json(struct text *text, struct slice bytes) {
    size_t copied = 0;
    text_put(text, "\"");
    for (size_t i = 0; i < bytes.length;) {
        char c = bytes.data[i];
        size_t width = utf8_width(bytes.data + i, bytes.length - i);
        bool escape = (unsigned char)c < 0x20 || c == '"' || c == '\\';
        if (width > 0 && !escape) {
            i += width;
            continue;
        }
        put_bytes(text, bytes.data + copied, i - copied);
        if (escape) {
            put_json_escape(text, c);
        } else {
            text_put(text, REPLACEMENT_CHARACTER);
        }
        copied = ++i;
    }
    if (copied < bytes.length) {
        put_bytes(text, bytes.data + copied, bytes.length - copied);
    }
    text_put(text, "\"");
}

enum status text_slice(const struct text *text, struct slice *out) {
    if (text->failed) {
        return STATUS_NO_MEMORY;
    }
    *out = (struct slice){text->data != NULL ? text->data : "", text->length};
    return STATUS_OK;
}
