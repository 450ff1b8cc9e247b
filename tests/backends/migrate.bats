#!/usr/bin/env bats
# shop-migrate against real servers: on a new database, on an old one, twice, at once, killed, with files that are wrong.

bats_require_minimum_version 1.5.0
load ../lib/lab
load worker.bash

setup_file() { start_machines mysql other; }
teardown_file() { remove_machines; }

setup() {
    DATABASE=test_$BATS_TEST_NUMBER
    sql "DROP DATABASE IF EXISTS $DATABASE; CREATE DATABASE $DATABASE"
    in_client rm -rf /schema
}

# as_root COMMAND...: in the client, with the settings of MySQL's root on the test's database.
as_root() {
    in_client env MYSQL_SERVERS=unix:/socket/mysql/mysqld.sock MYSQL_USER=root MYSQL_PASSWORD_FILE= \
        MYSQL_DATABASE="$DATABASE" NODE=test SCHEMA_DIR="${SCHEMA_DIR:-/schema}" "$@"
}

migrate() { as_root /build/asan/shop-migrate; }

# schema FILE STATEMENTS: a file of the test's own schema, whose first one is the real one.
schema() {
    in_client sh -c 'mkdir -p /schema && cp /app/schema/000-migrations.sql /schema && cat >"/schema/$1"' - "$1" <<<"$2"
}

# says_applied FILES NUMBER: it said that there are so many files, and that it has applied so many of them.
says_applied() { assert_output --partial "\"event\":\"schema is up to date\",\"files\":$1,\"applied\":$2"; }

# tables DATABASE: every table as MySQL would make it again, but for how far its numbers are.
tables() {
    for table in $(sql "SELECT table_name FROM information_schema.tables WHERE table_schema = '$1' ORDER BY 1"); do
        sql "SHOW CREATE TABLE $1.$table" | sed 's/ AUTO_INCREMENT=[0-9]*//'
    done
}

records() { sql "SELECT version, name, sha256, applied_at IS NOT NULL FROM $1.schema_migrations ORDER BY version"; }

@test "a new data directory has all of it, with the records that shop-migrate makes" {
    SCHEMA_DIR=/app/schema run migrate
    assert_success
    assert [ "$(records "$DATABASE" | wc -l)" -ge 2 ]
    assert_equal "$(records shop)" "$(records "$DATABASE")"
    assert_equal "$(tables shop)" "$(tables "$DATABASE")"
    # So there is nothing left to do.
    SCHEMA_DIR=/app/schema DATABASE=shop run migrate
    assert_success
    assert_output --partial '"applied":0'
}

@test "a database from before there were migrations, with the catalogue only, is brought up to date and keeps its rows" {
    sql "CREATE TABLE $DATABASE.products LIKE shop.products; INSERT INTO $DATABASE.products SELECT * FROM shop.products;
        UPDATE $DATABASE.products SET name = 'of my own' WHERE id = 7"
    SCHEMA_DIR=/app/schema run migrate
    assert_success
    assert_equal "$(tables shop)" "$(tables "$DATABASE")"
    assert_equal "$(sql "SELECT COUNT(*) FROM $DATABASE.products")" 1000
    assert_equal "$(sql "SELECT name FROM $DATABASE.products WHERE id = 7")" "of my own"
}

@test "run twice, the second time nothing is written" {
    schema 001-one.sql "CREATE TABLE one (id INT PRIMARY KEY);"
    run migrate
    assert_success
    says_applied 2 2
    before=$(sql "SELECT @@gtid_executed")
    run migrate
    assert_success
    says_applied 2 0
    assert_equal "$(sql "SELECT @@gtid_executed")" "$before"
    # What is new is applied, also where a higher number was first.
    schema 003-three.sql "CREATE TABLE three (id INT PRIMARY KEY);"
    run migrate
    says_applied 3 1
    schema 002-two.sql "CREATE TABLE two (id INT PRIMARY KEY);"
    run migrate
    says_applied 4 1
    assert_equal "$(records "$DATABASE" | cut -f 1,4 | tr '\t\n' '=,')" "0=1,1=1,2=1,3=1,"
}

