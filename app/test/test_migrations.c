#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "migrations.h"

enum { FILES_MAX = 8, PATH_BYTES = 256, REASON_BYTES = 256 };

/* A directory of changes that lives as long as one test. */
struct fixture {
    char directory[32];
    char paths[FILES_MAX][PATH_BYTES];
    size_t count;
    char reason[REASON_BYTES];
    struct migrations migrations;
};

static int set_up(void **state) {
    static struct fixture fixture;
    fixture = (struct fixture){.directory = "/tmp/migrations-XXXXXX"};
    *state = &fixture;
    return mkdtemp(fixture.directory) != NULL ? 0 : -1;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    migrations_free(&f->migrations);
    for (size_t i = 0; i < f->count; i++) {
        remove(f->paths[i]);
    }
    return rmdir(f->directory);
}

static const char *path_of(struct fixture *f, const char *name) {
    assert_true(f->count < FILES_MAX);
    snprintf(f->paths[f->count], PATH_BYTES, "%s/%s", f->directory, name);
    return f->paths[f->count++];
}

static void add(struct fixture *f, const char *name, const char *content) {
    FILE *file = fopen(path_of(f, name), "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    fclose(file);
}

static enum status read_directory(struct fixture *f) {
    migrations_free(&f->migrations);
    return migrations_read(f->directory, &f->migrations, f->reason, sizeof f->reason);
}

static void expect_refusal(struct fixture *f, enum status status, const char *says) {
    assert_int_equal(read_directory(f), status);
    assert_null(strchr(f->reason, '\n'));
    if (strstr(f->reason, says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", f->reason, says);
    }
}

static void files_come_in_the_order_of_their_numbers(void **state) {
    struct fixture *f = *state;
    add(f, "010-third.sql", "c");
    add(f, "002-second.sql", "bb");
    add(f, "000-first.sql", "");
    add(f, "README.md", "not SQL");
    add(f, ".hidden.sql", "an editor's");
    assert_int_equal(read_directory(f), STATUS_OK);
    assert_int_equal(f->migrations.count, 3);
    const struct migration *list = f->migrations.list;
    assert_int_equal(list[0].version, 0);
    assert_int_equal(list[1].version, 2);
    assert_int_equal(list[2].version, 10);
    assert_string_equal(list[1].file, "002-second.sql");
    assert_true(slice_equal(list[1].sql, slice_of("bb")));
    assert_int_equal(list[0].sql.length, 0);
    assert_int_equal(list[2].state, MIGRATION_MISSING);
}

/* As sha256sum says, which the image of a new database is made with. */
static void a_file_is_known_by_its_sum(void **state) {
    struct fixture *f = *state;
    add(f, "001-abc.sql", "abc");
    assert_int_equal(read_directory(f), STATUS_OK);
    assert_string_equal(f->migrations.list[0].sum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void a_file_needs_a_proper_name(void **state) {
    struct fixture *f = *state;
    static const char *const wrong[] = {"1-one.sql",   "0001-one.sql", "001.sql",    "one.sql",
                                        "001_one.sql", "001-One.sql",  "001-o'.sql", "001-a b.sql"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        add(f, wrong[i], "");
        expect_refusal(f, STATUS_BAD_INPUT, wrong[i]);
        unlink(f->paths[--f->count]);
    }
}

static void two_files_cannot_have_one_number(void **state) {
    struct fixture *f = *state;
    add(f, "001-one.sql", "");
    add(f, "002-two.sql", "");
    add(f, "002-too.sql", "");
    expect_refusal(f, STATUS_BAD_INPUT, " have the same number");
    assert_non_null(strstr(f->reason, "002-two.sql"));
    assert_non_null(strstr(f->reason, "002-too.sql"));
}

static void what_cannot_be_read_is_named(void **state) {
    struct fixture *f = *state;
    assert_int_equal(migrations_read("/nowhere", &f->migrations, f->reason, sizeof f->reason), STATUS_NOT_FOUND);
    assert_string_equal(f->reason, "/nowhere cannot be read: No such file or directory");
    assert_int_equal(mkdir(path_of(f, "001-one.sql"), 0700), 0);
    expect_refusal(f, STATUS_NOT_FOUND, "001-one.sql cannot be read: Is a directory");
    remove(f->paths[--f->count]);
    FILE *large = fopen(path_of(f, "001-large.sql"), "w");
    assert_non_null(large);
    assert_int_equal(ftruncate(fileno(large), (1 << 20) + 1), 0);
    fclose(large);
    expect_refusal(f, STATUS_NOT_FOUND, "001-large.sql cannot be read: File too large");
}

static enum status note(struct fixture *f, unsigned version, const char *sum, bool applied) {
    return migrations_note(&f->migrations, version, sum, applied, f->reason, sizeof f->reason);
}

static void a_record_says_what_is_applied(void **state) {
    struct fixture *f = *state;
    add(f, "000-zero.sql", "0");
    add(f, "001-one.sql", "1");
    add(f, "002-two.sql", "2");
    assert_int_equal(read_directory(f), STATUS_OK);
    struct migration *list = f->migrations.list;
    assert_int_equal(note(f, 0, list[0].sum, true), STATUS_OK);
    assert_int_equal(note(f, 1, list[1].sum, false), STATUS_OK);
    assert_int_equal(list[0].state, MIGRATION_APPLIED);
    assert_int_equal(list[1].state, MIGRATION_BEGUN);
    assert_int_equal(list[2].state, MIGRATION_MISSING);
}

static void a_record_of_a_newer_shop_is_left_alone(void **state) {
    struct fixture *f = *state;
    add(f, "000-zero.sql", "0");
    assert_int_equal(read_directory(f), STATUS_OK);
    assert_int_equal(note(f, 7, "whatever", true), STATUS_OK);
    assert_int_equal(f->migrations.list[0].state, MIGRATION_MISSING);
}

/* One that was begun and failed may be put right. */
static void a_file_may_change_until_it_is_applied(void **state) {
    struct fixture *f = *state;
    add(f, "000-zero.sql", "0");
    assert_int_equal(read_directory(f), STATUS_OK);
    assert_int_equal(note(f, 0, "another sum", false), STATUS_OK);
    assert_int_equal(note(f, 0, "another sum", true), STATUS_BAD_INPUT);
    assert_string_equal(f->reason, "000-zero.sql has changed since it was applied; undo that, and add a file instead");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(files_come_in_the_order_of_their_numbers),
        TEST(a_file_is_known_by_its_sum),
        TEST(a_file_needs_a_proper_name),
        TEST(two_files_cannot_have_one_number),
        TEST(what_cannot_be_read_is_named),
        TEST(a_record_says_what_is_applied),
        TEST(a_record_of_a_newer_shop_is_left_alone),
        TEST(a_file_may_change_until_it_is_applied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
