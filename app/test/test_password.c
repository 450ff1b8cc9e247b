/* Passwords: what is kept of them, that nobody can tell who exists, and that a crowd does not wear the machine out. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "metrics.h"
#include "password.h"
#include "wait.h"

static const struct passwords_options cheap = {.memory_kib = 8, .passes = 1, .parallel = 2};

static struct call in_time(void) { return (struct call){.deadline = deadline_in_ms(60000)}; }

static struct passwords *open_passwords(struct passwords_options options) {
    struct passwords *passwords;
    assert_int_equal(passwords_new(&options, &passwords), STATUS_OK);
    return passwords;
}

static bool is_right(struct passwords *passwords, const char *hash, const char *password) {
    struct call call = in_time();
    bool right = false;
    assert_int_equal(passwords_verify(passwords, &call, hash, password, &right), STATUS_OK);
    return right;
}

/* --- One --- */

static void the_right_password_is_right_and_no_other(void **state) {
    (void)state;
    static const char *const wrong[] = {"", "correct horse battery stapl", "correct horse battery staple ",
                                        "Correct horse battery staple"};
    struct passwords *passwords = open_passwords(cheap);
    struct call call = in_time();
    char hash[PASSWORD_HASH_BYTES];
    assert_int_equal(passwords_hash(passwords, &call, "correct horse battery staple", hash), STATUS_OK);
    assert_true(is_right(passwords, hash, "correct horse battery staple"));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(is_right(passwords, hash, wrong[i]));
    }
    assert_false(is_right(passwords, "not a hash", "correct horse battery staple"));
    passwords_free(passwords);
}

static void a_hash_names_its_settings_and_has_its_own_salt(void **state) {
    (void)state;
    struct passwords_options options = {.memory_kib = 64, .passes = 3, .parallel = 1};
    struct passwords *passwords = open_passwords(options);
    struct call call = in_time();
    char one[PASSWORD_HASH_BYTES], other[PASSWORD_HASH_BYTES];
    assert_int_equal(passwords_hash(passwords, &call, "secret", one), STATUS_OK);
    assert_int_equal(passwords_hash(passwords, &call, "secret", other), STATUS_OK);
    assert_memory_equal(one, "$argon2id$v=19$m=64,t=3,p=1$", 28);
    assert_string_not_equal(one, other);
    assert_null(strstr(one, "secret"));
    passwords_free(passwords);
}

static void a_hash_of_other_settings_is_right_but_outdated(void **state) {
    (void)state;
    struct passwords_options dearer = {.memory_kib = 16, .passes = 2, .parallel = 1};
    struct passwords *before = open_passwords(cheap), *after = open_passwords(dearer);
    struct call call = in_time();
    char hash[PASSWORD_HASH_BYTES];
    assert_int_equal(passwords_hash(before, &call, "secret", hash), STATUS_OK);
    assert_true(is_right(after, hash, "secret"));
    assert_false(passwords_is_outdated(before, hash));
    assert_true(passwords_is_outdated(after, hash));
    assert_int_equal(passwords_hash(after, &call, "secret", hash), STATUS_OK);
    assert_false(passwords_is_outdated(after, hash));
    assert_true(passwords_is_outdated(after, "not a hash"));
    passwords_free(before);
    passwords_free(after);
}

/* The work is compared, not the time, which anything may disturb. */
static void nobodys_password_is_wrong_after_the_same_work(void **state) {
    (void)state;
    struct passwords *passwords = open_passwords(cheap);
    struct call call = in_time();
    char hash[PASSWORD_HASH_BYTES];
    assert_int_equal(passwords_hash(passwords, &call, "secret", hash), STATUS_OK);
    int64_t before = metrics_get(METRIC_PASSWORDS_VERIFIED);
    assert_false(is_right(passwords, hash, "wrong"));
    assert_int_equal(metrics_get(METRIC_PASSWORDS_VERIFIED), before + 1);
    assert_false(is_right(passwords, NULL, "wrong"));
    assert_false(is_right(passwords, NULL, ""));
    assert_int_equal(metrics_get(METRIC_PASSWORDS_VERIFIED), before + 3);
    passwords_free(passwords);
}

/* --- Many --- */

enum { CROWD = 8, ROUNDS = 4 };

struct crowd {
    struct passwords *passwords;
    atomic_bool seen; /* as many of them as may be at it at once */
};

static void *verify_again_and_again(void *argument) {
    struct crowd *crowd = argument;
    for (int i = 0; i < ROUNDS || !atomic_load(&crowd->seen); i++) {
        assert_false(is_right(crowd->passwords, NULL, "wrong"));
    }
    return NULL;
}

/* Whether the most that were seen at it are enough, and done passwords were verified. */
static bool are_through(int64_t *most, int64_t enough, int64_t done) {
    int64_t now = metrics_get(METRIC_PASSWORDS_HASHING);
    *most = now > *most ? now : *most;
    return *most >= enough && metrics_get(METRIC_PASSWORDS_VERIFIED) >= done;
}

static void only_so_many_are_computed_at_once(void **state) {
    (void)state;
    struct passwords_options options = {.memory_kib = 4096, .passes = 2, .parallel = 2};
    struct crowd crowd = {.passwords = open_passwords(options)};
    pthread_t threads[CROWD];
    int64_t done = metrics_get(METRIC_PASSWORDS_VERIFIED) + CROWD * ROUNDS, most = 0;
    for (size_t i = 0; i < CROWD; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, verify_again_and_again, &crowd), 0);
    }
    wait_until(are_through(&most, options.parallel, done));
    atomic_store(&crowd.seen, true);
    for (size_t i = 0; i < CROWD; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(most, options.parallel);
    assert_int_equal(metrics_get(METRIC_PASSWORDS_HASHING), 0);
    passwords_free(crowd.passwords);
}

