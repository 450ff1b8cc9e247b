#!/usr/bin/env bats
# The load balancer before two web servers: who gets a request, and what the visitor sees when one is slow, ill or gone.

load lab

setup_file() { start_machines; }
teardown_file() { stop_machines; }
teardown() {
    # Visitors of a test that failed would be in the way of the next one.
    stop_visitors
    [ -n "${BATS_TEST_COMPLETED:-}" ] || explain
}

# --- Who gets the next request ----------------------------------------------------------------------------------

@test "roundrobin: 60 requests, 30 each" {
    start_balancer
    assert_equal "$(share)" "30 server-1,30 server-2"
}

@test "weights 3 and 1: 45 and 15, from the start and while it runs" {
    start_balancer WEIGHT_1=3
    assert_equal "$(share)" "45 server-1,15 server-2"
    runtime set server web/server-1 weight 1
    runtime set server web/server-2 weight 3
    # The first ones after the change are still as it was.
    share >/dev/null
    assert_equal "$(share)" "15 server-1,45 server-2"
}

# parallel N: who served N requests of eight visitors at once.
parallel() {
    inside client curl --silent --no-progress-meter --parallel --parallel-immediate --parallel-max 8 --output /dev/null \
        --write-out '%header{x-served-by}\n' "$SITE/?[1-$1]"
}

@test "leastconn leaves the slow server alone, roundrobin does not" {
    for balance in leastconn roundrobin; do
        start_balancer BALANCE=$balance
        obey server-1 slow 0.5
        parallel 80 >"$BATS_TEST_TMPDIR/$balance"
    done
    slow() { grep -c server-1 "$BATS_TEST_TMPDIR/$1"; }
    assert [ "$(wc -l <"$BATS_TEST_TMPDIR/leastconn")" = 80 ]
    assert [ "$(slow leastconn)" -lt 20 ]
    assert [ "$(slow roundrobin)" -ge 38 ]
}

@test "source: a visitor stays with one server, the neighbour with the other" {
    start_balancer BALANCE=source
    one=$(share client) another=$(share other)
    assert_regex "$one" '^60 server-[12]$'
    assert_regex "$another" '^60 server-[12]$'
    assert [ "$one" != "$another" ]
    # Its server is gone: the other one has it.
    obey "${one#60 }" not-ready
    within 20 state_is "${one#60 }" DOWN
    assert_equal "$(share client)" "$another"
}

@test "random and static-rr are algorithms as well, and one that is none is refused" {
    for balance in random static-rr; do
        start_balancer BALANCE=$balance
        assert_equal "$(fetch_status /)" 200
    done
    image=$(docker inspect --format '{{.Config.Image}}' "$(container lb-1)")
    run docker run --rm --network none --env SERVER_1=192.0.2.1 --env SERVER_2=192.0.2.2 --env BALANCE=nonsense \
        --entrypoint check "$image"
    assert_failure
    assert_output --partial "balance only supports 'roundrobin'"
    run docker run --rm --network none --env SERVER_1=192.0.2.1 --entrypoint check "$image"
    assert_failure
    assert_output --partial "SERVER_2 is not set"
}

# --- What the web server is told, and the visitor ---------------------------------------------------------------

@test "what a visitor says of itself is replaced" {
    start_balancer
    run fetch /hello -H 'X-Forwarded-For: 192.0.2.66' -H 'X-Forwarded-For: 192.0.2.67' -H 'X-Forwarded-Proto: https' \
        -H 'X-Request-ID: mine'
    assert_success
    assert_equal "$(jq -r '.fields["x-forwarded-for"]' <<<"$output")" "$NET.100"
    assert_equal "$(jq -r '.fields["x-forwarded-proto"]' <<<"$output")" http
    id=$(jq -r '.fields["x-request-id"]' <<<"$output")
    assert_regex "$id" '^[0-9a-f]{32}$'
    # The same id in the log, once, in a line of JSON.
    is_logged() { docker logs "$(container lb-1)" 2>&1 | grep "$id" >"$BATS_TEST_TMPDIR/line"; }
    within 20 is_logged
    run jq -c '[.node, .event, .client, .method, .uri, .status, .retries, .ended]' "$BATS_TEST_TMPDIR/line"
    assert_output "[\"lb-1\",\"access\",\"$NET.100\",\"GET\",\"/hello\",200,0,\"--\"]"
    run jq -e '.server | test("^server-[12]$")' "$BATS_TEST_TMPDIR/line"
    assert_success
    run jq -e 'all(.request_ms, .queue_ms, .connect_ms, .response_ms, .total_ms; type == "number" and . >= 0)' "$BATS_TEST_TMPDIR/line"
    assert_success
}

