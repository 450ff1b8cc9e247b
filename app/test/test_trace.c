#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trace.h"

#define ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

/* In memory of exactly its size, so that a read behind its end is seen. */
static bool begin(struct trace *out, const char *text, size_t length) {
    char *exact = malloc(length > 0 ? length : 1);
    assert_non_null(exact);
    memcpy(exact, text, length);
    memset(out, 0xa5, sizeof *out);
    bool goes_on = trace_begin(out, (struct slice){exact, length});
    free(exact);
    return goes_on;
}

static bool any(const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != 0) {
            return true;
        }
    }
    return false;
}

/* Begins with text, and returns what those we call are told. */
static const char *passed_on(const char *text, bool *goes_on) {
    static char told[TRACE_PARENT_CHARS + 1];
    struct trace trace;
    *goes_on = begin(&trace, text, strlen(text));
    assert_true(any(trace.id, sizeof trace.id) && any(trace.span, sizeof trace.span));
    trace_format(&trace, told);
    assert_int_equal(strlen(told), TRACE_PARENT_CHARS);
    assert_memory_equal(told, "00-", 3);
    assert_true(told[35] == '-' && told[52] == '-');
    assert_int_equal(strspn(told, "0123456789abcdef-"), TRACE_PARENT_CHARS);
    return told;
}

static void goes_on(const char *text, const char *flags) {
    bool taken;
    const char *told = passed_on(text, &taken);
    assert_true(taken);
    assert_memory_equal(told + 3, text + 3, strlen(ID));
    assert_memory_not_equal(told + 36, text + 36, strlen(SPAN)); /* a span of our own */
    assert_string_equal(told + 53, flags);
}

static void begins_anew(const char *text) {
    bool taken;
    const char *told = passed_on(text, &taken);
    assert_false(taken);
    assert_null(strstr(told, ID));
    assert_string_equal(told + 53, "00");
}

static void a_trace_goes_on_under_its_id(void **state) {
    (void)state;
    goes_on("00-" ID "-" SPAN "-01", "01");
    goes_on("00-" ID "-" SPAN "-00", "00");
    goes_on("00-00000000000000000000000000000001-0000000000000001-01", "01");
    goes_on("00-80000000000000000000000000000000-8000000000000000-01", "01");
    goes_on("00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-01", "01");
}

/* Of the flags one is defined (section 3.2.2.5): it is masked, the others are neither compared nor passed on. */
static void of_the_flags_only_sampled_counts(void **state) {
    (void)state;
    goes_on("00-" ID "-" SPAN "-ff", "01");
    goes_on("00-" ID "-" SPAN "-03", "01");
    goes_on("00-" ID "-" SPAN "-fe", "00");
    goes_on("00-" ID "-" SPAN "-80", "00");
}

static void without_a_header_a_trace_begins(void **state) {
    (void)state;
    struct trace trace;
    assert_false(trace_begin(&trace, (struct slice){NULL, 0}));
    assert_true(any(trace.id, sizeof trace.id) && any(trace.span, sizeof trace.span));
    assert_false(trace.sampled);
    begins_anew("");
}

static void no_two_traces_or_spans_have_the_same_id(void **state) {
    (void)state;
    enum { MANY = 1000 };
    static struct trace traces[MANY];
    for (size_t i = 0; i < MANY; i++) {
        trace_begin(&traces[i], (struct slice){NULL, 0});
        for (size_t earlier = 0; earlier < i; earlier++) {
            assert_memory_not_equal(traces[earlier].id, traces[i].id, TRACE_ID_BYTES);
            assert_memory_not_equal(traces[earlier].span, traces[i].span, TRACE_SPAN_BYTES);
        }
    }
}

static void capitals_are_refused(void **state) {
    (void)state;
    begins_anew("00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01");
    begins_anew("00-" ID "-00F067AA0BA902B7-01");
    begins_anew("00-" ID "-" SPAN "-0A");
    begins_anew("0A-" ID "-" SPAN "-01");
}