static void *hold_the_place(void *argument) {
    assert_false(is_right(argument, NULL, "wrong"));
    return NULL;
}

static void who_gets_no_place_by_the_deadline_is_told(void **state) {
    (void)state;
    struct passwords_options options = {.memory_kib = 65536, .passes = 20, .parallel = 1};
    struct passwords *passwords = open_passwords(options);
    struct call late = {.deadline = deadline_in_ms(0)}, soon;
    pthread_t holder;
    char hash[PASSWORD_HASH_BYTES] = "";
    bool right = true;
    int64_t given_up = metrics_get(METRIC_PASSWORDS_GIVEN_UP), stored = metrics_get(METRIC_PASSWORDS_STORED);
    assert_int_equal(passwords_verify(passwords, &late, NULL, "x", &right), STATUS_TIMEOUT); /* with a place free */
    assert_int_equal(pthread_create(&holder, NULL, hold_the_place, passwords), 0);
    wait_until(metrics_get(METRIC_PASSWORDS_HASHING) == 1);
    soon = (struct call){.deadline = deadline_in_ms(5)};
    assert_int_equal(passwords_hash(passwords, &soon, "x", hash), STATUS_TIMEOUT);
    assert_int_equal(metrics_get(METRIC_PASSWORDS_HASHING), 1); /* the holder is at it still */
    assert_true(deadline_passed(soon.deadline));
    assert_string_equal(hash, "");
    assert_true(right);
    assert_int_equal(metrics_get(METRIC_PASSWORDS_GIVEN_UP), given_up + 2);
    assert_int_equal(metrics_get(METRIC_PASSWORDS_STORED), stored);
    pthread_join(holder, NULL);
    passwords_free(passwords);
}

static void nothing_is_begun_for_who_has_left(void **state) {
    (void)state;
    struct passwords *passwords = open_passwords(cheap);
    atomic_bool left = true;
    struct call call = in_time();
    bool right = true;
    call.cancelled = &left;
    int64_t verified = metrics_get(METRIC_PASSWORDS_VERIFIED);
    assert_int_equal(passwords_verify(passwords, &call, NULL, "x", &right), STATUS_TIMEOUT);
    assert_int_equal(metrics_get(METRIC_PASSWORDS_VERIFIED), verified);
    assert_int_equal(metrics_get(METRIC_PASSWORDS_HASHING), 0);
    passwords_free(passwords);
}

/* --- No memory --- */

enum { MEMORY_KIB = 262144 };

/* What the process has of memory now; sanitizers have a lot. */
static rlim_t data_bytes(void) {
    char line[128];
    unsigned long long kib = 0;
    FILE *status = fopen("/proc/self/status", "re");
    assert_non_null(status);
    while (kib == 0 && fgets(line, sizeof line, status) != NULL) {
        sscanf(line, "VmData: %llu kB", &kib);
    }
    fclose(status);
    assert_true(kib > 0);
    return (rlim_t)kib * 1024;
}

/* From now on the process gets a little more memory, but not as much as a hash takes; returns the limit from before. */
static struct rlimit forbid_much_memory(void) {
    struct rlimit before, less;
    assert_int_equal(getrlimit(RLIMIT_DATA, &before), 0);
    less = before;
    less.rlim_cur = data_bytes() + ((rlim_t)MEMORY_KIB / 2) * 1024;
    assert_int_equal(setrlimit(RLIMIT_DATA, &less), 0);
    return before;
}

static void without_memory_no_password_is_called_wrong(void **state) {
    (void)state;
    struct passwords_options options = {.memory_kib = MEMORY_KIB, .passes = 1, .parallel = 1};
    struct passwords *passwords = open_passwords(options), *none = NULL;
    struct call call = in_time();
    char hash[PASSWORD_HASH_BYTES], other[PASSWORD_HASH_BYTES] = "";
    bool right = true;
    assert_int_equal(passwords_hash(passwords, &call, "secret", hash), STATUS_OK);
    struct rlimit before = forbid_much_memory();
    enum status verified = passwords_verify(passwords, &call, hash, "secret", &right);
    enum status hashed = passwords_hash(passwords, &call, "secret", other);
    enum status opened = passwords_new(&options, &none);
    assert_int_equal(setrlimit(RLIMIT_DATA, &before), 0);
    assert_int_equal(verified, STATUS_NO_MEMORY);
    assert_int_equal(hashed, STATUS_NO_MEMORY);
    assert_int_equal(opened, STATUS_NO_MEMORY);
    assert_null(none);
    assert_true(right);
    assert_true(is_right(passwords, hash, "secret")); /* its place was given back */
    passwords_free(passwords);
}

static void nothing_to_free_is_fine(void **state) {
    (void)state;
    passwords_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_password_is_right_and_no_other),
        cmocka_unit_test(a_hash_names_its_settings_and_has_its_own_salt),
        cmocka_unit_test(a_hash_of_other_settings_is_right_but_outdated),
        cmocka_unit_test(nobodys_password_is_wrong_after_the_same_work),
        cmocka_unit_test(only_so_many_are_computed_at_once),
        cmocka_unit_test(who_gets_no_place_by_the_deadline_is_told),
        cmocka_unit_test(nothing_is_begun_for_who_has_left),
        cmocka_unit_test(without_memory_no_password_is_called_wrong),
        cmocka_unit_test(nothing_to_free_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