@test "every answer says which balancer it came through, and which machine made it" {
    start_balancer
    run fetch / --head
    assert_line --regexp '^x-lb: lb-1'
    assert_line --regexp '^x-served-by: server-[12]'
}

# --- One server is ill ------------------------------------------------------------------------------------------

@test "a server that is not ready gets nothing after the time that the settings say, and comes back" {
    start_balancer
    # README.md has the formulas.
    noticed_ms=$(($(setting inter) + ($(setting fall) - 1) * $(setting fastinter)))
    back_ms=$(($(setting downinter) + ($(setting rise) - 1) * $(setting fastinter)))
    assert [ "$noticed_ms" -gt 0 ] && assert [ "$back_ms" -gt 0 ]
    start_visitors
    # More than once, since the fault may come just before a check.
    for _ in 1 2 3; do
        ill=$(obey server-1 not-ready)
        within 20 state_is server-1 DOWN
        more_visits 50
        healthy=$(forget server-1)
        within 20 state_is server-1 UP
        more_visits 50
        last=$(served server-1 "$ill" "$healthy" | tail -n 1)
        first=$(served server-1 "$healthy" | head -n 1)
        echo "# out after $((${last:-$ill} - ill)) ms (at most $noticed_ms), back after $((first - healthy)) ms (at most $back_ms)" >&3
        # On a host that is busy everything takes longer, also a visit.
        host_ms=$(($(slowest_visit_ms) + 200))
        assert [ $((${last:-$ill} - ill)) -le $((noticed_ms + host_ms)) ]
        assert [ $((first - healthy)) -le $((back_ms + host_ms)) ]
    done
    stop_visitors
    assert_equal "$(failed_visits)" 0
}

@test "a server dies in the middle of a GET: the visitor has it from the other one" {
    start_balancer
    obey server-1 slow 30
    runtime set server web/server-2 state drain
    fetch /page --include >"$BATS_TEST_TMPDIR/answer" 3>&- &
    visitor=$!
    within 20 is_asked server-1 "GET /page"
    runtime set server web/server-2 state ready
    docker kill "$(container server-1)"
    wait "$visitor"
    run cat "$BATS_TEST_TMPDIR/answer"
    assert_line --regexp '^HTTP/1.1 200'
    assert_line --regexp '^x-served-by: server-2'
}

@test "a server dies in the middle of a POST: it is not sent again, and the visitor is told" {
    start_balancer
    obey server-1 slow 30
    runtime set server web/server-2 state drain
    fetch /orders --include --data a=b >"$BATS_TEST_TMPDIR/answer" 3>&- &
    visitor=$!
    within 20 is_asked server-1 "POST /orders"
    runtime set server web/server-2 state ready
    docker kill "$(container server-1)"
    wait "$visitor"
    run cat "$BATS_TEST_TMPDIR/answer"
    assert_line --regexp '^HTTP/1.1 502'
    assert_line --regexp '^x-served-by: lb-1'
    assert_equal "$(asked server-2 "POST /orders")" 0
}

@test "a server that hangs up, or has lost its application: GET goes to the other one, POST does not" {
    start_balancer
    for order in "hang-up now" "refuse 502"; do
        forget server-1
        # shellcheck disable=SC2086 # an order and its value
        obey server-1 $order
        for n in 1 2 3 4; do
            assert_equal "$(fetch_status "/$n")" 200
        done
        # Those that met server-1 are 502, and nobody was asked twice.
        sent=$(asked server-1 "POST /orders") taken=$(asked server-2 "POST /orders")
        posts=$(for n in 1 2 3 4; do fetch_status /orders --data a=b && echo; done)
        assert_equal "$(grep -c 502 <<<"$posts")" $(($(asked server-1 "POST /orders") - sent))
        assert_equal "$(grep -c 200 <<<"$posts")" $(($(asked server-2 "POST /orders") - taken))
        assert_equal "$(wc -l <<<"$posts")" 4
        assert_equal $(($(asked server-1 "POST /orders") + $(asked server-2 "POST /orders") - sent - taken)) 4
    done
}

@test "a server that refuses more work (503) is believed" {
    start_balancer
    obey server-1 refuse 503
    gets=$(for n in 1 2 3 4; do fetch_status /page && echo; done)
    assert_equal "$(grep -c 503 <<<"$gets")" "$(asked server-1 "GET /page")"
    assert_equal "$(grep -c 200 <<<"$gets")" "$(asked server-2 "GET /page")"
    assert_equal "$(wc -l <<<"$gets")" 4
    is_asked server-1 "GET /page"
}

@test "the port of a server is closed: also a POST goes to the other one, since nothing was sent" {
    start_balancer
    # It is not looked at any more, so that it is not found out meanwhile.
    runtime disable health web/server-1
    machines stop --timeout 1 server-1
    refute state_is server-1 DOWN
    for n in 1 2 3 4; do
        assert_equal "$(fetch_status /orders --data a=b)" 200
    done
    assert_equal "$(asked server-2 "POST /orders")" 4
}

