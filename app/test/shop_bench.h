/*
 * shop_bench -- a whole shop but MySQL on a real socket, and its visitor: server, workers, templates, topology, and a
 * database that is not there.
 *
 * set_up() and tear_down() are for the group of tests. Include it after cmocka.h.
 */
#ifndef SHOP_BENCH_H
#define SHOP_BENCH_H

#include <pthread.h>
#include <sys/stat.h>
#include <yyjson.h>

#include "fcgi_client.h"
#include "metrics.h"
#include "shop.h"

enum { REASON_BYTES = 256 };

static char directory[] = "/tmp/test_shop-XXXXXX";
static char mysql_at[64] = "unix:/nowhere/mysql.sock";
static char listen_at[64], redis_at[64], secret_path[64], template_dir[256], node[16] = "test-node";

/* For the next start(). */
static int64_t read_timeout_ms = 60000, linger_ms = 60000; /* lingering is ended by a second stop */
static char session_store[16] = "memory", limit_per_s[8] = "0";
static char log_requests[] = "1", mysql_timeout_ms[8] = "1000", request_timeout_ms[8] = "20000";
static char redis_timeout_ms[8] = "10000"; /* the fake's thread may be late */
static void (*on_request)(void *, struct server *, struct fcgi_request *) = shop_on_request;

struct bench {
    struct config config;
    struct template_set *templates;
    struct shop shop;
    pthread_t loop;
    bool complete;
};

/* --- The shop --- */

static inline char *environment(const char *name) {
    static char workers[] = "1", queue[] = "2", failures[] = "1000";
    static char memory[] = "8", interval[] = "20", body[] = "1000", params[] = "2000";
    const struct {
        const char *name;
        char *value;
    } variables[] = {
        {"LISTEN", listen_at},
        {"NODE", node},
        {"TEMPLATE_DIR", template_dir},
        {"LOG_REQUESTS", log_requests},
        {"WORKERS", workers},
        {"QUEUE_LENGTH", queue},
        {"MYSQL_SERVERS", mysql_at},
        {"MYSQL_TIMEOUT_MS", mysql_timeout_ms},
        {"REQUEST_TIMEOUT_MS", request_timeout_ms},
        {"REDIS_SERVER", redis_at},
        {"REDIS_TIMEOUT_MS", redis_timeout_ms},
        {"SESSION_STORE", session_store},
        {"LIMIT_ADDRESS_PER_S", limit_per_s},
        {"PASSWORD_MEMORY_KIB", memory},
        {"BREAKER_FAILURES", failures},
        {"BODY_BYTES", body},
        {"PARAMS_BYTES", params},
        {"MYSQL_PASSWORD_FILE", secret_path},
        {"HEALTH_INTERVAL_MS", interval},
    };
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        if (strcmp(variables[i].name, name) == 0) {
            return variables[i].value;
        }
    }
    return NULL;
}

static inline void *run_loop(void *argument) {
    struct bench *bench = argument;
    bench->complete = server_run(bench->shop.server);
    return NULL;
}

static inline struct server_options server_options(struct bench *bench) {
    const struct config *config = &bench->config;
    return (struct server_options){
        .listen = config->listen,
        .socket_mode = (mode_t)config->socket_mode,
        .loops = (unsigned)config->loops,
        .limits = {(size_t)config->params_bytes, (size_t)config->body_bytes, (size_t)config->request_memory_bytes, 100,
                   100, NULL},
        .requests = (unsigned)config->requests,
        .output_bytes = (size_t)config->output_bytes,
        .read_timeout_ms = read_timeout_ms,
        .idle_timeout_ms = 60000,
        .linger_ms = linger_ms,
        .stop_timeout_ms = 60000,
        .on_request = on_request,
        .context = &bench->shop,
    };
}

static inline void start(struct bench *bench) {
    char reason[REASON_BYTES] = "";
    memset(bench, 0, sizeof *bench);
    assert_int_equal(config_read(CONFIG_SHOPD, environment, &bench->config, reason, sizeof reason), STATUS_OK);
    assert_int_equal(template_load(bench->config.template_dir, reason, sizeof reason, &bench->templates), STATUS_OK);
    struct shop *shop = &bench->shop;
    *shop = (struct shop){.config = &bench->config, .templates = bench->templates};
    const struct server_options options = server_options(bench);
    assert_int_equal(backends_start(&shop->backends, &bench->config), STATUS_OK);
    assert_int_equal(shop_start(shop), STATUS_OK);
    assert_int_equal(server_open(&options, &shop->server), STATUS_OK);
    assert_int_equal(pthread_create(&bench->loop, NULL, run_loop, bench), 0);
}

