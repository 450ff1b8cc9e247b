#!/usr/bin/env bats
# shopd's way to speak to Redis, with real ones: let in and not, encrypted, killed, paused, full.

load ../lib/lab
load redis.bash

PASSWORD=a-good-password

setup_file() {
    mkdir -p .lab
    (umask 077 && echo "$PASSWORD" >"$REDIS_TEST_PASSWORD_FILE")
    compose down --volumes
    compose up --detach client
    make_certificates
    compose up --detach --wait
}

teardown_file() {
    compose down --volumes --timeout 1
    rm -f "$REDIS_TEST_PASSWORD_FILE"
}

@test "values come back as they were stored" {
    live REDIS_SERVER=198.18.7.13:6379
    expect "SET k hello" "ok text OK"
    expect "GET k" "ok text hello"
    expect "GET nothing" "ok nil -"
    expect "INCR n" "ok number 1"
    expect "SET k hello PX 0" "ok error ERR invalid expire time in 'set' command"
    large=$(head -c 60000 /dev/zero | tr '\0' x)
    expect "SET large $large" "ok text OK"
    expect "GET large" "ok text $large"
}

@test "a Unix socket does as well" {
    live REDIS_SERVER=unix:/socket/redis.sock
    expect "SET s local" "ok text OK"
    expect "GET s" "ok text local"
}

@test "what expires is gone" {
    live REDIS_SERVER=198.18.7.13:6379
    expect "SET brief v PX 20" "ok text OK"
    gone() { say "GET brief" && [ "$OUTCOME" = "ok nil -" ]; }
    within 20 gone
}

@test "the right password opens, a wrong one does not" {
    live REDIS_SERVER=198.18.7.14:6379 REDIS_PASSWORD=a-secret
    expect "PING" "ok text PONG"
    live REDIS_SERVER=198.18.7.14:6379 REDIS_PASSWORD=wrong
    expect "PING" "gone - -"
    logged WRONGPASS 1
    live REDIS_SERVER=198.18.7.14:6379
    expect "PING" "gone - -"
    logged NOAUTH 1
}

@test "the shop's account reads and writes, and can do no harm" {
    live REDIS_SERVER=198.18.7.10:6379 REDIS_USER=shop REDIS_PASSWORD="$PASSWORD"
    expect "SET k v PX 60000" "ok text OK"
    expect "GET k" "ok text v"
    # What a session takes: read and seen at once; saved only where there still is one; ended.
    expect "GETEX k PX 60000" "ok text v"
    expect "SET k w PX 60000 XX" "ok text OK"
    expect "DEL k" "ok number 1"
    expect "SET k v PX 60000 XX" "ok nil -"
    expect "GETEX k PX 60000" "ok nil -"
    for command in FLUSHALL "KEYS *" "SCAN 0" RANDOMKEY SHUTDOWN "CONFIG SET maxmemory 1" "ACL LIST" MONITOR; do
        say "$command"
        assert_regex "$OUTCOME" "^ok error NOPERM"
    done
    live REDIS_SERVER=198.18.7.10:6379 REDIS_USER=shop REDIS_PASSWORD=wrong
    expect "GET k" "gone - -"
    live REDIS_SERVER=198.18.7.10:6379
    expect "GET k" "gone - -"
}

@test "TLS: a certificate of our CA for this address is trusted" {
    live REDIS_SERVER=198.18.7.11:6379 REDIS_USER=shop REDIS_PASSWORD="$PASSWORD" REDIS_CA_FILE=/certificates/ca.pem
    large=$(head -c 60000 /dev/zero | tr '\0' x)
    expect "SET k $large" "ok text OK"
    expect "GET k" "ok text $large"
}

# not_trusted SERVER CA REASON: no connection, hence no password told.
not_trusted() {
    live REDIS_SERVER="$1" REDIS_USER=shop REDIS_PASSWORD="$PASSWORD" REDIS_CA_FILE="$2"
    expect "PING" "gone - -"
    logged "$3" 1
}

@test "TLS: a certificate of another CA is not" {
    not_trusted 198.18.7.11:6379 /certificates/stranger.pem "its certificate:"
}

@test "TLS: a certificate of our CA for another address is not" {
    not_trusted 198.18.7.12:6379 /certificates/ca.pem "its certificate: IP address mismatch"
}

