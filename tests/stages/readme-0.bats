#!/usr/bin/env bats
# Everything that stage 0's README says comes with a command: each is run here, as it stands there.

export STAGE=0
# shellcheck disable=SC2034 # for readme.bash
QUESTIONS=(Q.{1..7} 0.{1..10})
load readme.bash

setup_file() {
    make down
    make "stage-$STAGE"
}

teardown_file() { make down; }

@test "every command of the README does what it says, or at least runs" { run_blocks 11; }

@test "all questions of the stage are answered, and all of their evidence is seen" { ask_all; }

@test "the README lists the questions of the stage, in their own words" { lists_all; }

@test "evidence that is not there is missed" {
    on server-1 "s6-svc -wd -d /run/s6/shopd"
    run make --no-print-directory ask Q=0.5
    assert_failure
    assert_line --partial "NOT SEEN: made for this request alone"
    assert_line "error: only 0 of 3 things were seen"
    on server-1 "s6-svc -wU -u /run/s6/shopd"
    within 20 answers /products/1 200
    run make --no-print-directory ask Q=0.5
    assert_success
}

@test "a machine that does not run is no reason to stop, and fails" {
    docker stop "$(container client)"
    run make --no-print-directory ask Q=Q.3
    assert_failure
    assert_line --partial "there is no running machine client"
    assert_line "error: only 0 of 3 things were seen"
    docker start "$(container client)"
    within 60 answers /products/1 200
}
