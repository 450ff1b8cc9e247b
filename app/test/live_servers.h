/*
 * live_servers -- the two MySQL of tests/backends/mysql.bats: their administrator, and a shop that uses them.
 *
 * set_up() is for the group of tests. Include it after cmocka.h.
 */
#ifndef LIVE_SERVERS_H
#define LIVE_SERVERS_H

#include <dirent.h>
#include <mysql.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database.h"
#include "wait.h"

#define ADDRESS_A "127.0.0.1:3306"
#define ADDRESS_B "127.0.0.1:3307"
#define PASSWORD "a-good-password" /* as in mysql.bats */

enum { SERVER_A, SERVER_B };
enum { CALL_TIMEOUT_MS = 1000, GTID_WAIT_MS = 100, INTERVAL_MS = 100, LAG_MS = 3000, SQL_BYTES = 4096 };

/* --- The administrator --- */

/* NULL: the server does not answer. */
static inline MYSQL *log_in_as_root(unsigned server) {
    static const char *const sockets[] = {"/socket/a/mysqld.sock", "/socket/b/mysqld.sock"};
    MYSQL *mysql = mysql_init(NULL);
    if (mysql_real_connect(mysql, NULL, "root", NULL, NULL, 0, sockets[server], 0) == NULL) {
        mysql_close(mysql);
        return NULL;
    }
    return mysql;
}

static inline bool is_up(unsigned server) {
    MYSQL *mysql = log_in_as_root(server);
    if (mysql != NULL) {
        mysql_close(mysql);
    }
    return mysql != NULL;
}

/* Calls row for every row of the result, if there is one. */
static inline void administer(unsigned server, const char *sql, void (*row)(void *context, char **columns),
                              void *context) {
    MYSQL *mysql = log_in_as_root(server);
    assert_non_null(mysql);
    if (mysql_query(mysql, sql) != 0) {
        fail_msg("server %u: %s: %s", server, sql, mysql_error(mysql));
    }
    MYSQL_RES *result = mysql_store_result(mysql);
    for (MYSQL_ROW found; result != NULL && (found = mysql_fetch_row(result)) != NULL;) {
        row(context, found);
    }
    mysql_free_result(result);
    mysql_close(mysql);
}

static inline void admin(unsigned server, const char *sql) { administer(server, sql, NULL, NULL); }

static inline void copy_text(void *context, char **columns) { snprintf(context, SQL_BYTES, "%s", columns[0]); }

static inline void admin_text(unsigned server, const char *sql, char out[static SQL_BYTES]) {
    out[0] = '\0';
    administer(server, sql, copy_text, out);
}

static inline void wait_until_replicated(unsigned from, unsigned to) {
    char executed[SQL_BYTES], sql[SQL_BYTES + 100], late[SQL_BYTES];
    admin_text(from, "SELECT @@global.gtid_executed", executed);
    snprintf(sql, sizeof sql, "SELECT WAIT_FOR_EXECUTED_GTID_SET('%s', 20)", executed);
    admin_text(to, sql, late);
    assert_string_equal(late, "0");
}

static inline void add_kill(void *context, char **columns) {
    char *sql = context;
    size_t length = strlen(sql);
    snprintf(sql + length, SQL_BYTES - length, "%s ", columns[0]);
}

/* MySQL hangs up on the application. */
static inline void kill_connections(unsigned server) {
    char ids[SQL_BYTES] = "", sql[64];
    administer(server, "SELECT id FROM information_schema.processlist WHERE user = 'shop'", add_kill, ids);
    for (char *rest = ids, *id; (id = strtok_r(rest, " ", &rest)) != NULL;) {
        snprintf(sql, sizeof sql, "KILL %s", id);
        admin(server, sql);
    }
}