@test "TLS: a CA file that is not there is not taken for trust" {
    not_trusted 198.18.7.11:6379 /certificates/none.pem "/certificates/none.pem: "
}

@test "TLS: a server without it is not spoken to" {
    live REDIS_SERVER=198.18.7.10:6379 REDIS_USER=shop REDIS_PASSWORD="$PASSWORD" REDIS_CA_FILE=/certificates/ca.pem \
        REDIS_TIMEOUT_MS="$TIMEOUT_MS"
    # It waits for the end of a line, which a handshake does not have.
    expect_away "PING"
}

@test "TLS: a server with it does not speak without" {
    live REDIS_SERVER=198.18.7.11:6379 REDIS_USER=shop REDIS_PASSWORD="$PASSWORD" REDIS_TIMEOUT_MS="$TIMEOUT_MS"
    expect_away "PING"
}

start_redis() {
    inside machine redis-server --save "" --protected-mode no --daemonize yes \
        --unixsocket /socket/machine.sock --unixsocketperm 777
    within 20 inside machine redis-cli ping
}

kill_redis() {
    inside machine sh -c 'pid=$(redis-cli info server | sed -n "s/^process_id:\([0-9]*\).*/\1/p")
        kill -9 "$pid"; while [ -e "/proc/$pid" ]; do sleep 0.01; done'
}

# expect_restarts SERVER: what becomes of calls to a Redis that is killed and started again.
expect_restarts() {
    start_redis
    live REDIS_SERVER="$1"
    expect "SET k old" "ok text OK"
    kill_redis
    expect "GET k" "gone - -"
    start_redis
    expect "GET k" "ok nil -"
    # Restarted between two calls: the connection is dead, and the call that finds out is answered all the same.
    kill_redis
    start_redis
    expect "GET k" "ok nil -"
    # But for one that must not be done twice.
    kill_redis
    start_redis
    expect "INCR n" "gone - -"
    expect "GET n" "ok nil -"
    logged '"event":"redis is back"' 3
    kill_redis
}

@test "killed and started again: calls are answered as before, and nothing is done twice" {
    expect_restarts 198.18.7.16:6379
}

@test "the same over a Unix socket" {
    expect_restarts unix:/socket/machine.sock
}

@test "gone with its machine: a call costs its time-out, until the machine is back" {
    is_back() { say "GET k" && [ "$OUTCOME" = "ok nil -" ]; }
    live REDIS_SERVER=198.18.7.13:6379 REDIS_TIMEOUT_MS="$TIMEOUT_MS"
    expect "SET k v" "ok text OK"
    compose kill open
    for _ in 1 2; do
        expect_away "GET k"
    done
    compose up --detach open
    within 20 is_back
    logged '"event":"redis is back"' 1
}

@test "paused: a call costs its time-out and no more, and afterwards all is well" {
    live REDIS_SERVER=198.18.7.10:6379 REDIS_USER=shop REDIS_PASSWORD="$PASSWORD" REDIS_TIMEOUT_MS="$TIMEOUT_MS"
    expect "SET k v" "ok text OK"
    compose pause shop
    for _ in 1 2 3; do
        expect "GET k" "timeout - -"
        assert [ "$TOOK" -ge "$TIMEOUT_MS" ]
        assert [ "$TOOK" -lt $((2 * TIMEOUT_MS)) ]
    done
    compose unpause shop
    expect "GET k" "ok text v"
}

@test "paused with TLS: the same" {
    live REDIS_SERVER=198.18.7.11:6379 REDIS_USER=shop REDIS_PASSWORD="$PASSWORD" REDIS_CA_FILE=/certificates/ca.pem REDIS_TIMEOUT_MS="$TIMEOUT_MS"
    expect "SET k v" "ok text OK"
    compose pause tls
    # On the old connection, then shaking hands on a new one.
    for _ in 1 2; do
        expect "GET k" "timeout - -"
        assert [ "$TOOK" -ge "$TIMEOUT_MS" ]
        assert [ "$TOOK" -lt $((2 * TIMEOUT_MS)) ]
    done
    compose unpause tls
    expect "GET k" "ok text v"
}

@test "memory full: writing is refused, reading goes on" {
    live REDIS_SERVER=198.18.7.15:6379
    say "SET k v"
    assert_regex "$OUTCOME" "^ok error OOM"
    expect "GET k" "ok nil -"
}
