#!/usr/bin/env bats
# How a replica gets its data, and what comes between: the wrong order, a source that is away, a kill in the middle, a
# volume that is gone, a secret that is missing. REPEAT= says how often what has to do with kills is done.

bats_require_minimum_version 1.5.0
load ../lib/lab
load pair.bash

setup_file() {
    export REPEAT=${REPEAT:-1}
    start_pair
}
teardown_file() { remove_pair; }

# Also behind a test that has failed half way.
setup() { compose up --detach && within 180 in_order; }

# bats test_tags=alone
@test "started in the wrong order, the replica waits, says for what, and comes up" {
    without_data server-1 server-2
    compose up --detach server-2
    within 60 said server-2 "mysql-clone: waiting for the source $PRIMARY: ERROR 2003"
    refute at server-2 mysql-ready
    compose up --detach server-1
    primary_is_ready() { at server-1 mysql-ready; }
    within 60 primary_is_ready
    took=$(seconds within 120 in_order)
    figure replication "from a primary that is ready to a replica that replicates" "$took" s 30
    # Each reason is said once, not with every try.
    assert [ "$(said server-2 "waiting for the source" | wc -l)" -lt 5 ]
}

@test "a replica whose volume is gone gets a new copy" {
    sql server-1 "CREATE TABLE before_the_copy (id INT PRIMARY KEY); INSERT INTO before_the_copy VALUES (42)"
    old=$(sql server-2 "SELECT @@server_uuid")
    without_data server-2
    compose up --detach server-2
    within 120 in_order
    assert_equal "$(sql server-2 "SELECT id FROM before_the_copy")" 42
    refute [ "$(sql server-2 "SELECT @@server_uuid")" = "$old" ]
    within 60 at server-2 healthcheck
}

@test "a replica that is restarted goes on with its own data" {
    old=$(sql server-2 "SELECT @@server_uuid")
    compose restart server-2
    within 120 in_order
    assert_equal "$(sql server-2 "SELECT @@server_uuid")" "$old"
    assert_equal "$(said server-2 "copying the data" | wc -l)" 1
}

@test "both restarted at once, and both killed at once" {
    compose restart server-1 server-2
    within 120 in_order
    compose kill server-1 server-2
    compose start server-1 server-2
    within 120 in_order
}

# bats test_tags=alone
@test "the primary stops at once although its replica is connected, and has written down all it had" {
    took=$(seconds compose stop --timeout 20 server-1)
    said server-1 "Shutdown complete"
    figure replication "a primary with a replica, stopped" "$took" s 6
}

