# shellcheck shell=bash
# The lab's own certificate authority: the scripts of services/ca, run in a container, so that no host needs openssl. What
# they make is under .lab/tls, for the user alone.

TLS_DIR=$STATE_DIR/tls
# shellcheck disable=SC2034 # for those who source this
ROOT_CERTIFICATE=$TLS_DIR/authority/root.crt

# has_tls STAGE: TLS ends on a machine of that stage.
has_tls() { grep -qF "$TLS_DIR/" "$(stage_file "$1")"; }

# ca SCRIPT [ARGUMENT...]: without a network, and with what it takes to write to a folder that is somebody else's.
ca() {
    local script=$1
    shift
    (umask 077 && mkdir -p "$TLS_DIR")
    docker run --rm --network none --read-only --tmpfs /tmp --security-opt no-new-privileges \
        --cap-drop ALL --cap-add CHOWN --cap-add DAC_OVERRIDE \
        --volume "$PWD/services/ca:/ca:ro" --volume "$PWD/$TLS_DIR:/tls" --entrypoint "/ca/$script" webstack/client "$@"
}

# ensure_certificates STAGE: what its machines need is there, and no certificate has ended.
ensure_certificates() {
    has_tls "$1" || return 0
    step "Making sure of the certificates" make_certificates "$1"
}
make_certificates() {
    ca authority && { ca current || ca issue; } && inside "$1"
}

# machines STAGE: those that prove to the machines beside them who they are, a line each: x-lab-certificates of its file.
machines() {
    awk '/^x-lab-certificates:/ { on = 1; next } /^[^ ]/ { on = 0 } on && NF' "$(stage_file "$1")" |
        sed "s/\${PRIVATE_NET}/$PRIVATE_NET/g"
}

# inside STAGE [--renew NAME DAYS]: the certificates of these machines.
inside() {
    local stage=$1 machine
    shift
    while read -r machine; do
        set -- "$@" "$machine"
    done < <(machines "$stage")
    [ $# -eq 0 ] || ca inside "$@"
}

# take_certificate NODE: that machine takes its own one. Redis could while it runs, but no account may change its
# settings: it starts anew, with the sessions that are in its file.
take_certificate() {
    local container
    container=$(node_container "$1")
    if docker exec "$container" sh -c 'command -v load-certificate'; then
        docker exec "$container" load-certificate
    else
        docker restart "$container"
    fi
}

# load_certificate: the machines on which TLS ends take the certificate that is in their file now.
load_certificate() {
    local node
    for node in $(nodes | grep '^lb-'); do docker exec "$(node_container "$node")" load-certificate || return; done
}
