#!/usr/bin/env bats
# shop-worker with real servers: every order gets one receipt, whoever is killed. REPEAT=N kills a worker N times.

bats_require_minimum_version 1.5.0
load ../lib/lab
load worker.bash

setup_file() { start_machines mysql redis; }
teardown_file() { remove_machines; }

# How a worker gets its work: "" from MySQL, else through that Redis.
MYSQL_ONLY=""
STREAM=127.0.0.1:6379

setup() {
    REDIS=$STREAM
    sql shop "TRUNCATE orders; TRUNCATE order_lines; TRUNCATE outbox; TRUNCATE receipts; UPDATE flags SET enabled = TRUE"
    redis flushall
    in_client sh -c 'rm -f /tmp/*.log /tmp/*.pid'
}

# What a test that failed has left running.
teardown() { in_client sh -c 'for file in /tmp/*.pid; do [ ! -e "$file" ] || kill -KILL $(cat $file); done' || true; }

# --- One receipt for each order -----------------------------------------------------------------------------------

@test "every order gets its receipt, straight from MySQL and through Redis" {
    for REDIS in "$MYSQL_ONLY" "$STREAM"; do
        # One that takes longer than a second for some of them would send those again.
        start_worker a WORKER_RESEND_MS=3600000
        place 40
        within 60 all_done
        stop_worker a
        assert_equal "$(lost)" 0
        assert_equal "$(results a written)" 40
        assert_equal "$(results a sent)" "$([ -z "$REDIS" ] && echo 0 || echo 40)"
    done
    assert_equal "$(sql shop "SELECT COUNT(*) FROM receipts")" 80
    assert_equal "$(redis xlen orders)" 0
}

@test "a receipt says what was bought, when, and what it cost" {
    place 1
    start_worker a
    within 60 all_done
    stop_worker a
    run sql --raw shop "SELECT text FROM receipts"
    assert_line "Order  $(sql shop "SELECT BIN_TO_UUID(uuid) FROM orders")"
    assert_line "Date   $(sql shop "SELECT DATE_FORMAT(CONVERT_TZ(created_at, @@session.time_zone, '+00:00'), '%Y-%m-%d %H:%i') FROM orders") UTC"
    assert_line "Mug"
    assert_line "  MUG-0001              2 x        12.50          25.00"
    assert_line "Total  EUR                                        37.49"
}

@test "two workers at once share the work, and do nothing twice" {
    for REDIS in "$MYSQL_ONLY" "$STREAM"; do
        for worker in a b; do start_worker $worker WORKER_RESEND_MS=3600000 WORKER_CLAIM_MS=3600000; done
        for worker in a b; do within 30 in_client grep -q '"event":"working"' /tmp/$worker.log; done
        place 200
        within 60 all_done
        stop_worker a
        stop_worker b
        assert_equal "$(lost)" 0
        assert [ "$(results a written)" -gt 0 ]
        assert [ "$(results b written)" -gt 0 ]
        assert_equal $(($(results a written) + $(results b written))) 200
    done
}

# --- Killed -----------------------------------------------------------------------------------------------------

# kill_workers NUMBER: starts a worker as often, and kills it within 0.6 seconds, of which it needs some to start; more often
# and later where none had come as far as to work. Prints how many of them had.
kill_workers() {
    # shellcheck disable=SC2016
    with_settings a bash -c 'at_work=0
        for ((i = 0; i < $1 || (at_work == 0 && i < 10 * $1); i++)); do
            /build/asan/shop-worker >/tmp/a.log 2>&1 & worker=$!
            ms=$((RANDOM % (600 * (1 + i / $1))))
            sleep $((ms / 1000)).$(printf %03d $((ms % 1000)))
            kill -KILL $worker
            wait $worker
            grep -q "\"event\":\"receipt\"" /tmp/a.log && at_work=$((at_work + 1))
        done 2>/dev/null
        echo $at_work' - "$1"
}

