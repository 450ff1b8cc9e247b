#!/usr/bin/env bats
# Stage 1, from nothing to gone: what the balancer gives to whom, what the two databases do, and what becomes of visitors
# when a machine is ill, away, cut off, or started in the wrong order.

bats_require_minimum_version 1.5.0
load ../lib/lab

SITE=http://www.foobar.com

setup_file() {
    rm -f results/stage-1.json
    make down
    make stage-1
    within 120 is_whole
    restock
}

teardown_file() { make down; }

# header NAME: its value, out of an answer with its header on standard input.
header() { tr -d '\r' | sed -n "s/^$1: //Ip"; }

# ask NUMBER [PATH]: so many requests of a stranger, one after the other; a line each: status and who served it.
ask() {
    on client "for i in \$(seq $1); do curl -so /dev/null --max-time 20 -w '%{http_code} %header{x-served-by}\n' $SITE${2:-/products/\$i}; done"
}

# restock: nothing that is bought here is sold out.
restock() { sql "UPDATE products SET stock = 100 WHERE id BETWEEN 101 AND 203"; }

sql() { on "${2:-server-1}" "mysql -N shop -e \"$1\""; }
shopd() { on "$1" "s6-svc -w$2 -$3 /run/s6/shopd"; }

# is_whole: the stage is as it should be: both servers take visitors, and the replica follows.
state_of() { on lb-1 servers | awk -v server="$1" '$1 == server { print $2 }'; }
is_up() { [ "$(state_of "$1")" = UP ]; }
follows() { on server-2 mysql-role; }
is_whole() { is_up server-1 && is_up server-2 && follows && answers /readyz 200; }
setup() { within 120 is_whole; }

# Whatever a test that failed has left.
teardown() { docker unpause "$(container server-2)" 2>/dev/null || true; }

# sign_up JAR: a new account; csrf JAR: the token of its forms.
csrf() { on client "curl -s -b /tmp/$1 -c /tmp/$1 $SITE/login" | grep -o 'name="csrf" value="[^"]*' | head -n 1 | sed 's/.*"//'; }
sign_up() {
    on client "rm -f /tmp/$1"
    local token
    token=$(csrf "$1")
    on client "curl -si -b /tmp/$1 -c /tmp/$1 -d csrf=$token -d email=$1-$BATS_SUITE_TEST_NUMBER@example.com -d name=Ada \
        -d password=correct-horse-battery $SITE/signup"
}
session() { on client "curl -si --max-time 20 -b /tmp/$1 -c /tmp/$1 $SITE/api/v1/session"; }
is_signed_in() { session "$1" | grep -q '"signed_in":true'; }
serves() { session "$1" | header x-served-by; }

# order JAR PRODUCT KEY: prints the answer with its header.
order() {
    local token
    token=$(session "$1" | tail -n 1 | jq -r .csrf)
    on client "curl -si --max-time 20 -b /tmp/$1 -H 'X-CSRF-Token: $token' -H 'Idempotency-Key: $3' \
        --json '{\"items\":[{\"product\":$2,\"quantity\":1}]}' $SITE/api/v1/orders"
}
is_placed() { order "$1" "$2" "$3" | head -n 1 | grep -q 201; }

# --- Distribution -----------------------------------------------------------------------------------------------

@test "sixty requests: thirty for each server, one after the other" {
    ask 60 >"$BATS_TEST_TMPDIR/served"
    assert_equal "$(sort "$BATS_TEST_TMPDIR/served" | uniq -c | xargs)" "30 200 server-1 30 200 server-2"
    # No server twice in a row.
    assert_equal "$(uniq "$BATS_TEST_TMPDIR/served" | wc -l)" 60
}

@test "weights: the answers tell them" {
    on lb-1 "runtime set weight web/server-1 3"
    assert_equal "$(ask 40 | sort | uniq -c | xargs)" "30 200 server-1 10 200 server-2"
    on lb-1 "runtime set weight web/server-1 1"
}

