#!/usr/bin/env bats
# The monitoring of stage 3: machines of each tier are asked and answer, what only this stage can lack is told in the time that
# its rule states and is over when it is repaired, and nothing is told while all is well.

bats_require_minimum_version 1.5.0
load ../lib/lab
load ../lib/monitoring

export SITE=https://www.foobar.com
SITE_ADDRESS=$(lab_setting PUBLIC_NET).10
WEB_ADDRESS=$(lab_setting PRIVATE_NET).1.10
ALL_JOBS="blackbox/monitor haproxy/lb-1 haproxy/lb-2 mysql/db-1 mysql/db-2 nginx/web-1 nginx/web-2 node/app-1 node/app-2"
ALL_JOBS+=" node/cache-1 node/db-1 node/db-2 node/lb-1 node/lb-2 node/web-1 node/web-2 redis/cache-1 shopd/app-1 shopd/app-2"

nothing_fires() { [ -z "$(firing)" ]; }

setup_file() {
    within 120 all_up
    # What an earlier test has moved is told for two minutes.
    within 240 nothing_fires
    date +%s >"$BATS_FILE_TMPDIR/quiet-since"
}

# One fault after the other.
setup() { within 120 is_quiet; }

# Whatever a test that failed has left.
teardown() {
    local node
    docker start "$(container lb-1)" "$(container lb-2)"
    [ "$(docker inspect --format '{{.State.Paused}}' "$(container app-2)")" = false ] || docker unpause "$(container app-2)"
    for node in lb-1 lb-2; do s6 $node -u keepalived; done
    for node in web-1 web-2; do on $node firewall; done
    s6 web-1 -u nginx
    s6 cache-1 -u redis
    open_redis
}

# open_redis: its disk is open again, and it has room.
open_redis() { on cache-1 "chmod 750 /var/lib/redis/appendonlydir; seq -f 'DEL fill:%g' 70 | as-shop >/dev/null"; }

