#!/usr/bin/env bats
# make trace in stage 0: every hop with its own evidence, and one that left none is missing, not made up.

load ../lib/lab

setup_file() {
    make down
    make stage-0
}

teardown_file() { make down; }

trace() { run make --no-print-directory trace "$@"; }

# hop NAME PATTERN: that row of the table, its continued lines in one, matches.
hop() {
    local row
    row=$(awk -v name="$1" '/^  [A-Za-z]/ { inside = $1 == name } !NF { inside = 0 } inside' <<<"$output" | xargs -0 echo | tr -s ' \n' ' ')
    echo "$1:$row"
    [[ $row =~ $2 ]]
}

# MySQL logs statements again as it did before, and nothing of ours is left.
mysql_is_as_before() {
    assert_equal "$(on server-1 "mysql -N -e 'SELECT @@general_log, @@general_log_file'; ls /tmp/trace.log 2>/dev/null || true")" \
        "0	/var/lib/mysql/data/server-1.log"
}

@test "one request, hop by hop" {
    net=$(lab_setting PUBLIC_NET)
    trace
    assert_success
    # The time is at the end of the first line, before or behind the address, as that is long.
    hop DNS "client dns www\.foobar\.com A ($net\.10 [0-9]+\.[0-9]{2}|[0-9]+\.[0-9]{2} $net\.10) TTL 60, port 53"
    hop TCP "client server-1 from $net\.100:[0-9]+ [0-9]+\.[0-9]{2} to $net\.10:80"
    hop HTTP "client server-1/nginx GET /products/1 (<1|[0-9]+) 200, [0-9]+ bytes"
    hop FastCGI "server-1/nginx server-1/shopd request [0-9a-f]{8}…, 200 [0-9]+\.[0-9]{2} .* unix:/run/shopd/fcgi\.sock"
    hop SQL "server-1/shopd server-1/mysql .*SELECT id, sku, "
    hop answer "server-1 client HTTP/1\.1 200, [0-9]+ bytes [0-9]+\.[0-9]{2} X-DB-Role: primary X-Served-By: server-1"
    mysql_is_as_before
}

@test "it is that request: its ids are in the logs" {
    trace
    assert_success
    id=$(sed -n 's/^trace //p' <<<"$output")
    assert [ ${#id} -eq 32 ]
    line=$(docker logs "$(container server-1)" 2>&1 | grep '"event":"request"' | grep -F "\"traceparent\":\"00-$id-")
    hop FastCGI "request $(jq -r '.request_id[:8]' <<<"$line")…"
}

@test "the table fits 80 columns" {
    for url in http://www.foobar.com/products/1 "http://www.foobar.com/search?q=a+rather+long+line+of+words+that+nobody+would+ever+look+for" http://nobody.foobar.com/; do
        trace URL="$url"
        table=$(sed -n '/^  hop/,/^$/p' <<<"$output")
        assert [ "$(wc -l <<<"$table")" -ge 6 ]
        refute [ "$(LC_ALL=C.UTF-8 wc -L <<<"$table")" -gt 80 ]
    done
}

@test "another page, by address and with a query" {
    trace URL="http://$(lab_setting PUBLIC_NET).10/products?page=2&x='"
    assert_success
    refute_line --regexp "^  DNS"
    hop HTTP "GET /products\?page=2"
}

@test "what Nginx answers itself never reached the application" {
    trace URL=http://www.foobar.com/static/none
    assert_success
    hop HTTP "404, .*found by visitor and path"
    hop FastCGI "server-1/nginx - not asked, by its log"
}

@test "without the application: Nginx says 502, and the application nothing" {
    on server-1 "s6-svc -wd -d /run/s6/shopd"
    trace
    on server-1 "s6-svc -wU -u /run/s6/shopd"
    assert_failure
    hop HTTP "server-1/nginx GET /products/1 .*502, .*found by visitor and path"
    hop FastCGI "server-1/nginx \? MISSING: no application"
    assert_line "error: a hop was not found"
}

@test "without MySQL: it heard nothing, or shopd knew and did not ask" {
    on server-1 "s6-svc -wd -d /run/s6/mysql"
    trace
    on server-1 "s6-svc -wU -u /run/s6/mysql"
    hop FastCGI "server-1/shopd request [0-9a-f]{8}…, 503"
    hop SQL "server-1/shopd (\? MISSING: no MySQL|- not asked, by its log)"
    within 30 answers /products/1 200
}

@test "nobody listens, or the name is nobody's" {
    trace URL=https://www.foobar.com/
    assert_failure
    hop DNS "www\.foobar\.com A "
    hop TCP "client \? MISSING: Failed to connect"
    hop TLS "MISSING: no connection"
    trace URL=http://nobody.foobar.com/
    assert_failure
    hop DNS "MISSING"
    hop answer "MISSING: no connection"
}

@test "without the name server there is no address" {
    docker stop "$(container dns)"
    trace
    docker start "$(container dns)"
    assert_failure
    hop DNS "client \? MISSING"
    hop TCP "client \? MISSING: (Could not resolve|Resolving timed out)"
    named() { [ -n "$(on client "dig +short +time=1 +tries=1 www.foobar.com")" ]; }
    within 60 named
}

@test "what is no URL is one error" {
    for url in ftp://www.foobar.com/ "-o /etc/passwd" "http://"; do
        trace URL="$url"
        assert_failure
        assert_line "error: not a URL of the site: $url"
    done
}

@test "interrupted, it leaves MySQL as it was" {
    # Frozen, the application keeps the request waiting until the interruption comes.
    on server-1 "s6-svc -p /run/s6/shopd"
    is_logging="make --silent run NODE=server-1 CMD='mysql -N -e \"SELECT @@general_log\"' | grep -qx 1"
    run python3 tests/lib/interrupt.py "$is_logging" make trace
    on server-1 "s6-svc -c /run/s6/shopd"
    assert_success
    mysql_is_as_before
    assert [ ! -L .lab/lock ]
}

@test "no stage is up" {
    make down
    trace
    assert_failure
    assert_line "error: no stage is up"
}