@test "killed at any moment, again and again: each order one receipt" {
    for REDIS in "$MYSQL_ONLY" "$STREAM"; do
        sql shop "TRUNCATE orders; TRUNCATE order_lines; TRUNCATE outbox; TRUNCATE receipts"
        keep_placing 5
        at_work=$(kill_workers "${REPEAT:-10}")
        enough_placed
        start_worker b
        within 120 all_done
        stop_worker b
        orders=$(sql shop "SELECT COUNT(*) FROM orders")
        echo "# ${REPEAT:-10} kills${REDIS:+ with Redis}, $at_work of them at work: $orders orders, $(lost) without a receipt" >&3
        assert [ "$at_work" -gt 0 ]
        assert_equal "$(lost)" 0
        assert_equal "$(sql shop "SELECT COUNT(*) FROM receipts")" "$orders"
        assert_equal "$(rows_in dead)" 0
        # To be killed is no fault of the order.
        assert_equal "$(sql shop "SELECT SUM(tries) FROM outbox")" 0
    done
    # The control: one that is taken away is missed.
    sql shop "DELETE FROM receipts LIMIT 1"
    assert_equal "$(lost)" 1
}

# send_by_hand NUMBER: orders that are in the stream, and are not sent again soon.
send_by_hand() {
    place "$1"
    sql shop "UPDATE outbox SET state = 'sent', next_try_at = NOW(3) + INTERVAL 1 HOUR WHERE state = 'new'"
    sql shop "SELECT CONCAT('xadd orders * outbox ', id) FROM outbox WHERE state = 'sent'" | redis
}

@test "what a worker had taken when it died, another one takes over" {
    redis xgroup create orders receipts 0 mkstream
    send_by_hand 10
    redis xreadgroup group receipts the-dead-one count 5 streams orders '>'
    start_worker b
    within 60 all_done
    stop_worker b
    assert_equal "$(lost)" 0
    assert_equal "$(results b written)" 10
    assert_equal "$(redis xlen orders)" 0
    # One that comes back under its name does not have to wait for that.
    send_by_hand 5
    redis xreadgroup group receipts c streams orders '>'
    start_worker c WORKER_CLAIM_MS=3600000
    within 60 all_done
    stop_worker c
    assert_equal "$(lost)" 0
}

@test "MySQL killed while workers work: nothing is lost, and no order is blamed" {
    for REDIS in "$MYSQL_ONLY" "$STREAM"; do
        start_worker a
        for _ in 1 2 3; do
            place 60
            kill_process 'mysqld --port=3306*'
            is_back() { sql shop "SELECT 1"; }
            within 30 is_back
        done
        within 60 all_done
        stop_worker a
        assert_equal "$(lost)" 0
        assert_equal "$(sql shop "SELECT SUM(tries) FROM outbox")" 0
    done
    assert_equal "$(sql shop "SELECT COUNT(*) FROM receipts")" 360
}

@test "told to stop, it ends after the piece of work at hand, and leaves the rest to others" {
    for REDIS in "$MYSQL_ONLY" "$STREAM"; do
        # Two statements, as one is a single word for a program, which may not be longer.
        for _ in 1 2; do place 700; done
        start_worker a
        some_done() { [ "$(rows_in "done")" -gt "$1" ]; }
        within 20 some_done $((1400 * ${round:-0} + 5))
        stop_worker a
        assert [ "$(lost)" -gt 0 ]
        assert_equal "$(sql shop "SELECT COUNT(*) FROM outbox JOIN receipts USING (order_id) WHERE state <> 'done'")" 0
        start_worker b
        within 180 all_done
        stop_worker b
        assert_equal "$(lost)" 0
        round=1
    done
}

# --- Redis --------------------------------------------------------------------------------------------------------

@test "Redis killed and back empty: what was under way is sent again" {
    place 20
    # As after XADD: sent, and now nowhere.
    sql shop "UPDATE outbox SET state = 'sent', next_try_at = NOW(3) + INTERVAL 1 SECOND"
    start_worker a WORKER_RESEND_MS=3600000
    within 60 all_done
    stop_worker a
    assert_equal "$(lost)" 0
    assert_equal "$(results a sent)" 20
    # And at work.
    start_worker a
    for _ in 1 2 3; do
        place 60
        compose kill redis
        place 20
        compose up --detach redis
    done
    within 60 all_done
    stop_worker a
    assert_equal "$(lost)" 0
    assert_equal "$(rows_in dead)" 0
}

@test "while Redis is away receipts are written all the same" {
    start_worker a
    compose kill redis
    place 20
    within 60 all_done
    assert_equal "$(lost)" 0
    assert_equal "$(results a sent)" 0
    compose up --detach redis
    within_the_stream() { place 1 && within 20 all_done && [ "$(results a sent)" -gt 0 ]; }
    within 60 within_the_stream
    stop_worker a
    assert_equal "$(lost)" 0
}