@test "from four machines at once, one does it and the others wait" {
    schema 001-slow.sql "CREATE TABLE slow (id INT PRIMARY KEY); DO SLEEP(1); INSERT INTO slow VALUES (1); DO SLEEP(1);"
    run as_root bash -c 'for i in 1 2 3 4; do /build/asan/shop-migrate & pids="$pids $!"; done
        for pid in $pids; do wait $pid || exit 1; done'
    assert_success
    assert_equal "$(grep -c '"applied":2' <<<"$output")" 1
    assert_equal "$(grep -c '"applied":0' <<<"$output")" 3
}

@test "another that is still at it after MIGRATE_WAIT_MS is a failure that may be tried again" {
    # Longer than it takes to see that it is at it, to start another one, and for that one to give up.
    schema 001-slow.sql "DO SLEEP(20);"
    migrate &
    first=$!
    is_locked() { [ "$(sql "SELECT IS_USED_LOCK('shop-migrate') IS NOT NULL")" = 1 ]; }
    within 20 is_locked
    run -1 as_root env MIGRATE_WAIT_MS=1000 /build/asan/shop-migrate
    assert_output --partial "another one is still at it"
    wait "$first"
}

# 20 changes of a table, none of which can be done twice.
schema_of_20() {
    local i changes="CREATE TABLE grown (id INT PRIMARY KEY);"
    for i in {1..20}; do changes+=" ALTER TABLE grown ADD COLUMN c$i INT, ADD KEY k$i (c$i);"; done
    schema 001-grown.sql "$changes"
}

columns_of_grown() {
    sql "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = '$DATABASE' AND table_name = 'grown'"
}

@test "killed at any moment, it is finished by the next run" {
    schema_of_20
    rounds=${REPEAT:-10} halfway=0
    # More of them, and later ones, where all were too early: a busy machine takes longer to start it.
    for ((round = 0; round < rounds || (halfway == 0 && round < 10 * rounds); round++)); do
        sql "DROP DATABASE $DATABASE; CREATE DATABASE $DATABASE"
        as_root bash -c '/build/asan/shop-migrate & ms=$((RANDOM % (400 * $1))); sleep $((ms / 1000)).$(printf %03d $((ms % 1000)))
            kill -KILL $!; wait $!' - $((1 + round / rounds)) || true
        columns=$(columns_of_grown)
        [ "$columns" -eq 0 ] || [ "$columns" -eq 21 ] || halfway=$((halfway + 1))
        run migrate
        assert_success
        assert_equal "$(columns_of_grown)" 21
        assert_equal "$(records "$DATABASE" | cut -f 4 | tr -d '\n')" 11
    done
    echo "# $round kills, $halfway of them between two changes of the table" >&3
    assert [ "$halfway" -gt 0 ]
}

@test "MySQL killed in the middle: a failure that may be tried again, and the next run finishes it" {
    schema 001-grown.sql "CREATE TABLE grown (id INT PRIMARY KEY); ALTER TABLE grown ADD COLUMN a INT; DO SLEEP(6); ALTER TABLE grown ADD COLUMN b INT;"
    is_halfway() { [ "$(columns_of_grown)" = 2 ]; }
    as_root /build/asan/shop-migrate >"$BATS_TEST_TMPDIR/log" 2>&1 &
    within 20 is_halfway
    kill_process 'mysqld --port=3306*'
    status=0
    wait $! || status=$?
    cat "$BATS_TEST_TMPDIR/log"
    assert_equal "$status" 1
    assert_equal "$(grep -c '"cannot migrate"' "$BATS_TEST_TMPDIR/log")" 1
    # It waits until MySQL is back.
    run migrate
    assert_success
    assert_output --partial '"event":"migrated","file":"001-grown.sql","before":"begun"'
    assert_equal "$(columns_of_grown)" 3
}

