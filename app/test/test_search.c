/* What visitors type, and what is made of it. What MySQL finds by it is tested with a real one, in tests/shop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "search.h"
#include "text.h"

static struct arena arena;
static struct search search;

static void expect_words(const char *query, const char *all) {
    assert_true(search_read(query, &search));
    assert_string_equal(search_all(&search, &arena), all);
}

static void words_have_to_be_there_all(void **state) {
    (void)state;
    expect_words("mug", "+mug*");
    expect_words("enamel mug", "+enamel* +mug*");
    expect_words("  Enamel\tMUG  ", "+Enamel* +MUG*");
}

static void one_that_is_there_as_it_was_typed_counts_for_more(void **state) {
    (void)state;
    expect_words("wood 5", "+wood* +5");
    assert_string_equal(search_any(&search, &arena), ">wood wood* >5");
}

static void nothing_is_no_word(void **state) {
    (void)state;
    static const char *const queries[] = {"",  " ",  "+",    "*", "\"\"",    "+-<>()~*\"@'",
                                          "…", "„“", "。、", "×", "\xcc\x81"};
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        assert_true(search_read(queries[i], &search));
        assert_int_equal(search.count, 0);
        assert_string_equal(search_all(&search, &arena), "");
    }
}

static void no_operator_gets_through(void **state) {
    (void)state;
    expect_words("+mug -red", "+mug* +red*");
    expect_words("\"enamel mug\" @3", "+enamel* +mug* +3");
    expect_words("mug*cup", "+mug* +cup*");
    expect_words("(mug cup) <red >blue ~green", "+mug* +cup* +red* +blue* +green*");
    expect_words("chef's", "+chef* +s");
    expect_words("'; DROP TABLE products; --", "+DROP* +TABLE* +products*");
    expect_words("100%", "+100*");
    expect_words("a\\b", "+a +b");
}

static void a_single_letter_is_a_word_of_its_own(void **state) {
    (void)state;
    expect_words("a mug 5 l", "+a +mug* +5 +l");
    expect_words("茶", "+茶*"); /* one that is a word */
}

static void words_of_any_script(void **state) {
    (void)state;
    expect_words("Crème Brûlée", "+Crème* +Brûlée*");
    expect_words("三徳 刺し子", "+三徳* +刺し子*");
    expect_words("kök–kniv", "+kök* +kniv*");
    expect_words("🍵 tea", "+🍵* +tea*");
}

static void too_long_is_too_long(void **state) {
    (void)state;
    char query[4 * SEARCH_CHARACTERS_MAX + 8] = "";
    for (int i = 0; i < SEARCH_CHARACTERS_MAX; i++) {
        strcat(query, "徳");
    }
    assert_true(search_read(query, &search));
    assert_int_equal(search.count, 1);
    strcat(query, "x");
    assert_false(search_read(query, &search));
}

static void there_is_room_for_as_many_words_as_fit(void **state) {
    (void)state;
    char query[SEARCH_CHARACTERS_MAX + 1];
    for (int i = 0; i < SEARCH_CHARACTERS_MAX; i++) {
        query[i] = i % 2 == 0 ? 'a' : ' ';
    }
    query[SEARCH_CHARACTERS_MAX] = '\0';
    assert_true(search_read(query, &search));
    assert_int_equal(search.count, SEARCH_WORDS_MAX);
    memset(query, 'a', SEARCH_CHARACTERS_MAX);
    assert_true(search_read(query, &search));
    assert_int_equal(search.count, 1);
    /* The letters that become two. */
    query[0] = '\0';
    for (int i = 0; i < SEARCH_CHARACTERS_MAX / 2; i++) {
        strcat(query, "ß");
    }
    assert_true(search_read(query, &search));
    assert_int_equal(search.words[0].folded.length, SEARCH_CHARACTERS_MAX);
}

/* --- Marking --- */

/* The text of what search_mark() gives, with hits in brackets. */
static void expect_marks(const char *query, const char *text, const char *expected) {
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    struct text all;
    struct slice out;
    assert_true(search_read(query, &search));
    yyjson_mut_val *pieces = search_mark(&search, slice_of(text), doc);
    yyjson_mut_arr_iter items = yyjson_mut_arr_iter_with(pieces);
    text_init(&all, &arena);
    for (yyjson_mut_val *piece; (piece = yyjson_mut_arr_iter_next(&items)) != NULL;) {
        bool hit = yyjson_mut_get_bool(yyjson_mut_obj_get(piece, "hit"));
        text_put(&all, hit ? "[" : "");
        text_put(&all, yyjson_mut_get_str(yyjson_mut_obj_get(piece, "text")));
        text_put(&all, hit ? "]" : "");
    }
    text_put_slice(&all, (struct slice){"", 1});
    assert_int_equal(text_slice(&all, &out), STATUS_OK);
    assert_string_equal(out.data, expected);
    yyjson_mut_doc_free(doc);
}

static void hits_are_marked(void **state) {
    (void)state;
    expect_marks("mug", "Enamel Mug, 350 ml", "Enamel [Mug], 350 ml");
    expect_marks("mug", "Mugs and mug", "[Mugs] and [mug]");
    expect_marks("mug 350", "Mug, 350 ml", "[Mug], [350] ml");
    expect_marks("mug", "smug", "smug");
    expect_marks("mugs", "Mug", "Mug");
    expect_marks("mug", "", "");
    expect_marks("", "Mug", "Mug");
    expect_marks("l", "5 l, all", "5 [l], all");
}

static void accents_and_case_do_not_matter(void **state) {
    (void)state;
    expect_marks("creme", "Crème Brûlée", "[Crème] Brûlée");
    expect_marks("CRÈME BRULEE", "Crème Brûlée", "[Crème] [Brûlée]");
    expect_marks("aero", "Ærøskøbing", "[Ærøskøbing]");
    expect_marks("strasse", "Straße", "[Straße]");
    expect_marks("e\xcc\x81t", "été, e\xcc\x81te\xcc\x81", "[été], [e\xcc\x81te\xcc\x81]");
    expect_marks("三", "Knife 三徳", "Knife [三徳]");
}

static void what_is_marked_stays_what_it_was(void **state) {
    (void)state;
    expect_marks("script", "<script>alert(1)</script>", "<[script]>alert(1)</[script]>");
}

static int set_up(void **state) {
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_have_to_be_there_all),
        cmocka_unit_test(one_that_is_there_as_it_was_typed_counts_for_more),
        cmocka_unit_test(nothing_is_no_word),
        cmocka_unit_test(no_operator_gets_through),
        cmocka_unit_test(a_single_letter_is_a_word_of_its_own),
        cmocka_unit_test(words_of_any_script),
        cmocka_unit_test(too_long_is_too_long),
        cmocka_unit_test(there_is_room_for_as_many_words_as_fit),
        cmocka_unit_test(hits_are_marked),
        cmocka_unit_test(accents_and_case_do_not_matter),
        cmocka_unit_test(what_is_marked_stays_what_it_was),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
