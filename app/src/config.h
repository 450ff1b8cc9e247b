/*
 * config -- every setting of shopd, of its worker and of shop-migrate, in one table.
 *
 * Settings are environment variables. The table below is the only place that
 * knows them: the parser, the range checks, --help and the table in app/README.md
 * come from it. What two programs read they read alike. A variable that ends in
 * PASSWORD_FILE names a file that holds the password, 1 to 255 bytes, as Compose secrets
 * do; its last newline is cut off.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "status.h"

/* The programs that read a setting; in the others it has its default. */
enum config_programs {
    CONFIG_SHOPD = 1,
    CONFIG_WORKER = 2,
    CONFIG_MIGRATE = 4,
    CONFIG_BOTH = CONFIG_SHOPD | CONFIG_WORKER,
    CONFIG_ALL = CONFIG_BOTH | CONFIG_MIGRATE,
};

/* X(programs, field, variable, default, help) */
#define CONFIG_TEXTS(X)                                                                                                \
    X(SHOPD, listen, "LISTEN", "unix:/run/shopd/fcgi.sock",                                                            \
      "where the web server connects: unix:PATH or ADDRESS:PORT")                                                      \
    X(ALL, node, "NODE", "", "name of this machine on the diagram; empty: its host name")                              \
    X(SHOPD, template_dir, "TEMPLATE_DIR", "/usr/share/shopd/templates", "directory of the pages")                     \
    X(ALL, mysql_servers, "MYSQL_SERVERS", "127.0.0.1:3306",                                                           \
      "unix:PATH or ADDRESS:PORT of each MySQL, with spaces between")                                                  \
    X(ALL, mysql_user, "MYSQL_USER", "shop", "account in MySQL")                                                       \
    X(ALL, mysql_password_file, "MYSQL_PASSWORD_FILE", "/run/secrets/mysql-shop-password",                             \
      "file with its password; empty: it has none")                                                                    \
    X(ALL, mysql_database, "MYSQL_DATABASE", "shop", "name of the database")                                           \
    X(ALL, mysql_ca_file, "MYSQL_CA_FILE", "", "CA that signed MySQL's certificate; empty: it is not verified")        \
    X(BOTH, redis_server, "REDIS_SERVER", "",                                                                          \
      "unix:PATH or ADDRESS:PORT of Redis; empty: there is none, nothing is cached")                                   \
    X(BOTH, redis_user, "REDIS_USER", "", "account in Redis; empty: the default one")                                  \
    X(BOTH, redis_password_file, "REDIS_PASSWORD_FILE", "", "file with its password; empty: it has none")              \
    X(BOTH, redis_ca_file, "REDIS_CA_FILE", "", "CA that signed Redis' certificate; empty: no TLS")                    \
    X(SHOPD, session_store, "SESSION_STORE", "memory", "where sessions are kept: memory (of this server) or redis")    \
    X(MIGRATE, schema_dir, "SCHEMA_DIR", "/usr/share/shopd/schema", "directory of the changes to the tables")          \
    X(WORKER, metrics_file, "METRICS_FILE", "", "where the worker writes what it counts; empty: nowhere")

