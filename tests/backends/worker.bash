# What tests/backends/migrate.bats and worker.bats need to speak to their machines.

export WORKER_TEST_PASSWORD_FILE=$PWD/.lab/worker-test-password

compose() { docker compose --file tests/backends/worker.compose.yaml "$@"; }

# inside MACHINE COMMAND...: runs it there, without a shell. Compose would take three times as long, for each of hundreds.
inside() { docker exec --interactive "webstack-worker-test-$1-1" "${@:2}"; }

# in_client COMMAND...: runs it on the machine that the programs run on, as root.
in_client() { inside client "$@"; }

# sql [OPTION...] STATEMENTS: as MySQL's root; the rows, columns divided by tabs.
sql() { inside mysql mysql --batch --skip-column-names "${@:1:$#-1}" --execute "${!#}"; }

# kill_process PATTERN: -KILL to the process whose command line, as one text, is like this; all machines share processes.
kill_process() {
    # shellcheck disable=SC2016
    in_client bash -c 'for process in /proc/[0-9]*; do
        command=$(tr "\0" " " <$process/cmdline)
        [[ $command != $1 ]] || kill -KILL ${process#/proc/}
    done 2>/dev/null' - "$1"
}

# start_machines SERVICE...: all of them up.
start_machines() {
    mkdir -p .lab
    (umask 077 && echo a-good-password >"$WORKER_TEST_PASSWORD_FILE")
    compose down --volumes --timeout 1
    compose up --detach --wait client "$@"
}

remove_machines() {
    compose down --volumes --timeout 1
    rm -f "$WORKER_TEST_PASSWORD_FILE"
}

# --- Orders -----------------------------------------------------------------------------------------------------

# orders NUMBER prints SQL for as many orders as a checkout would write them, each for 37.49 EUR and with its row of the
# outbox.
orders() {
    local rows
    # Written out: MySQL may lose the temporary table of a recursive query when that goes to the disk (MySQL bug 112704).
    rows=$(seq "$1" | sed "s/.*/(UUID_TO_BIN(UUID()), 1, UUID(), UNHEX(SHA2(&, 256)), 3749, 'EUR')/" | paste -s -d ,)
    echo "START TRANSACTION;
        INSERT INTO orders (uuid, user_id, idempotency_key, request_hash, total_cents, currency) VALUES $rows;
        SET @last = LAST_INSERT_ID() + $1 - 1, @first = LAST_INSERT_ID();
        INSERT INTO order_lines SELECT id, 1, 'MUG-0001', 'Mug', 2, 1250 FROM orders WHERE id BETWEEN @first AND @last;
        INSERT INTO order_lines SELECT id, 2, 'PEN-0815', 'Pen', 1, 1249 FROM orders WHERE id BETWEEN @first AND @last;
        INSERT INTO outbox (order_id, topic) SELECT id, 'order.placed' FROM orders WHERE id BETWEEN @first AND @last;
        COMMIT;"
}

place() { sql shop "$(orders "$1")"; }

# keep_placing NUMBER: so many at a time, again and again, until enough_placed.
keep_placing() {
    inside mysql rm -f /tmp/enough
    # shellcheck disable=SC2016
    inside mysql sh -c 'until [ -e /tmp/enough ]; do mysql shop --execute "$1" || sleep 0.1; done' - "$(orders "$1")" &
    PLACING=$!
}

enough_placed() {
    inside mysql touch /tmp/enough
    wait "$PLACING"
}

# How many orders have no receipt.
lost() { sql shop "SELECT COUNT(*) FROM orders LEFT JOIN receipts ON receipts.order_id = orders.id WHERE receipts.order_id IS NULL"; }

# How many rows of the outbox are in a state.
rows_in() { sql shop "SELECT COUNT(*) FROM outbox WHERE state = '$1'"; }

all_done() { [ "$(rows_in new)$(rows_in sent)" = 00 ]; }

# --- Workers ----------------------------------------------------------------------------------------------------

# with_settings NAME [VARIABLE=VALUE...] COMMAND...: in the client, as a worker of that name.
with_settings() {
    in_client env NODE="$1" MYSQL_SERVERS=127.0.0.1:3306 MYSQL_PASSWORD_FILE=/run/secrets/mysql-shop-password \
        REDIS_SERVER="$REDIS" REDIS_TIMEOUT_MS=500 WORKER_INTERVAL_MS=20 WORKER_TRIES=3 WORKER_RETRY_MS=50 \
        WORKER_RESEND_MS=1000 WORKER_CLAIM_MS=1000 BREAKER_COOLDOWN_MS=200 HEALTH_INTERVAL_MS=100 "${@:2}"
}

# start_worker NAME [VARIABLE=VALUE...]: one that goes on, its log in the client's /tmp/NAME.log.
start_worker() {
    # shellcheck disable=SC2016
    with_settings "$@" bash -c 'rm -f /tmp/$NODE.log; /build/asan/shop-worker </dev/null >/tmp/$NODE.log 2>&1 & echo $! >/tmp/$NODE.pid'
}

# stop_worker NAME: gently; fails if it was not gone in time, or not well.
stop_worker() {
    # shellcheck disable=SC2016
    in_client bash -c 'pid=$(cat /tmp/$1.pid) && kill -TERM $pid
        for i in {1..400}; do [ -e /proc/$pid ] || break; sleep 0.05; done
        ! [ -e /proc/$pid ] && grep -q "\"event\":\"stopped\"" /tmp/$1.log && ! grep -q Sanitizer /tmp/$1.log' - "$1"
}

log_of() { in_client cat "/tmp/$1.log"; }

# results NAME RESULT: how many pieces of work the worker's log has with that result.
results() { log_of "$1" | grep -c "\"result\":\"$2\"" || true; }

redis() { inside redis redis-cli "$@"; }