@test "a file that was changed after it was applied is an error in one line, and nothing is applied" {
    schema 001-one.sql "CREATE TABLE one (id INT PRIMARY KEY);"
    migrate
    schema 001-one.sql "CREATE TABLE one (id BIGINT PRIMARY KEY);"
    schema 002-two.sql "CREATE TABLE two (id INT PRIMARY KEY);"
    run -2 migrate
    assert_equal "${#lines[@]}" 1
    assert_output --partial '"event":"cannot migrate","reason":"001-one.sql has changed since it was applied; undo that, and add a file instead"'
    assert_equal "$(sql "SHOW TABLES IN $DATABASE" | tr '\n' ' ')" "one schema_migrations "
}

@test "a statement that MySQL refuses is named; put right, it goes on from there" {
    schema 001-one.sql "CREATE TABLE one (id INT PRIMARY KEY); ALTER TABLE one ADD COLUMN id INT;"
    schema 002-two.sql "CREATE TABLE two (id INT PRIMARY KEY);"
    run -2 migrate
    assert_output --partial "001-one.sql, statement 2: Duplicate column name 'id' (1060)"
    assert_equal "$(records "$DATABASE" | cut -f 1,4 | tr '\t\n' '=,')" "0=1,1=0,"
    schema 001-one.sql "CREATE TABLE one (id INT PRIMARY KEY); ALTER TABLE one ADD COLUMN other INT;"
    run migrate
    assert_success
    assert_equal "$(records "$DATABASE" | cut -f 1,4 | tr '\t\n' '=,')" "0=1,1=1,2=1,"
    # It was told once: a table that is there without any record of a file that made it.
    sql "CREATE TABLE $DATABASE.three (id INT PRIMARY KEY)"
    schema 003-three.sql "CREATE TABLE three (id INT PRIMARY KEY);"
    run -2 migrate
    assert_output --partial "003-three.sql, statement 1: Table 'three' already exists (1050)"
}

@test "a table that is in use is not waited for long, so that the shop does not stand still behind it" {
    schema 001-one.sql "CREATE TABLE one (id INT PRIMARY KEY);"
    migrate
    schema 002-two.sql "ALTER TABLE one ADD COLUMN other INT;"
    sql "BEGIN; SELECT * FROM $DATABASE.one; DO SLEEP(60); COMMIT" &
    reader=$!
    in_use() { [ "$(sql "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'DO SLEEP%'")" = 1 ]; }
    within 20 in_use
    before=$SECONDS
    run -1 migrate
    assert_output --partial "Lock wait timeout exceeded"
    assert [ $((SECONDS - before)) -lt 25 ]
    sql "KILL $(sql "SELECT id FROM information_schema.processlist WHERE info LIKE 'DO SLEEP%'")"
    wait "$reader" || true
    run migrate
    assert_success
}

@test "the MySQL that takes writes is found; where none does, that is said" {
    schema 001-one.sql "CREATE TABLE one (id INT PRIMARY KEY);"
    replica=unix:/socket/other/mysqld.sock
    inside other mysql --execute "SET GLOBAL super_read_only = OFF; CREATE DATABASE $DATABASE; SET GLOBAL super_read_only = ON"
    run as_root env MYSQL_SERVERS="$replica" MIGRATE_WAIT_MS=300 /build/asan/shop-migrate
    assert_equal "$status" 1
    assert_output --partial "$replica takes no writes"
    run as_root env MYSQL_SERVERS="$replica unix:/socket/mysql/mysqld.sock" /build/asan/shop-migrate
    assert_success
    assert_equal "$(sql "SHOW TABLES IN $DATABASE" | tr '\n' ' ')" "one schema_migrations "
}

@test "what cannot work is said before anything is opened" {
    SCHEMA_DIR=/nowhere run -2 as_root /build/asan/shop-migrate
    assert_output "shop-migrate: /nowhere cannot be read: No such file or directory"
    schema 001-one.sql ""
    schema 001-two.sql ""
    run -2 as_root /build/asan/shop-migrate --check
    assert_output --partial "have the same number"
    in_client rm /schema/001-one.sql
    run as_root /build/asan/shop-migrate --check
    assert_output "shop-migrate: settings and schema are right"
    run -2 as_root env MYSQL_SERVERS=nonsense /build/asan/shop-migrate --check
    assert_output --partial "MYSQL_SERVERS is"
}
