#!/usr/bin/env bats
# Everything that stage 3's README says comes with a command: each is run here, as it stands there.

export STAGE=3
# shellcheck disable=SC2034 # for readme.bash
QUESTIONS=(3.{1..6})
load ../stages/readme.bash

# What the tests before have killed is well again when it has been looked at once more.
setup_file() { within 120 all_are_well; }
all_are_well() { [ -z "$(docker ps --quiet --filter "label=com.docker.compose.project=$(lab_setting LAB_NAME)" --filter health=unhealthy)" ]; }

@test "every command of the README does what it says, or at least runs" { run_blocks 12; }

@test "all questions of the stage are answered, and all of their evidence is seen" { ask_all; }

@test "the README lists the questions of the stage, in their own words" { lists_all; }
