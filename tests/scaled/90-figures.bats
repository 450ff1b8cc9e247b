#!/usr/bin/env bats
# What stage 3 takes: last, as it takes the stage down and brings it up again.

load ../lib/lab

export SITE=https://www.foobar.com

# stage_images: of every stage, as Compose finds them.
stage_images() { for stage in 0 1 2 3; do compose "$stage" config --images; done | sort -u; }
# shellcheck disable=SC2016 # for that shell
compose() { bash -c '. services/toolbox/host/lib.sh && . services/toolbox/host/docker.sh && compose "$@"' - "$@"; }
serves() { answers /readyz 200; }

@test "figures: memory, start and stop" {
    rm -f results/stage-3.json
    make down
    figure stage-3 "make stage-3, images built, no volumes" "$(seconds make stage-3)" s 45
    within 60 serves
    figure stage-3 "memory of all machines, idle" "$(memory_mib)" MiB 1536
    # shellcheck disable=SC2046 # one word each
    figure stage-3 "all images of all stages, shared layers once" "$(size_mb $(stage_images))" MB 1300
    KEEP_VOLUMES=1 make down
    figure stage-3 "make stage-3, volumes kept" "$(seconds make stage-3)" s 20
    figure stage-3 "make down" "$(seconds make down)" s 8
    assert_equal "$(leftovers)" ""
}
