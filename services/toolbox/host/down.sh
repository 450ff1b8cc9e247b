#!/usr/bin/env bash
# make down: stops and removes all of the lab. Safe to repeat.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"

need_engine "$@"
take_lock
if [ -n "$(lab_containers)$(lab_networks)$(lab_volumes)" ]; then
    step "Taking the lab down" remove_lab
else
    say "  Nothing of the lab is there."
fi
