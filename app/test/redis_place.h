/*
 * redis_place -- where the fake Redis of a group of tests is: set_up() makes the directory of its socket, tear_down()
 * removes it.
 */
#ifndef REDIS_PLACE_H
#define REDIS_PLACE_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_BYTES = 64 };

static char directory[] = "/tmp/test_redis-XXXXXX";
static char path[PATH_BYTES]; /* for fake_start() */

static inline int set_up(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/redis.sock", directory);
    return 0;
}

static inline int tear_down(void **state) {
    (void)state;
    return rmdir(directory);
}

#endif