/* X(programs, field, variable, default, minimum, maximum, unit, help) */
#define CONFIG_NUMBERS(X)                                                                                              \
    X(SHOPD, socket_mode, "SOCKET_MODE", 660, 0, 777, "octal", "permissions of the Unix socket")                       \
    X(SHOPD, loops, "LOOPS", 1, 1, 64, "threads", "that hold the FastCGI connections")                                 \
    X(SHOPD, workers, "WORKERS", 4, 1, 256, "threads",                                                                 \
      "for what waits on a backend; each holds a connection to MySQL")                                                 \
    X(SHOPD, reserved_workers, "RESERVED_WORKERS", 1, 0, 255, "threads",                                               \
      "of these, kept free of browsing if one is left")                                                                \
    X(SHOPD, queue_length, "QUEUE_LENGTH", 64, 1, 65536, "requests",                                                   \
      "of each class waiting for a worker; more: 503 at once")                                                         \
    X(SHOPD, connections, "CONNECTIONS", 8192, 1, 65536, "", "FastCGI connections at once")                            \
    X(SHOPD, requests, "REQUESTS", 1024, 1, 1048576, "", "open at once on all connections together")                   \
    X(SHOPD, requests_per_connection, "REQUESTS_PER_CONNECTION", 128, 1, 65535, "", "open at once on one connection")  \
    X(SHOPD, params_bytes, "PARAMS_BYTES", 65536, 1024, 1048576, "bytes", "CGI variables of one request")              \
    X(SHOPD, body_bytes, "BODY_BYTES", 1048576, 0, 67108864, "bytes", "body of one request")                           \
    X(SHOPD, request_memory_bytes, "REQUEST_MEMORY_BYTES", 4194304, 65536, 268435456, "bytes",                         \
      "of one request, all in all")                                                                                    \
    X(SHOPD, output_bytes, "OUTPUT_BYTES", 1048576, 4096, 268435456, "bytes",                                          \
      "unsent; a connection with more is not read")                                                                    \
    X(SHOPD, read_timeout_ms, "READ_TIMEOUT_MS", 10000, 10, 3600000, "ms",                                             \
      "for a request to come in, output to leave")                                                                     \
    X(SHOPD, idle_timeout_ms, "IDLE_TIMEOUT_MS", 3600000, 10, 86400000, "ms",                                          \
      "a connection without a request is kept")                                                                        \
    X(SHOPD, request_timeout_ms, "REQUEST_TIMEOUT_MS", 3000, 10, 600000, "ms",                                         \
      "to answer: for the queue and all backends")                                                                     \
    X(SHOPD, log_requests, "LOG_REQUESTS", 1, 0, 1, "", "1: a line for every request; 0: none")                        \
    X(SHOPD, linger_ms, "LINGER_MS", 0, 0, 600000, "ms", "after SIGTERM: not ready, but still accepting")              \
    X(SHOPD, stop_timeout_ms, "STOP_TIMEOUT_MS", 5000, 10, 600000, "ms", "after that: requests in flight may finish")  \
    X(BOTH, health_interval_ms, "HEALTH_INTERVAL_MS", 500, 10, 60000, "ms", "between two looks at each backend")       \
    X(ALL, mysql_timeout_ms, "MYSQL_TIMEOUT_MS", 2000, 1, 60000, "ms",                                                 \
      "for each call of a MySQL, connecting included")                                                                 \
    X(SHOPD, replica_lag_ms, "REPLICA_LAG_MS", 5000, 1, 3600000, "ms",                                                 \
      "a replica that is later is read if nothing else answers")                                                       \
    X(SHOPD, gtid_wait_ms, "GTID_WAIT_MS", 100, 0, 60000, "ms",                                                        \
      "a read waits for a replica to see the visitor's write; 0: primary")                                             \
    X(BOTH, redis_timeout_ms, "REDIS_TIMEOUT_MS", 200, 1, 60000, "ms", "to connect to Redis, and for one round trip")  \
    X(SHOPD, cache_ttl_ms, "CACHE_TTL_MS", 60000, 1, 86400000, "ms",                                                   \
      "a product is fresh in the cache, 10 % more or less")                                                            \
    X(SHOPD, cache_list_ttl_ms, "CACHE_LIST_TTL_MS", 5000, 1, 86400000, "ms",                                          \
      "so is a page of the list, and the home page")                                                                   \
    X(SHOPD, cache_stale_ms, "CACHE_STALE_MS", 300000, 0, 86400000, "ms",                                              \
      "an old one stays, for when MySQL is busy or away")                                                              \
    X(SHOPD, flight_late_ms, "FLIGHT_LATE_MS", 500, 10, 600000, "ms",                                                  \
      "a request that waits so long for the answer to another's question asks as well")                                \
    X(BOTH, flags_interval_ms, "FLAGS_INTERVAL_MS", 2000, 10, 600000, "ms", "between two looks at the flags")          \
    X(SHOPD, session_idle_ms, "SESSION_IDLE_MS", 1800000, 1000, 86400000, "ms",                                        \
      "a visitor who was not seen so long is forgotten")                                                               \
    X(SHOPD, session_max_ms, "SESSION_MAX_MS", 43200000, 1000, 604800000, "ms", "after that also one who was")         \
    X(SHOPD, sessions_max, "SESSIONS_MAX", 10000, 1, 1000000, "",                                                      \
      "in this server's memory; more: who was not seen longest goes")                                                  \
    X(SHOPD, password_memory_kib, "PASSWORD_MEMORY_KIB", 19456, 8, 1048576, "KiB", "to hash a password, each")         \
    X(SHOPD, password_passes, "PASSWORD_PASSES", 2, 1, 100, "", "over that memory")                                    \
    X(SHOPD, password_parallel, "PASSWORD_PARALLEL", 2, 1, 64, "", "passwords hashed at once; others wait")            \
    X(SHOPD, limit_address_per_s, "LIMIT_ADDRESS_PER_S", 200, 0, 100000, "requests",                                   \
      "a second from one address, five times that at once; 0: no limit")                                               \
    X(SHOPD, limit_account_per_s, "LIMIT_ACCOUNT_PER_S", 200, 0, 100000, "requests", "the same for one account")       \
    X(SHOPD, limit_login_ms, "LIMIT_LOGIN_MS", 600000, 1000, 86400000, "ms", "the time that the next three are for")   \
    X(SHOPD, limit_login_account, "LIMIT_LOGIN_ACCOUNT", 10, 0, 100000, "", "passwords tried in vain for one account") \
    X(SHOPD, limit_login_address, "LIMIT_LOGIN_ADDRESS", 30, 0, 100000, "",                                            \
      "passwords tried in vain from one address")                                                                      \
    X(SHOPD, limit_sign_up, "LIMIT_SIGN_UP", 200, 0, 100000, "", "accounts made from one address")                     \
    X(BOTH, breaker_failures, "BREAKER_FAILURES", 5, 1, 1000, "",                                                      \
      "of a backend in a row until it is no longer called")                                                            \
    X(BOTH, breaker_cooldown_ms, "BREAKER_COOLDOWN_MS", 1000, 10, 600000, "ms", "until it is tried again")             \
    X(MIGRATE, migrate_wait_ms, "MIGRATE_WAIT_MS", 60000, 0, 3600000, "ms",                                            \
      "for MySQL to be there, and for others that migrate")                                                            \
    X(WORKER, worker_interval_ms, "WORKER_INTERVAL_MS", 200, 1, 60000, "ms",                                           \
      "until the worker, with nothing to do, looks again")                                                             \
    X(WORKER, worker_tries, "WORKER_TRIES", 5, 1, 100, "", "of one receipt; then it is a dead letter")                 \
    X(WORKER, worker_retry_ms, "WORKER_RETRY_MS", 1000, 1, 600000, "ms",                                               \
      "before the second try, at most; twice as long before each further one")                                         \
    X(WORKER, worker_resend_ms, "WORKER_RESEND_MS", 30000, 1, 86400000, "ms",                                          \
      "what was sent through Redis and is not done is sent again")                                                     \
    X(WORKER, worker_claim_ms, "WORKER_CLAIM_MS", 10000, 1, 86400000, "ms",                                            \
      "what another worker has taken and not finished is taken over")

