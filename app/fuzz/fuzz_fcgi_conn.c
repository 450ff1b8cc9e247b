/*
 * Bytes of a hostile web server against fcgi_conn. The input is a list of steps: the first byte of each says what
 * to do, and how many of the next bytes are fed if it is a feed:
 *
 *   0..199    feed that many bytes      230..238  answer one of the requests that wait, large
 *   200..229  answer one, small         239       time passes: what is not whole for three feeds expires
 *   240..253  send up to (byte - 239)^3 bytes of the output
 *   254       drain                     255       send everything
 *
 * Checked besides what the sanitizers see: memory and output stay bounded, the output is whole records of types an
 * application may send, the budget is kept and given back, and nothing leaks.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_conn.h"

enum { WAITING_MAX = 64, LARGE_BYTES = 140000, REPLIES_BYTES = 16384, REQUESTS_OF_SERVER = 40, PATIENCE_US = 3 };

static struct fcgi_budget budget = {.most = REQUESTS_OF_SERVER};
static const struct fcgi_limits limits = {
    .params_bytes = 300, .body_bytes = 400, .memory_bytes = 1500, .connections = 3, .requests = 4, .budget = &budget};

struct reader { /* of the records that the connection sends */
    uint8_t header_bytes[FCGI_HEADER_BYTES];
    size_t header_length;
    size_t content_left;
};

struct run {
    struct fcgi_conn *conn;
    struct fcgi_request *waiting[WAITING_MAX];
    size_t waiting_count;
    int64_t now_us; /* the feeds, counted */
    size_t turn;    /* which waiting request is answered next */
    struct reader reader;
    const char *content;
};

static void must(bool holds) {
    if (!holds) {
        abort();
    }
}

static void use(struct slice bytes) {
    static volatile unsigned char sum;
    for (size_t i = 0; i < bytes.length; i++) {
        sum = (unsigned char)(sum + (unsigned char)bytes.data[i]);
    }
}

static void on_request(void *context, struct fcgi_request *request) {
    struct run *run = context;
    size_t bytes = 0;
    for (size_t i = 0; i < request->param_count; i++) {
        use(request->params[i].name);
        use(request->params[i].value);
        bytes += request->params[i].name.length + request->params[i].value.length + 2;
    }
    use(request->body);
    use(fcgi_param(request, "A"));
    must(bytes <= limits.params_bytes && request->body.length <= limits.body_bytes);
    must(request->arena.taken_bytes <= limits.memory_bytes && !arena_failed(&request->arena));
    must(request->fault == FCGI_FAULT_NONE || request->fault == FCGI_FAULT_CLOSING || request->body.length == 0);
    must((request->fault != FCGI_FAULT_PARAMS_TOO_LARGE && request->fault != FCGI_FAULT_TIMED_OUT) ||
         request->param_count == 0);
    must(run->waiting_count < WAITING_MAX);
    run->waiting[run->waiting_count++] = request;
}

static void on_oddity(void *context, const char *what) {
    (void)context;
    must(strlen(what) > 0);
}

static void answer_one(struct run *run, size_t length) {
    if (run->waiting_count == 0) {
        return;
    }
    size_t which = run->turn % run->waiting_count;
    struct fcgi_request *request = run->waiting[which];
    run->waiting[which] = run->waiting[--run->waiting_count];
    must((request->conn == NULL) == request->cancelled);
    request->head = slice_of("Status: 200\r\n\r\n");
    request->content = (struct slice){run->content, length};
    fcgi_conn_respond(request);
}

static void read_header(struct reader *reader) {
    struct fcgi_header header;
    must(fcgi_get_header(reader->header_bytes, &header) == STATUS_OK);
    bool of_request = header.type == FCGI_STDOUT || header.type == FCGI_END_REQUEST;
    must(of_request || header.type == FCGI_GET_VALUES_RESULT || header.type == FCGI_UNKNOWN_TYPE);
    must(of_request == (header.request_id != FCGI_NULL_REQUEST_ID));
    reader->content_left = (size_t)header.content_length + header.padding_length;
    reader->header_length = 0;
}

