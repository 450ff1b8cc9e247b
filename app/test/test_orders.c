/* What of orders needs no MySQL; what is written is tested with a real one, in live_orders.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mysql_pair.h"
#include "orders.h"
#include "tokens.h"

static void a_key_is_visible_ascii(void **state) {
    (void)state;
    static const char longest[] = "0123456789012345678901234567890123456789012345678901234567890123";
    static const char *const good[] = {"1", "!", "~", "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", longest};
    static const char *const bad[] = {"", " ", "a b", " a", "a ", "a\tb", "a\x7f", "a\n", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(orders_is_key(slice_of(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(orders_is_key(slice_of(bad[i])));
    }
    assert_int_equal(strlen(longest), ORDERS_KEY_CHARS_MAX);
    assert_false(orders_is_key((struct slice){longest, sizeof longest})); /* with its NUL */
    assert_false(orders_is_key((struct slice){"a\0b", 3}));
}

static void uuids_are_of_version_7_and_all_different(void **state) {
    (void)state;
    char last[ORDERS_UUID_CHARS + 1] = "", next[ORDERS_UUID_CHARS + 1];
    for (int i = 0; i < 1000; i++) {
        orders_draw_uuid(next);
        assert_int_equal(strlen(next), ORDERS_UUID_CHARS);
        assert_int_equal(next[14], '7');
        assert_string_not_equal(next, last);
        assert_int_equal(strspn(next, "0123456789abcdef-"), ORDERS_UUID_CHARS);
        strcpy(last, next);
    }
}

static const struct session_item one_item[] = {{7, 2}};

static void with_mysql_away_nobody_knows(void **state) {
    (void)state;
    struct pair pair = {0};
    struct orders_answer answer;
    const struct orders_request request = {.user = 1, .key = "key", .items = one_item, .count = 1};
    start_pair(&pair);
    fake_stop(&pair.a);
    assert_int_equal(orders_place(pair.database, &pair.call, &request, &answer), STATUS_GONE);
    stop_watching(&pair);
    fake_stop(&pair.b);
}

static void what_can_be_no_order_is_not_looked_for(void **state) {
    (void)state;
    static const char *const cases[] = {"",
                                        "7",
                                        "' OR 1=1 --",
                                        "0192f5e4-7b1c-7000-8000-00000000000g",
                                        "0192f5e4-7b1c-7000-8000-0000000000001",
                                        "0192f5e47b1c70008000000000000000"};
    struct pair pair = {0};
    yyjson_mut_val *order = NULL;
    start_pair(&pair);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(orders_one(pair.database, &pair.call, 1, cases[i], NULL, &order), STATUS_NOT_FOUND);
    }
    assert_string_equal(fake_log(&pair.b), "");
    stop(&pair);
}

static void what_can_be_no_token_is_not_looked_for(void **state) {
    (void)state;
    static const char *const cases[] = {"",
                                        "Bearer",
                                        "Bearer ",
                                        "Bearer x",
                                        "Bearer 0123456789abcdef0123456789abcde",
                                        "Bearer 0123456789abcdef0123456789abcdef0",
                                        "Bearer  0123456789abcdef0123456789abcdef",
                                        "Bearer 0123456789ABCDEF0123456789ABCDEF",
                                        "Basic 0123456789abcdef0123456789abcdef",
                                        "0123456789abcdef0123456789abcdef"};
    struct pair pair = {0};
    uint64_t user;
    start_pair(&pair);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(tokens_user(pair.database, &pair.call, slice_of(cases[i]), &user), STATUS_NOT_FOUND);
    }
    assert_string_equal(fake_log(&pair.b), "");
    /* One that may be somebody's is: the fake has a row for it, of user 0. */
    assert_int_equal(tokens_user(pair.database, &pair.call, slice_of("Bearer 0123456789abcdef0123456789abcdef"), &user),
                     STATUS_NOT_FOUND);
    assert_string_equal(fake_log(&pair.b), "R");
    stop(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_visible_ascii),
        cmocka_unit_test(uuids_are_of_version_7_and_all_different),
        cmocka_unit_test(with_mysql_away_nobody_knows),
        cmocka_unit_test(what_can_be_no_order_is_not_looked_for),
        cmocka_unit_test(what_can_be_no_token_is_not_looked_for),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
