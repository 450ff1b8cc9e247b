#!/usr/bin/env bats
# What the balancers know of visitors, and tell each other: the rate limit is one for both.

bats_require_minimum_version 1.5.0
load lab

LIMIT=20
setup_file() { start_machines RATE_LIMIT=$LIMIT; }
teardown_file() { stop_machines; }

# ask MACHINE N [PATH]: the statuses of N requests of this visitor, one after the other: "20 200,5 429".
ask() {
    inside "$1" curl --silent --output /dev/null --write-out '%{http_code}\n' "http://$ADDRESS${3:-/}?[1-$2]" |
        sort | uniq -c | awk '{ printf "%s%s %s", comma, $1, $2; comma = "," }'
}

# counted MACHINE: how many requests of the client it knows of.
counted() { inside "$1" runtime show table addresses | sed -n "s/.*key=$NET.101 .*http_req_rate(10000)=//p"; }
counts() { [ "$(counted "$1")" = "$2" ]; }

# keep_asking: the client asks once a second, far less than the limit, until stop_asking: so it is not forgotten, however long
# what is done meanwhile takes.
keep_asking() {
    inside client sh -c 'curl --silent --output /dev/null --connect-timeout 1 --rate 1/s "http://$1/?[1-60]" & echo $! >/tmp/asks
        wait' - "$ADDRESS" 3>&- &
}
stop_asking() { inside client sh -c '! [ -e /tmp/asks ] || { kill "$(cat /tmp/asks)" 2>/dev/null; rm /tmp/asks; }'; }

# knows MACHINE: that the client has sent more than the limit.
knows() { [ "$(counted "$1")" -gt $LIMIT ]; }

teardown() { stop_asking; }
setup() {
    within 30 settled
    for node in lb-1 lb-2; do inside $node runtime clear table addresses; done
}

@test "a visitor who sends more than the limit is refused, and his neighbour is not" {
    assert_equal "$(ask client 25)" "20 200,5 429"
    assert_equal "$(inside visitor python3 -c "import urllib.request as r; print(r.urlopen('http://$ADDRESS/').status)")" 200
    # What it is told: when to come back; a page for people, JSON for programs.
    run inside client curl -s -i "http://$ADDRESS/"
    assert_line --partial "HTTP/1.1 429 Too Many Requests"
    assert_line --regexp '^retry-after: 10'
    assert_line --regexp '^x-lb: lb-[12]'
    assert_output --partial "<h1>Too Many Requests</h1>"
    run inside client curl -s "http://$ADDRESS/api/products"
    assert_equal "$(jq -r '[.status, .title] | join(" ")' <<<"$output")" "429 Too Many Requests"
}

@test "the other balancer knows it, before it has the address and after" {
    # So many that two windows of ten seconds later it is still more than the limit.
    assert_equal "$(ask client 200)" "20 200,180 429"
    within 5 knows "$B"
    keep_asking
    inside "$A" virtual-ip give-up
    assert_equal "$(inside client curl -s -o /dev/null -w '%header{x-lb} %{http_code}' "http://$ADDRESS/")" "$B 429"
}

@test "a reload forgets nothing, and a balancer that starts anew is told" {
    assert_equal "$(ask client 200)" "20 200,180 429"
    keep_asking
    inside "$A" reload
    assert_equal "$(ask client 1)" "1 429"
    signal "$B" KILL haproxy
    within 10 knows "$B"
}

@test "who stops is let in again when ten seconds are over" {
    assert_equal "$(ask client 25)" "20 200,5 429"
    forgotten() { counts "$A" ""; }
    within 40 forgotten
    assert_equal "$(ask client 1)" "1 200"
}

@test "without RATE_LIMIT nobody is counted, and without PEER_1 a balancer is alone" {
    image=$(docker inspect --format '{{.Config.Image}}' "$(container lb-1)")
    started() {
        docker run --rm --network none --env SERVER_1=192.0.2.1 --env SERVER_2=192.0.2.2 "$@" --tmpfs /run/haproxy --entrypoint sh "$image" -c '
            start >/dev/null 2>&1 & until runtime show info >/dev/null 2>&1; do sleep 0.05; done; runtime show table; runtime show peers'
    }
    assert_equal "$(started | grep -c .)" 0
    run started --env RATE_LIMIT=20
    assert_output --partial "table: addresses"
    refute_output --partial "id=balancers"
}

@test "the port of the peers is closed to visitors" {
    run inside client nmap -n -Pn -sT --max-retries 0 -p 1024 "$ADDRESS" "$NET.11" "$NET.12"
    assert_equal "$(grep -c '^1024/tcp filtered' <<<"$output")" 3
}
