#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "address.h"

static struct address read_well(const char *text) {
    struct address address;
    assert_int_equal(address_read(text, &address), STATUS_OK);
    return address;
}

static void expect_malformed(const char *text) {
    struct address address = {.host = "untouched"};
    assert_int_equal(address_read(text, &address), STATUS_BAD_INPUT);
    assert_string_equal(address.host, "untouched");
}

static void a_path_is_all_that_follows_unix(void **state) {
    (void)state;
    static const char *const paths[] = {"/run/shopd/fcgi.sock", "relative", "/nowhere/at/all", "/with:colon:80"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char text[64] = "unix:";
        struct address address = read_well(strcat(text, paths[i]));
        const struct sockaddr_un *socket = (const struct sockaddr_un *)&address.socket;
        assert_string_equal(address.path, paths[i]);
        assert_string_equal(address.host, "");
        assert_int_equal(socket->sun_family, AF_UNIX);
        assert_string_equal(socket->sun_path, paths[i]);
        assert_int_equal(address.socket_length, sizeof *socket);
        assert_int_equal(access(paths[i], F_OK), -1); /* read, not made */
    }
}

static void a_path_is_as_long_as_the_kernel_takes(void **state) {
    (void)state;
    char text[5 + ADDRESS_PATH_BYTES + 1];
    memset(text, 'x', sizeof text);
    memcpy(text, "unix:", 5);
    text[5 + ADDRESS_PATH_BYTES] = '\0';
    expect_malformed(text);
    text[5 + ADDRESS_PATH_BYTES - 1] = '\0';
    read_well(text);
}

static void an_ipv4_address_has_a_port(void **state) {
    (void)state;
    struct address address = read_well("192.0.2.1:65535"); /* no address of this machine */
    const struct sockaddr_in *socket = (const struct sockaddr_in *)&address.socket;
    assert_string_equal(address.path, "");
    assert_string_equal(address.host, "192.0.2.1");
    assert_int_equal(address.port, 65535);
    assert_int_equal(socket->sin_family, AF_INET);
    assert_int_equal(socket->sin_port, htons(65535));
    assert_int_equal(socket->sin_addr.s_addr, htonl(0xc0000201));
    assert_int_equal(address.socket_length, sizeof *socket);
    assert_int_equal(read_well("127.0.0.1:0").port, 0);
}

static void an_ipv6_address_stands_in_brackets(void **state) {
    (void)state;
    struct address address = read_well("[2001:db8::7]:6379");
    const struct sockaddr_in6 *socket = (const struct sockaddr_in6 *)&address.socket;
    assert_string_equal(address.host, "2001:db8::7");
    assert_int_equal(address.port, 6379);
    assert_int_equal(socket->sin6_family, AF_INET6);
    assert_int_equal(socket->sin6_port, htons(6379));
    assert_int_equal(socket->sin6_addr.s6_addr[15], 7);
    assert_int_equal(address.socket_length, sizeof *socket);
    assert_string_equal(read_well("[::]:9000").host, "::");
}

static void everything_else_is_malformed(void **state) {
    (void)state;
    static const char *const malformed[] = {
        "",
        "unix:",
        "9000",
        ":9000",
        "127.0.0.1",
        "127.0.0.1:",
        "localhost:0",
        "127.0.0.1:http",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1: 80",
        "127.0.0.1:+80",
        "127.0.0.1:0x50",
        "256.0.0.1:0",
        "[::1]",
        "[::1]:",
        "[::1:0",
        "::1:9000",
        "[]:0",
        "[zz]:0",
        "127.0.0.1:999999999999",
        "/run/shopd.sock",
        "1111111111111111111111111111111111111111111111111111111111111111111111111111:80",
    };
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        expect_malformed(malformed[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_all_that_follows_unix), cmocka_unit_test(a_path_is_as_long_as_the_kernel_takes),
        cmocka_unit_test(an_ipv4_address_has_a_port),      cmocka_unit_test(an_ipv6_address_stands_in_brackets),
        cmocka_unit_test(everything_else_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
