#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "price.h"

static void cents_are_the_two_places_behind_the_point(void **state) {
    (void)state;
    static const struct {
        uint64_t cents;
        const char *text;
    } cases[] = {{0, "0.00"},
                 {5, "0.05"},
                 {50, "0.50"},
                 {100, "1.00"},
                 {1250, "12.50"},
                 {99999, "999.99"},
                 {UINT64_MAX, "184467440737095516.15"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char room[PRICE_BYTES];
        assert_string_equal(price_write(room, cases[i].cents), cases[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(cents_are_the_two_places_behind_the_point)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
