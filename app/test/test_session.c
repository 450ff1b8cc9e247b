#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "session.h"

enum { ARENA_BYTES = 64 * 1024 };

#define TOKEN "0123456789abcdef0123456789abcdef"

static struct arena arena;

static int set_up(void **state) {
    (void)state;
    arena_init(&arena, ARENA_BYTES);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

static void a_session_begins_with_nothing_but_secrets(void **state) {
    (void)state;
    struct session session;
    memset(&session, 0x5a, sizeof session);
    session_begin(&session, 1000);
    assert_true(secret_is(slice_of(session.id)));
    assert_true(secret_is(slice_of(session.csrf)));
    assert_string_not_equal(session.id, session.csrf);
    assert_int_equal(session.user, 0);
    assert_string_equal(session.user_name, "");
    assert_string_equal(session.gtid, "");
    assert_int_equal(session.begun_s, 1000);
    assert_int_equal(session.cart_count, 0);
}

static void renewed_it_has_other_secrets_and_the_same_content(void **state) {
    (void)state;
    struct session session, before;
    session_begin(&session, 1000);
    session.user = 3;
    session.cart[0] = (struct session_item){7, 2};
    session.cart_count = 1;
    before = session;
    session_renew(&session, 2000);
    assert_string_not_equal(session.id, before.id);
    assert_string_not_equal(session.csrf, before.csrf);
    assert_int_equal(session.begun_s, 2000);
    assert_int_equal(session.user, 3);
    assert_memory_equal(session.cart, before.cart, sizeof before.cart);
}

static void pieces_are_counted(void **state) {
    (void)state;
    struct session session = {.cart = {{7, 2}, {8, 99}, {9, 1}}, .cart_count = 2};
    assert_int_equal(session_pieces(&session), 101);
    session.cart_count = 0;
    assert_int_equal(session_pieces(&session), 0);
}

/* The fullest there can be, in texts that JSON has to escape. */
static struct session full_session(void) {
    struct session session;
    session_begin(&session, INT32_MAX + INT64_C(1));
    session.user = UINT64_MAX;
    memset(session.user_name, '"', SESSION_NAME_BYTES - 1);
    memset(session.gtid, '\\', CALL_GTID_BYTES - 1);
    session.cart_count = SESSION_CART_MAX;
    for (uint32_t i = 0; i < SESSION_CART_MAX; i++) {
        session.cart[i] = (struct session_item){UINT32_MAX - i, SESSION_QUANTITY_MAX - i % 9};
    }
    return session;
}

static void what_is_written_can_be_read(void **state) {
    (void)state;
    struct session sessions[2], read;
    struct slice json, again;
    session_begin(&sessions[0], 0);
    sessions[1] = full_session();
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(session_write(&sessions[i], &arena, &json), STATUS_OK);
        assert_null(memmem(json.data, json.length, sessions[i].id, SESSION_ID_CHARS));
        assert_int_equal(session_read(json, &arena, &read), STATUS_OK);
        assert_string_equal(read.id, "");
        assert_int_equal(read.user, sessions[i].user);
        assert_int_equal(read.cart_count, sessions[i].cart_count);
        assert_memory_equal(read.cart, sessions[i].cart, sizeof read.cart);
        assert_int_equal(session_write(&read, &arena, &again), STATUS_OK);
        assert_true(slice_equal(json, again));
    }
}

static void it_is_written_as_the_header_says(void **state) {
    (void)state;
    struct session session = {.csrf = TOKEN,
                              .user = 3,
                              .user_name = "Ada",
                              .gtid = "u:7",
                              .begun_s = 1772366400,
                              .cart = {{7, 2}, {8, 1}},
                              .cart_count = 2};
    struct slice json;
    assert_int_equal(session_write(&session, &arena, &json), STATUS_OK);
    static const char expected[] = "{\"csrf\":\"" TOKEN "\",\"user\":3,\"name\":\"Ada\",\"gtid\":\"u:7\","
                                   "\"begun\":1772366400,\"cart\":[[7,2],[8,1]]}";
    assert_int_equal(json.length, sizeof expected - 1);
    assert_memory_equal(json.data, expected, json.length);
}

