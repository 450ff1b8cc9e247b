#!/usr/bin/env bats
# Two MySQL, from nothing: who is who, what each may do, what a commit waits for, and what is said when it is not right.

bats_require_minimum_version 1.5.0
load ../lib/lab
load pair.bash

setup_file() { start_pair; }
teardown_file() { remove_pair; }
setup() { within 60 in_order; }

replicated() { [ "$(sql server-2 "$1")" = "$2" ]; }

@test "the second server is a copy of the first, follows it, and is another server" {
    assert_equal "$(role server-1)" "role=primary replicas=1 semisync=on"
    assert_equal "$(role server-2)" \
        "role=replica source=$PRIMARY receiver=Yes applier=Yes lag_s=0 missing=0 semisync=on errant=none"
    assert_equal "$(sql server-2 "SELECT COUNT(*) FROM products")" 1000
    assert_equal "$(sql server-1 "SELECT @@server_id")/$(sql server-2 "SELECT @@server_id")" 1/2
    refute [ "$(sql server-1 "SELECT @@server_uuid")" = "$(sql server-2 "SELECT @@server_uuid")" ]
    # Nothing is left of what the copy was made with.
    assert_equal "$(at server-2 "ls /var/lib/mysql; ls -d /run/mysqld/clone 2>/dev/null")" data
    healthy() { [ "$(compose ps --format '{{.Health}}' server-1 server-2 | sort -u)" = healthy ]; }
    within 60 healthy
}

@test "what is written on the primary is on the replica" {
    sql server-1 "CREATE TABLE notes (id INT PRIMARY KEY); INSERT INTO notes VALUES (7)"
    within 20 replicated "SELECT id FROM notes" 7
}

@test "a write on the replica is refused, root's too, also after a restart" {
    for _ in 1 2; do
        run sql server-2 "INSERT INTO flags (name, enabled) VALUES ('mine', 1)"
        assert_failure
        assert_output --partial "running with the --super-read-only option"
        at server-2 's6-svc -rwR -T 60000 /run/s6/mysql'
    done
    assert_equal "$(sql server-1 "SELECT @@read_only, @@super_read_only")" $'0\t0'
}

@test "the settings of semi-synchronous replication, which MySQL would not miss, are these" {
    settings() {
        sql "$1" "SELECT @@rpl_semi_sync_source_enabled, @@rpl_semi_sync_replica_enabled, @@rpl_semi_sync_source_wait_point,
            @@rpl_semi_sync_source_timeout, @@rpl_semi_sync_source_wait_no_replica"
    }
    assert_equal "$(settings server-1)" $'1\t1\tAFTER_SYNC\t1000\t1'
    assert_equal "$(settings server-2)" $'0\t1\tAFTER_SYNC\t1000\t1'
}

@test "the account of the replicas: these grants and no more, encrypted or not at all, its password nowhere to be read" {
    assert_equal "$(sql server-1 "SHOW GRANTS FOR repl")" \
        "GRANT REPLICATION SLAVE ON *.* TO \`repl\`@\`%\`"$'\n'"GRANT BACKUP_ADMIN ON *.* TO \`repl\`@\`%\`"
    password=a-repl-password
    log_in() { at server-2 "MYSQL_PWD=$password mysql -h $PRIMARY -u repl --ssl-mode=$1 --get-server-public-key -e 'DO 0'"; }
    log_in REQUIRED
    run log_in DISABLED
    assert_failure
    assert_output --partial "Access denied"
    run said server-1 "$password"
    assert_failure
    run said server-2 "$password"
    assert_failure
    # As a user who is neither root nor mysql.
    run at server-2 "setpriv --reuid=www-data --regid=www-data --clear-groups grep -rls $password /run /tmp /var/lib/mysql"
    assert_output ""
}