static void ids_of_zeros_are_refused(void **state) {
    (void)state;
    begins_anew("00-00000000000000000000000000000000-" SPAN "-01");
    begins_anew("00-" ID "-0000000000000000-01");
    begins_anew("cc-" ID "-0000000000000000-01");
}

static void version_ff_is_refused(void **state) {
    (void)state;
    begins_anew("ff-" ID "-" SPAN "-01");
    begins_anew("ff-" ID "-" SPAN "-01-more");
}

static void version_00_has_nothing_behind_it(void **state) {
    (void)state;
    begins_anew("00-" ID "-" SPAN "-01-");
    begins_anew("00-" ID "-" SPAN "-01-more");
    begins_anew("00-" ID "-" SPAN "-01 ");
    begins_anew("00-" ID "-" SPAN "-010");
    begins_anew("00-" ID "-" SPAN "-01,00-" ID "-" SPAN "-01");
}

/* Section 3.2.4: what we know of it stands where it stands in version 00; what we pass on is version 00. */
static void a_higher_version_may_have_more_fields(void **state) {
    (void)state;
    goes_on("01-" ID "-" SPAN "-01", "01");
    goes_on("cc-" ID "-" SPAN "-01-", "01");
    goes_on("cc-" ID "-" SPAN "-01-what-the-future-will-be-like", "01");
    goes_on("fe-" ID "-" SPAN "-00-\x80\xff", "00");
    begins_anew("cc-" ID "-" SPAN "-01.what-the-future-will-be-like");
    begins_anew("cc-" ID "-" SPAN "-010");
    begins_anew("cc-" ID "-" SPAN "-1-");
}

static void no_length_is_enough_but_the_whole(void **state) {
    (void)state;
    static const char whole[] = "01-" ID "-" SPAN "-01";
    struct trace trace;
    for (size_t length = 0; length < TRACE_PARENT_CHARS; length++) {
        assert_false(begin(&trace, whole, length));
    }
    assert_true(begin(&trace, whole, TRACE_PARENT_CHARS));
}

/* Whatever single byte is put at whatever place: a digit where a digit stands, and nothing else, is taken. */
static void every_byte_counts(void **state) {
    (void)state;
    static const char whole[] = "00-" ID "-" SPAN "-01", digits[] = "0123456789abcdef";
    struct trace trace;
    for (size_t at = 0; at < TRACE_PARENT_CHARS; at++) {
        for (int byte = 0; byte <= UINT8_MAX; byte++) {
            char text[sizeof whole];
            memcpy(text, whole, sizeof whole);
            text[at] = (char)byte;
            bool digit = whole[at] != '-' && memchr(digits, byte, 16) != NULL;
            bool same = text[at] == whole[at];
            assert_int_equal(begin(&trace, text, TRACE_PARENT_CHARS), same || digit);
        }
    }
}

static void the_bytes_are_in_order(void **state) {
    (void)state;
    const struct trace trace = {
        .id = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0, 0, 0, 0, 0, 0, 0, 0xf0},
        .span = {0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10},
        .sampled = true,
    };
    char told[TRACE_PARENT_CHARS + 1];
    trace_format(&trace, told);
    assert_string_equal(told, "00-0123456789abcdef00000000000000f0-fedcba9876543210-01");
    struct trace next;
    assert_true(begin(&next, told, TRACE_PARENT_CHARS));
    assert_memory_equal(next.id, trace.id, TRACE_ID_BYTES);
    assert_true(next.sampled);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trace_goes_on_under_its_id),
        cmocka_unit_test(of_the_flags_only_sampled_counts),
        cmocka_unit_test(without_a_header_a_trace_begins),
        cmocka_unit_test(no_two_traces_or_spans_have_the_same_id),
        cmocka_unit_test(capitals_are_refused),
        cmocka_unit_test(ids_of_zeros_are_refused),
        cmocka_unit_test(version_ff_is_refused),
        cmocka_unit_test(version_00_has_nothing_behind_it),
        cmocka_unit_test(a_higher_version_may_have_more_fields),
        cmocka_unit_test(no_length_is_enough_but_the_whole),
        cmocka_unit_test(every_byte_counts),
        cmocka_unit_test(the_bytes_are_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
