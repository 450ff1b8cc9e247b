/* The half of http.h that is about text: what URLs, forms and cookies hold, before it means anything. */
#include "http.h"

#include <string.h>

static bool is_control(char c) { return (unsigned char)c < 0x20 || c == 0x7f; }

static bool is_unreserved(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

/* The length of the well-formed sequence at the front of bytes, 0 if there is none.
 * The second byte's range is what excludes overlong forms, surrogates and numbers
 * above U+10FFFF (RFC 3629 section 4). */
static size_t utf8_sequence(const unsigned char *bytes, size_t left) {
    unsigned char lead = bytes[0];
    if (lead < 0x80) {
        return 1;
    }
    size_t length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (length == 0 || length > left) {
        return 0;
    }
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (bytes[1] < low || bytes[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

bool http_is_utf8(struct slice bytes) {
    const unsigned char *data = (const unsigned char *)bytes.data;
    size_t step;
    for (size_t i = 0; i < bytes.length; i += step) {
        step = utf8_sequence(data + i, bytes.length - i);
        if (step == 0) {
            return false;
        }
    }
    return true;
}

bool http_is_text(struct slice bytes) {
    for (size_t i = 0; i < bytes.length; i++) {
        bool c1 = i > 0 && bytes.data[i - 1] == '\xc2' && (unsigned char)bytes.data[i] < 0xa0;
        if (is_control(bytes.data[i]) || c1) {
            return false;
        }
    }
    return http_is_utf8(bytes);
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Takes one decoded byte from the front of *rest, which is not empty. -1: broken escape. */
static int take_byte(struct slice *rest, bool plus_is_space) {
    char c = rest->data[0];
    size_t taken = 1;
    int byte = (unsigned char)c;
    if (c == '+' && plus_is_space) {
        byte = ' ';
    } else if (c == '%') {
        if (rest->length < 3 || hex_digit(rest->data[1]) < 0 || hex_digit(rest->data[2]) < 0) {
            return -1;
        }
        byte = hex_digit(rest->data[1]) * 16 + hex_digit(rest->data[2]);
        taken = 3;
    }
    *rest = (struct slice){rest->data + taken, rest->length - taken};
    return byte;
}

const char *http_decode(struct arena *arena, struct slice encoded, bool plus_is_space) {
    char *decoded = arena_alloc(arena, encoded.length + 1);
    if (decoded == NULL) {
        return NULL;
    }
    size_t length = 0;
    while (encoded.length > 0) {
        int byte = take_byte(&encoded, plus_is_space);
        if (byte < 0) {
            return NULL;
        }
        decoded[length++] = (char)byte;
    }
    decoded[length] = '\0';
    return http_is_text((struct slice){decoded, length}) ? decoded : NULL;
}

const char *http_encode(struct arena *arena, struct slice bytes) {
    static const char digits[] = "0123456789ABCDEF";
    char *encoded = bytes.length <= (SIZE_MAX - 1) / 3 ? arena_alloc(arena, 3 * bytes.length + 1) : NULL;
    if (encoded == NULL) {
        return NULL;
    }
    size_t length = 0;
    for (size_t i = 0; i < bytes.length; i++) {
        unsigned char c = (unsigned char)bytes.data[i];
        if (is_unreserved((char)c)) {
            encoded[length++] = (char)c;
        } else {
            encoded[length++] = '%';
            encoded[length++] = digits[c >> 4];
            encoded[length++] = digits[c & 15];
        }
    }
    encoded[length] = '\0';
    return encoded;
}

/* --- Query parameters, forms and numbers --- */

/* Cuts *rest at the first separator, which is dropped, and returns what was before it. */
static struct slice cut(struct slice *rest, char separator) {
    const char *end = rest->length > 0 ? memchr(rest->data, separator, rest->length) : NULL;
    if (end == NULL) {
        struct slice all = *rest;
        rest->length = 0;
        return all;
    }
    size_t length = (size_t)(end - rest->data);
    struct slice front = {rest->data, length};
    *rest = (struct slice){end + 1, rest->length - length - 1};
    return front;
}

static bool decodes_to(struct slice encoded, const char *name) {
    while (encoded.length > 0) {
        if (*name == '\0' || take_byte(&encoded, true) != (unsigned char)*name) {
            return false;
        }
        name++;
    }
    return *name == '\0';
}

const char *http_query(struct arena *arena, struct slice query, const char *name) {
    while (query.length > 0) {
        struct slice value = cut(&query, '&');
        if (decodes_to(cut(&value, '='), name)) {
            return http_decode(arena, value, true);
        }
    }
    return NULL;
}

const char *http_form(struct arena *arena, const struct http_request *in, const char *name) {
    return http_has_type(in, "application/x-www-form-urlencoded") ? http_query(arena, in->body, name) : NULL;
}

enum status http_number(const char *text, uint32_t max, uint32_t *out) {
    if (text == NULL || *text == '\0' || (text[0] == '0' && text[1] != '\0')) {
        return STATUS_BAD_INPUT;
    }
    uint64_t number = 0;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return STATUS_BAD_INPUT;
        }
        number = number * 10 + (uint64_t)(*text - '0');
        if (number > max) { /* at every digit, so that number cannot overflow */
            return STATUS_BAD_INPUT;
        }
    }
    *out = (uint32_t)number;
    return STATUS_OK;
}

/* --- Cookies (RFC 6265 section 4.2) --- */

const char *http_cookie_prefix(const struct http_request *in) { return http_is_secure(in) ? "__Host-" : ""; }

bool http_cookie_is_clean(const struct http_request *in) {
    struct slice field = http_variable(in, "HTTP_COOKIE");
    for (size_t i = 0; i < field.length; i++) {
        if (is_control(field.data[i]) && field.data[i] != '\t') {
            return false;
        }
    }
    return true;
}

static struct slice without_blanks(struct slice text) {
    while (text.length > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = (struct slice){text.data + 1, text.length - 1};
    }
    while (text.length > 0 && (text.data[text.length - 1] == ' ' || text.data[text.length - 1] == '\t')) {
        text.length--;
    }
    return text;
}

struct slice http_cookie(const struct http_request *in, const char *name) {
    struct slice rest = http_variable(in, "HTTP_COOKIE");
    struct slice prefix = slice_of(http_cookie_prefix(in)), wanted = slice_of(name), found = {"", 0};
    unsigned times = 0;
    while (rest.length > 0) {
        struct slice value = without_blanks(cut(&rest, ';'));
        struct slice key = cut(&value, '=');
        if (key.length == prefix.length + wanted.length && memcmp(key.data, prefix.data, prefix.length) == 0 &&
            memcmp(key.data + prefix.length, wanted.data, wanted.length) == 0) {
            found = value;
            times++;
        }
    }
    return times == 1 ? found : (struct slice){"", 0};
}