/* The process of a server: this program sees it, as they share their processes. */
static inline pid_t find_process(unsigned server) {
    static const char *const options[] = {"--port=3306", "--port=3307"};
    DIR *processes = opendir("/proc");
    pid_t found = 0;
    for (struct dirent *entry; found == 0 && (entry = readdir(processes)) != NULL;) {
        char path[300], arguments[256] = "";
        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        FILE *file = fopen(path, "re");
        if (file != NULL) {
            size_t length = fread(arguments, 1, sizeof arguments - 1, file);
            fclose(file);
            bool is_ours = strcmp(arguments, "mysqld") == 0 && memmem(arguments, length, options[server], 11) != NULL;
            found = is_ours ? atoi(entry->d_name) : 0;
        }
    }
    closedir(processes);
    return found;
}

static inline void send_signal(unsigned server, int signal_number) {
    pid_t process = find_process(server);
    assert_true(process > 1);
    assert_int_equal(kill(process, signal_number), 0);
}

/* --- The shop --- */

struct lab {
    struct topology *topology;
    struct database *database;
};

static const struct db_options account = {
    .user = "shop", .password = PASSWORD, .database = "shop", .ca_file = "", .timeout_ms = CALL_TIMEOUT_MS};

static inline struct call new_call(int64_t ms) {
    struct call call = {.deadline = deadline_in_ms(ms)};
    trace_begin(&call.trace, (struct slice){0});
    return call;
}

/* One connection, with more time than the shop would give it. */
static inline struct db *new_db(const char *server, const char *ca_file) {
    struct db_options options = account;
    options.name = server;
    options.ca_file = ca_file;
    options.timeout_ms = 5000;
    assert_int_equal(address_read(server, &options.address), STATUS_OK);
    struct db *db = db_new(&options);
    assert_non_null(db);
    return db;
}

static inline enum db_role role_of(struct lab *lab, unsigned index) {
    struct topology_server server;
    assert_true(topology_server(lab->topology, index, &server));
    return server.role;
}

/* Each call of a server may take timeout_ms. */
static inline void open_lab_with(struct lab *lab, int64_t timeout_ms) {
    struct topology_options options = {
        .servers = ADDRESS_A " " ADDRESS_B,
        .account = account,
        .interval_ms = INTERVAL_MS,
        .lag_ms = LAG_MS,
        .gtid_wait_ms = GTID_WAIT_MS,
        .breaker_failures = 5,
        .breaker_cooldown_ms = 200,
    };
    options.account.timeout_ms = timeout_ms;
    assert_int_equal(topology_start(&options, &lab->topology), STATUS_OK);
    lab->database = database_new(lab->topology);
    assert_non_null(lab->database);
    wait_until(topology_primary(lab->topology) == SERVER_A && role_of(lab, SERVER_B) == DB_ROLE_REPLICA);
}

static inline void open_lab(struct lab *lab) { open_lab_with(lab, CALL_TIMEOUT_MS); }

static inline void close_lab(struct lab *lab) {
    database_free(lab->database);
    topology_stop(lab->topology);
}

struct texts {
    char first[128], second[128];
};

static inline void take_texts(void *context, const struct db_value *columns) {
    struct texts *texts = context;
    snprintf(texts->first, sizeof texts->first, "%.*s", (int)columns[0].text.length, columns[0].text.data);
    snprintf(texts->second, sizeof texts->second, "%.*s", (int)columns[1].text.length, columns[1].text.data);
}

static inline void take_number(void *context, const struct db_value *columns) {
    *(int64_t *)context = columns[0].number;
}

/* A note is a number behind an id: 1 or 2. */
static inline enum status set_note(struct lab *lab, struct call *call, int64_t id, int64_t value) {
    static const struct db_statement set = {
        .sql = "UPDATE notes SET value = ? WHERE id = ?", .params = "ii", .columns = ""};
    const struct db_value params[] = {{.number = value}, {.number = id}};
    return database_write(lab->database, call, &set, params, NULL, NULL);
}

