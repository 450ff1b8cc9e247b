#!/usr/bin/env bash
# logs.sh [NODE]: the last lines of what the machines wrote; FOLLOW=1 goes on until Ctrl-C.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"

need_engine "$@"
stage=$(running_stage)
[ -n "$stage" ] || die "no stage is up" "Start one with:  make stage-0"
set -- ${1:+"$1"}
[ "${FOLLOW:-0}" = 0 ] || set -- --follow "$@"
# Compose paints for a terminal also where there is none.
colour=never
[ ! -t 1 ] || colour=auto
compose "$stage" --ansi "$colour" logs --tail "${TAIL:-200}" "$@"
