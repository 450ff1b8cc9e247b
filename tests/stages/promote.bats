#!/usr/bin/env bats
# make promote and make rejoin, on stage 1: the roles of the two databases change while programs order, nothing that was
# acknowledged is lost, and there are never two primaries.

# bats file_tags=alone
bats_require_minimum_version 1.5.0
load ../shop/orders.bash

export BUYERS=4 PRODUCT=81 PIECES=1000000

setup_file() {
    rm -f results/promote.json
    make down
    make stage-1
    to_client order buy-on
}

teardown_file() { make down; }

# roles: of server-1 and server-2.
roles() { echo "$(role server-1) $(role server-2)"; }
are() { [ "$(roles)" = "$*" ]; }
in_order() { on server-1 mysql-role && on server-2 mysql-role; }
as_at_first() { are primary replica && in_order; }

# From the first roles, whatever the test before has left.
setup() {
    export PRIMARY=server-1
    ! within 10 as_at_first || return 0
    docker start "$(container server-1)" "$(container server-2)"
    make reset
    # The visitor's machine is a new one as well.
    to_client order buy-on
}

teardown() { on client "touch /tmp/buy-on.stop"; }

promote() { run make --no-print-directory promote "$@"; }
rejoin() { run make --no-print-directory rejoin "$@"; }

@test "planned, there and back, while programs order: nothing is lost, the application follows" {
    start_buying
    promote
    assert_success
    assert_line --regexp '^  server-2 is the primary, server-1 follows it\. No MySQL took writes for [0-9]+ ms\.$'
    there=$(grep -o '[0-9]* ms' <<<"$output")
    are replica primary
    goes_on
    promote NODE=server-1
    assert_success
    are primary replica
    goes_on
    stop_buying
    figure promote "no MySQL takes writes during make promote" "${there% ms}" ms 1000
    nothing_lost
    within 60 in_order
    PRIMARY=server-2
    nothing_lost
}

@test "two buyers of one product, one in the middle of its order, do not hold it up" {
    sql "UPDATE products SET stock = 100 WHERE id IN (7, 8)"
    on server-1 "mysql shop -e 'BEGIN; UPDATE products SET stock = stock - 1 WHERE id = 7; SELECT SLEEP(8);
        UPDATE products SET stock = stock - 1 WHERE id = 8; COMMIT'" 3>&- &
    within 10 on server-1 "mysql -e 'SHOW PROCESSLIST' | grep -q 'SELECT SLEEP'"
    on server-1 "mysql shop -e 'UPDATE products SET stock = stock - 1 WHERE id = 7'" 3>&- &
    within 10 on server-1 "mysql -e 'SHOW PROCESSLIST' | grep -q 'updating.*id = 7'"
    promote
    assert_success
    wait
    within 60 in_order
    PRIMARY=server-2
    # Both were done before, and are there.
    assert_equal "$(sql "SELECT stock FROM products WHERE id IN (7, 8) ORDER BY id" | xargs)" "98 99"
    promote
    assert_success
}

@test "interrupted while the next primary gets ready: when that has ended one takes writes, not both and not none" {
    # It has the last write, and cannot do it for some seconds.
    on server-2 "mysql -e 'FLUSH TABLES WITH READ LOCK; SELECT SLEEP(7)'" 3>&- &
    within 10 on server-2 "mysql -e 'SHOW PROCESSLIST' | grep -q 'SELECT SLEEP'"
    sql "UPDATE products SET stock = stock + 1 WHERE id = 9"
    # With what it has to have, not when it is only asked what it has.
    is_ready="docker top $(container server-2) | grep -q 'mysql-lead [0-9a-f]'"
    run python3 tests/lib/interrupt.py "$is_ready" make promote
    assert_success
    has_ended() { ! sh -c "$is_ready"; }
    within 60 has_ended
    wait
    takes_writes() { on "$1" "mysql -N -e 'SELECT @@read_only'"; }
    assert_regex "$(takes_writes server-1) $(takes_writes server-2)" '^(0 1|1 0)$'
    # Who takes them can.
    PRIMARY=server-1
    [ "$(takes_writes server-1)" = 0 ] || PRIMARY=server-2
    sql "UPDATE products SET stock = stock + 1 WHERE id = 9"
    within 60 in_order
    [ "$PRIMARY" = server-1 ] || { promote && assert_success; }
}

@test "the roles outlive a restart of both machines" {
    promote
    assert_success
    docker restart --time 5 "$(container server-1)" "$(container server-2)"
    within 60 in_order
    are replica primary
    promote
    are primary replica
}