@test "the shop on either server reads from the replica and writes to the primary" {
    reads_from() {
        at client "curl -s -D - -o /dev/null --max-time 5 http://${NET}.2$1/products/1" | tr -d '\r' | grep -x "X-DB-Role: $2"
    }
    # It has just been restarted, and is taken up again when it was looked at.
    for node in 1 2; do within 20 reads_from $node replica; done
    sql server-1 "INSERT INTO users (email, name, password_hash) VALUES ('ada@example.com', 'Ada', '!');
        INSERT INTO api_tokens (token_hash, user_id, name) SELECT UNHEX(SHA2(LEFT(SHA2('ada', 256), 32), 256)), id, 'test' FROM users"
    token=$(printf ada | sha256sum | cut -c 1-32)
    for node in 1 2; do
        run at client "curl -s -o /dev/null -w '%{http_code}' --max-time 5 -H 'Authorization: Bearer $token' \
            -H 'Idempotency-Key: key-$node' -H 'Content-Type: application/json' \
            -d '{\"items\":[{\"product\":1,\"quantity\":1}]}' http://$NET.2$node/api/v1/orders"
        assert_output 201
    done
    assert_equal "$(sql server-1 "SELECT COUNT(*) FROM orders")" 2
    within 20 replicated "SELECT COUNT(*) FROM orders" 2
    receipts() { [ "$(sql server-2 "SELECT COUNT(*) FROM receipts")" = 2 ]; }
    within 20 receipts
}

# The one-shot program of the tables, once more. Its last word is in the log.
migrate() { at "$1" 's6-svc -o /run/s6/migrate'; }
done_with_it() { at "$1" 's6-svwait -D -t 1000 /run/s6/migrate'; }

@test "on a replica shop-migrate writes nothing, and waits for tables that are not there yet" {
    before=$(gtids server-2)
    migrate server-2
    within 30 done_with_it server-2
    assert_equal "$(gtids server-2)" "$before"
    sql server-1 "UPDATE schema_migrations SET applied_at = NULL WHERE version = 6"
    within 20 replicated "SELECT COUNT(*) FROM schema_migrations WHERE applied_at IS NULL" 1
    migrate server-2
    within 20 said server-2 "migrate: a replica, waiting for its source to apply 006-flags.sql"
    refute done_with_it server-2
    migrate server-1
    within 30 done_with_it server-2
}

# commit: how many milliseconds MySQL takes for one.
commit() {
    sql "${1:-server-1}" "SET @begun = SYSDATE(6); UPDATE products SET stock = stock + 1 WHERE id = 1;
        SELECT TIMESTAMPDIFF(MICROSECOND, @begun, SYSDATE(6)) DIV 1000"
}

# costs_one_commit: the first of three takes the time-out, the others do not wait for it, and the primary says so.
costs_one_commit() {
    local first second third
    first=$(commit) second=$(commit) third=$(commit)
    echo "# $1: commits of $first ms, $second ms, $third ms" >&3
    role_has server-1 semisync=off && [ "$first" -ge 500 ] && [ "$first" -lt 1900 ] &&
        [ "$second" -lt 1000 ] && [ "$third" -lt 1000 ]
}

# bats test_tags=alone
@test "a replica that is silent costs one commit the time-out, and the next ones nothing; it comes back" {
    commit
    at server-2 's6-svc -p /run/s6/mysql'
    status=0
    costs_one_commit "the replica is silent" || status=1
    at server-2 's6-svc -c /run/s6/mysql'
    assert_equal $status 0
    within 20 said server-1 "Timeout waiting for reply of binlog"
    within 60 in_order
    assert [ "$(commit)" -lt 1000 ]
}

@test "a MySQL that is frozen does not hang who asks for its role" {
    at server-2 's6-svc -p /run/s6/mysql'
    # Its time is taken there: how long Docker takes to get there does not count.
    run at server-2 'mysql-role; status=$?; [ $SECONDS -lt 10 ] || echo "it took $SECONDS s"; exit $status'
    at server-2 's6-svc -c /run/s6/mysql'
    assert_failure
    assert_output --partial "mysql got no answer"
    refute_output --partial "it took"
}

# bats test_tags=alone
@test "so does one that is stopped; one that is back before the next commit costs nothing" {
    commit
    at server-2 's6-svc -wd -d /run/s6/mysql'
    costs_one_commit "the replica is stopped"
    start_mysql server-2
    within 60 in_order
    at server-2 's6-svc -rwR -T 60000 /run/s6/mysql'
    within 60 in_order
    assert [ "$(commit)" -lt 1000 ]
    assert role_has server-1 semisync=on
}

@test "what a replica applies waits for nobody" {
    at server-2 's6-svc -rwR -T 60000 /run/s6/mysql'
    within 60 in_order
    sql server-1 "CREATE TABLE applied (at TIMESTAMP(6)); INSERT INTO applied VALUES (NOW(6))"
    within 20 replicated "SELECT COUNT(*) FROM applied" 1
    refute said server-2 "Timeout waiting for reply of binlog"
}

