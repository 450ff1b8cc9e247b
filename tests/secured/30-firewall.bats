#!/usr/bin/env bats
# The firewalls: who reaches whom is what the diagram shows, from the first moment, also after a restart, and it is seen
# when it is not so.

bats_require_minimum_version 1.5.0
load ../lib/lab

setup_file() {
    PUBLIC_NET=$(lab_setting PUBLIC_NET)
    PRIVATE_NET=$(lab_setting PRIVATE_NET)
    SITE_ADDRESS=$PUBLIC_NET.10
    MACHINES=$(model | jq -r '.services | to_entries[] | select(.value.environment.FIREWALL).key' | xargs)
    export PUBLIC_NET PRIVATE_NET SITE_ADDRESS MACHINES
}

# Whatever a test has changed: the rules of each machine are those of its lines again.
setup() { for node in $MACHINES; do on "$node" firewall; done; }

teardown() { docker rm --force "$(lab_setting LAB_NAME)-listener" 2>/dev/null || true; }

# model: the stage as Compose has it, with this lab's settings.
model() { bash -c '. services/toolbox/host/lib.sh && . services/toolbox/host/docker.sh && compose 2 config --format json'; }
matrix() { model | tests/secured/matrix "$@"; }

# beside NODE COMMAND: a visitor's tools, in the network of another machine.
beside() { docker run --rm --network "container:$(container "$1")" --cap-drop ALL "${@:3}" --entrypoint sh webstack/client -c "$2"; }

# port_of ADDRESS PORT prints how a port of another machine looks from the visitor's.
port_of() { on client "nmap -n -Pn -sT --max-retries 1 --max-rtt-timeout 300ms -p $2 $1" | awk -v port="$2/tcp" '$1 == port { print $2 }'; }

# counted NODE WORDS prints the count of the line of "firewall flows" that begins so.
counted() { on "$1" "firewall flows" | tr -s ' ' | sed -nE "s/^$2 ([0-9]+) .*/\1/p"; }

# --- The port matrix --------------------------------------------------------------------------------------------

@test "the lines of FIREWALL are the connections of the diagram, and no more" {
    run --separate-stderr matrix lines
    assert_output ""
    assert_success
}

@test "from every machine to every port of every other: what the diagram shows is open, all else is dropped" {
    run matrix probe
    echo "$output" | grep '^#' >&3
    assert_success
}

@test "the matrix sees a line too many, and one too few" {
    model >"$BATS_TEST_TMPDIR/model"
    run tests/secured/matrix lines < <(jq '.services["lb-1"].environment.FIREWALL += "in any 192.0.2.1 tcp 22 ssh\n"' "$BATS_TEST_TMPDIR/model")
    assert_failure
    assert_output "lb-1: FIREWALL has it, the diagram has not: in any 192.0.2.1 tcp 22"
    run tests/secured/matrix lines < <(jq 'del(.services["server-2"].environment.FIREWALL)' "$BATS_TEST_TMPDIR/model")
    assert_failure
    assert_line "server-2: the diagram has it, FIREWALL has not: in $PRIVATE_NET.1.11 $PRIVATE_NET.1.22 tcp 80"
}

@test "the matrix sees a rule too many, and one too few" {
    on lb-1 "nft insert rule inet lab input tcp dport 22 accept"
    run matrix probe client
    assert_failure
    assert_line "client -> lb-1 $SITE_ADDRESS tcp 22: refused, not dropped"
    on lb-1 firewall
    on lb-1 "nft delete rule inet lab input handle \$(nft --handle list chain inet lab input | sed -n 's/.*$SITE_ADDRESS tcp dport 80 .*handle //p')"
    run matrix probe client
    assert_failure
    assert_line "client -> lb-1 $SITE_ADDRESS tcp 80: dropped, not open"
}

@test "who has become root on a server and opened its way out reaches nothing more of the others" {
    on server-1 "nft insert rule inet lab output accept"
    dropped=$(counted server-2 "dropped, in")
    run matrix probe server-1
    assert_success
    # It is the other side that has dropped it.
    assert [ "$(counted server-2 "dropped, in")" -gt "$dropped" ]
}

@test "a program that listens on a port without a line is not reached" {
    # One that HAProxy does not get for a connection of its own (ip_local_port_range).
    docker run --detach --rm --name "$(lab_setting LAB_NAME)-listener" --network "container:$(container lb-1)" --cap-drop ALL \
        --entrypoint ncat webstack/client --listen --keep-open 5000
    here() { on lb-1 "bash -c 'exec 3<>/dev/tcp/127.0.0.1/5000'"; }
    within 30 here
    assert_equal "$(port_of "$SITE_ADDRESS" 5000)" filtered
    # Without the firewall it is.
    on lb-1 "nft delete table inet lab"
    assert_equal "$(port_of "$SITE_ADDRESS" 5000)" open
    on lb-1 firewall
    assert_equal "$(port_of "$SITE_ADDRESS" 5000)" filtered
}