@test "every answer says who served it, who gave it out, and which database was read" {
    run page /products/1 -i
    assert_line --regexp '^x-lb: lb-1'
    assert_line --regexp '^x-served-by: server-[12]'
    assert_line --regexp '^x-db-role: replica'
    run page /static/style.css -i
    assert_line --regexp '^x-served-by: server-[12]'
}

@test "the same page comes through the browser's port on this host" {
    run curl --silent --include --max-time 5 "http://localhost:$(lab_setting HTTP_PORT)/products/1"
    assert_line --regexp '^x-lb: lb-1'
    assert_output --partial "Enamel Mug"
}

@test "a request has one id in the logs of the balancer, of Nginx and of shopd, and one visitor" {
    page "/products/77?trace=me" >/dev/null
    logged() { docker logs --since 1m "$(container "$1")" 2>&1 | grep 'trace=me' | tail -n 1 | grep .; }
    within 10 logged lb-1
    id=$(logged lb-1 | jq -r .request_id)
    assert_regex "$id" '^[0-9a-f]{32}$'
    client=$(lab_setting PUBLIC_NET).100
    # Nginx and shopd, each when it has written it.
    both_have_logged() {
        for node in server-1 server-2; do docker logs --since 1m "$(container $node)" 2>&1; done | grep "$id" >"$BATS_TEST_TMPDIR/log"
        [ "$(wc -l <"$BATS_TEST_TMPDIR/log")" -ge 2 ]
    }
    within 10 both_have_logged
    assert_equal "$(grep -c "\"client\":\"$client\"" "$BATS_TEST_TMPDIR/log")" 1
}

# --- The databases ----------------------------------------------------------------------------------------------

@test "what the primary takes the replica has, and takes nothing itself" {
    sql "UPDATE products SET name = 'Written on the primary' WHERE id = 3"
    has_it() { [ "$(sql 'SELECT name FROM products WHERE id = 3' server-2)" = "Written on the primary" ]; }
    within 20 has_it
    run on server-2 "mysql shop -e \"UPDATE products SET name = 'here' WHERE id = 3\""
    assert_failure
    assert_output --partial "super-read-only"
}

@test "an order needs no second look: who has bought sees it at once, from whichever database" {
    sign_up reader
    for i in 1 2 3 4 5 6 7 8 9 10; do
        run order reader $((100 + i)) "key-$i"
        assert_line --regexp '^HTTP/1.1 201'
        place=$(header location <<<"$output")
        assert_equal "$(on client "curl -so /dev/null -w '%{http_code}' -b /tmp/reader $SITE$place")" 200
    done
    # A commit was acknowledged by the replica first.
    acknowledged() { [ "$(on server-1 mysql-role)" = "role=primary replicas=1 semisync=on" ]; }
    within 10 acknowledged
}

@test "both workers write receipts, and each order has one" {
    missing() { sql "SELECT COUNT(*) FROM orders LEFT JOIN receipts ON order_id = id WHERE order_id IS NULL"; }
    none_missing() { [ "$(missing)" = 0 ]; }
    within 30 none_missing
    assert [ "$(sql 'SELECT COUNT(*) FROM receipts')" -ge 10 ]
}

# --- Visitors with a session ------------------------------------------------------------------------------------

@test "a visitor with a session stays at one server; strangers get no cookie and go round" {
    sign_up stays
    first=$(serves stays)
    for _ in 1 2 3 4 5; do assert_equal "$(serves stays)" "$first"; done
    is_signed_in stays
    run page /products/1 -i
    refute_line --regexp '^set-cookie'
}

@test "the session is lost with its server, and only there" {
    for name in a b c d e f; do sign_up "lost-$name"; done
    on server-2 "s6-svc -wr -r /run/s6/shopd"
    within 20 is_whole
    kept=0
    for name in a b c d e f; do
        if is_signed_in "lost-$name"; then kept=$((kept + 1)); fi
    done
    # They went to both, one after the other.
    assert_equal "$kept" 3
}

