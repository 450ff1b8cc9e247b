#!/usr/bin/env bats
# A MySQL whose disk is full: it says so, refuses writes, and goes on by itself when there is room.

bats_require_minimum_version 1.5.0
load ../lib/lab

setup() {
    # In the tree: the engine sees it there, and no folder of a container.
    secret=$PWD/.lab/disk-test
    printf '%032d' 0 >"$secret"
    mysql_user=$(docker run --rm --entrypoint id webstack/server --user mysql)
    server=$(docker run --detach --network none --tmpfs /run:exec --tmpfs /tmp \
        --tmpfs "/var/lib/mysql:size=400m,mode=750,uid=$mysql_user" \
        --volume "$secret:/run/secrets/mysql-shop-password:ro" webstack/server)
    within 180 at healthcheck
}

teardown() {
    docker rm --force "$server"
    rm -f "$secret"
}

at() { docker exec "$server" "$@"; }
write() { at mysql shop --execute "UPDATE products SET name = REPEAT('$1', 100) WHERE id < 900"; }

@test "a full disk is said, and no write is acknowledged; with room it goes on" {
    run at mysql-role
    assert_success
    run at dd if=/dev/zero of=/var/lib/mysql/fill bs=1M
    assert_output --partial "No space left on device"
    run write x
    assert_failure
    run at mysql-role
    assert_failure
    assert_line --partial "role=primary"
    assert_line "mysql-role: its disk is full: 0 MiB free"
    run at healthcheck
    assert_failure
    at rm /var/lib/mysql/fill
    write y
    assert_equal "$(at mysql -N shop -e "SELECT COUNT(*) FROM products WHERE name LIKE 'yyy%'")" 899
    within 20 at healthcheck
}
