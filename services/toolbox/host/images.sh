#!/usr/bin/env bash
# images.sh GROUP: builds what is missing or out of date of a group of services/images.hcl. NO_CACHE=1 builds all anew.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"

build() {
    docker buildx bake --progress plain --file services/images.hcl ${NO_CACHE:+--no-cache} "$1" || {
        # The one cause that is not ours, said in a line of its own.
        if grep -qE 'Unable to connect|Temporary failure resolving|Could not resolve|Failed to fetch' "$LOG_DIR"/*images*.log 2>/dev/null; then
            die "the Debian package archive does not answer from within a build" \
                "Look at the network; behind a proxy, see ~/.docker/config.json. Then run this command again."
        fi
        return 1
    }
}

need_engine "$@"
step "Building the images ($1)" build "$1"