# bats test_tags=alone
@test "a server in a stage without replicas waits for nobody, and has no account for them" {
    compose up --detach alone
    ready() { at alone mysql-ready; }
    within 180 ready
    took=$(commit alone)
    assert [ "$took" -lt 1000 ]
    assert_equal "$(at alone mysql-role)" "role=primary replicas=0 semisync=off"
    within 20 at alone mysql-healthcheck
    assert_equal "$(sql alone "SELECT COUNT(*) FROM mysql.user WHERE user = 'repl'")" 0
    compose rm --force --stop --volumes alone
}

# ill NODE REASON: the healthcheck fails, and says so.
ill() { ! at "$1" mysql-healthcheck >"$BATS_TEST_TMPDIR/words" 2>&1 && grep -E -- "$2" "$BATS_TEST_TMPDIR/words"; }

@test "a replica that stops replicating is ill, and says why" {
    sql server-2 "STOP REPLICA IO_THREAD"
    within 20 ill server-2 "nothing is received \(Replica_IO_Running: No\)"
    sql server-2 "START REPLICA; STOP REPLICA SQL_THREAD"
    within 20 ill server-2 "nothing is applied \(Replica_SQL_Running: No\)"
    sql server-2 "START REPLICA"
    within 60 in_order
    within 20 at server-2 healthcheck
    # A source that is away.
    at server-1 's6-svc -wd -d /run/s6/mysql'
    within 30 ill server-2 "nothing is received \(Replica_IO_Running: Connecting\).*Error (re)?connecting to source"
    run at server-2 healthcheck
    assert_failure
    # It can be read all the same, and the shop goes on reading.
    at server-2 mysql-ready
    start_mysql server-1
    within 60 in_order
}

@test "a replica that cannot apply what it got is ill, and says why" {
    sql server-1 "CREATE TABLE once (id INT PRIMARY KEY)"
    within 20 replicated "SELECT COUNT(*) FROM once" 0
    # A row that only the replica has. Not in its binary log, so not errant by its name.
    sql server-2 "SET GLOBAL super_read_only = OFF; SET sql_log_bin = OFF; INSERT INTO once VALUES (1); SET GLOBAL super_read_only = ON"
    sql server-1 "INSERT INTO once VALUES (1)"
    within 30 ill server-2 "nothing is applied \(Replica_SQL_Running: No\).*failed executing transaction"
    sql server-2 "SET GLOBAL super_read_only = OFF; SET sql_log_bin = OFF; DELETE FROM once; SET GLOBAL super_read_only = ON; START REPLICA"
    within 60 in_order
}

@test "a replica that is too late is ill, and its lag is told in seconds and in transactions" {
    sql server-2 "STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 600; START REPLICA"
    sql server-1 "CREATE TABLE late (id INT PRIMARY KEY); INSERT INTO late VALUES (1); INSERT INTO late VALUES (2)"
    late() { role_has server-2 missing=3 && [[ $(role server-2 2>/dev/null) =~ lag_s=[1-9] ]]; }
    within 20 late
    at server-2 mysql-healthcheck
    run at server-2 "MYSQL_LAG_S=0 mysql-healthcheck"
    assert_failure
    assert_output --regexp "mysql-role: [0-9]+ s late, more than 0"
    sql server-2 "STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 0; START REPLICA"
    within 60 in_order
}

@test "a transaction that only the replica has is told, and the replica is ill until the source has its name too" {
    sql server-2 "SET GLOBAL super_read_only = OFF; CREATE TABLE astray (id INT); SET GLOBAL super_read_only = ON"
    errant=$(sql server-2 "SELECT @@server_uuid"):1
    run at server-2 mysql-healthcheck
    assert_failure
    assert_output --partial "errant=$errant"
    assert_output --partial "mysql-role: transactions that its source does not have: $errant"
    sql server-1 "SET gtid_next = '$errant'; BEGIN; COMMIT; SET gtid_next = AUTOMATIC"
    within 60 in_order
}

@test "a server that is neither primary nor replica is ill, and says so" {
    sql server-2 "SET GLOBAL read_only = OFF"
    within 20 ill server-2 "takes writes although it has a source, $PRIMARY"
    sql server-2 "SET GLOBAL super_read_only = ON"
    sql server-1 "SET GLOBAL super_read_only = ON"
    within 20 ill server-1 "takes no writes and has no source"
    sql server-1 "SET GLOBAL read_only = OFF"
    within 60 in_order
}
