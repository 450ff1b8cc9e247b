#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "credentials.h"

enum { MEMORY_BYTES = 65536 };

static struct arena arena;
static char longest_label[64], longest_email[CREDENTIALS_EMAIL_BYTES];

static int set_up(void **state) {
    (void)state;
    arena_init(&arena, MEMORY_BYTES);
    memset(longest_label, 'd', 63);
    memset(longest_email, 'l', sizeof longest_email - 1);
    memcpy(longest_email + sizeof longest_email - sizeof "@example.com", "@example.com", sizeof "@example.com");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

static bool accepts_email(const char *email) {
    struct credentials credentials = {.email = email, .password = "x"};
    struct credentials_faults faults;
    bool good = credentials_check_login(&arena, &credentials, &faults);
    assert_int_equal(good, faults.email == NULL);
    assert_null(faults.password);
    return good;
}

static void an_email_is_what_a_browser_takes_for_one(void **state) {
    (void)state;
    static const char *const right[] = {"ada@example.com", "ada@localhost",      "a@b",  "o'hara+shop@example.ie",
                                        "1=1--@x.y",       "{|}~.!#$%&*/?^_`@x", "..@x", "a@b-c.d--e.1.f",
                                        longest_email};
    static const char *const wrong[] = {NULL,
                                        "",
                                        "ada",
                                        "@example.com",
                                        "ada@",
                                        "ada@@example.com",
                                        "ada@a@b",
                                        "ada@.com",
                                        "ada@example.",
                                        "ada@a..b",
                                        "ada@-a.com",
                                        "ada@a-.com",
                                        "ada@a_b.com",
                                        "ada lovelace@example.com",
                                        " ada@example.com",
                                        "ada@example.com ",
                                        "ada@example.com\r\nX: y",
                                        "\"ada\"@example.com",
                                        "<b>@example.com",
                                        "\xc3\xa4"
                                        "da@example.com",
                                        "ada@ex\xc3\xa4mple.com"};
    char text[512];
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        assert_true(accepts_email(right[i]));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(accepts_email(wrong[i]));
    }
    snprintf(text, sizeof text, "l%s", longest_email);
    assert_false(accepts_email(text));
    snprintf(text, sizeof text, "ada@%s.com", longest_label);
    assert_true(accepts_email(text));
    snprintf(text, sizeof text, "ada@d%s.com", longest_label);
    assert_false(accepts_email(text));
}

static void upper_case_makes_no_other_account(void **state) {
    (void)state;
    struct credentials credentials = {.email = "Ada.L@Example.COM", .password = "x"};
    struct credentials_faults faults;
    assert_true(credentials_check_login(&arena, &credentials, &faults));
    assert_string_equal(credentials.email, "ada.l@example.com");
    credentials.email = "Not An Address";
    assert_false(credentials_check_login(&arena, &credentials, &faults));
    assert_string_equal(credentials.email, "Not An Address"); /* as it was typed, for its form */
}

static void a_name_is_some_characters_that_fit(void **state) {
    (void)state;
    char name[CREDENTIALS_NAME_BYTES + 1];
    memset(name, 'n', sizeof name);
    name[CREDENTIALS_NAME_BYTES] = '\0';
    struct credentials_faults faults;
    struct credentials credentials = {.email = "a@b", .password = "long enough"};
    const char *const wrong[] = {NULL, "", "   ", name};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        credentials.name = wrong[i];
        assert_false(credentials_check_sign_up(&arena, &credentials, &faults));
        assert_non_null(faults.name);
        assert_null(faults.email);
        assert_null(faults.password);
    }
    name[CREDENTIALS_NAME_BYTES - 1] = '\0';
    const char *const right[] = {"A", "Ada Lovelace", "<script>alert(1)</script>", "\xe5\xb0\x8f\xe6\x9e\x97", name};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        credentials.name = right[i];
        assert_true(credentials_check_sign_up(&arena, &credentials, &faults));
    }
}

static void a_new_password_has_eight_characters(void **state) {
    (void)state;
    char password[CREDENTIALS_PASSWORD_BYTES + 1];
    memset(password, 'p', sizeof password);
    password[CREDENTIALS_PASSWORD_BYTES] = '\0';
    struct credentials_faults faults;
    struct credentials credentials = {.email = "a@b", .name = "A"};
    const char *const wrong[] = {NULL, "", "1234567", "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", password};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        credentials.password = wrong[i];
        assert_false(credentials_check_sign_up(&arena, &credentials, &faults));
        assert_non_null(faults.password);
    }
    password[CREDENTIALS_PASSWORD_BYTES - 1] = '\0';
    const char *const right[] = {"12345678", "        ",
                                 "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", password};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        credentials.password = right[i];
        assert_true(credentials_check_sign_up(&arena, &credentials, &faults));
    }
}

static void login_asks_for_a_password_and_no_more(void **state) {
    (void)state;
    struct credentials_faults faults;
    struct credentials credentials = {.email = "a@b"};
    assert_false(credentials_check_login(&arena, &credentials, &faults));
    assert_non_null(faults.password);
    credentials.password = "";
    assert_false(credentials_check_login(&arena, &credentials, &faults));
    credentials.password = "short";
    assert_true(credentials_check_login(&arena, &credentials, &faults));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_email_is_what_a_browser_takes_for_one),
        cmocka_unit_test(upper_case_makes_no_other_account),
        cmocka_unit_test(a_name_is_some_characters_that_fit),
        cmocka_unit_test(a_new_password_has_eight_characters),
        cmocka_unit_test(login_asks_for_a_password_and_no_more),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
