#!/usr/bin/env bash
# make alerts: what fires now, and the alerts that were written down last, 10 or LAST=N of them.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"

last=${LAST:-10}
case $last in *[!0-9]* | 0*) die "LAST is \"$last\", it must be a number from 1 on" ;; esac
need_engine "$@"
stage=$(running_stage)
[ -n "$stage" ] || die "no stage is up" "Start one that has a monitor:  make stage-2"
nodes | grep -qx monitor || die "no monitor runs in stage $stage" \
    "Start a stage that has one:  make stage-2" "In a stage that has one, look at:  make status"
exec docker exec "$(node_container monitor)" alerts "$last"
