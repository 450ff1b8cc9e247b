#!/usr/bin/env bats
# The virtual IP: who has it, how soon the other one has it, what a visitor sees meanwhile, and what happens when both want it.

# run --separate-stderr sets stderr.
# shellcheck disable=SC2154

bats_require_minimum_version 1.5.0
load lab

setup_file() { start_machines; }
teardown_file() { stop_machines; }
setup() { within 30 settled; }
teardown() {
    abandon_visits
    [ -n "${BATS_TEST_COMPLETED-}" ] || repair
}

# moved SECONDS: both are in order again, and who did not have the address has it.
moved() {
    local taker=$B
    within "$1" settled
    assert_equal "$A" "$taker"
}

# --- Who has it -------------------------------------------------------------------------------------------------

@test "one has the address, the other one stands by; kernel, keepalived and the visitor say the same" {
    assert has "$A"
    refute has "$B"
    run inside "$A" virtual-ip
    assert_output --regexp "^address=$ADDRESS state=active since=20[0-9-]+T[0-9:]+Z$"
    run inside "$B" virtual-ip
    assert_output --regexp "^address=$ADDRESS state=standby since=20[0-9-]+T[0-9:]+Z$"
    assert_equal "$(inside client curl -s -o /dev/null -w '%header{x-lb}' "http://$ADDRESS/")" "$A"
    for node in lb-1 lb-2; do
        assert_equal "$(docker inspect --format '{{.State.Health.Status}}' "$(container $node)")" healthy
    done
}

@test "each change of state is a line of JSON" {
    docker logs "$(container "$A")" 2>&1 | grep '"event":"virtual-ip"' | tail -n 1 >"$BATS_TEST_TMPDIR/line"
    run jq -r '[.node, .event, .address, .state] | join(" ")' "$BATS_TEST_TMPDIR/line"
    assert_output "$A virtual-ip $ADDRESS active"
}

# --- A move that is wanted --------------------------------------------------------------------------------------

@test "give-up: the other one has it at once, and tells all neighbours (gratuitous ARP)" {
    inside client curl -s -o /dev/null "http://$ADDRESS/"
    assert_equal "$(neighbour)" "$(hardware "$A")"
    inside client timeout 60 tcpdump -n -e -l -c 5 "arp and ether src $(hardware "$B") and arp src host $ADDRESS" \
        >"$BATS_TEST_TMPDIR/arp" 2>"$BATS_TEST_TMPDIR/tcpdump" 3>&- &
    sniffer=$!
    within 20 grep -q "listening on" "$BATS_TEST_TMPDIR/tcpdump"
    start_visits "$A"
    run inside "$A" virtual-ip give-up
    assert_output --partial "state=standby"
    assert_success
    stop_visits "$B"
    within_bound "given up" "$(skew_ms "$B")"
    wait "$sniffer"
    assert_equal "$(grep -c "$(hardware "$B") > ff:ff:ff:ff:ff:ff.* who-has $ADDRESS .*tell $ADDRESS" "$BATS_TEST_TMPDIR/arp")" 5
    # The client believed it, without asking.
    assert_equal "$(neighbour)" "$(hardware "$B")"
    run inside "$A" virtual-ip give-up
    assert_failure
    assert_line "error: this machine does not have $ADDRESS"
}

@test "give-up with nobody there to take it: it says so, and the address is here again" {
    inside "$B" s6-svc -wd -d /run/s6/keepalived
    run inside "$A" virtual-ip give-up
    assert_failure
    assert_line "error: the other machine does not take $ADDRESS"
    within 20 has "$A"
    inside "$B" s6-svc -u /run/s6/keepalived
}

@test "docker stop of the active one: the other one has it at once" {
    start_visits "$A"
    machines stop --timeout 12 "$A"
    stop_visits "$B"
    within_bound "stopped" "$(skew_ms "$B")"
    machines start "$A"
}

# --- One that is not wanted -------------------------------------------------------------------------------------

@test "the machine dies: three adverts are missing; when it is back it does not take the address back" {
    start_visits "$A"
    docker kill "$(container "$A")"
    stop_visits "$B"
    within_bound "machine dead" "$(gone_ms "$B")"
    machines start "$A"
    moved 30
}

@test "HAProxy stops: its own machine gives the address up" {
    start_visits "$A"
    inside "$A" s6-svc -d /run/s6/haproxy
    stop_visits "$B"
    within_bound "HAProxy stopped" "$(refuses_ms "$B")"
    run inside "$A" virtual-ip
    assert_failure
    assert_line --partial "state=fault"
    assert_line "error: this machine does not take $ADDRESS: its program does not answer, or its network is down"
    inside "$A" s6-svc -wU -u /run/s6/haproxy
    moved 30
}

@test "HAProxy hangs: it takes connections and says nothing" {
    start_visits "$A"
    signal "$A" STOP haproxy
    stop_visits "$B"
    within_bound "HAProxy frozen" "$(silent_ms "$B")"
    signal "$A" CONT haproxy
}

@test "HAProxy is killed: s6 starts another one, or the address moves, whichever is first" {
    start_visits "$A"
    signal "$A" KILL haproxy
    back() { inside "$A" healthcheck; }
    within 20 back
    within 20 one_has_it
    if has "$A"; then stop_visits "$A"; else stop_visits "$B"; fi
    within_bound "HAProxy killed" "$(refuses_ms "$B")"
}

