#!/usr/bin/env bats
# Stage 2 as a whole: what stage 1 could still works behind TLS and firewalls, and it comes back by itself.

bats_require_minimum_version 1.5.0
load ../lib/lab

export SITE=https://www.foobar.com

is_up() { on lb-1 servers | grep -qE "^$1 +UP "; }
in_order() { on server-1 mysql-role && on server-2 mysql-role; }
is_whole() { is_up server-1 && is_up server-2 && in_order && answers /readyz 200; }
setup() { within 180 is_whole; }

# ask NUMBER: so many requests of a stranger, one after the other; a line each: status and who served it.
ask() { on client "for i in \$(seq $1); do curl -so /dev/null --max-time 20 -w '%{http_code} %header{x-served-by}\n' $SITE/products/\$i; done"; }

# undisturbed: the monitor's probes, which are visitors as well, do not come in between.
undisturbed() { within 30 on monitor "s6-svc -wd -d /run/s6/blackbox"; }
# The monitor itself may just have been started.
teardown() { within 30 on monitor "s6-svc -u /run/s6/blackbox"; }

machines() { docker ps --quiet --filter "label=com.docker.compose.project=$(lab_setting LAB_NAME)"; }

@test "sixty requests: thirty for each server" {
    undisturbed
    assert_equal "$(ask 60 | sort | uniq -c | xargs)" "30 200 server-1 30 200 server-2"
}

@test "make status: machines, balancer, databases, firewalls and the site, as they are" {
    run make --no-print-directory status
    assert_success
    assert_line "Stage 2, secured"
    for machine in client dns gateway lb-1 monitor server-1 server-2; do
        assert_line --regexp "^  $machine +[0-9.]+ +healthy"
    done
    for machine in lb-1 server-1 server-2; do
        assert_line --regexp "^  $machine +state=loaded flows=[1-9]"
    done
    assert_line --regexp 'role=primary replicas=1 semisync=on$'
    assert_line --regexp 'its certificate +valid until '
    assert_line --regexp '/products/1 answers +200 '
    assert_line --regexp "from your browser +https://localhost:$(lab_setting HTTPS_PORT)/"
}

@test "make status: a certificate that has ended is seen" {
    make renew-cert DAYS=-1
    run make --no-print-directory status
    assert_line --regexp 'its certificate +HAS ENDED, '
    make renew-cert
}

@test "make trace: every hop, with TLS before the balancer" {
    run make --no-print-directory trace
    assert_success
    for hop in DNS TCP TLS balance HTTP FastCGI SQL answer; do
        assert_line --regexp "^  $hop "
    done
    assert_output --partial "TLSv1.3"
}

@test "the databases change places behind their firewalls, and back" {
    for _ in there back; do
        run make --no-print-directory promote
        assert_success
        within 60 in_order
    done
    is_as_before() { [ "$(on server-1 mysql-role)" = "role=primary replicas=1 semisync=on" ]; }
    within 20 is_as_before
}

@test "server-2 killed: the shop goes on" {
    docker kill "$(container server-2)"
    assert_equal "$(ask 20 | cut -d ' ' -f 1 | sort | uniq -c | xargs)" "20 200"
    docker start "$(container server-2)"
}

@test "lb-1 stopped: nobody gets an answer, though both servers run; back, it serves" {
    docker stop "$(container lb-1)"
    assert_equal "$(status_of /)" 000
    within 20 on server-1 healthcheck
    docker start "$(container lb-1)"
}

@test "all machines restarted at once: the stage comes back by itself" {
    machines | xargs docker restart --time 3
    within 180 is_whole
    undisturbed
    assert_equal "$(ask 20 | sort | uniq -c | xargs)" "10 200 server-1 10 200 server-2"
}

@test "started in the wrong order: the monitor and the balancer first, the primary last" {
    docker stop --time 3 "$(container server-1)" "$(container server-2)" "$(container lb-1)" "$(container monitor)"
    for machine in monitor lb-1 server-2 server-1; do docker start "$(container "$machine")"; done
    within 180 is_whole
}

@test "no secret is in a log" {
    for secret in .lab/secrets/*; do
        for machine in lb-1 server-1 server-2 monitor; do
            assert_equal "$(docker logs "$(container $machine)" 2>&1 | grep -cF "$(cat "$secret")")" 0
        done
    done
}
