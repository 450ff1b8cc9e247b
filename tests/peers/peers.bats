#!/usr/bin/env bats
# shopd behind web servers that are not Nginx, and behind Nginx: the same questions to each of them.

load lab

setup_file() { start_peers; }
teardown_file() { stop_peers; }
teardown() { resume_mysql || true; }

# Every way to shopd, and what is known of it. The numbers of ports are in the web servers' configurations.
#   front          keeps connections to shopd?   hands on a body of no known length?   tells shopd that a visitor left?
FRONTS="
    nginx:80       yes                           whole                                 yes
    haproxy:8001   yes                           small                                 no
    haproxy:8002   yes                           small                                 no
    haproxy:8003   no                            small                                 yes
    lighttpd:8001  no                            whole                                 no
    lighttpd:8002  no                            whole                                 no
    lighttpd:8003  no                            hurried                               no
    apache:8001    yes                           whole                                 no
    apache:8002    yes                           whole                                 no
    apache:8003    no                            whole                                 no
"

visits() { client visit.py "$@"; }

has_kept() { # FRONT KEEPS
    run visits reuse "$1"
    assert_success
    case $2 in
        # One, or one that was there before.
        yes) assert_output --regexp '^[01] connections$' ;;
        no) assert_output "50 connections" ;;
    esac
}

hands_on_chunked() { # FRONT HOW: up to this many bytes; one more is 413, from shopd or from the web server
    case $2 in
        whole) visits chunked "$1" 1048576 413 ;;
        # HAProxy: what fits its buffer; it answers the rest itself with 400.
        small) visits chunked "$1" 1000 405 ;;
        # lighttpd, where it does not wait for the whole body: what came with the header; it answers the rest itself.
        hurried) visits hurried "$1" ;;
    esac
}

parallel() { # FRONT
    # Nginx makes an id of its own for each request.
    case $1 in
        nginx:*) visits parallel "$1" without-ids ;;
        *) visits parallel "$1" ;;
    esac
}

vanishes() { # FRONT TELLS
    local log=$BATS_TEST_TMPDIR/visits visitors told=
    [ "$2" = no ] || told=told
    pause_mysql
    visits vanish "$1" $told >"$log" 3>&- &
    visitors=$!
    within 30 grep -q gone "$log"
    resume_mysql
    wait "$visitors"
}

while read -r front keeps chunked tells; do
    [ -n "$front" ] || continue
    bats_test_function --description "$front: pages, JSON, errors, HEAD, escapes, absolute targets" -- visits pages "$front"
    bats_test_function --description "$front: bodies up to the limit and beyond" -- visits bodies "$front"
    bats_test_function --description "$front: bodies of no known length" -- hands_on_chunked "$front" "$chunked"
    bats_test_function --description "$front: a body that is cut short is not taken for the whole" -- visits cut "$front"
    bats_test_function --description "$front: the same with a body of no known length" -- visits cut "$front" chunked
    bats_test_function --description "$front: a page of several records" -- visits large "$front"
    bats_test_function --description "$front: connections are kept: $keeps" -- has_kept "$front" "$keeps"
    bats_test_function --description "$front: 200 at once, each gets its own answer" -- parallel "$front"
    bats_test_function --description "$front: a visitor leaves, its neighbour does not notice" -- vanishes "$front" "$tells"
done <<<"$FRONTS"

# --- One connection -----------------------------------------------------------------------------------------------

# together FRONT COUNT: so many requests wait inside shopd at once; prints over how many new connections they came.
together() {
    local log=$BATS_TEST_TMPDIR/visits visitors
    pause_mysql
    visits together "$@" >"$log" 3>&- &
    visitors=$!
    within 30 grep -q connections "$log"
    resume_mysql
    wait "$visitors"
    cat "$log"
}

@test "HAProxy: 60 requests are open at once on one connection" {
    for front in haproxy:8001 haproxy:8002; do
        run together "$front" 60
        assert_success
        assert_output --regexp '^60 at once, [01] connections opened,'
    done
}

@test "HAProxy, which asks shopd how many it takes at once on a connection, is never refused one" {
    run together haproxy:8002 200
    assert_success
    assert_equal "$(client series.py /run/shopd/fcgi.sock 'shopd_fcgi_errors_total{kind="overloaded"}')" 0
}

