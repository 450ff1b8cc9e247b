#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sql_script.h"

static void expect(const char *const *words) {
    const char *script = words[0], *const *statements = words + 1;
    struct slice rest = slice_of(script), statement;
    size_t i = 0;
    for (; sql_script_next(&rest, &statement); i++) {
        if (statements[i] == NULL || !slice_equal(statement, slice_of(statements[i]))) {
            fail_msg("statement %zu of \"%s\" is \"%.*s\"", i, script, (int)statement.length, statement.data);
        }
    }
    assert_null(statements[i]);
    assert_int_equal(rest.length, 0);
    assert_false(sql_script_next(&rest, &statement));
}

/* The script, then its statements. */
#define EXPECT(...) expect((const char *const[]){__VA_ARGS__, NULL})

static void statements_end_with_a_semicolon_or_with_the_file(void **state) {
    (void)state;
    EXPECT("a;b;", "a", "b");
    EXPECT("a; b", "a", " b");
    EXPECT("a\n;\nb\n", "a\n", "\nb\n");
}

static void what_is_empty_is_no_statement(void **state) {
    (void)state;
    EXPECT("");
    EXPECT(" \n\t\r\n");
    EXPECT(";; ;\n;");
    EXPECT("-- nothing\n# nothing\n/* nothing */");
    EXPECT("-- nothing\n; a;;b;/* nothing */;", " a", "b");
}

static void comments_before_a_statement_stay_with_it(void **state) {
    (void)state;
    EXPECT("-- one; two\na;\n# b; c\nd", "-- one; two\na", "\n# b; c\nd");
    EXPECT("/* a; */ b; /* c", "/* a; */ b");
    EXPECT("a /* ; ' */ b -- ; '\n, c # ; \"\n;d", "a /* ; ' */ b -- ; '\n, c # ; \"\n", "d");
}

static void two_dashes_are_a_comment_only_before_a_space(void **state) {
    (void)state;
    EXPECT("SELECT 1--2;a", "SELECT 1--2", "a");
    EXPECT("a --\n;b;--", "a --\n", "b");
    EXPECT("a;--\tb", "a");
}

static void quotes_hide_what_is_in_them(void **state) {
    (void)state;
    EXPECT("a ';' b;c", "a ';' b", "c");
    EXPECT("a \";\" b;c", "a \";\" b", "c");
    EXPECT("a `;` b;c", "a `;` b", "c");
    EXPECT("'-- ';b", "'-- '", "b");
    EXPECT("'it''s; ' ; b", "'it''s; ' ", " b");
    EXPECT("'it\\'s; ' ; b", "'it\\'s; ' ", " b");
    EXPECT("'\\\\'; b", "'\\\\'", " b");
    EXPECT("`\\`; b", "`\\`", " b"); /* no escape there */
    EXPECT("\"'\"; \"'\"", "\"'\"", " \"'\"");
}

static void what_is_not_closed_goes_to_the_end(void **state) {
    (void)state;
    EXPECT("a; 'b; c", "a", " 'b; c");
    EXPECT("'\\", "'\\");
    EXPECT("a /* ;", "a /* ;");
    EXPECT("'", "'");
    EXPECT("/*");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_end_with_a_semicolon_or_with_the_file),
        cmocka_unit_test(what_is_empty_is_no_statement),
        cmocka_unit_test(comments_before_a_statement_stay_with_it),
        cmocka_unit_test(two_dashes_are_a_comment_only_before_a_space),
        cmocka_unit_test(quotes_hide_what_is_in_them),
        cmocka_unit_test(what_is_not_closed_goes_to_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
