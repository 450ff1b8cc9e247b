#!/usr/bin/env bats
# Ctrl-C at any moment, then make stage-0 or make down: works.

load ../lib/lab

setup_file() { make down; }
teardown_file() { make down; }

project() { echo "label=com.docker.compose.project=$(lab_setting LAB_NAME)"; }

# interrupt_when COMMAND: starts the stage and presses Ctrl-C when COMMAND succeeds.
interrupt_when() { python3 tests/lib/interrupt.py "$1" make stage-0; }

@test "interrupted while it looks at the machine: nothing is there, no lock stays" {
    interrupt_when "test -L .lab/lock"
    assert_equal "$(leftovers)" ""
    assert [ ! -L .lab/lock ]
}

@test "interrupted while images are built: the next start goes on" {
    interrupt_when "pgrep -f '[b]uildx bake'"
    assert_equal "$(leftovers)" ""
    make stage-0
    assert_equal "$(status_of /products/1)" 200
    make down
}

@test "interrupted when the first network is there: make down leaves nothing" {
    interrupt_when "docker network ls -q --filter $(project) | grep ."
    make down
    assert_equal "$(leftovers)" ""
}

@test "interrupted when the first container is made: make stage-0 serves" {
    interrupt_when "docker ps -aq --filter $(project) | grep ."
    make stage-0
    assert_equal "$(status_of /products/1)" 200
    make down
}

@test "interrupted while MySQL makes its data directory: the next start has the whole catalogue" {
    server="docker ps -q --filter $(project) --filter label=com.docker.compose.service=server-1"
    interrupt_when "docker exec \$($server) test -d /var/lib/mysql/data.new"
    make stage-0
    assert_equal "$(page /api/v1/products | jq .total)" 1000
}

@test "interrupted while it goes down: a second make down leaves nothing" {
    python3 tests/lib/interrupt.py "test -L .lab/lock" make down
    make down
    assert_equal "$(leftovers)" ""
}

@test "the server killed while MySQL makes its data directory: it starts anew" {
    make stage-0
    on server-1 "s6-svc -wd -d /run/s6/mysql && mv /var/lib/mysql/data /var/lib/mysql/old"
    server=$(container server-1)
    docker restart "$server"
    within 60 docker exec "$server" test -d /var/lib/mysql/data.new
    docker kill --signal KILL "$server"
    # As after a power cut: the half-made directory is there, and nothing calls it "data".
    docker start "$server"
    within 120 answers /products/1 200
    assert_equal "$(page /api/v1/products | jq .total)" 1000
    on server-1 "test ! -e /var/lib/mysql/data.new"
    make down
}
