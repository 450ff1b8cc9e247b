#include "search.h"

#include <stdint.h>
#include <string.h>

#include "text.h"

/* --- Letters -------------------------------------------------------------------------- */

/* Takes the character at the front of *rest, which is valid UTF-8 and not empty. */
static uint32_t take_character(struct slice *rest) {
    unsigned char lead = (unsigned char)rest->data[0];
    size_t width = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t code = width == 1 ? lead : lead & (0x7fu >> width);
    for (size_t i = 1; i < width; i++) {
        code = code << 6 | ((unsigned char)rest->data[i] & 0x3fu);
    }
    *rest = (struct slice){rest->data + width, rest->length - width};
    return code;
}

static bool is_between(uint32_t code, uint32_t first, uint32_t last) { return code >= first && code <= last; }

/* What words are made of. Of what is not ASCII, the blocks of signs are left out: Latin-1's, general punctuation, the
 * Chinese and Japanese one. */
static bool is_letter(uint32_t code) {
    if (code < 0x80) {
        return is_between(code | 0x20, 'a', 'z') || is_between(code, '0', '9') || code == '_';
    }
    bool sign = (code < 0xc0 && code != 0xaa && code != 0xb5 && code != 0xba) || code == 0xd7 || code == 0xf7;
    bool cjk_sign = is_between(code, 0x3000, 0x303f) && !is_between(code, 0x3005, 0x3007);
    return !sign && !cjk_sign && !is_between(code, 0x2000, 0x206f);
}

/* U+00C0 to U+017F, Latin-1 and Latin Extended-A, as the letters they are to a reader who has no accents; two for those
 * that are two letters in one. */
static const char *const latin[] = {
    "a", "a", "a",  "a", "a", "a", "ae", "c",  "e", "e", "e",  "e",  "i", "i", "i",  "i",  "d", "n", "o",  "o",
    "o", "o", "o",  "",  "o", "u", "u",  "u",  "u", "y", "th", "ss", "a", "a", "a",  "a",  "a", "a", "ae", "c",
    "e", "e", "e",  "e", "i", "i", "i",  "i",  "d", "n", "o",  "o",  "o", "o", "o",  "",   "o", "u", "u",  "u",
    "u", "y", "th", "y", "a", "a", "a",  "a",  "a", "a", "c",  "c",  "c", "c", "c",  "c",  "c", "c", "d",  "d",
    "d", "d", "e",  "e", "e", "e", "e",  "e",  "e", "e", "e",  "e",  "g", "g", "g",  "g",  "g", "g", "g",  "g",
    "h", "h", "h",  "h", "i", "i", "i",  "i",  "i", "i", "i",  "i",  "i", "i", "ij", "ij", "j", "j", "k",  "k",
    "k", "l", "l",  "l", "l", "l", "l",  "l",  "l", "l", "l",  "n",  "n", "n", "n",  "n",  "n", "n", "n",  "n",
    "o", "o", "o",  "o", "o", "o", "oe", "oe", "r", "r", "r",  "r",  "r", "r", "s",  "s",  "s", "s", "s",  "s",
    "s", "s", "t",  "t", "t", "t", "t",  "t",  "u", "u", "u",  "u",  "u", "u", "u",  "u",  "u", "u", "u",  "u",
    "w", "w", "y",  "y", "y", "z", "z",  "z",  "z", "z", "z",  "s",
};
_Static_assert(sizeof latin / sizeof latin[0] == 0x180 - 0xc0, "a row for each letter");

/* Appends a character as it is compared; bytes are how it is written. */
static void fold(uint32_t code, struct slice bytes, struct text *out) {
    if (code < 0x80) {
        char lower = (char)(is_between(code, 'A', 'Z') ? code | 0x20 : code);
        text_put_slice(out, (struct slice){&lower, 1});
    } else if (is_between(code, 0xc0, 0x17f)) {
        text_put(out, latin[code - 0xc0]);
    } else if (!is_between(code, 0x300, 0x36f)) { /* an accent of its own, behind its letter */
        text_put_slice(out, bytes);
    }
}

/* --- Words ---------------------------------------------------------------------------- */

/* Takes the letters, or the rest, from the front of *rest: the longer the better. True: letters, and folded is what
 * they are compared as. */
