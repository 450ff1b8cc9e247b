#!/usr/bin/env bats
# Everything that stage 2's README says comes with a command: each is run here, as it stands there.

export STAGE=2
# shellcheck disable=SC2034 # for readme.bash
QUESTIONS=(2.{1..9})
load ../stages/readme.bash

@test "every command of the README does what it says, or at least runs" { run_blocks 5; }

@test "all questions of the stage are answered, and all of their evidence is seen" { ask_all; }

@test "the README lists the questions of the stage, in their own words" { lists_all; }