@test "keepalived is killed: the address does not stay behind" {
    start_visits "$A"
    # One that comes back would take away what it finds.
    inside "$A" s6-svc -O /run/s6/keepalived
    signal "$A" KILL keepalived
    stop_visits "$B"
    within_bound "keepalived killed" "$(gone_ms "$B")"
    refute has "$A"
    run --separate-stderr inside "$A" virtual-ip
    [[ $stderr == "error: keepalived does not run, or has no network"* ]]
    inside "$A" s6-svc -u /run/s6/keepalived
    moved 30
}

@test "keepalived hangs: both have the address, and it is seen" {
    signal "$A" STOP keepalived
    within 20 has "$B"
    assert has "$A"
    run --separate-stderr inside "$A" virtual-ip
    assert_failure
    [[ $stderr == "error: keepalived runs and does not answer"* ]]
    run --separate-stderr inside "$B" virtual-ip
    assert_failure
    [[ $stderr == "error: $ADDRESS is here and with "* ]]
    signal "$A" CONT keepalived
    within 20 one_has_it
}

@test "the network is cut: the other side has the address; put together again, one has it" {
    start_visits "$A"
    own=$(inside "$B" printenv VIRTUAL_IP_PEER)
    docker network disconnect "$LAB_NAME-vip_test" "$(container "$A")"
    stop_visits "$B"
    within_bound "network cut" "$(gone_ms "$B")"
    says() { inside "$A" virtual-ip 2>&1 | grep "^error: keepalived does not run, or has no network that $ADDRESS is in"; }
    within 20 says
    docker network connect --ip "$own" "$LAB_NAME-vip_test" "$(container "$A")"
    # To Docker the new cable is another interface. Nobody helps.
    moved 30
}

@test "a connection that was open ends with the move, and the visitor is told at once" {
    inside client sh -c 'rm -f /tmp/moved; (printf "GET / HTTP/1.1\r\nHost: www.foobar.com\r\n\r\n"; until [ -e /tmp/moved ]; do sleep 0.05; done
        printf "GET / HTTP/1.1\r\nHost: www.foobar.com\r\n\r\n"; sleep 1) | timeout 60 nc "$1" 80 2>&1' - "$ADDRESS" \
        >"$BATS_TEST_TMPDIR/answers" 3>&- &
    visitor=$!
    within 20 grep -q "200 OK" "$BATS_TEST_TMPDIR/answers"
    inside "$A" virtual-ip give-up
    inside client touch /tmp/moved
    wait "$visitor" || true
    assert grep -q "reset by peer" "$BATS_TEST_TMPDIR/answers"
    assert_equal "$(grep -c "200 OK" "$BATS_TEST_TMPDIR/answers")" 1
}

# --- Both want it -----------------------------------------------------------------------------------------------

# owners: the hardware addresses that answer for the address, as one who asks on the network sees them.
owners() {
    docker run --rm --network "container:$(container client)" --cap-drop ALL --cap-add NET_RAW \
        --entrypoint arping "$(docker inspect --format '{{.Config.Image}}' "$(container lb-1)")" -I eth0 -c 2 -w 2 "$ADDRESS" |
        sed -n 's/.*\[\([0-9A-F:]*\)\].*/\1/p' | tr A-F a-f | sort -u | xargs
}

@test "split brain: both have the address when they do not hear each other; it is seen, and ends by itself" {
    for node in lb-1 lb-2; do inside $node nft insert rule inet lab input ip protocol 112 drop; done
    within 20 has "$B"
    assert has "$A"
    assert_equal "$(owners)" "$(printf '%s\n' "$(hardware lb-1)" "$(hardware lb-2)" | sort | xargs)"
    for node in lb-1 lb-2; do
        run --separate-stderr inside $node virtual-ip
        assert_failure
        assert_output --partial "state=active"
        [[ $stderr == "error: $ADDRESS is here and with "*" as well"* ]]
        run inside $node healthcheck-machine
        assert_failure
    done
    # Together again: the higher priority keeps it, and says so to all neighbours.
    for node in lb-1 lb-2; do inside $node firewall; done
    within 20 one_has_it
    within 20 settled
    assert_equal "$A" lb-1
    assert_equal "$(owners)" "$(hardware lb-1)"
    told() { inside client curl -s -o /dev/null "http://$ADDRESS/" && [ "$(neighbour)" = "$(hardware lb-1)" ]; }
    within 9 told
}

# --- Mistakes ---------------------------------------------------------------------------------------------------

@test "a machine without VIRTUAL_IP has none of it; one that says too little, or another network's, says what is missing" {
    image=$(docker inspect --format '{{.Config.Image}}' "$(container lb-1)")
    starts() {
        timeout 30 docker run --rm --network none --tmpfs /run:exec --tmpfs /tmp "$@" --entrypoint sh "$image" -c \
            'virtual-ip; /etc/keepalived/s6/keepalived/run'
    }
    run docker run --rm --network none --entrypoint virtual-ip "$image"
    assert_success
    assert_output ""
    run starts --env VIRTUAL_IP=192.0.2.10
    assert_failure
    assert_line --partial "error: VIRTUAL_IP is set, and VIRTUAL_IP_PEER is not"
    run starts --env VIRTUAL_IP=192.0.2.10 --env VIRTUAL_IP_PEER=192.0.2.12
    assert_line --partial "error: VIRTUAL_IP is set, and VIRTUAL_IP_PRIORITY is not"
    run starts --env VIRTUAL_IP=192.0.2.10 --env VIRTUAL_IP_PEER=192.0.2.12 --env VIRTUAL_IP_PRIORITY=100
    assert_line "error: VIRTUAL_IP, 192.0.2.10, is in none of this machine's networks"
    run inside lb-1 virtual-ip take
    assert_failure
    assert_line 'error: "take" is no command of virtual-ip'
}
