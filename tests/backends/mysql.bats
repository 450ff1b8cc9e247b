#!/usr/bin/env bats
# shopd's way to speak to MySQL, with real ones: a primary and its replica, moved, killed, frozen, late, deadlocked.
# The tests themselves are app/test/live_mysql.c and live_orders.c; here is what they need, and one line for each group.

load ../lib/lab

export MYSQL_TEST_PASSWORD_FILE=$PWD/.lab/mysql-test-password

compose() { docker compose --file tests/backends/mysql.compose.yaml "$@"; }
in_client() { compose exec -T client "$@"; }

# make_certificates: a CA, a certificate of it for 127.0.0.1, and a CA that nobody trusts.
make_certificates() {
    local dir=$BATS_FILE_TMPDIR name
    for name in ca stranger; do
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$name" -keyout "$dir/$name-key.pem" -out "$dir/$name.pem"
    done
    openssl req -newkey rsa:2048 -nodes -subj "/CN=mysql" -keyout "$dir/key.pem" -out "$dir/request.pem"
    openssl x509 -req -in "$dir/request.pem" -days 2 -CA "$dir/ca.pem" -CAkey "$dir/ca-key.pem" \
        -extfile <(echo "subjectAltName = IP:127.0.0.1") -out "$dir/right.pem"
    # MySQL is not root there.
    chmod 644 "$dir/key.pem"
    tar -C "$dir" -c ca.pem stranger.pem key.pem right.pem | in_client tar -C /certificates -x
}

setup_file() {
    mkdir -p .lab
    (umask 077 && echo a-good-password >"$MYSQL_TEST_PASSWORD_FILE")
    compose down --volumes --timeout 1
    compose up --detach client
    make_certificates
    compose up --detach
}

teardown_file() {
    compose down --volumes --timeout 1
    rm -f "$MYSQL_TEST_PASSWORD_FILE"
}

# live PATTERN [PROGRAM]: runs the tests of it whose names match, at least one.
live() {
    run in_client env CMOCKA_MESSAGE_OUTPUT=TAP "/build/asan/live_${2:-mysql}" "$1"
    echo "$output"
    [ "$status" -eq 0 ] || compose logs --no-log-prefix --tail 20 mysql-a mysql-b
    assert_success
    assert_output --regexp $'(^|\n)ok 1 '
    # What it counted is shown also when all is well.
    grep -E '^# .*(acknowledged|answered)' <<<"$output" >&3 || true
}

@test "TLS: a certificate of our CA for this address is trusted, others are not" { live 'tls_*'; }
@test "a password that MySQL has not in its memory is checked all the same" { live 'login_*'; }
@test "MySQL hears the traceparent" { live 'trace_*'; }
@test "visitors read what they wrote, from a replica if it is in time" { live 'own_writes_*'; }
@test "transactions in a deadlock are both done, once" { live 'deadlock_*'; }
@test "connections that MySQL closed are replaced" { live 'closed_*'; }
# Held against times.
# bats test_tags=alone
@test "a primary that moves is followed, without a wrong write" { live 'moved_*'; }
@test "killed: nothing acknowledged is lost, reads go on" { live 'killed_*'; }
# bats test_tags=alone
@test "frozen: a call costs its time-out, reads go on" { live 'frozen_*'; }

@test "an order is written as a whole, or not at all; again with the same key it is found" { live 'placing_*' orders; }
@test "many who buy at once: the last one is sold once, a key makes one order, nobody is in a deadlock" { live 'rush_*' orders; }
@test "orders are shown to whom they belong, and a cart with what it costs now" { live 'looking_*' orders_show; }
@test "a token is known by its hash" { live 'tokens_*' orders_show; }
