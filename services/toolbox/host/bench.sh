#!/usr/bin/env bash
# bench.sh: make bench. Builds what is compared, then measures in the toolbox; nothing of it stays.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"
. "$HOST_DIR/secrets.sh"

# A project of its own: the lab may be up or not, though a machine that does other work measures badly.
LAB_NAME=webstack-bench

ensure_engine "$@"
bash "$HOST_DIR/base.sh"
bash "$HOST_DIR/images.sh" bench
ensure_secret mysql-shop-password
ensure_secret redis-shop-password

# Also after Ctrl-C, and what a run that was killed has left.
trap 'remove_lab >/dev/null 2>&1 || true; leave' EXIT
remove_lab
bash "$HOST_DIR/toolbox.sh" tests/bench/bench
