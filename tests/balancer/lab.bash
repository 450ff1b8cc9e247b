# What the tests of this folder share: the machines of compose.yaml, once for each file of tests.

load ../lib/lab

NET=${BALANCER_NET:-198.18.8}
SITE=http://$NET.10

machines() { docker compose --env-file compose/lab.env --file tests/balancer/compose.yaml "$@"; }

# container MACHINE: the name of its container.
container() { echo "$LAB_NAME-balancer-$1-1"; }

# inside MACHINE COMMAND...: runs it there, without a shell. Compose would take three times as long, for each of hundreds.
inside() { docker exec --interactive "$(container "$1")" "${@:2}"; }

start_machines() { # MACHINE...
    bash -c '. services/toolbox/host/lib.sh && . services/toolbox/host/secrets.sh && ensure_secrets'
    LAB_NAME=$(lab_setting LAB_NAME)
    export LAB_NAME
    stop_machines
    machines up --detach --wait --wait-timeout 180 "$@"
}

stop_machines() { machines --profile '*' down --volumes --timeout 3; }

# start_balancer [SETTING=VALUE...]: a new one, before servers that know no orders.
start_balancer() {
    # shellcheck disable=SC2163 # they are names with their values
    (export LAB_NAME "$@" && machines up --detach --wait --force-recreate --timeout 3 lb-1 server-1 server-2)
    within 20 state_is server-1 UP
    within 20 state_is server-2 UP
}

# obey MACHINE ORDER [VALUE]: follows this order, see backend.py. Prints when, in milliseconds: it is in force by then.
obey() { inside "$1" sh -c 'echo "$2" >"/tmp/$1" && date +%s%3N' - "$2" "${3-}"; }

# forget MACHINE: none any more. Prints when: until then they were in force.
forget() { inside "$1" sh -c 'date +%s%3N && rm -f /tmp/not-ready /tmp/slow /tmp/refuse /tmp/hang-up'; }

# asked MACHINE REQUEST: how often it was sent this request, such as "POST /orders".
asked() { inside "$1" sh -c 'grep -cxF "$1" /tmp/requests || true' - "$2"; }
is_asked() { [ "$(asked "$1" "$2")" -ge 1 ]; }

# fetch PATH [CURL OPTIONS]: as the visitor.
fetch() { inside client curl --silent --max-time 20 "${@:2}" "$SITE$1"; }
fetch_status() { fetch "$@" --output /dev/null --write-out '%{http_code}'; }

# share [MACHINE]: who served 60 requests of this visitor, one after the other: "30 server-1,30 server-2".
share() {
    inside "${1:-client}" curl --silent --output /dev/null --write-out '%header{x-served-by}\n' "$SITE/?[1-60]" |
        sort | uniq -c | awk '{ printf "%s%s %s", comma, $1, $2; comma = "," }'
}

runtime() { inside lb-1 runtime "$@"; }

# state_is MACHINE STATE: what HAProxy thinks of it.
state_is() { inside lb-1 servers | grep -q "^$1 .* $2 "; }

# explain: when HAProxy took which server for down or up, and why, for a test that failed.
explain() { docker logs --timestamps "$(container lb-1)" 2>&1 | grep -E ' is (UP|DOWN)' || true; }

# --- Visitors without end -----------------------------------------------------------------------------------------

# They come by themselves, each with a new connection, six at a time, and note who served, the status, begin and end.
start_visitors() {
    inside client rm -f /tmp/enough
    inside client sh -c 'for _ in 1 2 3 4 5 6; do
            while [ ! -e /tmp/enough ]; do
                begin=$(date +%s%3N)
                answer=$(curl --silent --max-time 10 --output /dev/null \
                    --write-out "%header{x-served-by} %{http_code}" "$1/visit")
                echo "$answer $begin $(date +%s%3N)"
            done &
        done; wait' - "$SITE" >"$BATS_TEST_TMPDIR/visits" 3>&- &
    VISITORS=$!
    more_visits 100
}

# more_visits N: waits until there were so many more.
more_visits() {
    within 30 has_visits $(($(visits) + $1))
}

has_visits() { [ "$(visits)" -ge "$1" ]; }
visits() { wc -l <"$BATS_TEST_TMPDIR/visits"; }

stop_visitors() {
    [ -n "${VISITORS:-}" ] || return 0
    inside client touch /tmp/enough
    wait "$VISITORS"
    VISITORS=
    echo "# $(visits) visits" >&3
}

# served MACHINE FROM [TO]: its visits that lie between, each as the time of its end.
served() {
    awk -v node="$1" -v from="$2" -v to="${3:-9e15}" '$1 == node && $3 >= from && $4 <= to { print $4 }' \
        "$BATS_TEST_TMPDIR/visits" | sort -n
}

slowest_visit_ms() { awk '$4 - $3 > slowest { slowest = $4 - $3 } END { print slowest }' "$BATS_TEST_TMPDIR/visits"; }

failed_visits() { grep -vc ' 200 ' "$BATS_TEST_TMPDIR/visits" || true; }

# --- What the configuration promises ------------------------------------------------------------------------------

# setting NAME: of the health checks, in milliseconds or as a number.
setting() {
    sed -n 's/^ *default-server check //p' services/haproxy/conf/4-web.cfg |
        awk -v name="$1" '{ for (i = 1; i < NF; i++) if ($i == name) { value = $(i + 1)
            print value ~ /ms$/ ? value + 0 : value ~ /s$/ ? value * 1000 : value } }'
}
