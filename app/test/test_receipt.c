#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "receipt.h"

enum { ROOM = 1 << 18 };

static char room[ROOM];

static struct receipt an_order(void) {
    return (struct receipt){
        .order = slice_of("0197a3c2-5d1e-7abc-8def-0123456789ab"),
        .ordered_s = 1774000000,
        .currency = slice_of("EUR"),
        .total_cents = 3749,
        .lines = {{slice_of("MUG-0001"), slice_of("Mug, blue"), 2, 1250},
                  {slice_of("PEN-0815"), slice_of("Pen"), 1, 1249}},
        .line_count = 2,
    };
}

/* How rendering ends, and what came of it, with a NUL. */
static enum status render(const struct receipt *receipt, size_t bytes, const char **why) {
    struct text text;
    text_init_in(&text, room, bytes);
    *why = NULL;
    enum status status = receipt_render(receipt, &text, why);
    room[text.length < ROOM ? text.length : ROOM - 1] = '\0';
    return status;
}

static void expect_refusal(const struct receipt *receipt, const char *says) {
    const char *why;
    assert_int_equal(render(receipt, ROOM, &why), STATUS_BAD_INPUT);
    assert_string_equal(why, says);
}

static void a_receipt_says_what_was_bought_and_what_it_cost(void **state) {
    (void)state;
    const struct receipt order = an_order();
    const char *why;
    assert_int_equal(render(&order, ROOM, &why), STATUS_OK);
    assert_string_equal(room, "Receipt\n"
                              "\n"
                              "Order  0197a3c2-5d1e-7abc-8def-0123456789ab\n"
                              "Date   2026-03-20 09:46 UTC\n"
                              "\n"
                              "Mug, blue\n"
                              "  MUG-0001              2 x        12.50          25.00\n"
                              "Pen\n"
                              "  PEN-0815              1 x        12.49          12.49\n"
                              "\n"
                              "Total  EUR                                        37.49\n");
    assert_null(why);
}

static void a_name_cannot_forge_a_line(void **state) {
    (void)state;
    struct receipt order = an_order();
    const char *why;
    order.lines[0].name = slice_of("Mug\nTotal  EUR 0.01\r\x1b[2J\x7f");
    order.lines[1].name = slice_of("");
    assert_int_equal(render(&order, ROOM, &why), STATUS_OK);
    assert_non_null(strstr(room, "\nMug Total  EUR 0.01  [2J \n"));
    assert_null(strchr(room, '\r'));
    assert_null(strchr(room, '\x1b'));
}

static void a_name_may_be_in_any_language(void **state) {
    (void)state;
    struct receipt order = an_order();
    const char *why;
    order.lines[0].name = slice_of("Tasse für Tee ☕");
    assert_int_equal(render(&order, ROOM, &why), STATUS_OK);
    assert_non_null(strstr(room, "\nTasse für Tee ☕\n"));
}

static void what_does_not_add_up_is_no_receipt(void **state) {
    (void)state;
    struct receipt order = an_order();
    order.total_cents++;
    expect_refusal(&order, "its lines do not add up to its total");
    order = an_order();
    order.line_count = 1;
    expect_refusal(&order, "its lines do not add up to its total");
    order.lines[0].quantity = 0;
    order.total_cents = 0;
    expect_refusal(&order, "its lines do not add up to its total");
}

static void numbers_that_are_too_large_do_not_add_up(void **state) {
    (void)state;
    struct receipt order = an_order();
    order.lines[0].quantity = INT64_MAX / 2;
    expect_refusal(&order, "its lines do not add up to its total");
    order.lines[0] = order.lines[1] = (struct receipt_line){slice_of(""), slice_of(""), 1, INT64_MAX};
    expect_refusal(&order, "its lines do not add up to its total");
}

static void an_order_without_lines_has_no_receipt(void **state) {
    (void)state;
    struct receipt order = an_order();
    order.line_count = 0;
    order.total_cents = 0;
    expect_refusal(&order, "the order has no lines");
}

static void a_gift_has_a_receipt(void **state) {
    (void)state;
    struct receipt order = an_order();
    const char *why;
    order.line_count = 1;
    order.lines[0].price_cents = 0;
    order.total_cents = 0;
    assert_int_equal(render(&order, ROOM, &why), STATUS_OK);
}

static void a_receipt_has_a_longest_length(void **state) {
    (void)state;
    static char name[RECEIPT_BYTES_MAX];
    static struct receipt order;
    const char *why;
    order = an_order();
    assert_int_equal(render(&order, ROOM, &why), STATUS_OK);
    size_t without = strlen(room) - strlen("Mug, blue");
    memset(name, 'x', sizeof name);
    order.lines[0].name = (struct slice){name, RECEIPT_BYTES_MAX - without};
    assert_int_equal(render(&order, ROOM, &why), STATUS_OK);
    assert_int_equal(strlen(room), RECEIPT_BYTES_MAX);
    order.lines[0].name.length++;
    assert_int_equal(render(&order, ROOM, &why), STATUS_TOO_LARGE);
    assert_string_equal(why, "its receipt is too long");
    assert_int_equal(render(&order, 100, &why), STATUS_NO_MEMORY);
    assert_non_null(why);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_receipt_says_what_was_bought_and_what_it_cost),
        cmocka_unit_test(a_name_cannot_forge_a_line),
        cmocka_unit_test(a_name_may_be_in_any_language),
        cmocka_unit_test(what_does_not_add_up_is_no_receipt),
        cmocka_unit_test(numbers_that_are_too_large_do_not_add_up),
        cmocka_unit_test(an_order_without_lines_has_no_receipt),
        cmocka_unit_test(a_gift_has_a_receipt),
        cmocka_unit_test(a_receipt_has_a_longest_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
