#!/usr/bin/env bats
# A machine whose certificate is wrong: of another authority, for another machine, ended. Who connects to it refuses, says
# so, and does not go on without TLS; visitors get a 503, and all is well again with the right one.

load hops.bash

KINDS="other-authority other-name ended"

setup() {
    within 60 answers /products/1 200
    SINCE=$(date +%FT%TZ)
}

# said_now MACHINE PATTERN: in this test.
said_now() { machines logs --no-log-prefix --since "$SINCE" "$1" 2>&1 | grep -E -- "$2"; }

# visits: how many requests of the visitor server-2 has ever had.
visits() { machines logs --no-log-prefix server-2 2>&1 | grep -cE '"client":"[^"]*\.100",.*"uri":"/products/1"' || true; }

@test "a web server: the balancer sends it nothing" {
    for kind in $KINDS; do
        SINCE=$(date +%FT%TZ)
        wrong "$kind" server-2
        within 30 answers /products/1 503
        within 20 said_now lb-1 'Server web/server-2 is DOWN, reason: Layer6 invalid response, info: ".*SSL'
        # What it gets is a health check at most.
        before=$(visits)
        assert [ "$before" -gt 0 ]
        assert_equal "$(status_of /products/1)" 503
        assert_equal "$(visits)" "$before"
        right server-2
        within 30 answers /products/1 200
    done
}

@test "the primary: shopd, its replica, and one that wants to be a copy refuse" {
    for kind in $KINDS; do
        SINCE=$(date +%FT%TZ)
        wrong "$kind" server-1
        within 30 answers /products/2 503
        within 20 said_now server-2 '"event":"database","server":"[^"]*:3306","doing":"connect".*certificate verify failed'
        within 20 said_now server-2 'Replica I/O for channel.*certificate verify failed'
        run at server-2 mysql-role
        assert_failure
        assert_output --partial "certificate verify failed"
        run at server-2 "mysql-source $HOPS_NET.21 -e 'DO 0'"
        assert_failure
        assert_output --partial "certificate verify failed"
        run at server-2 "MYSQL_SOURCE_WAIT_S=1 MYSQL_SOURCE=$HOPS_NET.21 mysql-clone /var/lib/mysql/astray"
        assert_failure 1
        assert_output --partial "error: the source $HOPS_NET.21 was not there for 1 seconds: ERROR 2026"
        at server-2 "rm -rf /var/lib/mysql/astray*"
        # MySQL has been up again for long.
        assert_equal "$(status_of /products/2)" 503
        right server-1
        within 60 answers /products/2 200
        within 60 at server-2 mysql-role
    done
}

@test "Redis: nobody is signed in, the catalogue goes on without" {
    reasons="local.issuer|mismatch|expired"
    for kind in $KINDS; do
        SINCE=$(date +%FT%TZ)
        wrong "$kind" cache-1
        within 30 answers /login 503
        within 20 said_now server-2 "\"event\":\"redis\",\"doing\":\"connect\",\"error\":\"its certificate: .*($reasons)"
        assert_equal "$(status_of /products/3)" 200
        right cache-1
        within 30 answers /login 200
    done
}