static inline void stop(struct bench *bench) {
    server_stop(bench->shop.server);
    server_stop(bench->shop.server);
    pthread_join(bench->loop, NULL);
    assert_true(bench->complete);
    shop_stop(&bench->shop);
    server_free(bench->shop.server);
    backends_stop(&bench->shop.backends);
    template_free(bench->templates);
}

/* --- The visitor --- */

struct answer {
    struct bytes bytes;
    const char *content; /* behind the header block */
};

static inline struct answer receive(struct client *client, uint16_t id) {
    struct answer answer;
    assert_int_equal(client_answer(client, &answer.bytes), id);
    char *blank = strstr((char *)answer.bytes.data, "\r\n\r\n");
    assert_non_null(blank);
    blank[2] = '\0'; /* the header block is a string of its own */
    answer.content = blank + 4;
    return answer;
}

static inline struct answer ask_with(struct client *client, const char *params, const char *body) {
    struct bytes request = {0};
    put_request(&request, 1, FCGI_KEEP_CONN, params, body);
    client_send(client, &request);
    return receive(client, 1);
}

static inline struct answer ask(struct client *client, const char *method, const char *uri) {
    char params[4096];
    snprintf(params, sizeof params, "REQUEST_METHOD=%s\nREQUEST_URI=%s\nREQUEST_ID=req-1\n", method, uri);
    return ask_with(client, params, "");
}

static inline void expect_header(const struct answer *answer, const char *line) {
    char whole[256];
    snprintf(whole, sizeof whole, "%s\r\n", line);
    if (strstr((char *)answer->bytes.data, whole) == NULL) {
        fail_msg("no \"%s\" in:\n%s", line, (char *)answer->bytes.data);
    }
}

static inline void expect_status(const struct answer *answer, const char *status) {
    char line[128];
    snprintf(line, sizeof line, "Status: %s", status);
    expect_header(answer, line);
    snprintf(line, sizeof line, "Content-Length: %zu", strlen(answer->content));
    expect_header(answer, line);
}

static inline bool has_header(const struct answer *answer, const char *name) {
    return strstr((char *)answer->bytes.data, name) != NULL;
}

/* An error as RFC 9457 wants it; answer is freed. */
static inline void expect_problem(struct answer answer, const char *status) {
    expect_status(&answer, status);
    expect_header(&answer, "Content-Type: application/problem+json");
    yyjson_doc *doc = yyjson_read(answer.content, strlen(answer.content), 0);
    assert_non_null(doc);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_int_equal(yyjson_get_int(yyjson_obj_get(root, "status")), atoi(status));
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "title")), status + 4);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "type")), "about:blank");
    assert_true(yyjson_get_len(yyjson_obj_get(root, "detail")) > 10);
    assert_non_null(yyjson_obj_get(root, "request_id"));
    yyjson_doc_free(doc);
    free_bytes(&answer.bytes);
}

static inline void expect_page(struct answer answer, const char *status) {
    expect_status(&answer, status);
    expect_header(&answer, "Content-Type: text/html; charset=utf-8");
    assert_non_null(strstr(answer.content, "</html>"));
    assert_non_null(strstr(answer.content, status + 4));
    free_bytes(&answer.bytes);
}

/* The JSON of an answer, which is freed. */
static inline yyjson_doc *read_json(struct answer answer, const char *status) {
    expect_status(&answer, status);
    expect_header(&answer, "Content-Type: application/json");
    yyjson_doc *doc = yyjson_read(answer.content, strlen(answer.content), 0);
    assert_non_null(doc);
    free_bytes(&answer.bytes);
    return doc;
}

static inline const char *text_at(yyjson_doc *doc, const char *pointer) {
    return yyjson_get_str(yyjson_doc_ptr_get(doc, pointer));
}

/* --- The surroundings --- */

static inline int set_up(void **state) {
    (void)state;
    if (mkdtemp(directory) == NULL || getcwd(template_dir, sizeof template_dir - sizeof "/templates") == NULL) {
        return -1;
    }
    strcat(template_dir, "/templates");
    snprintf(listen_at, sizeof listen_at, "unix:%s/socket", directory);
    snprintf(secret_path, sizeof secret_path, "%s/secret", directory);
    FILE *secret = fopen(secret_path, "w");
    if (secret == NULL || fputs("wrong\n", secret) < 0 || fclose(secret) != 0) {
        return -1;
    }
    shop_init();
    return db_library_init() == STATUS_OK ? 0 : -1;
}

static inline int tear_down(void **state) {
    (void)state;
    db_library_end();
    unlink(secret_path);
    return rmdir(directory);
}

#endif
