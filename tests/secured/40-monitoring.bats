#!/usr/bin/env bats
# The monitoring of stage 2: everybody is asked and answers, what is counted is what was done, each fault is told in the
# time that its rule states and is over when it is repaired, and nothing is told while all is well.
#
#   QUIET_S=60   how long nothing may be told

# bats file_tags=alone
bats_require_minimum_version 1.5.0
load ../lib/lab
load ../lib/monitoring

# As the monitor tries it.
SITE=$(sed -n 's/^ *SITE_URL: //p' compose/2-secured/compose.yaml)
ALL_JOBS="blackbox/monitor haproxy/lb-1 mysql/server-1 mysql/server-2 nginx/server-1 nginx/server-2 node/lb-1"
ALL_JOBS+=" node/server-1 node/server-2 shopd/server-1 shopd/server-2"

setup_file() {
    within 120 all_up
    within 120 is_quiet
    # From here on, with the tests before the one that asks.
    date +%s >"$BATS_FILE_TMPDIR/quiet-since"
}

sql() { on "$1" "mysql -N -e \"$2\""; }

# One fault after the other.
setup() { within 120 is_quiet; }

# Whatever a test that failed has left.
teardown() {
    local node id
    for node in server-2 dns; do
        id=$(container $node)
        [ "$(docker inspect --format '{{.State.Paused}}' "$id")" = false ] || docker unpause "$id"
    done
    on monitor 's6-svc -c /run/s6/prometheus'
    s6 monitor -u alertmanager
    s6 lb-1 -u node-exporter
    s6 server-1 -u worker
    s6 server-2 -u nginx
    for node in server-1 server-2; do s6 $node -u shopd; done
    sql server-1 "SET GLOBAL max_connections = 60"
    sql server-2 "START REPLICA"
}

# --- Everybody is asked -----------------------------------------------------------------------------------------

@test "every job is asked on every machine that has it, and answers; nobody else is asked" {
    # One look that comes too late is no fault: the next one is two seconds later.
    within 30 all_up
    nobody_is_down() { [ "$(api targets | jq '[.activeTargets[] | select(.health != "up")] | length')" = 0 ]; }
    within 30 nobody_is_down
    # From outside are tried: the site, its name, and where there is TLS the way to that.
    probes=2
    [[ $SITE = http:* ]] || probes=3
    assert_equal "$(answers_of 'up{job!="blackbox"}')" 10
    all_succeed() { [ "$(answers_of 'probe_success == 1')" = "$probes" ]; }
    within 30 all_succeed
}

@test "the pages of Prometheus come to this host's browser, with all they load" {
    assert_equal "$(curl -s -o /dev/null -w '%{http_code}' -L "$PROMETHEUS/")" 200
    for page in graph alerts targets rules status; do
        run curl --silent --fail "$PROMETHEUS/classic/$page"
        assert_success
        while read -r part; do
            assert_equal "$part $(curl -s -o /dev/null -w '%{http_code}' "$PROMETHEUS$part")" "$part 200"
        done < <(grep -oE '(src|href)="/classic/static/[^"]*"' <<<"$output" | cut -d '"' -f 2)
    done
    # Where the links in alerts lead.
    run curl --silent "$PROMETHEUS/graph?g0.expr=up"
    assert_output --partial '/classic/graph'
    assert_equal "$(api status/flags | jq --raw-output '."web.external-url"')" "$PROMETHEUS/"
}

promtool() { docker exec --interactive "$(container monitor)" promtool "$@"; }

# What others count has names that promtool does not like (3); it can be read, which is what counts (1 it cannot).
@test "what is said of our own programs is as it should be, and what others say can be read" {
    metrics_of "$NET.21:9100" >"$BATS_TEST_TMPDIR/node"
    grep -E '^(# (HELP|TYPE) )?(machine|shop)_' "$BATS_TEST_TMPDIR/node" >"$BATS_TEST_TMPDIR/machine"
    metrics_of "$NET.21:8081" | grep -v ANSWERED >"$BATS_TEST_TMPDIR/shopd"
    for ours in machine shopd; do
        assert [ "$(wc -l <"$BATS_TEST_TMPDIR/$ours")" -gt 10 ]
        run promtool check metrics <"$BATS_TEST_TMPDIR/$ours"
        assert_success
        assert_output ""
    done
    for address in 11:9100 11:8404 21:9100 21:9104 21:9113 22:9100 22:9104 22:9113; do
        run promtool check metrics < <(metrics_of "$NET.$address" | grep -v ANSWERED)
        assert [ "$status" -eq 0 ] || assert [ "$status" -eq 3 ]
    done
    run promtool check metrics <<<"no metric at all"
    assert_equal "$status" 1
}