@test "lb-1, on three networks, is no way from one to another" {
    beside client "ip route add $PRIVATE_NET.1.0/24 via $SITE_ADDRESS && nmap -n -Pn -sT --unprivileged --max-retries 0 -p 80 $PRIVATE_NET.1.21;
        ip route del $PRIVATE_NET.1.0/24" --cap-add NET_ADMIN >"$BATS_TEST_TMPDIR/seen"
    grep -q '80/tcp filtered' "$BATS_TEST_TMPDIR/seen"
    # Where the kernel filters bridges, Docker has dropped it before.
    run on lb-1 "nft list chain inet lab forward"
    assert_line --partial "hook forward priority filter; policy drop;"
}

@test "a program of lb-1 cannot send a datagram either" {
    run on lb-1 "bash -c 'echo carried off >/dev/udp/$PUBLIC_NET.53/53'"
    assert_failure
    assert_output --partial "Operation not permitted"
}

# --- What must go on working --------------------------------------------------------------------------------------

@test "the site is there, its databases are a pair, and every machine is healthy" {
    SITE=https://www.foobar.com page /products/1 | grep '<h1'
    within 20 on server-2 mysql-role
    for node in $MACHINES; do
        # One that was ill when it was looked at, while a test had changed its rules, is looked at again after 30 s.
        is_healthy() { [ "$(docker inspect --format '{{.State.Health.Status}}' "$(container "$node")")" = healthy ]; }
        within 60 is_healthy
    done
}

@test "Docker's name server answers, and its table is untouched" {
    for node in lb-1 server-1; do
        on "$node" "getent hosts server-2"
        run on "$node" "nft list tables"
        assert_line "table ip nat"
        assert_line "table inet lab"
    done
}

@test "ping is answered, a flood of it is not" {
    on client "ping -c 2 -i 0.3 -W 1 $SITE_ADDRESS"
    before=$(counted lb-1 "dropped, in")
    on client "ping -c 40 -i 0.01 -W 1 -q $SITE_ADDRESS" || true
    assert [ "$(counted lb-1 "dropped, in")" -ge $((before + 20)) ]
}

@test "an ICMP error about what this machine has sent comes in" {
    on lb-1 "nft insert rule inet lab output udp dport 9 accept"
    # The second write is told what became of the first one.
    refused() { on lb-1 "bash -c 'exec 3<>/dev/udp/$PUBLIC_NET.53/9; for n in 1 2 3; do echo \$n >&3 || exit; sleep 0.1; done' 2>&1" | grep "refused"; }
    within 20 refused
}

@test "loading again keeps a connection that is open" {
    on client "rm -f /tmp/loaded /tmp/answers"
    # The second one ends the connection. Until then it may be idle for as long as HAProxy lets it be.
    get='printf "HEAD / HTTP/1.1\r\nHost: www.foobar.com\r\n%b\r\n"'
    on client "($get ''; until [ -e /tmp/loaded ]; do sleep 0.05; done; $get 'Connection: close\r\n') | nc -i 30 $SITE_ADDRESS 80 >/tmp/answers 2>/dev/null || true" &
    answers_are() { [ "$(on client "grep -c '^HTTP/1.1 ' /tmp/answers")" = "$1" ]; }
    within 20 answers_are 1
    on lb-1 firewall
    on client "touch /tmp/loaded"
    within 20 answers_are 2
    wait
}

# --- What is seen -----------------------------------------------------------------------------------------------

@test "each flow counts its connections" {
    for _ in 1 2 3 4 5; do on client "curl -so /dev/null http://www.foobar.com/"; done
    assert [ "$(counted lb-1 "in any $SITE_ADDRESS tcp 80")" -ge 5 ]
    run on server-2 "firewall status"
    assert_output --regexp '^state=loaded flows=[0-9]+ dropped_in=[0-9]+ dropped_out=[0-9]+ dropped_forward=0 dropped_invalid=[0-9]+$'
}

@test "what is dropped is counted, and logged: who, where, which port; a flood of it is not a flood of lines" {
    since=$(date +%s)
    assert_equal "$(port_of "$SITE_ADDRESS" 8404)" filtered
    logged() { docker logs --since "$since" "$(container lb-1)" 2>&1 | grep '"event":"dropped"'; }
    it_is_there() { logged | grep -q "\"direction\":\"in\",\"from\":\"$PUBLIC_NET.100\",\"to\":\"$SITE_ADDRESS\",\"protocol\":\"tcp\",\"port\":8404}"; }
    within 20 it_is_there
    logged | tail -n 1 | jq -e '.node == "lb-1"'
    before=$(counted lb-1 "dropped, in")
    on client "nmap -n -Pn -sT -T4 --max-retries 0 -p 10000-10299 $SITE_ADDRESS" >/dev/null
    assert [ "$(counted lb-1 "dropped, in")" -ge $((before + 300)) ]
    # lab.nft: twenty at once, and five a second.
    assert [ "$(logged | grep -c '"direction":"in"')" -le $((20 + 5 * ($(date +%s) - since + 1))) ]
}