enum { CONFIG_TEXT_BYTES = 256 }; /* with the NUL */

/* The settings, in the units of the table, but for socket_mode, which is as chmod(2) wants it. */
struct config {
#define CONFIG_FIELD(programs, field, ...) char field[CONFIG_TEXT_BYTES];
    CONFIG_TEXTS(CONFIG_FIELD)
#undef CONFIG_FIELD
#define CONFIG_FIELD(programs, field, ...) int64_t field;
    CONFIG_NUMBERS(CONFIG_FIELD)
#undef CONFIG_FIELD
    char mysql_password[CONFIG_TEXT_BYTES]; /* read from mysql_password_file */
    char redis_password[CONFIG_TEXT_BYTES]; /* read from redis_password_file; "": none */
};

/*
 * Reads the settings of programs through get (getenv, but for tests), and the files with
 * passwords. STATUS_BAD_INPUT: reason, which has room for reason_size bytes, says in one
 * line which variable is wrong and what it may be. Whether an address or a directory is
 * good is not looked at.
 */
enum status config_read(enum config_programs programs, char *(*get)(const char *name), struct config *out, char *reason,
                        size_t reason_size);

/* Prints what programs read, for people: variable, default, range, unit, meaning. */
void config_print_help(FILE *out, enum config_programs programs);

/* Prints the whole table as Markdown, for app/README.md. */
void config_print_markdown(FILE *out);

#endif