@test "a machine's memory and processors are its own, not the host's" {
    for node in lb-1 server-1; do
        limit=$(docker inspect --format '{{.HostConfig.Memory}}' "$(container $node)")
        assert_equal "$(value "machine_memory_limit_bytes{instance=\"$node\"}")" "$limit"
        assert [ "$(value "machine_memory_used_bytes{instance=\"$node\"} < bool $limit")" = 1 ]
    done
    # What docker stats says, give or take what changes meanwhile.
    agree() {
        said=$(docker stats --no-stream --format '{{.MemUsage}}' "$(container server-1)" | sed 's/MiB.*//')
        used=$(value 'machine_memory_used_bytes{instance="server-1"} / 1048576')
        [ "$(awk -v a="$said" -v b="$used" 'BEGIN { d = a - b; print (d < 0 ? -d : d) < 0.1 * a }')" = 1 ]
    }
    within 30 agree
}

@test "each agent runs as a user of its own, and may nothing" {
    for agent in node-exporter nginx-exporter mysqld-exporter; do
        run on server-1 "grep -E '^(Uid|CapEff)' /proc/\$(s6-svstat -o pid /run/s6/$agent)/status; id -u $agent"
        assert_line --regexp "^Uid:.$(tail -n 1 <<<"$output")"
        assert_line --regexp '^CapEff:.0000000000000000$'
    done
    run sql server-1 "SHOW GRANTS FOR 'mysqld-exporter'@localhost"
    assert_output "GRANT PROCESS, REPLICATION CLIENT ON *.* TO \`mysqld-exporter\`@\`localhost\`"
    # Without a password, and to nobody else.
    run on server-1 "setpriv --reuid=shopd --regid=shopd --clear-groups -- mysql --user=mysqld-exporter -e 'SELECT 1'"
    assert_failure
}

# --- What is counted is what was done ---------------------------------------------------------------------------

# sum PATTERN: the values of the lines that match, in an exposition on standard input.
sum() { awk -v pattern="$1" '$0 ~ pattern { n += $NF } END { printf "%d\n", n }'; }

# counted NUMBER FOLDER: what that server has counted at one moment, in two files, shopd-N and nginx-N: shopd is asked,
# Nginx, and shopd again, which has seen nothing but the question meanwhile. How many tries that took is in a third, as
# each is a question to Nginx' status page.
counted() {
    local tries=0 before=-1 after=-1
    until [ "$after" -eq $((before + 1)) ]; do
        tries=$((tries + 1))
        [ $tries -lt 20 ]
        metrics_of "$NET.$1:8081" "$NET.$1:9113" "$NET.$1:8081" >"$2/all"
        csplit --quiet --prefix="$2/part-" "$2/all" '/^ANSWERED$/' '{*}'
        before=$(sum '^shopd_http_requests_total' <"$2/part-00")
        after=$(sum '^shopd_http_requests_total' <"$2/part-02")
        sum '^nginx_http_requests_total' <"$2/part-01" >"$2/nginx-$1"
        cp "$2/part-02" "$2/shopd-$1"
    done
    echo $tries >"$2/tries-$1"
}

counted_everywhere() {
    mkdir -p "$1"
    metrics_of "$NET.11:8404" | sum '^haproxy_backend_http_requests_total.*proxy="web"' >"$1/haproxy"
    counted 21 "$1"
    counted 22 "$1"
}

# grown FILE [PATTERN]: by how much, on both servers together.
grown() {
    local server total=0 before=$BATS_TEST_TMPDIR/before after=$BATS_TEST_TMPDIR/after
    for server in 21 22; do
        total=$((total + $(sum "${2-.}" <"$after/$1-$server") - $(sum "${2-.}" <"$before/$1-$server")))
    done
    echo $total
}

@test "300 requests of a visitor are 300 for HAProxy, Nginx and shopd, once checks and probes are taken out" {
    # Prometheus, and with it the probes, holds still; the balancer goes on asking whether its servers are well.
    on monitor 's6-svc -p /run/s6/prometheus'
    begun=$SECONDS
    counted_everywhere "$BATS_TEST_TMPDIR/before"
    for pages in 'whoami?[1-120]' 'products/[1-80]' 'static/style.css?[1-100]'; do
        on client "curl -s -o /dev/null '$SITE/$pages'"
    done
    counted_everywhere "$BATS_TEST_TMPDIR/after"
    lasted=$((SECONDS - begun + 1))
    on monitor 's6-svc -c /run/s6/prometheus'

    assert_equal $(($(cat "$BATS_TEST_TMPDIR/after/haproxy") - $(cat "$BATS_TEST_TMPDIR/before/haproxy"))) 300
    assert_equal "$(grown shopd '^shopd_http_requests_total.*route="/whoami"')" 120
    # Each machine's own healthcheck fetches one of these, every half minute.
    products=$(grown shopd '^shopd_http_requests_total.*route="/products/.id}"')
    assert [ "$products" -ge 80 ]
    assert [ "$products" -le $((82 + 2 * (lasted / 30))) ]
    # All that Nginx has answered: what shopd has, the files, and its status page.
    pages=$(grown shopd '^shopd_http_requests_total')
    questions=$(cat "$BATS_TEST_TMPDIR"/after/tries-* | sum .)
    assert_equal "$(grown nginx)" $((pages + 100 + questions))
    # shopd asks MySQL once for each product, and looks at its flags every two seconds, on both machines.
    calls=$(grown shopd '^shopd_backend_calls_total.*backend="mysql",outcome="ok"')
    assert [ "$calls" -ge "$products" ]
    assert [ "$calls" -le $((products + 10 + lasted)) ]
}

# --- While all is well ------------------------------------------------------------------------------------------

@test "while all is well nothing is told, for a minute or QUIET_S" {
    since=$(cat "$BATS_FILE_TMPDIR/quiet-since")
    is_over() { [ $(($(date +%s) - since)) -ge "${QUIET_S:-60}" ]; }
    within $((${QUIET_S:-60} + 5)) is_over
    assert_equal "$(fired "${QUIET_S:-60}")" ""
    run make --no-print-directory alerts
    assert_line "What fires now: nothing"
}

# --- Faults -----------------------------------------------------------------------------------------------------

@test "a replica that stops is told, written down, and shown by make alerts; so is its end" {
    since=$(now)
    sql server-2 "STOP REPLICA"
    fire_in_time "$since" "ReplicaStopped server-2"
    has_it() { written_down | tail -n 3 | grep -qx "$1 ReplicaStopped server-2"; }
    within 30 has_it firing
    run make --no-print-directory alerts LAST=3
    assert_line --regexp '^  ReplicaStopped, critical: server-2, since '
    assert_line --regexp '^    Do: make run NODE=server-2 CMD=mysql-role'
    assert_line --regexp 'firing    ReplicaStopped  '
    sql server-2 "START REPLICA"
    within 60 is_quiet
    within 30 has_it resolved
    run make --no-print-directory alerts LAST=3
    assert_line "What fires now: nothing"
    assert_line --regexp 'resolved  ReplicaStopped  '
}

@test "what ended while Alertmanager was away, and comes again, is told again" {
    times_told() { written_down | grep -cx "firing ReplicaStopped server-2" || true; }
    told() { [ "$(times_told)" -gt "$before" ]; }
    before=$(times_told)
    sql server-2 "STOP REPLICA"
    within 60 told
    s6 monitor '-wd -d' alertmanager
    sql server-2 "START REPLICA"
    within 60 is_quiet
    s6 monitor '-wU -u' alertmanager
    before=$(times_told)
    sql server-2 "STOP REPLICA"
    within 60 told
    sql server-2 "START REPLICA"
    within 60 is_quiet
}

@test "no application, no web server, no worker, no agent, a late replica, many connections: each is told in time, and ends" {
    # Each has its own time from its own fault on: how long it takes to bring about the others is not the monitor's.
    # The replica cannot write what it gets, until this is ended.
    on server-2 "mysql -e 'FLUSH TABLES WITH READ LOCK; SELECT SLEEP(60)' >/dev/null 2>&1 &"
    no_agent=$(now)
    s6 lb-1 -d node-exporter
    no_worker=$(now)
    s6 server-1 -d worker
    no_shopd_1=$(now)
    s6 server-1 '-wd -d' shopd
    no_shopd_2=$(now)
    s6 server-2 '-wd -d' shopd
    no_nginx=$(now)
    s6 server-2 -d nginx
    # Nobody comes and goes now but the agent and the worker of the other server; there is room for two more.
    taken=$(sql server-1 "SHOW GLOBAL STATUS LIKE 'Threads_connected'" | cut -f 2)
    sql server-1 "SET GLOBAL max_connections = $((taken + 14))"
    connections=$(now)
    on server-1 "for i in \$(seq 12); do mysql -e 'SELECT SLEEP(20)' >/dev/null 2>&1 & done"
    late=$(now)
    sql server-1 "UPDATE shop.products SET stock = stock + 1 WHERE id = 1"
    fire_in_time "$no_agent" "AgentDown lb-1 node" \
        "$no_worker" "WorkerDown server-1 node" \
        "$no_shopd_1" "ProgramDown server-1 shopd" "ServerOut lb-1 server-1" \
        "$no_shopd_2" "ProgramDown server-2 shopd" "ServerOut lb-1 server-2" "SiteDown monitor blackbox site" "ErrorRateHigh" \
        "$no_nginx" "ProgramDown server-2 nginx" \
        "$connections" "MysqlConnectionsHigh server-1 mysql" \
        "$late" "ReplicaLate server-2"
    sql server-2 "SELECT CONCAT('KILL ', id, ';') FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'" >"$BATS_TEST_TMPDIR/lock"
    sql server-2 "$(cat "$BATS_TEST_TMPDIR/lock")"
    sql server-1 "SET GLOBAL max_connections = 60"
    s6 lb-1 -u node-exporter
    for program in shopd worker; do s6 server-1 -u $program; done
    for program in shopd nginx; do s6 server-2 -u $program; done
    within 120 is_quiet
}

@test "a frozen server, no name, slow pages, full queues and memory: each is told in time, and ends" {
    docker pause "$(container server-2)" "$(container dns)"
    frozen=$(now)
    # Nearly all that the machine has left. Visitors take some more; where all is taken the kernel ends a program.
    left=$(value '(machine_memory_limit_bytes{instance="lb-1"} * 0.92 - machine_memory_used_bytes{instance="lb-1"}) / 1048576')
    memory=$(now)
    on lb-1 "(dd if=/dev/zero bs=${left%.*}M count=1 2>/dev/null | sleep 25) >/dev/null 2>&1 &"
    # Nobody can read a product for most of the time, and many want to: slow, but not so slow that shopd gives up.
    on server-1 "for i in \$(seq 35); do
        echo 'LOCK TABLES products WRITE; SELECT SLEEP(0.8); UNLOCK TABLES; SELECT SLEEP(0.02);'
    done | mysql shop >/dev/null 2>&1 &"
    page=${SITE%%:*}://$(lab_setting PUBLIC_NET).10/products/1
    slow=$(now)
    on client "wrk -c 160 -t 1 -d 25 -H 'Host: www.foobar.com' $page >/dev/null 2>&1 &"
    fire_in_time "$frozen" "MachineDown server-2" "ProbeFailed monitor blackbox name" "$memory" "MemoryHigh lb-1 node" \
        "$slow" "LatencyHigh" "AppQueueLong server-1" "BalancerQueue lb-1"
    docker unpause "$(container server-2)" "$(container dns)"
    within 120 is_quiet
    # A machine that is gone is one message, not one for each of its programs.
    written_down >"$BATS_TEST_TMPDIR/written"
    assert grep -qx 'firing MachineDown server-2' "$BATS_TEST_TMPDIR/written"
    refute grep -qx 'firing AgentDown server-2' "$BATS_TEST_TMPDIR/written"
}

# --- Without a monitor ------------------------------------------------------------------------------------------

@test "make alerts without a monitor says so" {
    docker pause "$(container monitor)"
    LAB_NAME=$(lab_setting LAB_NAME)-none run make --no-print-directory alerts
    docker unpause "$(container monitor)"
    assert_failure
    assert_line "error: no stage is up"
}