static void read_output(struct reader *reader, const uint8_t *bytes, size_t length) {
    while (length > 0) {
        size_t taken;
        if (reader->content_left > 0) {
            taken = length < reader->content_left ? length : reader->content_left;
            reader->content_left -= taken;
        } else {
            taken = 1;
            reader->header_bytes[reader->header_length++] = *bytes;
            if (reader->header_length == FCGI_HEADER_BYTES) {
                read_header(reader);
            }
        }
        bytes += taken;
        length -= taken;
    }
}

/* Sends at most limit bytes; returns how many there were. */
static size_t send_some(struct run *run, size_t limit) {
    struct iovec vectors[5];
    size_t count = fcgi_conn_output(run->conn, vectors, 5), sent = 0;
    must((count == 0) == (fcgi_conn_pending_bytes(run->conn) == 0));
    for (size_t i = 0; i < count && sent < limit; i++) {
        size_t length = vectors[i].iov_len < limit - sent ? vectors[i].iov_len : limit - sent;
        must(vectors[i].iov_len > 0);
        read_output(&run->reader, vectors[i].iov_base, length);
        sent += length;
    }
    fcgi_conn_sent(run->conn, sent);
    return sent;
}

static void send_all(struct run *run) {
    while (send_some(run, SIZE_MAX) > 0) {
    }
    must(run->reader.header_length == 0 && run->reader.content_left == 0);
}

static void check(const struct run *run) {
    must(fcgi_conn_open_requests(run->conn) <= limits.requests && atomic_load(&budget.taken) <= budget.most);
    must(fcgi_conn_pending_bytes(run->conn) <= limits.requests * (LARGE_BYTES + 200) + REPLIES_BYTES);
    must(!fcgi_conn_finished(run->conn) || fcgi_conn_open_requests(run->conn) == 0);
}

/* One step; returns how many bytes of data it took, or 0 if the connection is to be closed. */
static size_t step(struct run *run, const uint8_t *data, size_t size) {
    uint8_t what = data[0];
    size_t taken = 1;
    run->turn += what;
    if (what < 200) {
        size_t length = what < size - 1 ? what : size - 1;
        run->now_us++;
        uint8_t *part = malloc(length + 1); /* of its own, so that the sanitizer sees a byte too far */
        must(part != NULL);
        memcpy(part, data + 1, length);
        enum status status = fcgi_conn_feed(run->conn, part, length, run->now_us);
        free(part);
        must(status == STATUS_OK || status == STATUS_BAD_INPUT);
        taken = status == STATUS_OK ? 1 + length : 0;
    } else if (what < 239) {
        answer_one(run, what < 230 ? what - 200u : what - 230u < 8 ? 65515 + (what - 230u) : LARGE_BYTES);
    } else if (what == 239) {
        taken = fcgi_conn_expire(run->conn, run->now_us - PATIENCE_US) ? taken : 0;
    } else if (what < 254) {
        size_t side = what - 239u;
        send_some(run, side * side * side);
    } else if (what == 254) {
        fcgi_conn_drain(run->conn);
    } else {
        send_all(run);
    }
    check(run);
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char content[LARGE_BYTES];
    static struct run run;
    const struct fcgi_conn_events events = {on_request, on_oddity, &run};
    run = (struct run){.conn = fcgi_conn_new(&limits, &events), .content = content};
    must(run.conn != NULL);
    for (size_t taken = 1; size > 0 && taken > 0 && !fcgi_conn_finished(run.conn); data += taken, size -= taken) {
        taken = step(&run, data, size);
    }
    /* Some requests are answered before the peer leaves, the others after. */
    for (size_t i = run.waiting_count / 2; i > 0; i--) {
        answer_one(&run, 10);
    }
    send_all(&run);
    must(fcgi_conn_pending_bytes(run.conn) == 0);
    fcgi_conn_free(run.conn);
    while (run.waiting_count > 0) {
        answer_one(&run, 10);
    }
    must(atomic_load(&budget.taken) == 0);
    return 0;
}