@test "Apache, which does not multiplex, takes a connection for each" {
    run together apache:8001 60
    assert_success
    assert [ "$(grep -oE '[0-9]+ open$' <<<"$output" | cut -d ' ' -f 1)" -ge 60 ]
}

# --- Restart ------------------------------------------------------------------------------------------------------

serves() { [ "$(client series.py "$1:9000" 'shopd_http_requests_total{route="/whoami",code="200"}')" -gt 0 ]; }

@test "HAProxy: two shopd, restarted one after the other, and not one request fails" {
    client visit.py load haproxy:8004 /tmp/enough >"$BATS_TEST_TMPDIR/load" 3>&- &
    for machine in shopd-a shopd-b shopd-a; do
        within 30 serves "$machine"
        peers restart --timeout 10 "$machine"
    done
    within 30 serves shopd-a
    inside client touch /tmp/enough
    wait $!
    echo "# $(cat "$BATS_TEST_TMPDIR/load")" >&3
    assert_equal "$(jq -r 'keys[]' "$BATS_TEST_TMPDIR/load")" 200
    assert [ "$(jq '."200"' "$BATS_TEST_TMPDIR/load")" -gt 300 ]
    inside client rm /tmp/enough
}

# HAProxy closes without an answer (RemoteDisconnected) where others wait for the same connection that is refused.
@test "one shopd, restarted: every web server says so while it is away, and serves again without being touched" {
    local servers="nginx:80 haproxy:8001 lighttpd:8001 apache:8001" front
    for front in $servers; do
        client visit.py load "$front" /tmp/enough >"$BATS_TEST_TMPDIR/$front" 3>&- &
    done
    within 30 serves shopd
    peers restart --timeout 10 shopd
    within 30 serves shopd
    for front in $servers; do
        within 30 visits pages "$front"
    done
    inside client touch /tmp/enough
    wait
    inside client rm /tmp/enough
    for front in $servers; do
        echo "# $front $(cat "$BATS_TEST_TMPDIR/$front")" >&3
        assert_equal "$(jq -r 'keys - ["200", "500", "502", "503", "504", "RemoteDisconnected"] | length' "$BATS_TEST_TMPDIR/$front")" 0
    done
}

@test "shopd that is stopped ends with 0, and says that all were answered" {
    peers stop shopd-b
    run peers ps --all --format '{{.ExitCode}}' shopd-b
    assert_output 0
    run peers logs --no-log-prefix --tail 1 shopd-b
    assert_output --partial '"requests":"all answered"'
    peers up --detach --wait shopd-b
}

# --- cgi-fcgi -----------------------------------------------------------------------------------------------------

# cgi ADDRESS METHOD URI [BYTES [CONTENT_LENGTH]]: one request, as a program of one's own would make it.
cgi() {
    inside client env REQUEST_METHOD="$2" REQUEST_URI="$3" CONTENT_LENGTH="${5-${4-}}" \
        sh -c "head -c ${4-0} /dev/zero | cgi-fcgi -bind -connect $1"
}

for address in shopd:9000 /run/shopd/fcgi.sock; do
    bats_test_function --description "cgi-fcgi, $address: pages, errors, HEAD, bodies" -- asks_by_hand "$address"
done

asks_by_hand() {
    run cgi "$1" GET /api/v1/products/7
    assert_output --partial "Status: 200 OK"
    assert_output --partial '"id":7'
    run cgi "$1" GET /no/such/page
    assert_output --partial "Status: 404 Not Found"
    run cgi "$1" HEAD /products/1
    assert_line --index 0 --partial "Status: 200 OK"
    refute_output --partial "<html"
    run cgi "$1" POST /products/1 1048576
    assert_line --index 0 --partial "Status: 405"
    run cgi "$1" POST /products/1 1048577
    assert_line --index 0 --partial "Status: 413"
    run cgi "$1" POST /products/1 10 11
    assert_line --index 0 --partial "Status: 400"
    assert_equal "$(cgi "$1" GET /products/1000 | grep -o '&amp;' | wc -l)" 60000
}
