#!/usr/bin/env bash
# images.sh GROUP: builds what is missing or out of date of a group of services/images.hcl. NO_CACHE=1 builds all anew.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"

# npm_setting KEY prints a setting of this host's npm, nothing where there is none.
npm_setting() {
    local value
    value=$(npm config get "$1" 2>/dev/null || true)
    case $value in null | undefined) ;; *) printf '%s' "$value" ;; esac
}

# What a build needs to reach npm's packages as this host does. Behind a proxy that signs anew the certificates are the
# host's; they go in as a secret, which no layer keeps.
npm_secret() {
    local certificates=${NODE_EXTRA_CA_CERTS:-$(npm_setting cafile)}
    [ ! -s "$certificates" ] || printf -- '--set=browser.secrets=id=npm-ca,src=%s' "$certificates"
}

build() {
    local secret
    secret=$(npm_secret)
    export NPM_REGISTRY=${NPM_REGISTRY:-$(npm_setting registry)}
    docker buildx bake --progress plain --file services/images.hcl ${NO_CACHE:+--no-cache} ${secret:+"$secret"} "$1" || {
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
