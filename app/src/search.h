/*
 * search -- what a visitor typed, as words: for MySQL's full text index, and for marking them in what
 * it has found.
 *
 *     enamel "mug" -red   ->   enamel, mug, red   ->   +enamel* +mug* +red*
 *
 * A word is letters and digits, as for MySQL; all else only separates, so that no operator of MySQL's
 * boolean mode gets through. All words have to be there, each at the beginning of a word of the product:
 * "mug" finds "Mugs". A single letter or digit has to be a word of its own, or "a" would find
 * everything.
 *
 * Upper and lower case, and Latin letters with and without accents, are the same, as they are to MySQL.
 */
#ifndef SEARCH_H
#define SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <yyjson.h>

#include "arena.h"
#include "slice.h"

enum {
    SEARCH_CHARACTERS_MAX = 100,
    SEARCH_WORDS_MAX = SEARCH_CHARACTERS_MAX / 2,
    SEARCH_BYTES = 4 * SEARCH_CHARACTERS_MAX,
};

struct search_word {
    struct slice text;   /* as it was typed */
    struct slice folded; /* in lower case, without accents */
    bool whole;          /* it has to be a word of its own */
};

/* Not to be copied: the words point into it. */
struct search {
    struct search_word words[SEARCH_WORDS_MAX];
    size_t count;
    char room[SEARCH_BYTES]; /* of what is folded */
};

/* Reads query, valid UTF-8 that has to stay, into words. False: it is longer than SEARCH_CHARACTERS_MAX. */
bool search_read(const char *query, struct search *out);

/* The words for boolean mode: all of them have to be there; or any of them, and one that is there as
 * it was typed counts for more than one that only begins so. NULL: no room. */
const char *search_all(const struct search *search, struct arena *arena);
const char *search_any(const struct search *search, struct arena *arena);

/* text, valid UTF-8, in pieces: an array of {"text": …, "hit": whether it is a word that was searched
 * for}. Put together they are text again. NULL: no room. */
yyjson_mut_val *search_mark(const struct search *search, struct slice text, yyjson_mut_doc *doc);

#endif
