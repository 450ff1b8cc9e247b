#!/usr/bin/env bats
# Token buckets in a real Redis: the script that keeps them, two nodes that share them, and what is left without it.

load ../lib/lab
load redis.bash

export LIVE_PROGRAM=live_rate_limit
PASSWORD=a-good-password
# Microseconds; so long that no token comes back while a test runs.
HOUR=3600000000

setup_file() {
    mkdir -p .lab
    (umask 077 && echo "$PASSWORD" >"$REDIS_TEST_PASSWORD_FILE")
    compose down --volumes
    compose up --detach --wait client shop open
}

teardown_file() {
    compose down --volumes --timeout 1
    rm -f "$REDIS_TEST_PASSWORD_FILE"
}

setup() { live REDIS_SERVER=198.18.7.10:6379 REDIS_USER=shop REDIS_PASSWORD="$PASSWORD"; }

teardown() { hang_up; }

# does LINE ANSWER: what live_rate_limit says to a line. Times in whole minutes, as some seconds pass from line to line.
does() {
    echo "$1" >&"${LIVE[1]}"
    hears "$2"
}

# hears ANSWER: what it says to the next of the lines that were sent.
hears() {
    local answer
    read -r -t 20 answer <&"${LIVE[0]}"
    answer=$(awk '{ for (i = 2; i <= NF; i++) if ($(i - 1) ~ /^(reset|retry)$/ && $i > 60) $i = 60 * int(($i + 59) / 60)
        print }' <<<"$answer")
    assert_equal "$answer" "$1"
}

# in_redis COMMAND...: what the shop's account sees.
in_redis() { inside shop redis-cli --no-auth-warning --user shop --pass "$PASSWORD" "$@"; }

answers_ping() { inside open redis-cli ping; }

@test "a bucket gives what it holds, to all nodes together" {
    does "take a shared $HOUR 3 1" "yes limit 3 remaining 2 reset 3600 retry 0 asked 2"
    does "take b shared $HOUR 3 1" "yes limit 3 remaining 1 reset 7200 retry 0 asked 1"
    does "take a shared $HOUR 3 1" "yes limit 3 remaining 0 reset 10800 retry 3600 asked 1"
    does "take b shared $HOUR 3 1" "no limit 3 remaining 0 reset 10800 retry 3600 asked 1"
    does "take b other $HOUR 3 1" "yes limit 3 remaining 2 reset 3600 retry 0 asked 1"
}

@test "a token that one node gives back is there for the other" {
    does "take a back $HOUR 1 1" "yes limit 1 remaining 0 reset 3600 retry 3600 asked 1"
    does "take b back $HOUR 1 1" "no limit 1 remaining 0 reset 3600 retry 3600 asked 1"
    does "back a back $HOUR 1 1" "yes limit 1 remaining 1 reset 0 retry 0 asked 1"
    assert_equal "$(in_redis EXISTS limit:v1:live:back)" 0
    does "take b back $HOUR 1 1" "yes limit 1 remaining 0 reset 3600 retry 3600 asked 1"
}

@test "a lease costs one question for many tokens, and the sum is kept" {
    # Sent at once: a lease lasts for a second.
    for _ in {1..4}; do echo "take a lease $HOUR 6 4"; done >&"${LIVE[1]}"
    hears "yes limit 6 remaining 5 reset 14400 retry 0 asked 1"
    for left in 4 3 2; do
        hears "yes limit 6 remaining $left reset 14400 retry 0 asked 0"
    done
    for _ in {1..3}; do echo "take b lease $HOUR 6 4"; done >&"${LIVE[1]}"
    hears "yes limit 6 remaining 1 reset 21600 retry 0 asked 1"
    hears "yes limit 6 remaining 0 reset 21600 retry 3600 asked 0"
    hears "no limit 6 remaining 0 reset 21600 retry 3600 asked 1"
}

@test "tokens come back, and a bucket that is full takes no memory" {
    back() { does "take a quick 200000 1 1" "yes limit 1 remaining 0 reset 1 retry 1 asked 1"; }
    gone() { [ "$(in_redis EXISTS limit:v1:live:quick)" = 0 ]; }
    back
    within 20 back
    within 20 gone
}

@test "a bucket that was larger yesterday is empty, not wrong" {
    in_redis SET limit:v1:live:smaller "$(($(date +%s) * 1000000 + 5 * HOUR))" PX 60000
    echo "take a smaller $HOUR 2 1" >&"${LIVE[1]}"
    read -r -t 20 answer <&"${LIVE[0]}"
    assert_regex "$answer" '^no limit 2 remaining 0 '
}

@test "something else under the name of a bucket: the node goes on alone" {
    in_redis SET limit:v1:live:nonsense nonsense PX 60000
    does "take a nonsense $HOUR 1 1" "yes limit 1 remaining 0 reset 3600 retry 3600 asked 1"
    does "take a nonsense $HOUR 1 1" "no limit 1 remaining 0 reset 3600 retry 3600 asked 1"
}

@test "a Redis that was started anew is told the script again" {
    live REDIS_SERVER=unix:/socket/redis.sock
    does "take a before $HOUR 3 1" "yes limit 3 remaining 2 reset 3600 retry 0 asked 2"
    compose restart --timeout 0 open
    within 20 answers_ping
    does "take a anew $HOUR 3 1" "yes limit 3 remaining 2 reset 3600 retry 0 asked 2"
    does "take a anew $HOUR 3 1" "yes limit 3 remaining 1 reset 7200 retry 0 asked 1"
}

@test "Redis away: each node goes on from what it saw last; back: Redis has the last word" {
    live REDIS_SERVER=unix:/socket/redis.sock
    does "take a away $HOUR 4 1" "yes limit 4 remaining 3 reset 3600 retry 0 asked 1"
    does "take b away $HOUR 4 1" "yes limit 4 remaining 2 reset 7200 retry 0 asked 1"
    compose kill open
    does "take b away $HOUR 4 1" "yes limit 4 remaining 1 reset 10800 retry 0 asked 1"
    does "take b away $HOUR 4 1" "yes limit 4 remaining 0 reset 14400 retry 3600 asked 1"
    does "take b away $HOUR 4 1" "no limit 4 remaining 0 reset 14400 retry 3600 asked 1"
    compose up --detach open
    within 20 answers_ping
    does "take b away $HOUR 4 1" "yes limit 4 remaining 3 reset 3600 retry 0 asked 2"
}
