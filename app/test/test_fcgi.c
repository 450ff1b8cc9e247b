#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "fcgi.h"

static void headers_are_read(void **state) {
    (void)state;
    const uint8_t bytes[] = {1, 4, 0x12, 0x34, 0xFE, 0xDC, 255, 99};
    struct fcgi_header header;
    assert_int_equal(fcgi_get_header(bytes, &header), STATUS_OK);
    assert_int_equal(header.type, FCGI_PARAMS);
    assert_int_equal(header.request_id, 0x1234);
    assert_int_equal(header.content_length, 0xFEDC);
    assert_int_equal(header.padding_length, 255);
}

static void headers_of_another_version_are_not(void **state) {
    (void)state;
    for (int version = 0; version < 256; version++) {
        const uint8_t bytes[FCGI_HEADER_BYTES] = {(uint8_t)version, 4};
        struct fcgi_header header = {.type = 77};
        assert_int_equal(fcgi_get_header(bytes, &header), version == 1 ? STATUS_OK : STATUS_BAD_INPUT);
        assert_int_equal(header.type, version == 1 ? 4 : 77);
    }
}

static void headers_are_written(void **state) {
    (void)state;
    const uint8_t expected[] = {1, 6, 0x12, 0x34, 0xFE, 0xDC, 7, 0};
    uint8_t bytes[FCGI_HEADER_BYTES];
    memset(bytes, 0xAA, sizeof bytes);
    fcgi_put_header(bytes, (struct fcgi_header){FCGI_STDOUT, 0x1234, 0xFEDC, 7});
    assert_memory_equal(bytes, expected, sizeof expected);
}

static void begin_is_read(void **state) {
    (void)state;
    const uint8_t body[] = {0x01, 0x02, 0x81, 9, 9, 9, 9, 9};
    struct fcgi_begin begin = fcgi_get_begin(body);
    assert_int_equal(begin.role, 0x0102);
    assert_int_equal(begin.flags, 0x81);
}

static void end_and_unknown_type_are_written(void **state) {
    (void)state;
    const uint8_t end[] = {1, 3, 0x12, 0x34, 0, 8, 0, 0, 0x89, 0xAB, 0xCD, 0xEF, 2, 0, 0, 0};
    const uint8_t unknown[] = {1, 11, 0, 0, 0, 8, 0, 0, 200, 0, 0, 0, 0, 0, 0, 0};
    uint8_t record[FCGI_END_RECORD_BYTES];
    memset(record, 0xAA, sizeof record);
    fcgi_put_end(record, 0x1234, 0x89ABCDEF, FCGI_OVERLOADED);
    assert_memory_equal(record, end, sizeof end);
    memset(record, 0xAA, sizeof record);
    fcgi_put_unknown_type(record, 200);
    assert_memory_equal(record, unknown, sizeof unknown);
}

/* --- Name-value pairs --- */

static const size_t lengths[] = {0, 1, 126, 127, 128, 129, 255, 256, 65535, 65536, 70000};
enum { LENGTHS = sizeof lengths / sizeof *lengths };

static struct slice filled(size_t length, char with) {
    char *data = malloc(length + 1);
    assert_non_null(data);
    memset(data, with, length);
    return (struct slice){data, length};
}

static void expect_same_pair(struct fcgi_pair got, struct fcgi_pair wanted) {
    assert_true(slice_equal(got.name, wanted.name));
    assert_true(slice_equal(got.value, wanted.value));
}

/* One pair of the two lengths, written, read back, and cut off at its every byte (or at many, if it is long). */
static void check_pair(size_t name, size_t value) {
    const size_t capacity = name + value + 8;
    uint8_t *bytes = malloc(capacity);
    assert_non_null(bytes);
    struct fcgi_pair pair = {filled(name, 'n'), filled(value, 'v')}, got;
    size_t length = 0;
    assert_int_equal(fcgi_put_pair(bytes, capacity, &length, pair), STATUS_OK);
    assert_int_equal(length, name + value + (name < 128 ? 1 : 4) + (value < 128 ? 1 : 4));

    struct slice stream = {(char *)bytes, length};
    assert_int_equal(fcgi_next_pair(&stream, &got), STATUS_OK);
    expect_same_pair(got, pair);
    assert_int_equal(fcgi_next_pair(&stream, &got), STATUS_AGAIN);

    for (size_t cut = 1; cut < length; cut += cut > 600 ? 997 : 1) {
        uint8_t *part = malloc(cut); /* of its own, so that the sanitizer sees a byte too far */
        assert_non_null(part);
        memcpy(part, bytes, cut);
        stream = (struct slice){(char *)part, cut};
        assert_int_equal(fcgi_next_pair(&stream, &got), STATUS_BAD_INPUT);
        assert_ptr_equal(stream.data, part);
        assert_int_equal(stream.length, cut);
        free(part);
    }
    free((void *)(uintptr_t)pair.name.data);
    free((void *)(uintptr_t)pair.value.data);
    free(bytes);
}

static void pairs_of_all_lengths_come_back(void **state) {
    (void)state;
    for (size_t name = 0; name < LENGTHS; name++) {
        for (size_t value = 0; value < LENGTHS; value++) {
            check_pair(lengths[name], lengths[value]);
        }
    }
}