@test "the primary dead while programs order: the replica goes on, and has every order that was acknowledged" {
    # Of its own: nothing that was ordered before counts.
    PRODUCT=82
    start_buying
    # Promised is what the replica has acknowledged; after a stall the primary does not wait for it for a while.
    is_acknowledged() { on server-1 mysql-role | grep -q "replicas=1 semisync=on"; }
    within 30 is_acknowledged
    docker kill "$(container server-1)"
    promote
    assert_success
    assert_line "  server-2 is the primary. Fenced: server-1"
    PRIMARY=server-2
    goes_on
    # Its machine comes back: it is shut, and the shop does not go there.
    docker start "$(container server-1)"
    fenced() { [ "$(role server-1)" = fenced ]; }
    within 60 fenced
    lets_nobody_in() {
        on server-1 "MYSQL_PWD=\$(cat /run/secrets/mysql-shop-password) mysql -h127.0.0.1 -ushop shop -e 'SELECT 1'" 2>&1 | grep "offline mode"
    }
    within 60 lets_nobody_in
    run make --no-print-directory status
    assert_output --partial "to bring it back: make rejoin NODE=server-1"
    goes_on
    rejoin NODE=server-1
    assert_success
    goes_on
    stop_buying
    nothing_lost
    within 60 in_order
    PRIMARY=server-1
    nothing_lost
    promote
    assert_success
}

@test "the primary frozen, its machine or the program alone: it is fenced before the other one takes writes" {
    docker pause "$(container server-1)"
    promote
    assert_success
    assert_line --partial "server-1 is off"
    assert_equal "$(role server-2)" primary
    rejoin NODE=server-1
    assert_success
    promote
    assert_success

    on server-1 "s6-svc -p /run/s6/mysql"
    promote
    assert_success
    assert_line --partial "did not answer and was killed"
    within 60 are fenced primary
    rejoin NODE=server-1
    assert_success
    promote
    assert_success
}

@test "a replica that is not in order does not become the primary, and nothing has changed" {
    on server-2 "mysql -e 'STOP REPLICA IO_THREAD'"
    promote
    assert_failure
    assert_line "error: server-2 is not in order, so server-1 stays the primary"
    are primary replica
    sql "UPDATE products SET name = 'still here' WHERE id = 6"
    on server-2 "mysql -e 'START REPLICA'"
    within 60 in_order
}

@test "one that applies too slowly does not become the primary: the old one takes writes again" {
    # No table is changed there while somebody holds this lock: until it is taken away, or a test that failed is over.
    on server-2 "mysql shop -e 'LOCK INSTANCE FOR BACKUP; SELECT SLEEP(100)'" 3>&- &
    within 10 on server-2 "mysql -e 'SHOW PROCESSLIST' | grep -q 'SELECT SLEEP'"
    sql "ALTER TABLE products COMMENT = 'changed'"
    promote
    assert_failure
    assert_line "error: server-2 could not take over, and server-1 is the primary as before"
    sql "UPDATE products SET name = 'still here' WHERE id = 6"
    on server-2 "mysql -N -e \"SELECT CONCAT('KILL ', id, ';') FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'\" | mysql"
    wait
    within 60 in_order
    are primary replica
}

@test "transactions that only the old primary has: shown, kept until somebody throws them away" {
    on server-2 "mysql -e 'STOP REPLICA IO_THREAD'"
    sql "UPDATE products SET name = 'only here' WHERE id = 5"
    docker kill "$(container server-1)"
    promote
    assert_success
    rejoin NODE=server-1
    assert_failure
    assert_line --regexp '^error: server-1 has transactions that server-2 does not have: [0-9a-f-]{36}:[0-9-]+$'
    see=$(sed -n "s/.*make run NODE=server-1 CMD='\(.*\)'$/\1/p" <<<"$output")
    run on server-1 "$see"
    assert_output --partial "only here"
    assert_equal "$(role server-1)" fenced
    rejoin NODE=server-1 RECLONE=1
    assert_success
    are replica primary
    refute [ "$(on server-1 "mysql -N shop -e 'SELECT name FROM products WHERE id = 5'")" = "only here" ]
    promote
    assert_success
}

@test "what cannot be is one line, and nothing has changed" {
    promote NODE=server-1
    assert_failure
    assert_line "error: server-1 is no replica that could become the primary"
    rejoin NODE=server-1
    assert_failure
    assert_line "error: server-1 is the primary, and follows nobody"
    rejoin NODE=lb-1
    assert_failure
    assert_line "error: there is no MySQL on lb-1"
    are primary replica
}