# has MACHINE: the site's address is there, as the monitor has it.
has() { [ "$(value "virtual_ip_held{instance=\"$1\", address=\"$SITE_ADDRESS\"}")" = 1 ]; }

# --- Everybody is asked -----------------------------------------------------------------------------------------

@test "every job is asked on every machine that has it, and answers; nobody else is asked" {
    none_is_down() { [ "$(api targets | jq '[.activeTargets[] | select(.health != "up")] | length')" = 0 ]; }
    within 30 all_up
    within 30 none_is_down
    assert_equal "$(answers_of 'up{job!="blackbox"}')" 18
    # The site, its name, the way to TLS, and the page past the balancers.
    all_probed() { [ "$(answers_of 'probe_success == 1')" = 4 ]; }
    within 30 all_probed
}

@test "who has a virtual IP is what the machines themselves say, and both are ready" {
    for node in lb-1 lb-2 web-1 web-2; do
        state=$(on $node virtual-ip | grep -o 'state=[a-z]*')
        held=$(value "virtual_ip_held{instance=\"$node\"}")
        assert_equal "$node $state" "$node state=$([ "$held" = 1 ] && echo active || echo standby)"
        assert_equal "$node $(value "virtual_ip_ready{instance=\"$node\"}")" "$node 1"
    done
}

@test "what is new to be said can be read, each agent is a user of its own and may nothing" {
    for address in 31:8081 32:8081 51:9121 11:9100 21:9100; do
        run docker exec --interactive "$(container monitor)" promtool check metrics \
            < <(metrics_of "$NET.$address" | grep -v ANSWERED)
        assert [ "$status" -eq 0 ] || assert [ "$status" -eq 3 ]
    done
    for agent in cache-1/redis-exporter app-1/operators; do
        run on ${agent%/*} "grep ^CapEff /proc/\$(s6-svstat -o pid /run/s6/${agent#*/})/status"
        assert_output --regexp '^CapEff:.0000000000000000$'
    done
    # The port for operators is nothing but that.
    assert_equal "$(on monitor "curl -s -o /dev/null -w '%{http_code}' http://$NET.31:8081/products/1")" 404
}

# --- While all is well ------------------------------------------------------------------------------------------

# tier NAME: requests a second of all its machines, in whole numbers.
tier() { value "tier:requests:rate30s{tier=\"$1\"}" | awk '{ printf "%d", $1 }'; }

@test "ten visitors a second are about ten in each tier, and for a minute nothing is told" {
    on client "timeout 120 curl -s -o /dev/null --rate 10/s '$SITE/products/[1-1000]' >/dev/null 2>&1 & echo \$! >/tmp/ten"
    since=$(cat "$BATS_FILE_TMPDIR/quiet-since") visited=$(date +%s)
    # The visitors have come for longer than the 30 seconds whose rate is looked at.
    is_over() { [ $(($(date +%s) - since)) -ge 60 ] && [ $(($(date +%s) - visited)) -ge 40 ]; }
    within 90 is_over
    for name in balancer web app cache; do echo "# $name: $(tier $name) requests a second" >&3; done
    visitors=$(tier balancer)
    # The monitor's own page every three seconds is one of them. curl falls behind where the machine is busy.
    assert [ "$visitors" -ge 5 ]
    assert [ "$visitors" -le 11 ]
    # Balancers and monitor ask each application three times a second, and keepalived its Nginx five times more.
    assert [ "$(tier app)" -ge "$((visitors - 1))" ]
    assert [ "$(tier app)" -le "$((visitors + 7))" ]
    assert [ "$(tier web)" -ge "$((visitors + 7))" ]
    assert [ "$(tier web)" -le "$((visitors + 20))" ]
    # A page is one question at least.
    assert [ "$(tier cache)" -ge "$visitors" ]
    assert_equal "$(fired 60)" ""
    on client "kill \$(cat /tmp/ten)" || true
}

# --- Faults -----------------------------------------------------------------------------------------------------

@test "a dead balancer, a frozen application, no web server, no Redis: each is told in time, with who is left, and ends" {
    active=lb-1 other=lb-2
    has lb-1 || active=lb-2 other=lb-1
    before=$(written_down | wc -l)
    # At once, and the time counts when all of them are there: what make and Docker take is not the monitor's.
    docker kill "$(container $active)" 3>&- &
    docker pause "$(container app-2)" 3>&- &
    s6 web-1 -d nginx 3>&- &
    s6 cache-1 -d redis 3>&- &
    wait
    since=$(now)
    fire_in_time "$since" "MachineDown $active" "MachineDown app-2" "ProgramDown cache-1 redis" "ProgramDown web-1 nginx" \
        "ServerOut $other web-1" "VirtualIpAlone $SITE_ADDRESS" "VirtualIpAlone $WEB_ADDRESS" "VirtualIpMoved $SITE_ADDRESS"
    docker start "$(container $active)"
    docker unpause "$(container app-2)"
    s6 web-1 -u nginx
    s6 cache-1 -u redis
    within 120 is_quiet
    has $other
    written_down | tail -n "+$((before + 1))" >"$BATS_TEST_TMPDIR/written"
    assert grep -qx "firing MachineDown $active" "$BATS_TEST_TMPDIR/written"
    # A machine that is gone is one message.
    refute grep -qE "^firing (AgentDown|ProgramDown) ($active|app-2)" "$BATS_TEST_TMPDIR/written"
    refute grep -qE '^firing VirtualIp(Nowhere|Twice)' "$BATS_TEST_TMPDIR/written"
}

@test "nobody has the site's address, two have the web servers', Redis is full and its disk closed: told in time, and ends" {
    for node in lb-1 lb-2; do s6 $node -d keepalived 3>&- & done
    for node in web-1 web-2; do on $node "nft insert rule inet lab input ip protocol 112 drop" 3>&- & done
    on cache-1 "chmod 500 /var/lib/redis/appendonlydir"
    # What may go, then what may not, until there is no room; and somebody who goes on trying.
    on cache-1 "seq -f 'SET fill:short:%g 1 EX 600' 300 | as-shop >/dev/null
        seq -f \"EVAL \\\"return redis.call('SET', KEYS[1], string.rep('x', 1000000))\\\" 1 fill:%g\" 70 | as-shop >/dev/null 2>&1
        (for i in \$(seq 80); do as-shop SET fill:more 1; sleep 0.5; done) >/dev/null 2>&1 &"
    wait
    since=$(now)
    fire_in_time "$since" "VirtualIpNowhere $SITE_ADDRESS" "VirtualIpTwice $WEB_ADDRESS" "SiteDown monitor blackbox site" \
        "ProbeFailed monitor blackbox redirect" "RedisMemoryHigh cache-1 redis" "RedisEvicts cache-1 redis" "RedisRefuses cache-1" \
        "RedisNotKept cache-1"
    # The web servers answer: it is the way to them.
    refute grep web-inside <<<"$(firing)"
    for node in lb-1 lb-2; do s6 $node -u keepalived; done
    for node in web-1 web-2; do on $node firewall; done
    open_redis
    # A Redis that could not write its file anew waits for minutes before it tries again.
    s6 cache-1 -r redis
    within 120 is_quiet
}

@test "certificates that end soon, of a web server, a database and Redis: told with what to do, and over when they are renewed" {
    local machines="web-2 db-2 cache-1" node
    for node in $machines; do make renew-cert NODE="$node" DAYS=5; done
    fire_in_time "$(now)" "CertificateExpires web-2 node" "CertificateExpires db-2 node" "CertificateExpires cache-1 node"
    refute grep CertificateExpires < <(firing | grep -v -e web-2 -e db-2 -e cache-1)
    run make alerts
    assert_line --partial "mysql on db-2 is good for 4d"
    assert_line "    Do: make renew-cert NODE=db-2"
    for node in $machines; do make renew-cert NODE="$node"; done
    within 60 is_quiet
}
