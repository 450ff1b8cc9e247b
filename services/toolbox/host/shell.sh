#!/usr/bin/env bash
# shell.sh NODE: an interactive shell on a node.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"

need_engine "$@"
container=$(node_container "$1")
exec docker exec --interactive --tty "$container" bash
