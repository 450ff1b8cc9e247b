# shellcheck shell=bash
# The machines of compose.yaml, their certificates, and what is heard between them.

bats_require_minimum_version 1.5.0
load ../lib/lab

TLS=.lab/hops-test
LAB_NAME=$(lab_setting LAB_NAME)
SERVER_MEMORY=$(lab_setting SERVER_MEMORY)
# Two trees that are tested on one engine need two networks.
HOPS_NET=${HOPS_NET:-198.18.6}
export LAB_NAME SERVER_MEMORY HOPS_NET

machines() { docker compose --progress quiet --file tests/hops/compose.yaml "$@"; }

# at MACHINE COMMAND: a shell command line there, as root.
at() { machines exec -T "$1" bash -c "$2"; }

# said MACHINE TEXT: its log has it.
said() { machines logs --no-log-prefix "$1" 2>&1 | grep -F -- "$2"; }

# --- Certificates ---------------------------------------------------------------------------------------------------

# certificates FOLDER [--renew NAME DAYS]: those of compose.yaml's machines, by the lab's own scripts.
certificates() {
    # shellcheck disable=SC2016
    bash -c '. services/toolbox/host/lib.sh && . services/toolbox/host/certificates.sh &&
        TLS_DIR=$1 && shift && ca inside "$@"' - "$@" "server-1 web db $HOPS_NET.21" "server-2 web db $HOPS_NET.22" "cache-1 cache $HOPS_NET.51"
}

# wrong KIND MACHINE: its certificate is wrong in this way from now on: other-authority, other-name or ended.
# right MACHINE: it has its own again.
wrong() {
    right_file=$BATS_FILE_TMPDIR/$2.pem
    [ -e "$right_file" ] || cp "$TLS/inside/$2.pem" "$right_file"
    case $1 in
        other-authority)
            [ -d "$TLS/stranger" ] || (mkdir "$TLS/stranger" && certificates "$TLS/stranger")
            cat "$TLS/stranger/inside/$2.pem" >"$TLS/inside/$2.pem"
            ;;
        # Of a machine that is one of the lab, and another tier's.
        other-name) cat "$TLS/inside/$([ "$2" = cache-1 ] && echo server-1 || echo cache-1).pem" >"$TLS/inside/$2.pem" ;;
        ended) certificates "$TLS" --renew "$2" -1 ;;
    esac
    show "$2"
}
right() {
    cat "$BATS_FILE_TMPDIR/$1.pem" >"$TLS/inside/$1.pem"
    show "$1"
}

# show MACHINE: it shows what is in its file from now on, on new connections, and there are no others.
show() {
    case $1 in
        cache-1) machines restart --timeout 3 cache-1 ;;
        server-1) at server-1 's6-svc -rwR -T 60000 /run/s6/mysql' ;;
        server-2) at server-2 's6-svc -rwR -T 60000 /run/s6/nginx' ;;
    esac
}

# --- The site -------------------------------------------------------------------------------------------------------

fetch() { machines exec -T client curl --silent --max-time 10 "${@:2}" "$1"; }
site() { fetch "http://$HOPS_NET.11$1" "${@:2}"; }
status_of() { site "$1" --output /dev/null --write-out '%{http_code}'; }
answers() { [ "$(status_of "$1")" = "$2" ]; }

# --- Start and stop -------------------------------------------------------------------------------------------------

make_secrets() {
    bash -c '. services/toolbox/host/lib.sh && . services/toolbox/host/secrets.sh && ensure_secrets &&
        ensure_secret redis-shop-password'
    mkdir -p "$TLS"
    install -m 444 .lab/secrets/redis-shop-password "$TLS/redis-password-for-all"
}

start_machines() {
    stop_machines
    make_secrets
    certificates "$TLS"
    machines up --detach --wait --wait-timeout 180
}

stop_machines() {
    machines --profile '*' down --volumes --timeout 3
    rm -rf "$TLS"
}

# --- On the wire ----------------------------------------------------------------------------------------------------

# listen LISTENER: from here on all is written down that the machine beside it says and is told. In this mode each packet
# has a place of 64 KiB or more in the buffer, of which the usual one has too few for a listener that has to wait for its turn. It
# is written down in memory: a disk that is busy may have it wait for seconds.
# shellcheck disable=SC2016
listen() {
    machines exec --detach "$1" sh -c 'echo $$ >/tmp/pid; exec tcpdump -i any --immediate-mode --buffer-size 16384 -U -w /dev/shm/heard 2>/tmp/says'
    within 20 machines exec -T "$1" grep -q "listening on" /tmp/says
}

# hear LISTENER: it has heard enough.
# shellcheck disable=SC2016
hear() { machines exec -T "$1" sh -c 'kill -INT $(cat /tmp/pid); while [ -e "/proc/$(cat /tmp/pid)" ]; do sleep 0.05; done'; }

# packets LISTENER PORT: how many of them were on the way to that port and back.
packets() { machines exec -T "$1" sh -c "tcpdump -r /dev/shm/heard 'tcp port $2' 2>/dev/null | wc -l"; }

# readable LISTENER PORT TEXT: somebody who listens there reads it.
readable() { machines exec -T "$1" sh -c "tcpdump -r /dev/shm/heard -w - 'tcp port $2' 2>/dev/null | grep -aqF '$3'"; }
