#!/usr/bin/env bats
# What stage 2 takes: last, as it takes the stage down and brings it up again.

load ../lib/lab

export SITE=https://www.foobar.com

serves() { answers /readyz 200; }

# bats test_tags=alone
@test "figures: memory, start and stop" {
    rm -f results/stage-2.json
    make down
    figure stage-2 "make stage-2, images built, no volumes" "$(seconds make stage-2)" s 35
    within 60 serves
    figure stage-2 "memory of all machines, idle" "$(memory_mib)" MiB 1126
    figure stage-2 "all images of the stage, shared layers once" \
        "$(size_mb webstack/balancer webstack/server webstack/monitor webstack/dns webstack/client webstack/gateway)" MB 1300
    KEEP_VOLUMES=1 make down
    figure stage-2 "make stage-2, volumes kept" "$(seconds make stage-2)" s 18
    figure stage-2 "make down" "$(seconds make down)" s 6
    assert_equal "$(leftovers)" ""
}