@test "a replica that starts while its source is away can be read, and replicates when it is back" {
    compose stop server-1
    compose restart server-2
    readable() { at server-2 mysql-ready; }
    within 60 readable
    run at server-2 mysql-healthcheck
    assert_failure
    assert_output --partial "nothing is received (Replica_IO_Running: Connecting)"
    # The shop there has not waited for it either.
    page() { [ "$(at client "curl -s -o /dev/null -w '%{http_code}' --max-time 3 http://$REPLICA/products/1")" = 200 ]; }
    within 60 page
    compose start server-1
    within 120 in_order
}

# new_replica PHASE [COMMAND]: server-2 begins without data. It goes on as soon as it has come to PHASE, a file pattern;
# the command is run there in this moment, which may be over when Docker could bring one.
new_replica() {
    without_data server-2
    compose up --detach server-2
    at server-2 "for ((i = 0; i < 6000; i++)); do compgen -G '$1' >/dev/null && { ${2:-true}; exit; }; sleep 0.01; done; exit 1"
}

# What a copy is made of, in the order in which it is made.
PHASES=('/var/lib/mysql/data.new.empty/ibdata1' '/var/lib/mysql/data.new' '/var/lib/mysql/data.new/auto.cnf' '/var/lib/mysql/data.new/mysqld-auto.cnf')

@test "killed while it makes its copy, in every phase, it makes another one" {
    for _ in $(seq "$REPEAT"); do
        for phase in "${PHASES[@]}"; do
            # The script only: the MySQL that it has started must not be in the way of the next one.
            # shellcheck disable=SC2016 # for the shell there
            new_replica "$phase" 'kill -KILL $(s6-svstat -o pid /run/s6/mysql) && test ! -d /var/lib/mysql/data'
            within 120 in_order
            assert_equal "$(at server-2 "ls /var/lib/mysql; grep -lx mysqld /proc/[0-9]*/comm | wc -l")" $'data\n1'
        done
    done
    echo "# $((REPEAT * ${#PHASES[@]})) copies interrupted" >&3
}

@test "the machine killed while it makes its copy: the same" {
    for phase in "${PHASES[@]}"; do
        new_replica "$phase"
        compose kill server-2
        compose start server-2
        within 120 in_order
        assert_equal "$(at server-2 "ls /var/lib/mysql")" data
    done
}

@test "the source killed while its data is copied: that is said at once, and copied when it is back" {
    # Enough that a copy takes a while.
    sql server-1 "CREATE TABLE large (id INT PRIMARY KEY, a LONGBLOB)"
    for i in {1..20}; do sql server-1 "INSERT INTO large VALUES ($i, REPEAT('x', 8000000))"; done
    for _ in $(seq "$REPEAT"); do
        new_replica '/var/lib/mysql/data.new'
        kill_mysql server-1
        within 120 in_order
    done
    within 20 said server-2 "error: the source $PRIMARY has gone while its data was copied"
    sql server-1 "DROP TABLE large"
}

@test "a copy of a server that was a replica follows that one, not its source" {
    at server-1 's6-svc -wd -d /run/s6/mysql'
    # What a promotion does, by hand.
    sql server-2 "STOP REPLICA; RESET PERSIST; SET GLOBAL super_read_only = OFF, GLOBAL read_only = OFF, GLOBAL rpl_semi_sync_source_enabled = ON"
    sql server-2 "CREATE TABLE after_the_promotion (id INT)"
    without_data server-1
    export REPLICATION_SOURCE_OF_1=$REPLICA
    compose up --detach --no-deps server-1
    follows() { role_has server-1 "source=$REPLICA" receiver=Yes applier=Yes errant=none; }
    within 60 follows
    sql server-1 "SELECT * FROM after_the_promotion"
    # It is the primary also after a restart, whatever MYSQL_SOURCE says.
    sql server-2 "RESET REPLICA ALL"
    compose restart server-2
    primary() { role_has server-2 role=primary; }
    within 60 primary
    within 60 follows
    unset REPLICATION_SOURCE_OF_1
    without_data server-1 server-2
    compose up --detach server-1 server-2
    within 180 in_order
}

# one_error SERVICE STATUS TEXT: it ends with the status, and one line is an error, this one.
one_error() {
    local words ended=0
    words=$(compose run --rm --no-TTY "$1" 2>&1) || ended=$?
    echo "$words"
    assert_equal "$ended" "$2"
    assert_equal "$(grep -c '^error: ' <<<"$words")" 1
    grep -F "error: $3" <<<"$words"
}

@test "without its secret, or with an empty or a wrong one, a server ends with one line that says so" {
    one_error without-secret 2 "the secret /run/secrets/mysql-repl-password is missing or empty, and a replica needs it"
    one_error empty-secret 2 "the secret /run/secrets/mysql-repl-password is missing or empty, and a replica needs it"
    one_error primary-with-empty-secret 2 "the secret /run/secrets/mysql-repl-password is missing or empty"
    one_error wrong-secret 1 "the source $PRIMARY was not there for 2 seconds: ERROR 1045 (28000): Access denied"
}

@test "on a server s6 does not try again what only a person can mend" {
    name=$LAB_NAME-replication-empty
    compose run --rm --no-TTY --detach --name "$name" --entrypoint start-machine empty-secret
    given_up() { docker exec "$name" s6-svwait -D -t 500 /run/s6/mysql; }
    within 60 given_up
    has_said() { docker logs "$name" 2>&1 | grep '^error: '; }
    within 20 has_said
    words=$(docker logs "$name" 2>&1 | grep -c '^error: ')
    docker rm --force --volumes "$name"
    assert_equal "$words" 1
}
