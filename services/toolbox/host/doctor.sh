#!/usr/bin/env bash
# make doctor: looks at everything a stage needs, repairs what it can, says what it cannot.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"
. "$HOST_DIR/checks.sh"

look() {
    local label=$1
    shift
    "$@"
    printf '  %-28s %s\n' "$label" "${FOUND:-fine}"
    FOUND=
}

describe_engine() {
    FOUND="Docker $(docker version --format '{{.Server.Version}}'), Compose $(docker compose version --short)"
    FOUND="$FOUND, $(docker info --format '{{.NCPU}} cores, cgroup v{{.CgroupVersion}}')"
}

describe_base() {
    if docker image inspect debian:trixie-slim >/dev/null 2>&1; then
        FOUND="debian:trixie-slim is here"
    else
        FOUND="debian:trixie-slim is not here yet; make stage-0 pulls or builds it"
    fi
}

describe_networks() {
    check_networks
    FOUND="$PUBLIC_NET.0/24 and $PRIVATE_NET.0.0/16 are free"
}

ensure_engine "$@"
look "engine" describe_engine
look "base image" describe_base
look "memory" check_memory
look "disk" check_disk
look "port $HTTP_PORT" check_port HTTP_PORT
look "port $HTTPS_PORT" check_port HTTPS_PORT
look "port $MONITOR_PORT" check_port MONITOR_PORT
look "networks" describe_networks
look "line endings" check_line_endings
say "This machine can run the lab."
