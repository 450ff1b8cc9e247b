/* What the process says of itself is what the kernel says of it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "process.h"

enum { BLOCK_BYTES = 32 * 1024 * 1024 };

static void memory_that_is_used_is_counted(void **state) {
    (void)state;
    int64_t before = process_resident_bytes();
    char *block = malloc(BLOCK_BYTES);
    assert_non_null(block);
    memset(block, 1, BLOCK_BYTES);
    int64_t grown = process_resident_bytes() - before;
    free(block);
    assert_in_range(grown, BLOCK_BYTES / 2, 2 * BLOCK_BYTES);
}

static void open_files_are_counted(void **state) {
    (void)state;
    int64_t before = process_open_fds();
    int fd = open("/dev/null", O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(process_open_fds(), before + 1);
    close(fd);
    assert_int_equal(process_open_fds(), before);
}

static void cpu_time_only_grows(void **state) {
    (void)state;
    int64_t begun_us = process_cpu_us(), now_us;
    volatile unsigned work = 0;
    while ((now_us = process_cpu_us()) < begun_us + 1000) {
        assert_true(now_us >= begun_us);
        work++;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_that_is_used_is_counted),
        cmocka_unit_test(open_files_are_counted),
        cmocka_unit_test(cpu_time_only_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