static bool take_run(struct slice *rest, struct slice *run, struct text *folded) {
    const char *start = rest->data;
    struct slice next = *rest;
    bool letters = is_letter(take_character(&next));
    next = *rest;
    while (next.length > 0) {
        const struct slice at = next;
        uint32_t code = take_character(&next);
        if (is_letter(code) != letters) {
            next = at;
            break;
        }
        if (letters) {
            fold(code, (struct slice){at.data, at.length - next.length}, folded);
        }
    }
    *run = (struct slice){start, (size_t)(next.data - start)};
    *rest = next;
    return letters;
}

static size_t count_characters(struct slice text) {
    size_t count = 0;
    for (; text.length > 0; count++) {
        take_character(&text);
    }
    return count;
}

bool search_read(const char *query, struct search *out) {
    struct slice rest = slice_of(query), run;
    struct text folded;
    out->count = 0;
    if (count_characters(rest) > SEARCH_CHARACTERS_MAX) {
        return false;
    }
    text_init_in(&folded, out->room, sizeof out->room);
    while (rest.length > 0) {
        const char *start = folded.data + folded.length;
        bool letters = take_run(&rest, &run, &folded);
        size_t length = (size_t)(folded.data + folded.length - start);
        if (letters && length > 0) {
            out->words[out->count++] = (struct search_word){run, {start, length}, run.length == 1};
        }
    }
    return true;
}

/* --- For MySQL ------------------------------------------------------------------------ */

static void put_word(struct text *text, const char *before, struct slice word, const char *after) {
    text_put(text, text->length > 0 ? " " : "");
    text_put(text, before);
    text_put_slice(text, word);
    text_put(text, after);
}

static const char *end_text(struct text *text) {
    struct slice out;
    text_put_slice(text, (struct slice){"", 1}); /* its NUL */
    return text_slice(text, &out) == STATUS_OK ? out.data : NULL;
}

const char *search_all(const struct search *search, struct arena *arena) {
    struct text text;
    text_init(&text, arena);
    for (const struct search_word *word = search->words; word < search->words + search->count; word++) {
        put_word(&text, "+", word->text, word->whole ? "" : "*");
    }
    return end_text(&text);
}

const char *search_any(const struct search *search, struct arena *arena) {
    struct text text;
    text_init(&text, arena);
    for (const struct search_word *word = search->words; word < search->words + search->count; word++) {
        put_word(&text, ">", word->text, "");
        if (!word->whole) {
            put_word(&text, "", word->text, "*");
        }
    }
    return end_text(&text);
}

/* --- For the visitor ------------------------------------------------------------------ */

static bool is_hit(const struct search *search, struct slice folded) {
    for (size_t i = 0; i < search->count; i++) {
        const struct search_word *word = &search->words[i];
        size_t length = word->folded.length;
        bool long_enough = word->whole ? folded.length == length : folded.length >= length;
        if (long_enough && memcmp(folded.data, word->folded.data, length) == 0) {
            return true;
        }
    }
    return false;
}

static void add_piece(yyjson_mut_doc *doc, yyjson_mut_val *pieces, const char *start, const char *end, bool hit) {
    if (end > start) {
        yyjson_mut_val *piece = yyjson_mut_arr_add_obj(doc, pieces);
        yyjson_mut_obj_add_strncpy(doc, piece, "text", start, (size_t)(end - start));
        yyjson_mut_obj_add_bool(doc, piece, "hit", hit);
    }
}

yyjson_mut_val *search_mark(const struct search *search, struct slice text, yyjson_mut_doc *doc) {
    yyjson_mut_val *pieces = yyjson_mut_arr(doc);
    const char *plain = text.data; /* from here on nothing was hit */
    struct slice rest = text, run, folded = {"", 0};
    char room[SEARCH_BYTES];
    while (rest.length > 0) {
        struct text word;
        text_init_in(&word, room, sizeof room);
        if (take_run(&rest, &run, &word) && text_slice(&word, &folded) == STATUS_OK && is_hit(search, folded)) {
            add_piece(doc, pieces, plain, run.data, false);
            add_piece(doc, pieces, run.data, rest.data, true);
            plain = rest.data;
        }
    }
    add_piece(doc, pieces, plain, text.data + text.length, false);
    return pieces;
}