# --- All are ill ------------------------------------------------------------------------------------------------

@test "no server: a page of ours, and JSON below /api/, at once" {
    start_balancer
    for node in server-1 server-2; do obey "$node" not-ready; done
    for node in server-1 server-2; do within 20 state_is "$node" DOWN; done
    run fetch /products/1 --include
    assert_line --regexp '^HTTP/1.1 503'
    assert_line --regexp '^x-lb: lb-1'
    assert_line --regexp '^x-served-by: lb-1'
    assert_line --regexp '^retry-after: 1'
    assert_line --regexp '^content-type: text/html; charset=utf-8'
    assert_output --partial '<p class="code">503</p>'
    assert_output --partial "--paper:"
    # Nothing is left to fill in, and nothing is loaded.
    refute_output --regexp '\{[a-z]+\}'
    refute_output --regexp 'url\(|src=|<link'
    run fetch /api/v1/products --include
    assert_line --regexp '^HTTP/1.1 503'
    assert_line --regexp '^x-lb: lb-1'
    assert_line --regexp '^retry-after: 1'
    assert_line --regexp '^content-type: application/problem\+json'
    run jq -c '[.type, .title, .status, (.request_id | length)]' <<<"${lines[-1]}"
    assert_output '["about:blank","Service Unavailable",503,32]'
    # The balancer itself is well.
    inside lb-1 healthcheck
}

@test "a server takes the request and says nothing: 504 after timeout server, also in JSON" {
    start_balancer
    for node in server-1 server-2; do obey "$node" slow 15; done
    fetch /page --include >"$BATS_TEST_TMPDIR/page" 3>&- &
    visitor=$!
    run fetch /api/v1/products --include --write-out '%{time_total}'
    wait "$visitor"
    assert_line --regexp '^HTTP/1.1 504'
    assert_line --regexp '^content-type: application/problem\+json'
    assert_equal "$(jq .status <<<"${lines[-2]}")" 504
    assert_line --regexp '^[789]\.'
    assert_equal "$(grep -c '<p class="code">504</p>' "$BATS_TEST_TMPDIR/page")" 1
}

@test "servers that have all they may: so many wait for a place, then 503" {
    start_balancer
    for node in server-1 server-2; do
        obey "$node" slow 4
        runtime set maxconn server "web/$node" 1
    done
    inside client curl --silent --no-progress-meter --parallel --parallel-immediate --output /dev/null \
        --write-out '%{http_code} %header{x-served-by} %{time_total}\n' "$SITE/?[1-4]" >"$BATS_TEST_TMPDIR/answers"
    run sort "$BATS_TEST_TMPDIR/answers"
    assert_line --index 0 --regexp '^200 server-[12] [3-9]\.'
    assert_line --index 1 --regexp '^200 server-[12] [3-9]\.'
    assert_line --index 2 --regexp '^503 lb-1 [2-5]\.'
    assert_line --index 3 --regexp '^503 lb-1 [2-5]\.'
    # As many waited at once.
    assert_equal "$(inside client curl --silent "$SITE:8404/;csv" | awk -F, '$1 == "web" && $2 == "BACKEND" { print $4 }')" 2
}

@test "a visitor who sends the header slowly is cut off with 408" {
    start_balancer
    slowly='{ printf "GET / HTTP/1.1\r\nHost: www.foobar.com\r\nX-Slow: "; while printf a; do sleep 0.2; done; } 2>/dev/null'
    took=$(seconds inside client timeout 15 sh -c "$slowly | nc $NET.10 80 >/tmp/answer || true")
    run inside client head -n 1 /tmp/answer
    assert_output --regexp '^HTTP/1.1 408'
    assert [ "${took%.*}" -ge 5 ] && assert [ "${took%.*}" -le 12 ]
}

@test "with all places for visitors taken it is well: who asks for its health gets one of its own" {
    start_balancer
    # Silent ones, until the balancer was asked; it lets them for five seconds.
    inside client rm -f /tmp/asked
    inside client bash -c "for n in \$(seq 1000); do exec {connection}<>/dev/tcp/$NET.10/80; done
        until [ -e /tmp/asked ]; do sleep 0.05; done" 3>&- &
    is_full() { [ "$(runtime show stat | awk -F, '$1 == "visitors" && $2 == "FRONTEND" { print $5 }')" -ge 1000 ]; }
    within 20 is_full
    status=0
    inside lb-1 healthcheck || status=$?
    inside client touch /tmp/asked
    wait
    assert_equal $status 0
}

# --- Work on it -------------------------------------------------------------------------------------------------