@test "a machine whose rules are gone, or are not its own, is not healthy, and says so" {
    on lb-1 "nft delete table inet lab"
    run on lb-1 "firewall status"
    assert_failure
    assert_line "error: this machine's firewall is not loaded"
    run on lb-1 healthcheck-machine
    assert_failure
    on lb-1 firewall
    within 20 on lb-1 healthcheck-machine
    on server-1 "nft add rule inet lab output accept"
    run on server-1 "firewall status"
    assert_failure
    assert_line --regexp '^new: +accept$'
    assert_line "error: this machine's firewall is not what was loaded"
    run on server-1 healthcheck
    assert_failure
    on server-1 firewall
    within 20 on server-1 healthcheck
}

# --- From the first moment --------------------------------------------------------------------------------------

@test "a restart: a port without a line is at no moment open, and the rules are there again" {
    on client "rm -f /tmp/stop; until [ -e /tmp/stop ]; do if timeout 0.1 bash -c 'exec 3<>/dev/tcp/$SITE_ADDRESS/8404' 2>/dev/null; then echo open; fi; done" \
        >"$BATS_TEST_TMPDIR/seen" &
    docker restart "$(container lb-1)"
    within 60 on lb-1 healthcheck-machine
    on client "touch /tmp/stop"
    wait
    assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/seen")" 0
    run matrix probe client
    assert_success
}

# starts NODE FIREWALL [OPTION...]: what a machine like that one says when it is started so.
image_of() { docker inspect --format '{{.Image}}' "$(container "$1")"; }
starts() { timeout 60 docker run --rm --cap-drop ALL --tmpfs /run:exec --env "FIREWALL=$2" "${@:3}" "$(image_of "$1")" 2>&1; }

@test "a line with a mistake: one line says what is wrong, and the machine does not start" {
    good="in any 192.0.2.1 tcp 80 visitors"
    said() {
        run starts lb-1 "$good"$'\n'"$1" --cap-add NET_ADMIN
        assert_failure
        assert_line --index 0 "error: FIREWALL, line 2: $2: $1"
        assert_equal "${#lines[@]}" 2
    }
    said "into any 192.0.2.1 tcp 80 x" '"into" is neither in nor out'
    said "in any 192.0.2.256 tcp 80 x" '"192.0.2.256" is not an address that it may go to'
    said "in .1.11 192.0.2.1 tcp 80 x" '".1.11" is not an address that it may come from'
    said "out any 192.0.2.1 tcp 80 x" '"any" is not an address that it may come from'
    said "in any 192.0.2.1 http 80 x" '"http" is neither tcp nor udp nor vrrp'
    said "in any 192.0.2.1 vrrp 112 x" '"112" is not "-", and vrrp has no ports'
    said "in any 192.0.2.1 tcp - x" '"-" is not a port'
    said "in any 192.0.2.1 tcp 80,443 x" '"80,443" is not a port'
    said "in any 192.0.2.1 tcp 65536 x" '"65536" is not a port'
    said "in any 192.0.2.1 tcp 81" "it does not say what for, without quotation marks and in at most 100 characters"
    said "in any 192.0.2.1 tcp 81 \"x\"" "it does not say what for, without quotation marks and in at most 100 characters"
    said "$good" "the same flow is there twice"
    run starts server-1 "x" --cap-add NET_ADMIN
    assert_failure
    assert_line --index 0 --partial "error: FIREWALL, line 1"
}

@test "a line with a mistake on a machine that runs: the rules stay as they were" {
    run on lb-1 "FIREWALL='in any' firewall"
    assert_failure
    assert_output --partial "error: FIREWALL, line 1"
    on lb-1 "firewall status"
}

@test "without the right to load it a machine does not start, and says what it needs" {
    run starts lb-1 "in any 192.0.2.1 tcp 80 visitors"
    assert_failure
    assert_output --partial "error: the kernel does not take the rules, see above"
    assert_output --partial NET_ADMIN
}

@test "a machine without FIREWALL, as in stages 0 and 1, has none and needs no right for it" {
    run docker run --rm --cap-drop ALL --entrypoint sh "$(image_of server-1)" -c "firewall && firewall status"
    assert_success
    assert_output ""
}

@test "the programs cannot touch the firewall: none has a capability, and none gets one" {
    for node in $MACHINES; do
        run on "$node" 'for program in /run/s6/*/ /run/s6/*/log/; do
                pid=$(s6-svstat -o pid "$program"); [ "$pid" -le 0 ] || grep -hE "^(CapEff|CapPrm|NoNewPrivs)" "/proc/$pid/status"
            done | sort | uniq -c | xargs'
        assert_output --regexp '^([1-9][0-9]*) CapEff: 0+ \1 CapPrm: 0+ \1 NoNewPrivs: 1$'
    done
}
