#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "fcgi_client.h"
#include "listener.h"

enum { ADDRESS_BYTES = 128 };

/* Every test has a directory for its sockets, and leaves it empty. */
static char directory[] = "/tmp/test_listener-XXXXXX";
static char path[64], where[80];

static int set_up(void **state) {
    (void)state;
    strcpy(directory, "/tmp/test_listener-XXXXXX");
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/socket", directory);
    snprintf(where, sizeof where, "unix:%s", path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    unlink(path);
    return rmdir(directory);
}

static int open_well(const char *at, mode_t mode, char address[static ADDRESS_BYTES]) {
    int fd = -1;
    assert_int_equal(listener_open(at, mode, &fd, address, ADDRESS_BYTES), STATUS_OK);
    assert_true(fd >= 0);
    return fd;
}

static void expect_failure(const char *at, enum status status) {
    char address[ADDRESS_BYTES] = "untouched";
    int fd = -7;
    assert_int_equal(listener_open(at, 0600, &fd, address, sizeof address), status);
    assert_int_equal(fd, -7);
    assert_string_equal(address, "untouched");
}

/* TCP's last acknowledgement may be on its way still when connect(2) has returned. */
static int accept_one(int listener) {
    struct pollfd wanted = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&wanted, 1, PATIENCE_MS), 1);
    return accept(listener, NULL, NULL);
}

/* A peer gets through, and the listener does not block when there is none. */
static void expect_connection(int listener, const char *address) {
    assert_int_equal(accept(listener, NULL, NULL), -1);
    int client = connect_to(address);
    assert_true(client >= 0);
    int server = accept_one(listener);
    assert_true(server >= 0);
    close(client);
    close(server);
}

static void a_unix_socket_listens_with_its_mode(void **state) {
    (void)state;
    static const mode_t modes[] = {0600, 0660, 0666, 0777};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        char address[ADDRESS_BYTES];
        struct stat there;
        mode_t mask = umask(077);
        int fd = open_well(where, modes[i], address);
        umask(mask);
        assert_string_equal(address, where);
        assert_int_equal(stat(path, &there), 0);
        assert_true(S_ISSOCK(there.st_mode));
        assert_int_equal(there.st_mode & 07777, modes[i]);
        expect_connection(fd, address);
        close(fd); /* left behind, for the next round to replace */
    }
}

static void a_socket_that_somebody_answers_on_is_not_replaced(void **state) {
    (void)state;
    char address[ADDRESS_BYTES];
    int fd = open_well(where, 0600, address);
    expect_failure(where, STATUS_GONE);
    int client = accept(fd, NULL, NULL); /* the one that asked whether we live */
    assert_true(client >= 0);
    close(client);
    expect_connection(fd, address);
    close(fd);
}

/* A server that has no time to accept is not a dead one, and asking it does not wait. */
static void a_socket_with_a_full_backlog_is_not_replaced(void **state) {
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), waiting = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(connect(waiting, (struct sockaddr *)&address, sizeof address), 0);
    expect_failure(where, STATUS_GONE);
    assert_int_equal(access(path, F_OK), 0);
    close(waiting);
    close(fd);
}

static void what_is_not_a_socket_is_not_replaced(void **state) {
    (void)state;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    expect_failure(where, STATUS_GONE);
    struct stat there;
    assert_int_equal(stat(path, &there), 0);
    assert_true(S_ISREG(there.st_mode));
}

static void a_directory_that_is_not_there_is_an_error(void **state) {
    (void)state;
    expect_failure("unix:/nowhere/at/all", STATUS_GONE);
}

static void tcp_tells_the_port_it_got(void **state) {
    (void)state;
    char address[ADDRESS_BYTES], again[ADDRESS_BYTES];
    int fd = open_well("127.0.0.1:0", 0, address);
    assert_memory_equal(address, "127.0.0.1:", 10);
    assert_true(atoi(address + 10) > 0);
    expect_connection(fd, address);
    expect_failure(address, STATUS_GONE);
    close(fd);
    fd = open_well(address, 0, again); /* although connections of it are in TIME_WAIT */
    assert_string_equal(again, address);
    close(fd);
}

static void tcp_answers_do_not_wait_for_acknowledgements(void **state) {
    (void)state;
    char address[ADDRESS_BYTES];
    int fd = open_well("127.0.0.1:0", 0, address), set = 0;
    int client = connect_to(address), server = accept_one(fd);
    socklen_t length = sizeof set;
    assert_int_equal(getsockopt(server, IPPROTO_TCP, TCP_NODELAY, &set, &length), 0);
    assert_true(set != 0);
    close(client);
    close(server);
    close(fd);
}

static void ipv6_goes_in_brackets(void **state) {
    (void)state;
    char address[ADDRESS_BYTES];
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool there = probe >= 0 && bind(probe, (struct sockaddr *)&loopback, sizeof loopback) == 0;
    if (probe >= 0) {
        close(probe);
    }
    if (!there) {
        skip(); /* this machine has no IPv6 */
    }
    int fd = open_well("[::1]:0", 0, address);
    assert_memory_equal(address, "[::1]:", 6);
    assert_true(atoi(address + 6) > 0);
    close(fd);
}

static void a_malformed_address_is_not_opened(void **state) {
    (void)state;
    static const char *const malformed[] = {"", "unix:", "9000", "localhost:0", "127.0.0.1:65536", "::1:9000"};
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        expect_failure(malformed[i], STATUS_BAD_INPUT);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_unix_socket_listens_with_its_mode),
        TEST(a_socket_that_somebody_answers_on_is_not_replaced),
        TEST(a_socket_with_a_full_backlog_is_not_replaced),
        TEST(what_is_not_a_socket_is_not_replaced),
        TEST(a_directory_that_is_not_there_is_an_error),
        TEST(tcp_tells_the_port_it_got),
        TEST(tcp_answers_do_not_wait_for_acknowledgements),
        TEST(ipv6_goes_in_brackets),
        TEST(a_malformed_address_is_not_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