#define SESSION(user, name, gtid, begun, cart)                                                                         \
    "{\"csrf\":\"" TOKEN "\",\"user\":" user ",\"name\":" name ",\"gtid\":" gtid ",\"begun\":" begun ",\"cart\":" cart \
    "}"
#define NAME_OF_9 "aaaaaaaaa"
#define NAME_OF_81 NAME_OF_9 NAME_OF_9 NAME_OF_9 NAME_OF_9 NAME_OF_9 NAME_OF_9 NAME_OF_9 NAME_OF_9 NAME_OF_9

static void what_was_not_written_here_is_not_read(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "7",
        "{}",
        "[]",
        SESSION("-1", "\"\"", "\"\"", "0", "[]"),
        SESSION("\"1\"", "\"\"", "\"\"", "0", "[]"),
        SESSION("18446744073709551616", "\"\"", "\"\"", "0", "[]"),
        SESSION("1", "null", "\"\"", "0", "[]"),
        SESSION("1", "\"" NAME_OF_81 "\"", "\"\"", "0", "[]"),
        SESSION("1", "\"a\\u0000b\"", "\"\"", "0", "[]"),
        SESSION("1", "\"\"", "7", "0", "[]"),
        SESSION("1", "\"\"", "\"" NAME_OF_81 NAME_OF_81 "\"", "0", "[]"),
        SESSION("1", "\"\"", "\"\"", "0.5", "[]"),
        SESSION("1", "\"\"", "\"\"", "0", "{}"),
        SESSION("1", "\"\"", "\"\"", "0", "[7]"),
        SESSION("1", "\"\"", "\"\"", "0", "[[7]]"),
        SESSION("1", "\"\"", "\"\"", "0", "[[7,1,1]]"),
        SESSION("1", "\"\"", "\"\"", "0", "[[7,0]]"),
        SESSION("1", "\"\"", "\"\"", "0", "[[7,100]]"),
        SESSION("1", "\"\"", "\"\"", "0", "[[7,-1]]"),
        SESSION("1", "\"\"", "\"\"", "0", "[[4294967296,1]]"),
        SESSION("1", "\"\"", "\"\"", "0", "[[\"7\",1]]"),
        SESSION("1", "\"\"", "\"\"", "0", "[[[7],1]]"),
        "{\"csrf\":\"short\",\"user\":1,\"name\":\"\",\"gtid\":\"\",\"begun\":0,\"cart\":[]}",
    };
    struct session session;
    assert_int_equal(session_read(slice_of(SESSION("1", "\"\"", "\"\"", "0", "[[7,1]]")), &arena, &session), STATUS_OK);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        session.user = 77;
        assert_int_equal(session_read(slice_of(texts[i]), &arena, &session), STATUS_BAD_INPUT);
        assert_int_equal(session.user, 77);
    }
}

static void a_cart_has_an_end(void **state) {
    (void)state;
    struct session session = full_session();
    struct slice json;
    assert_int_equal(session_write(&session, &arena, &json), STATUS_OK);
    char *longer = arena_alloc(&arena, json.length + 8);
    memcpy(longer, json.data, json.length - 2);
    strcpy(longer + json.length - 2, ",[7,1]]}");
    assert_int_equal(session_read((struct slice){longer, json.length + 6}, &arena, &session), STATUS_BAD_INPUT);
}

static void without_memory_nothing_is_written_or_read(void **state) {
    (void)state;
    struct session session;
    struct slice json;
    session_begin(&session, 0);
    arena_init(&arena, 100);
    assert_int_equal(session_write(&session, &arena, &json), STATUS_NO_MEMORY);
    assert_int_equal(session_read(slice_of(SESSION("1", "\"\"", "\"\"", "0", "[[7,1]]")), &arena, &session),
                     STATUS_NO_MEMORY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_session_begins_with_nothing_but_secrets),
        TEST(renewed_it_has_other_secrets_and_the_same_content),
        TEST(pieces_are_counted),
        TEST(what_is_written_can_be_read),
        TEST(it_is_written_as_the_header_says),
        TEST(what_was_not_written_here_is_not_read),
        TEST(a_cart_has_an_end),
        TEST(without_memory_nothing_is_written_or_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
