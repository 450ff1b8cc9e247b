#!/usr/bin/env bats
# Stage 3 as a whole: every tier does its part, and the shop goes on when a machine of it dies, or says what it cannot do.

bats_require_minimum_version 1.5.0
export SITE=https://www.foobar.com PRIMARY=db-1
load ../shop/orders.bash

export BUYERS=4 PRODUCT=81 PIECES=1000000
ALL="lb-1 lb-2 web-1 web-2 app-1 app-2 db-1 db-2 cache-1 monitor"

setup_file() { to_client order buy-on; }

are_up() { [ "$(on lb-1 servers | grep -cE "^web-[12] +UP ")" = 2 ] && [ "$(on lb-2 servers | grep -cE "^web-[12] +UP ")" = 2 ]; }
# owner TIER: the one of its two machines that has the virtual IP; the other one stands by.
owner() { for node in "$1-1" "$1-2"; do ! on "$node" virtual-ip 2>/dev/null | grep -q state=active || echo "$node"; done; }
web_1_is_out() { on "$(owner lb)" servers | grep -E "^web-1 +DOWN "; }
is_pair() { [ -n "$(owner "$1")" ] && on "$1-1" virtual-ip && on "$1-2" virtual-ip; }
roles_are() { [ "$(role db-1) $(role db-2)" = "$*" ]; }
in_order() { on db-1 mysql-role && on db-2 mysql-role; }
is_whole() {
    are_up && in_order && is_pair lb && is_pair web || return
    for node in app-1 app-2 cache-1; do on $node healthcheck-machine || return; done
}
setup() { within 180 is_whole; }

machine() { docker "$1" "$(container "$2")"; }

# What a test that failed has left: every machine runs, and nobody buys.
teardown() {
    on client "touch /tmp/buy-on.stop"
    for node in $ALL; do machine start "$node"; done
    on monitor "s6-svc -c /run/s6/prometheus"
    [ -z "${CAPTURES[*]-}" ] || docker rm --force "${CAPTURES[@]}"
}

# ask NUMBER: so many requests of a stranger, one after the other; a line each: status and the web server.
ask() { on client "for i in \$(seq $1); do curl -so /dev/null --max-time 20 -w '%{http_code} %header{x-served-by}\n' $SITE/products/\$i; done"; }
# no_probes: the monitor's, which are visitors as well, stop until the test is over.
no_probes() { on monitor 's6-svc -p /run/s6/prometheus && grep "^State:.T" "/proc/$(s6-svstat -o pid /run/s6/prometheus)/status"'; }
answered() { ask "$1" | cut -d ' ' -f 1 | sort | uniq -c | xargs; }
cart_of() { browse "$1" /api/v1/cart | content | jq -c '[.items[] | [.product, .quantity]]'; }

# --- Each tier does its part ----------------------------------------------------------------------------------------

@test "from the first visit to an order" {
    a_buyer first
    add first 5 2
    run buy first
    assert_line --index 0 --partial "303"
    assert_equal "$(orders_of "$EMAIL")" 1
}

