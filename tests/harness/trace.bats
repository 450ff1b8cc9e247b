#!/usr/bin/env bats
# The table of make trace for what stage 0 has not: a balancer, TLS, Redis, a MySQL on a machine of its own.

bats_require_minimum_version 1.5.0

setup() {
    root="$(cd "$BATS_TEST_DIRNAME/../.." && pwd)"
    trace=00112233445566778899aabbccddeeff
    id=ffeeddccbbaa99887766554433221100
    curl='{"url_effective":"https://www.foobar.com/products/1","local_ip":"203.0.113.100","local_port":40000,
        "remote_ip":"203.0.113.10","remote_port":443,"time_namelookup":0.001,"time_connect":0.002,"time_appconnect":0.012,
        "time_total":0.02,"http_code":200,"http_version":"2","size_download":3109,"errormsg":null}'
    dig=$'www.foobar.com.\t60\tIN\tA\t203.0.113.10\n;; SERVER: 203.0.113.53#53(203.0.113.53) (UDP)\n'
    balancer='{"time": "2026-01-31T12:00:00+0000", "node": "lb-1", "event": "access", "request_id": "'$id'",
        "client": "203.0.113.100", "method": "GET", "uri": "/products/1", "status": 200, "server": "web-2", "total_ms": 7}'
    web='{"node":"web-2","event":"access","request_id":"'$id'","client":"203.0.113.100","method":"GET","uri":"/products/1",
        "status":200,"bytes":3109,"duration_s":0.006,"upstream":"10.89.2.31:9000","upstream_s":"0.006"}'
    app='{"time":"2026-01-31T12:00:00.010000Z","node":"app-1","event":"request","request_id":"'$id'",
        "traceparent":"00-'$trace'-0011223344556677-01","status":200,"duration_us":5000,"queue_us":10,"mysql_us":2000,"redis_us":1500}'
    # One before the request, one of it, one after.
    sql="db-2	2026-01-31T12:00:00.004999Z	   11 Execute	SELECT 'early'
db-2	2026-01-31T12:00:00.007000Z	   12 Execute	SELECT name FROM products WHERE id = 1
db-2	2026-01-31T12:00:00.010001Z	   11 Execute	SELECT 'late'"
}

# table: what trace.jq makes of all that; a row that is continued becomes one line.
table() {
    sent=$(jq -n --argjson curl "$curl" --arg dig "$dig" '{host: "www.foobar.com", curl: $curl, dig: $dig,
        headers: "HTTP/2 200\r\nx-lb: lb-1\r\nx-served-by: web-2\r\n", tls: "TLSv1.3 / TLS_AES_256_GCM_SHA384"}')
    jq --null-input --raw-output --arg url https://www.foobar.com/products/1 --arg trace "$trace" \
        --arg addresses $'203.0.113.10 lb-1\n203.0.113.53 dns\n203.0.113.100 client' --arg balancers lb-1 --arg stores cache-1/redis \
        --arg lines "$(printf '%s\n' "$balancer" "$web" "$app" | jq -c .)" --arg alike "${alike-}" --arg sql "$sql" \
        --argjson sent "$sent" "$(cat "$root/services/toolbox/host/trace.jq")" >out
    cat out
    [ "$(LC_ALL=C.UTF-8 wc -L <out)" -le 80 ]
    rows=$(awk '/^  [A-Za-z]/ { printf "\n" } /^  / { printf "%s ", $0 }' out | tr -s ' ')
}

# row TEXT: a row begins like this.
row() { grep -qE "^ $1" <<<"$rows"; }

@test "every hop of a larger stage" {
    cd "$BATS_TEST_TMPDIR"
    table
    row "DNS client dns www\.foobar\.com A 203\.0\.113\.10 1\.00 "
    row "TCP client lb-1 from 203\.0\.113\.100:40000 1\.00 to 203\.0\.113\.10:443"
    row "TLS client lb-1 TLSv1\.3 / 10\.00 TLS_AES_256_GCM_SHA384"
    row "balance client lb-1 GET /products/1 7 to web-2, 200"
    row "HTTP lb-1 web-2/nginx GET /products/1 6 200, 3109 bytes"
    row "FastCGI web-2/nginx app-1/shopd request ffeeddcc…, 200 5\.00 .* 10\.89\.2\.31:9000"
    row "Redis app-1/shopd cache-1/redis waited for, says shopd 1\.50"
    row "SQL app-1/shopd db-2/mysql SELECT name FROM products 2\.00 WHERE id = 1"
    row "answer lb-1 client HTTP/2 200, 3109 bytes 20\.00 x-lb: lb-1 x-served-by: web-2"
    run ! grep -E "MISSING|early|late" out
}

@test "whoever did not speak is missing" {
    cd "$BATS_TEST_TMPDIR"
    balancer='{}'
    table
    row "balance client \? MISSING: no balancer"
    row "HTTP client web-2/nginx"
    app='{}'
    table
    row "FastCGI web-2/nginx \? MISSING: no application"
}

@test "one that is alike is taken if it is the only one" {
    cd "$BATS_TEST_TMPDIR"
    app='{}'
    alike=$(jq -c . <<<"$web")
    web='{}'
    table
    row "HTTP lb-1 web-2/nginx .*\(found by visitor and path\)"
    alike=$alike$'\n'$alike
    table
    row "HTTP lb-1 \? MISSING: no web server"
}
