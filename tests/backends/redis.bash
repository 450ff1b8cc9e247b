# What tests/backends/redis.bats needs to speak to its servers.

export REDIS_TEST_PASSWORD_FILE=$PWD/.lab/redis-test-password

compose() { docker compose --file tests/backends/redis.compose.yaml "$@"; }

# inside MACHINE COMMAND...: runs it there, without a shell. Compose would take three times as long, for each of hundreds.
inside() { docker exec --interactive "webstack-redis-test-$1-1" "${@:2}"; }
in_client() { inside client "$@"; }

# make_certificates: a CA, a certificate of it for the server "tls" and one for no server, and a CA that nobody trusts.
make_certificates() {
    local dir=$BATS_FILE_TMPDIR name
    for name in ca stranger; do
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$name" -keyout "$dir/$name-key.pem" -out "$dir/$name.pem"
    done
    openssl req -newkey rsa:2048 -nodes -subj "/CN=redis" -keyout "$dir/key.pem" -out "$dir/request.pem"
    certify right 198.18.7.11
    certify other 198.18.7.99
    tar -C "$dir" -c ca.pem stranger.pem key.pem right.pem other.pem | in_client tar -C /certificates -x
}

certify() {
    openssl x509 -req -in "$BATS_FILE_TMPDIR/request.pem" -days 2 -CA "$BATS_FILE_TMPDIR/ca.pem" \
        -CAkey "$BATS_FILE_TMPDIR/ca-key.pem" -extfile <(echo "subjectAltName = IP:$2") -out "$BATS_FILE_TMPDIR/$1.pem"
}

# live VARIABLE=VALUE... : $LIVE_PROGRAM, one process, one connection, with these settings; it is told commands by say().
LIVE_PROGRAM=live_redis
live() {
    hang_up
    coproc LIVE { in_client env "$@" "/build/asan/$LIVE_PROGRAM" 2>"$BATS_TEST_TMPDIR/log"; }
}

# hang_up ends the last one.
hang_up() {
    [ -n "${LIVE_PID:-}" ] || return 0
    local pid=$LIVE_PID input=${LIVE[1]}
    exec {input}>&-
    wait "$pid"
}

# say COMMAND: has live_redis run it. OUTCOME: what it says of it; TOOK: the milliseconds it took.
say() {
    local line
    echo "$1" >&"${LIVE[1]}"
    read -r -t 20 line <&"${LIVE[0]}"
    TOOK=${line##* } OUTCOME=${line% *}
}

# logged TEXT TIMES: the log, which comes on another way than the outcome, has that many lines with TEXT.
logged() { within 20 has_lines "$1" "$2" || { cat "$BATS_TEST_TMPDIR/log" && return 1; }; }
has_lines() { [ "$(grep -cF "$1" "$BATS_TEST_TMPDIR/log")" = "$2" ]; }

# So long that a busy machine does not lose as much.
TIMEOUT_MS=2000

# expect_away COMMAND: no answer, and after less than two time-outs, which are TIMEOUT_MS each.
expect_away() {
    say "$1"
    assert_regex "$OUTCOME" '^(gone|timeout) - -$'
    assert [ "$TOOK" -lt $((2 * TIMEOUT_MS)) ]
}

# expect COMMAND OUTCOME
expect() {
    say "$1"
    assert_equal "$OUTCOME" "$2"
}