# --- Servers that are ill or away -------------------------------------------------------------------------------

# says WORDS: make status has them.
says() { make --no-print-directory status | grep -q "$1"; }

# Seconds until a balancer has noticed at the latest, from its own settings: a look, and one more to be sure.
detection_ms() {
    awk '/default-server check/ { for (i = 1; i < NF; i++) at[$i] = $(i + 1) }
        function ms(text) { return text ~ /ms$/ ? text + 0 : text * 1000 }
        END { print ms(at["inter"]) + (at["fall"] - 1) * ms(at["fastinter"]) }' services/haproxy/conf/4-web.cfg
}

# bats test_tags=alone
@test "a server whose application is stopped gets nothing after the predicted time, and no visitor sees an error" {
    ask 400 >"$BATS_TEST_TMPDIR/served" &
    # Both times are taken on the machines, which have one clock: how long Docker takes to get there does not count.
    on lb-1 "echo looking; until servers | grep -qE '^server-2 +DOWN '; do sleep 0.05; done; date +%s%3N" >"$BATS_TEST_TMPDIR/down" &
    looks() { grep -q looking "$BATS_TEST_TMPDIR/down"; }
    within 20 looks
    start=$(on server-2 "date +%s%3N; s6-svc -wd -d /run/s6/shopd")
    is_down() { [ "$(wc -l <"$BATS_TEST_TMPDIR/down")" -eq 2 ]; }
    within 20 is_down
    took=$(($(tail -n 1 "$BATS_TEST_TMPDIR/down") - start))
    echo "# down after $took ms, predicted $(detection_ms) ms at most" >&3
    # And the time that it takes to look.
    assert [ "$took" -lt $(($(detection_ms) + 1000)) ]
    assert_equal "$(ask 20 | sort | uniq -c | xargs)" "20 200 server-1"
    wait
    assert_equal "$(grep -vc '^200' "$BATS_TEST_TMPDIR/served")" 0
    shopd server-2 U u
    within 30 is_up server-2
    assert_equal "$(ask 20 | sort | uniq -c | xargs)" "10 200 server-1 10 200 server-2"
}

@test "server-2 killed: the shop goes on, and takes orders" {
    docker kill "$(container server-2)"
    assert_equal "$(ask 20 | cut -d ' ' -f 1 | sort | uniq -c | xargs)" "20 200"
    sign_up alone
    within 60 is_placed alone 201 alone-1
    within 30 says "role=primary replicas=0"
    run make --no-print-directory status
    assert_line --regexp 'server-2 +DOWN'
    assert_output --partial "role=primary replicas=0"
    docker start "$(container server-2)"
}

@test "server-1 killed: visitors look around, orders wait, and nothing acknowledged is lost" {
    # Another account each time: who is there already is not signed up once more.
    for buyer in buyer-{1..5}; do
        sign_up "$buyer"
        [ "$(serves "$buyer")" != server-2 ] || break
    done
    within 30 is_placed "$buyer" 202 before
    docker kill "$(container server-1)"
    assert_equal "$(ask 20 | cut -d ' ' -f 1 | sort | uniq -c | xargs)" "20 200"
    run order "$buyer" 203 while
    assert_line --regexp '^HTTP/1.1 503'
    assert_line --regexp '^retry-after: '
    docker start "$(container server-1)"
    within 60 is_placed "$buyer" 203 while
    assert_equal "$(sql "SELECT COUNT(*) FROM orders WHERE idempotency_key IN ('before', 'while')")" 2
}

@test "lb-1 stopped: nobody gets an answer, though both servers run" {
    docker stop "$(container lb-1)"
    assert_equal "$(status_of /)" 000
    within 20 on server-1 healthcheck
    docker start "$(container lb-1)"
}

