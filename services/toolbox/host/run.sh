#!/usr/bin/env bash
# run.sh NODE 'COMMAND': runs a shell command line on a node. Its input, output and exit status are the command's own.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"

[ -n "${1-}" ] && [ -n "${2-}" ] || die "which machine, and what?" "Say:  make run NODE=client CMD='dig www.foobar.com'"
need_engine "$@"
container=$(node_container "$1")
exec docker exec --interactive "$container" sh -c "$2"