@test "a server is drained and brought back, and no visitor notices" {
    start_balancer
    start_visitors
    runtime set server web/server-1 state drain
    within 20 state_is server-1 DRAIN
    more_visits 50
    drained=$(date +%s%3N)
    more_visits 100
    back=$(date +%s%3N)
    runtime set server web/server-1 state ready
    more_visits 100
    stop_visitors
    assert_equal "$(served server-1 "$drained" "$back")" ""
    assert [ "$(served server-1 "$back" | wc -l)" -gt 0 ]
    assert_equal "$(failed_visits)" 0
}

@test "it reads its configuration again under load, no visitor notices, and a drained server stays so" {
    start_balancer
    runtime set server web/server-1 state drain
    start_visitors
    # One more, who keeps the connection and, as browsers do, asks again where it has just been closed.
    inside client sh -c 'while [ ! -e /tmp/enough ]; do
            curl --silent --max-time 10 --output /dev/null --write-out "%{http_code}\n" "$1/kept?[1-200]"
        done' - "$SITE" >"$BATS_TEST_TMPDIR/kept" 3>&- &
    keeper=$!
    worker() { runtime show info | grep '^Pid:'; }
    for _ in 1 2 3; do
        before=$(worker)
        run inside lb-1 reload
        assert_success
        assert_output --partial "Success=1"
        assert [ "$(worker)" != "$before" ]
        more_visits 50
        assert_equal "$(inside lb-1 servers | grep -c 'server-1 .*DRAIN')" 1
    done
    stop_visitors
    wait "$keeper"
    assert_equal "$(failed_visits)" 0
    assert_equal "$(sort -u "$BATS_TEST_TMPDIR/kept")" 200
    echo "# $(wc -l <"$BATS_TEST_TMPDIR/kept") on kept connections" >&3
}

@test "a configuration with a mistake is refused, and all goes on as before" {
    start_balancer
    file=/etc/haproxy/conf/5-operators.cfg
    before=$(runtime show info | grep '^Pid:')
    docker exec --user root "$(container lb-1)" sh -c "cp $file /tmp/right && echo nonsense >>$file"
    run inside lb-1 reload
    assert_failure
    assert_output --partial "unknown keyword 'nonsense'"
    assert_equal "$(runtime show info | grep '^Pid:')" "$before"
    assert_equal "$(fetch_status /)" 200
    docker exec --user root "$(container lb-1)" cp /tmp/right $file
    run inside lb-1 reload
    assert_success
    assert_equal "$(fetch_status /)" 200
}

@test "it stops within a second, and answers what it has begun" {
    start_balancer
    # From the signal to the end, without what Compose takes.
    since=$(date +%s.%N)
    machines stop --timeout 10 lb-1
    is_told() {
        docker events --since "$since" --until "$(date +%s.%N)" --filter "container=$(container lb-1)" --filter event=kill \
            --filter event=die --format '{{.TimeNano}}' >"$BATS_TEST_TMPDIR/events"
        [ "$(wc -l <"$BATS_TEST_TMPDIR/events")" = 2 ]
    }
    within 10 is_told
    took_ms=$((($(sed -n 2p "$BATS_TEST_TMPDIR/events") - $(sed -n 1p "$BATS_TEST_TMPDIR/events")) / 1000000))
    echo "# $took_ms ms" >&3
    assert [ "$took_ms" -lt 1000 ]
    start_balancer
    for node in server-1 server-2; do obey "$node" slow 2; done
    fetch_status /page >"$BATS_TEST_TMPDIR/status" 3>&- &
    visitor=$!
    is_begun() { is_asked server-1 "GET /page" || is_asked server-2 "GET /page"; }
    within 20 is_begun
    machines stop --timeout 10 lb-1
    wait "$visitor"
    assert_equal "$(cat "$BATS_TEST_TMPDIR/status")" 200
}

# --- Who looks after it -----------------------------------------------------------------------------------------

@test "its numbers: for Prometheus, and as a page that changes nothing" {
    start_balancer
    fetch / >/dev/null
    run inside client curl --silent "$SITE:8404/metrics"
    assert_line 'haproxy_server_status{proxy="web",server="server-1",state="UP"} 1'
    run inside client curl --silent "$SITE:8404/"
    assert_output --partial "server-2"
    refute_output --partial "<form method=\"post\""
    # Not on the visitors' port.
    run fetch /metrics
    assert_equal "$(jq -r .path <<<"$output")" /metrics
}

@test "it runs as its own user, without a capability, on a read-only file system" {
    start_balancer
    assert_equal "$(inside lb-1 stat -c %U /proc/1)" haproxy
    assert_equal "$(inside lb-1 awk '/^CapEff/ { print $2 }' /proc/1/status)" 0000000000000000
    run inside lb-1 touch /etc/haproxy/written
    assert_failure
}