/* -1: it cannot be read. */
static inline int64_t get_note(struct lab *lab, struct call *call, int64_t id) {
    static const struct db_statement get = {
        .sql = "SELECT value FROM notes WHERE id = ?", .params = "i", .columns = "i", .repeatable = true};
    const struct db_value params[] = {{.number = id}};
    int64_t value = -1;
    database_read(lab->database, call, &get, params, take_number, &value);
    return value;
}

static inline int64_t get_note_on_primary(struct lab *lab, int64_t id) {
    static const struct db_statement get = {
        .sql = "SELECT value FROM notes WHERE id = ?", .params = "i", .columns = "i", .repeatable = true};
    struct call call = new_call(5000);
    const struct db_value params[] = {{.number = id}};
    int64_t value = -1;
    database_write(lab->database, &call, &get, params, take_number, &value);
    return value;
}

static inline enum status add_to_note(struct database *database, struct call *call, int64_t id) {
    static const struct db_statement add = {
        .sql = "UPDATE notes SET value = value + 1 WHERE id = ?", .params = "i", .columns = ""};
    const struct db_value params[] = {{.number = id}};
    return database_write(database, call, &add, params, NULL, NULL);
}

static inline enum status add_number(struct database *database, struct call *call, int64_t number) {
    static const struct db_statement add = {.sql = "INSERT INTO numbers VALUES (?)", .params = "i", .columns = ""};
    const struct db_value params[] = {{.number = number}};
    return database_write(database, call, &add, params, NULL, NULL);
}

static inline void mark_number(void *context, char **columns) { ((unsigned char *)context)[atoi(columns[0])] = 1; }

static inline void find_numbers(unsigned server, unsigned char *found, size_t count) {
    memset(found, 0, count);
    administer(server, "SELECT number FROM shop.numbers", mark_number, found);
}

/* --- The surroundings --- */

static inline void replicate(unsigned from, unsigned to) {
    char sql[SQL_BYTES];
    snprintf(sql, sizeof sql,
             "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = %d, SOURCE_USER = 'replica',"
             " SOURCE_PASSWORD = '" PASSWORD "', SOURCE_SSL = 1, SOURCE_AUTO_POSITION = 1, SOURCE_CONNECT_RETRY = 1,"
             " SOURCE_RETRY_COUNT = 1000",
             from == SERVER_A ? 3306 : 3307);
    admin(to, sql);
    admin(to, "START REPLICA");
}

/* Both began with the same data, which is in no binary log: they only have to follow each other from now on. */
static inline void make_pair(void) {
    admin(SERVER_A, "CREATE USER replica IDENTIFIED BY '" PASSWORD "'");
    admin(SERVER_A, "GRANT REPLICATION SLAVE ON *.* TO replica");
    admin(SERVER_A, "CREATE TABLE shop.notes (id INT PRIMARY KEY, value INT NOT NULL)");
    admin(SERVER_A, "INSERT INTO shop.notes VALUES (1, 0), (2, 0)");
    admin(SERVER_A, "INSTALL COMPONENT 'file://component_query_attributes'");
    replicate(SERVER_A, SERVER_B);
    wait_until_replicated(SERVER_A, SERVER_B);
    replicate(SERVER_B, SERVER_A);
    admin(SERVER_A, "CREATE TABLE shop.numbers (number INT PRIMARY KEY)");
    wait_until_replicated(SERVER_A, SERVER_B);
}

static inline int set_up(void **state) {
    (void)state;
    char tables[SQL_BYTES];
    signal(SIGPIPE, SIG_IGN);
    if (db_library_init() != STATUS_OK) {
        return -1;
    }
    wait_until(is_up(SERVER_A) && is_up(SERVER_B));
    admin_text(SERVER_A, "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'numbers'", tables);
    if (strcmp(tables, "0") == 0) {
        make_pair();
    }
    return 0;
}

static inline int tear_down(void **state) {
    (void)state;
    db_library_end();
    return 0;
}

#endif