@test "both servers without their application: the balancer says so, to people and to programs" {
    shopd server-1 d d
    shopd server-2 d d
    nobody() { [ "$(state_of all)" = DOWN ]; }
    within 30 nobody
    run page / -i
    assert_line --regexp '^HTTP/1.1 503'
    assert_line --regexp '^x-served-by: lb-1'
    assert_line --regexp '^retry-after: '
    assert_output --partial "<h1>"
    run page /api/v1/products -i
    assert_line --regexp '^content-type: application/problem\+json'
    shopd server-1 U u
    shopd server-2 U u
}

# --- What make status must not hide -----------------------------------------------------------------------------

@test "status: a replica that stopped, and one that somebody wrote to, are seen" {
    sql "STOP REPLICA" server-2
    run make --no-print-directory status
    assert_output --partial "nothing is received"
    sql "START REPLICA" server-2
    within 20 follows
    sql "SET GLOBAL super_read_only = OFF; CREATE TABLE shop.mine (id INT PRIMARY KEY); SET GLOBAL super_read_only = ON" server-2
    run make --no-print-directory status
    assert_output --partial "transactions that its source does not have"
    make reset
    within 120 is_whole
    restock
}

@test "server-2 cut off from the databases' network: it is seen, and over when it is back" {
    network=$(lab_setting LAB_NAME)_data
    docker network disconnect "$network" "$(container server-2)"
    within 60 says "nothing is received"
    assert_equal "$(ask 10 | cut -d ' ' -f 1 | sort | uniq -c | xargs)" "10 200"
    docker network connect --ip "$(lab_setting PRIVATE_NET).3.22" "$network" "$(container server-2)"
}

@test "server-2 frozen: nobody waits for long, and it catches up" {
    docker pause "$(container server-2)"
    # Who is sent there before it is noticed waits in vain: the server may be doing what was asked.
    assert_regex "$(ask 10 | cut -d ' ' -f 1 | sort | uniq -c | xargs)" '^10 200$|^9 200 1 504$'
    sql "UPDATE products SET name = 'while it slept' WHERE id = 4"
    docker unpause "$(container server-2)"
    caught_up() { [ "$(sql 'SELECT name FROM products WHERE id = 4' server-2)" = "while it slept" ]; }
    within 60 caught_up
}

@test "all machines restarted at once: the stage comes back by itself" {
    docker ps --quiet --filter "label=com.docker.compose.project=$(lab_setting LAB_NAME)" | xargs docker restart --time 3
    within 180 is_whole
    assert_equal "$(ask 20 | sort | uniq -c | xargs)" "10 200 server-1 10 200 server-2"
}

@test "started in the wrong order: the replica waits for its source" {
    docker stop --time 3 "$(container server-1)" "$(container server-2)"
    docker start "$(container server-2)"
    docker start "$(container server-1)"
    within 180 is_whole
}

# --- Nothing leaks ----------------------------------------------------------------------------------------------

@test "visitors reach the balancer and nothing behind it" {
    private=$(lab_setting PRIVATE_NET)
    for address in "$private.1.21" "$private.3.21" "$private.3.22"; do
        assert_equal "$(on client "curl -so /dev/null --max-time 1 -w '%{http_code}' http://$address/" || true)" 000
    done
}

@test "no secret is in a log or in an image's history" {
    for secret in .lab/secrets/*; do
        for node in lb-1 server-1 server-2; do
            assert_equal "$(docker logs "$(container $node)" 2>&1 | grep -cF "$(cat "$secret")")" 0
        done
    done
}

# --- Figures ----------------------------------------------------------------------------------------------------

# bats test_tags=alone
@test "figures: memory, start and stop" {
    make down
    figure stage-1 "make stage-1, images built, no volumes" "$(seconds make stage-1)" s 25
    within 120 is_whole
    figure stage-1 "memory of all machines, idle" "$(memory_mib)" MiB 750
    KEEP_VOLUMES=1 make down
    figure stage-1 "make stage-1, volumes kept" "$(seconds make stage-1)" s 12
    figure stage-1 "make down" "$(seconds make down)" s 6
    assert_equal "$(leftovers)" ""
}