# --- Dead letters ---------------------------------------------------------------------------------------------------

@test "an order that cannot have a receipt is given up, stops nobody, and can be put back" {
    for REDIS in "$MYSQL_ONLY" "$STREAM"; do
        sql shop "TRUNCATE orders; TRUNCATE order_lines; TRUNCATE outbox; TRUNCATE receipts"
        place 20
        sql shop "UPDATE orders SET total_cents = 1 WHERE id = 2; DELETE FROM order_lines WHERE order_id = 5;
            INSERT INTO outbox (order_id, topic) VALUES (4711, 'order.placed')"
        start_worker a WORKER_RESEND_MS=3600000
        two_are_dead() { [ "$(rows_in dead)" = 3 ] && all_done; }
        within 20 two_are_dead
        place 1
        within 60 all_done
        assert_equal "$(lost)" 2
        assert_equal "$(sql shop "SELECT DISTINCT tries FROM outbox WHERE state = 'dead'")" 3
        assert_equal "$(results a failed)" 6
        assert_equal "$(results a "given up")" 3
        run -0 with_settings c /build/asan/shop-worker --dead
        assert_equal "${#lines[@]}" 4
        assert_line --regexp "^ +2  $(sql shop "SELECT BIN_TO_UUID(uuid) FROM orders WHERE id = 2") +3  20..-..-.. ..:..:..  its lines do not add up to its total\$"
        assert_line --regexp '^ +5  [-0-9a-f]{36} +3 .*  the order has no lines$'
        assert_line --regexp '^ +[0-9]+ {42,}3 .*  there is no such order$'
        [ -z "$REDIS" ] || assert_equal "$(redis xlen orders:dead)" 3
        # The cause removed, they are put back.
        sql shop "UPDATE orders SET total_cents = 3749 WHERE id = 2; DELETE FROM outbox WHERE order_id = 4711;
            INSERT INTO order_lines VALUES (5, 1, 'GIFT', 'Gift', 1, 3749)"
        run with_settings c /build/asan/shop-worker --requeue
        assert_output "2 put back"
        within 60 all_done
        assert_equal "$(lost)" 0
        run with_settings c /build/asan/shop-worker --dead
        assert_output "no dead letters"
        [ -z "$REDIS" ] || assert_equal "$(redis xlen orders:dead)" 0
        stop_worker a
    done
}

@test "entries that nobody can read are thrown away" {
    redis xadd orders '*' something else
    redis xadd orders '*' outbox 999999
    redis xgroup create orders receipts 0
    start_worker a
    place 1
    within 60 all_done
    is_empty() { [ "$(redis xlen orders)" = 0 ]; }
    within 20 is_empty
    stop_worker a
}

@test "without MySQL dead letters cannot be listed, and that is said" {
    run -1 with_settings c MYSQL_SERVERS=127.0.0.1:9 /build/asan/shop-worker --dead
    assert_output --partial "error: MySQL does not answer"
}

@test "the flag switched off, receipts wait; switched on again, they are written" {
    start_worker a FLAGS_INTERVAL_MS=50
    within 30 in_client grep -q '"event":"working"' /tmp/a.log
    sql shop "UPDATE flags SET enabled = FALSE WHERE name = 'receipts'"
    within 30 in_client grep -q '"name":"receipts","state":"off"' /tmp/a.log
    place 3
    # Ten times as long as it takes to look.
    sleep 0.2
    assert_equal "$(rows_in new)" 3
    sql shop "UPDATE flags SET enabled = TRUE WHERE name = 'receipts'"
    within 30 all_done
    stop_worker a
    assert_equal "$(lost)" 0
}

# --- For those who watch ---------------------------------------------------------------------------------------------

@test "what it counts is a file that promtool likes" {
    sql shop "INSERT INTO outbox (order_id, topic, state) VALUES (1, 'order.placed', 'dead')"
    place 3
    start_worker a METRICS_FILE=/tmp/worker.prom
    within 60 all_done
    counted() { in_client grep -Fx 'shop_worker_pieces_total{result="written"} 3' /tmp/worker.prom; }
    within 20 counted
    run in_client cat /tmp/worker.prom
    assert_line 'shop_outbox_rows{state="dead"} 1'
    assert_line 'shop_outbox_rows{state="new"} 0'
    run docker run --rm --interactive --network none webstack/promtool check metrics <<<"$output"
    assert_success
    assert_output ""
    stop_worker a
}