static void the_bytes_of_lengths(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        size_t name, value;
    } good[] = {
        {"\x00\x00", 2, 0, 0},
        {"\x01\x02nvv", 5, 1, 2},
        {"\x80\x00\x00\x01\x00n", 6, 1, 0}, /* four bytes where one would do: allowed */
        {"\x00\x80\x00\x00\x02vv", 7, 0, 2},
        {"\x80\x00\x00\x00\x80\x00\x00\x00", 8, 0, 0},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct slice stream = {good[i].bytes, good[i].length};
        struct fcgi_pair pair;
        assert_int_equal(fcgi_next_pair(&stream, &pair), STATUS_OK);
        assert_int_equal(pair.name.length, good[i].name);
        assert_int_equal(pair.value.length, good[i].value);
        assert_int_equal(stream.length, 0);
    }
}

/* Lengths whose sum would wrap in 32 bits, or that go past the end. */
static void lengths_past_the_end_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } bad[] = {
        {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFxx", 10},
        {"\xFF\xFF\xFF\xFF\x80\x00\x00\x01x", 9},
        {"\x01\xFF\xFF\xFF\xFFn", 6},
        {"\xFF\xFF\xFF\xFF\x00n", 6},
        {"\x7F\x7Fn", 3},
        {"\x01\x01n", 3},
        {"\x02\x00n", 3},
        {"\x80\x00\x00", 3},
        {"\x00\x80\x00\x00", 4},
        {"\x01", 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct slice stream = {bad[i].bytes, bad[i].length};
        struct fcgi_pair pair;
        assert_int_equal(fcgi_next_pair(&stream, &pair), STATUS_BAD_INPUT);
        assert_int_equal(stream.length, bad[i].length);
    }
}

/* The largest length there is, in memory that is never touched. */
static void the_largest_length_is_read(void **state) {
    (void)state;
    const size_t largest = 0x7FFFFFFF, size = 4 + largest + 1;
    char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(bytes, MAP_FAILED);
    memcpy(bytes, "\xFF\xFF\xFF\xFF\x00", 5);
    struct slice whole = {bytes, size}, cut = {bytes, size - 1};
    struct fcgi_pair pair;
    assert_int_equal(fcgi_next_pair(&cut, &pair), STATUS_BAD_INPUT);
    assert_int_equal(fcgi_next_pair(&whole, &pair), STATUS_OK);
    assert_int_equal(pair.name.length, largest);
    assert_int_equal(pair.value.length, 0);
    assert_int_equal(whole.length, 0);
    munmap(bytes, size);
}

static void an_empty_stream_has_no_pair(void **state) {
    (void)state;
    struct slice stream = {NULL, 0};
    struct fcgi_pair pair;
    assert_int_equal(fcgi_next_pair(&stream, &pair), STATUS_AGAIN);
}

static void pairs_that_do_not_fit_are_not_written(void **state) {
    (void)state;
    struct fcgi_pair pair = {slice_of("name"), slice_of("value")};
    uint8_t bytes[32];
    for (size_t capacity = 0; capacity < 3 + 11; capacity++) {
        memset(bytes, 0xAA, sizeof bytes);
        size_t length = 3;
        if (capacity < length) {
            continue;
        }
        assert_int_equal(fcgi_put_pair(bytes, capacity, &length, pair), STATUS_TOO_LARGE);
        assert_int_equal(length, 3);
        assert_int_equal(bytes[3], 0xAA);
    }
    size_t length = 3;
    assert_int_equal(fcgi_put_pair(bytes, 14, &length, pair), STATUS_OK);
    assert_int_equal(length, 14);
    assert_memory_equal(bytes + 3, "\x04\x05namevalue", 11);
    assert_int_equal(bytes[14], 0xAA);
}

static void lengths_of_more_than_31_bits_are_not_written(void **state) {
    (void)state;
    uint8_t bytes[16];
    size_t length = 0;
    struct slice huge = {(char *)bytes, 0x80000000u};
    struct fcgi_pair name = {huge, {NULL, 0}}, value = {{NULL, 0}, huge};
    struct fcgi_pair wraps = {{(char *)bytes, 0x7FFFFFFF}, {(char *)bytes, 0x7FFFFFFF}};
    assert_int_equal(fcgi_put_pair(bytes, SIZE_MAX, &length, name), STATUS_TOO_LARGE);
    assert_int_equal(fcgi_put_pair(bytes, SIZE_MAX, &length, value), STATUS_TOO_LARGE);
    assert_int_equal(fcgi_put_pair(bytes, sizeof bytes, &length, wraps), STATUS_TOO_LARGE);
    assert_int_equal(length, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read),
        cmocka_unit_test(headers_of_another_version_are_not),
        cmocka_unit_test(headers_are_written),
        cmocka_unit_test(begin_is_read),
        cmocka_unit_test(end_and_unknown_type_are_written),
        cmocka_unit_test(pairs_of_all_lengths_come_back),
        cmocka_unit_test(the_bytes_of_lengths),
        cmocka_unit_test(lengths_past_the_end_are_refused),
        cmocka_unit_test(the_largest_length_is_read),
        cmocka_unit_test(an_empty_stream_has_no_pair),
        cmocka_unit_test(pairs_that_do_not_fit_are_not_written),
        cmocka_unit_test(lengths_of_more_than_31_bits_are_not_written),
    };
    return cmocka_run_group_tests_name("fcgi", tests, NULL, NULL);
}