@test "sixty requests: thirty for each web server, and both applications have worked" {
    within 30 no_probes
    since=$(date +%s)
    assert_equal "$(ask 60 | sort | uniq -c | xargs)" "30 200 web-1 30 200 web-2"
    has_worked() { [ "$(docker logs --since "$since" "$(container "$1")" 2>&1 | grep -c '"event":"request".*"/products/')" -ge 15 ]; }
    for node in app-1 app-2; do within 20 has_worked "$node"; done
}

@test "what holds still: the site's address is on one balancer, and that of the web servers on one of them" {
    run dig_site
    assert_output "$(lab_setting PUBLIC_NET).10"
    for tier in lb web; do assert_equal "$(owner $tier | wc -w)" 1; done
    assert_equal "$(on client "curl -so /dev/null -w '%header{x-lb}' $SITE/products/1")" "$(owner lb)"
}
dig_site() { on client "dig +short www.foobar.com"; }

@test "every order has one receipt, and both workers have written some" {
    buyers 10
    stock $PRODUCT $PIECES
    before=$(sql "SELECT COUNT(*) FROM receipts")
    # All ten want the same row, and each commit waits for two disks: who has waited for too long is told so, and asks again.
    on client "for buyer in \$(seq 10); do (for n in 1 2 3 4 5 6; do
        for try in \$(seq 40); do SITE=$SITE /tmp/order \$buyer receipt-\$n $PRODUCT | grep '^201 ' && break; sleep 0.2; done
    done) & done; wait" | cut -d ' ' -f 1 | sort | uniq -c | xargs >"$BATS_TEST_TMPDIR/placed"
    assert_equal "$(cat "$BATS_TEST_TMPDIR/placed")" "60 201"
    assert_equal "$(sql "SELECT COUNT(*) FROM orders WHERE idempotency_key LIKE 'receipt-%'")" 60
    all_written() { [ "$(sql "SELECT COUNT(*) FROM receipts")" -ge $((before + 60)) ]; }
    within 60 all_written
    assert_equal "$(sql "SELECT COUNT(*) = COUNT(DISTINCT order_id) AND COUNT(*) = (SELECT COUNT(*) FROM orders) FROM receipts")" 1
    # They say so every two seconds.
    has_written() { [ "$(on "$1" "awk '/^shop_worker_pieces_total.*written/ { print \$2 }' /run/worker/metrics.prom")" -gt 0 ]; }
    for node in app-1 app-2; do within 20 has_written "$node"; done
}

@test "make status: machines, balancers, databases, sessions, firewalls and the site, as they are" {
    run make --no-print-directory status
    assert_success
    assert_line "Stage 3, scaled"
    for node in $ALL client dns gateway; do
        assert_line --regexp "^  $node +[0-9.]+ +healthy"
    done
    assert_line --regexp '^  cache-1 +role=master clients=[0-9]+ keys=[0-9]+ memory=[0-9.]+[KM] of=64.00M evicted=0 kept=everysec$'
    assert_line --regexp '^  db-2 +role=replica '
}

# capture NODE FILTER: starts to read what passes the network of that machine, from a container beside it: CAPTURE.
capture() {
    CAPTURE=$(docker run --detach --network "container:$(container "$1")" --cap-drop ALL --cap-add NET_RAW \
        --entrypoint tcpdump webstack/client --immediate-mode --buffer-size 16384 -l -A -n -i any "$2")
    CAPTURES+=("$CAPTURE")
    listens() { docker logs "$CAPTURE" 2>&1 | grep -q "listening on"; }
    within 30 listens
}
has_captured() { docker logs "$1" 2>/dev/null | grep -q "$2"; }

@test "a password can be read on the network of FastCGI, and nowhere else" {
    net=$(lab_setting PRIVATE_NET)
    secret=planted-$RANDOM$RANDOM$RANDOM
    CAPTURES=()
    for place in client:443 lb-1:443 lb-2:443 app-1:3306 app-2:3306 app-1:6379 app-2:6379; do
        capture "${place%:*}" "tcp port ${place#*:}"
    done
    # Requests only: the pages are ten times as much, and what does not fit tcpdump's buffer meanwhile is lost.
    for node in app-1 app-2; do capture $node "tcp dst port 9000 and net $net.2.0/24"; done
    sign_in eve eve@example.com "$secret" >/dev/null
    is_read() { has_captured "${CAPTURES[7]}" "$secret" || has_captured "${CAPTURES[8]}" "$secret"; }
    within 20 is_read
    # The others did hear something.
    have_heard() { [ "$(for capture in "$@"; do docker logs "$capture" 2>/dev/null; done | grep -c "IP .*Flags")" -gt 3 ]; }
    within 20 have_heard "${CAPTURES[0]}"
    within 20 have_heard "${CAPTURES[1]}" "${CAPTURES[2]}"
    within 20 have_heard "${CAPTURES[3]}" "${CAPTURES[4]}"
    within 20 have_heard "${CAPTURES[5]}" "${CAPTURES[6]}"
    for index in 0 1 2 3 4 5 6; do refute has_captured "${CAPTURES[index]}" "$secret"; done
}

@test "make trace: every hop, Redis too" {
    run make --no-print-directory trace URL=$SITE/products/777
    assert_success
    for hop in DNS TCP TLS balance HTTP FastCGI Redis SQL answer; do
        assert_line --regexp "^  $hop "
    done
    assert_line --regexp '^  Redis +app-[12]/shopd +cache-1/redis '
    assert_line --regexp '^  SQL +app-[12]/shopd +db-[12]/mysql '
}

# --- A machine dies -------------------------------------------------------------------------------------------------

@test "visitor and cart outlive any balancer, any web server and any application" {
    a_buyer lasting
    add lasting 5 2
    for node in "$(owner lb)" web-1 app-1 web-2 app-2; do
        machine kill "$node"
        is_signed_in lasting
        assert_equal "$(cart_of lasting)" '[[5,2]]'
        machine start "$node"
        within 120 is_whole
    done
}

@test "one of two dies, of every tier: no visitor sees it" {
    # Of the balancers first the one that has the site's address, then the one that has it by then.
    for node in "$(owner lb)" lb web-1 web-2 app-1 app-2 db-2 monitor; do
        [ "$node" != lb ] || node=$(owner lb)
        machine kill "$node"
        assert_equal "$node: $(answered 20)" "$node: 20 200"
        machine start "$node"
        within 120 is_whole
    done
}

@test "an application dies in the middle of orders: what it had is not sent to the other one, and the buyer is told" {
    buyers 8
    stock $PRODUCT $PIECES
    app_1=$(container app-1)
    on app-1 "s6-svc -p /run/s6/shopd"
    on client "for n in \$(seq 8); do SITE=$SITE /tmp/order \$n middle $PRODUCT & done; wait" >"$BATS_TEST_TMPDIR/answers" 3>&- &
    placed() { sql "SELECT COUNT(*) FROM orders WHERE idempotency_key = 'middle'"; }
    some_are() { [ "$(grep -c '^201 ' "$BATS_TEST_TMPDIR/answers")" -ge 2 ]; }
    within 30 some_are
    # Without make, and without a question to MySQL: Nginx waits for six seconds, and then says 504.
    docker exec "$app_1" sh -c 'kill -KILL "$(s6-svstat -o pid /run/s6/shopd)"'
    wait
    assert_equal "$(grep -c '^201 ' "$BATS_TEST_TMPDIR/answers")" "$(placed)"
    run grep -c '^502 ' "$BATS_TEST_TMPDIR/answers"
    assert [ "$output" -ge 1 ]
}

@test "the primary dies: the shop is read from the replica, and says that it takes no order" {
    a_buyer waiting
    add waiting 6 1
    form=$(browse waiting /checkout)
    machine kill db-1
    all_answered() { [ "$(answered 10)" = "10 200" ]; }
    within 20 all_answered
    assert_equal "$(answered 10)" "10 200"
    assert_equal "$(send waiting "$form" | status)" 503
    machine start db-1
    within 120 is_whole
    # The two applications find it again, each for itself.
    is_sold() { [ "$(send waiting "$form" | status)" = 303 ]; }
    within 30 is_sold
}

@test "Redis dies: visitors browse, and who signs in is told; back, it knows every visitor" {
    a_buyer kept
    machine kill cache-1
    assert_equal "$(answered 10)" "10 200"
    assert_equal "$(browse kept /cart | status)" 503
    machine start cache-1
    within 120 is_whole
    within 30 is_signed_in kept
}

@test "the certificate of a web server ends: nobody is sent there; a new one, and it is back" {
    make renew-cert NODE=web-1 DAYS=-1
    within 30 web_1_is_out
    assert_equal "$(answered 10)" "10 200"
    make renew-cert NODE=web-1
    within 30 are_up
    make renew-cert NODE=db-1
    make renew-cert NODE=cache-1
    within 120 is_whole
    assert_equal "$(answered 10)" "10 200"
}

@test "a machine is cut off from one of its networks, and put back: visitors go elsewhere, then there again" {
    net=$(lab_setting PRIVATE_NET) name=$(lab_setting LAB_NAME)
    docker network disconnect "${name}_app" "$(container web-1)"
    within 30 web_1_is_out
    assert_equal "$(answered 10)" "10 200"
    docker network connect --ip "$net.2.21" "${name}_app" "$(container web-1)"
    within 30 are_up
    active=$(owner lb)
    docker network disconnect "${name}_public" "$(container "$active")"
    within 20 answers /products/1 200
    refute [ "$(owner lb)" = "$active" ]
    docker network connect --ip "$(lab_setting PUBLIC_NET).1${active#lb-}" "${name}_public" "$(container "$active")"
    within 120 is_whole
}

@test "started in the wrong order, visitors' side first: the stage comes back by itself" {
    for node in $ALL; do machine kill "$node"; done
    for node in $ALL; do machine start "$node"; done
    within 180 is_whole
    assert_equal "$(answered 10)" "10 200"
}

@test "all machines restarted at once: the stage comes back by itself" {
    docker ps --quiet --filter "label=com.docker.compose.project=$(lab_setting LAB_NAME)" | xargs docker restart --time 3
    within 180 is_whole
    within 30 no_probes
    assert_equal "$(ask 20 | sort | uniq -c | xargs)" "10 200 web-1 10 200 web-2"
}

# --- The databases change places ------------------------------------------------------------------------------------

@test "the databases change places while programs order, there, dead, and back: nothing is lost" {
    start_buying
    make promote
    roles_are replica primary
    goes_on
    # Now the primary is db-2, and dies. Promised is what the replica has acknowledged; after a stall the primary does not
    # wait for it for a while.
    is_acknowledged() { on db-2 mysql-role | grep -q "replicas=1 semisync=on"; }
    within 30 is_acknowledged
    machine kill db-2
    make promote
    goes_on
    machine start db-2
    fenced() { [ "$(role db-2)" = fenced ]; }
    within 120 fenced
    make rejoin NODE=db-2
    goes_on
    stop_buying
    within 60 in_order
    roles_are primary replica
    nothing_lost
    caught_up() { on db-2 mysql-role | grep -q " missing=0 "; }
    within 30 caught_up
    PRIMARY=db-2 nothing_lost
}

@test "no secret is in a log" {
    for secret in .lab/secrets/*; do
        for node in $ALL; do
            assert_equal "$(docker logs "$(container "$node")" 2>&1 | grep -cF "$(cat "$secret")")" 0
        done
    done
}
