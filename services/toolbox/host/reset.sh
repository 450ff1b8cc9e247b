#!/usr/bin/env bash
# make reset: the stage that is up, back to its seeded state: new data, new machines, the same images.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"

need_engine "$@"
stage=$(running_stage)
[ -n "$stage" ] || die "no stage is up" "Start one with:  make stage-0"
bash "$HOST_DIR/down.sh"
exec bash "$HOST_DIR/stage.sh" "$stage"
