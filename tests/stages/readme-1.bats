#!/usr/bin/env bats
# Everything that stage 1's README says comes with a command: each is run here, as it stands there.

export STAGE=1
# shellcheck disable=SC2034 # for readme.bash
QUESTIONS=(1.{1..8})
load readme.bash

setup_file() {
    make down
    make "stage-$STAGE"
}

teardown_file() { make down; }

@test "every command of the README does what it says, or at least runs" { run_blocks 5; }

@test "all questions of the stage are answered, and all of their evidence is seen" { ask_all; }

@test "the README lists the questions of the stage, in their own words" { lists_all; }
