#!/usr/bin/env bash
# make dlq: the orders whose receipt was given up, and why; REQUEUE=1 puts all of them back, once the cause is removed.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"

need_engine "$@"
task=--dead
[ "${REQUEUE:-0}" = 0 ] || task=--requeue
# Any machine with a worker will do: they all ask the same MySQL.
for node in $(nodes); do
    container=$(node_container "$node")
    if docker exec "$container" sh -c 'command -v as-worker' >/dev/null; then
        exec docker exec "$container" as-worker shop-worker "$task"
    fi
done
die "there is no machine with a worker" "Start a stage with:  make stage-0"
