#!/usr/bin/env bats
# The firewalls of stage 3: each tier is reached from the tier before it, and from nowhere else, as the diagram has it.

bats_require_minimum_version 1.5.0
load ../lib/lab

matrix() {
    bash -c '. services/toolbox/host/lib.sh && . services/toolbox/host/docker.sh && compose 3 config --format json' | tests/secured/matrix "$@"
}

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

@test "a program on a web server reaches no database, and one on a database no application" {
    PRIVATE_NET=$(lab_setting PRIVATE_NET)
    reaches() { on "$1" "timeout 5 bash -c 'exec 3<>/dev/tcp/$PRIVATE_NET.$2'"; }
    reaches web-1 2.31/9000
    run reaches web-1 9.41/3306
    assert_failure
    run reaches db-1 9.31/9000
    assert_failure
}

# What asks keepalived is root, as it takes a signal from nobody else.
@test "of all programs keepalived, and what asks it, have a right over the network, and no other" {
    for node in lb-1 lb-2 web-1 web-2 app-1 app-2 db-1 db-2 cache-1 monitor; do
        run on "$node" 'for program in /run/s6/*/; do
                case $(basename "$program") in keepalived | virtual-ip-metrics) continue ;; esac
                pid=$(s6-svstat -o pid "$program")
                [ "$pid" -le 0 ] || grep -hE "^CapEff" "/proc/$pid/status"
            done | sort -u'
        assert_output --regexp '^CapEff:.0+$'
    done
}
