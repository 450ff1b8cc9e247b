# What the tests of this folder share: the machines of compose.yaml, once for each file of tests.

load ../lib/lab

NET=${VIP_NET:-198.18.9}
ADDRESS=$NET.10

machines() { docker compose --env-file compose/lab.env --file tests/vip/compose.yaml "$@"; }

# container MACHINE: the name of its container.
container() { echo "$LAB_NAME-vip-$1-1"; }

# inside MACHINE COMMAND...: runs it there, without a shell. Compose would take three times as long, for each of hundreds.
inside() { docker exec "$(container "$1")" "${@:2}"; }

start_machines() { # [SETTING=VALUE...]
    LAB_NAME=$(lab_setting LAB_NAME)
    # shellcheck disable=SC2163 # they are names with their values
    export LAB_NAME "$@"
    stop_machines
    machines up --detach --wait --wait-timeout 120
}

stop_machines() { machines down --volumes --timeout 3; }

# signal MACHINE NAME PROGRAM: to all of its processes, children first, so that none sees its parent end.
signal() {
    inside "$1" sh -c 'for process in $(ls /proc | grep "^[0-9]" | sort -rn); do
            case $(cat "/proc/$process/comm" 2>/dev/null) in "$2"*) processes="$processes $process" ;; esac
        done
        kill -s "$1" $processes 2>/dev/null || true' - "$2" "$3"
}

# --- Who has the address ------------------------------------------------------------------------------------------

# has MACHINE: its kernel has the address.
has() { inside "$1" ip -4 -oneline address show to "$ADDRESS" | grep -q .; }

other_of() { case $1 in lb-1) echo lb-2 ;; *) echo lb-1 ;; esac }

# settled: both are in order and one has the address: A; the other one, B, stands by.
settled() {
    for A in lb-1 lb-2; do
        B=$(other_of $A)
        ! inside "$B" virtual-ip 2>/dev/null | grep -q state=standby || break
    done
    inside "$A" virtual-ip | grep -q state=active && inside "$B" virtual-ip | grep -q state=standby
}

# repair: what a test that has failed has left.
repair() {
    local node program
    machines up --detach --wait --wait-timeout 60 --no-recreate
    for node in lb-1 lb-2; do
        inside "$node" firewall
        for program in haproxy keepalived; do
            signal "$node" CONT $program
            inside "$node" s6-svc -wU -T 5000 -u /run/s6/$program
        done
        inside "$node" virtual-ip || inside "$node" s6-svc -r /run/s6/keepalived
    done
}

one_has_it() { if has lb-1; then ! has lb-2; else has lb-2; fi; }

# hardware MACHINE: of its interface, whose name differs after the network was cut.
hardware() { inside "$1" sh -c 'cat /sys/class/net/eth*/address'; }

# neighbour: the hardware address under which the client knows the address.
neighbour() { inside client ip -4 neighbour show "$ADDRESS" | sed 's/.*lladdr \([^ ]*\).*/\1/'; }

# --- A visitor who counts -----------------------------------------------------------------------------------------

INTERVAL_MS=25

# start_visits MACHINE: which serves them.
start_visits() {
    inside visitor rm -f /tmp/visits /tmp/visits.enough /tmp/visits.late
    inside visitor python3 /visits.py "$ADDRESS" $INTERVAL_MS /tmp/visits 3>&- &
    VISITOR=$!
    within 30 served "$1" 20
}

# served MACHINE N: it has served so many visits.
served() { [ "$(inside visitor grep -c " $1 200$" /tmp/visits)" -ge "$2" ]; }

# stop_visits MACHINE: when this machine has served some.
stop_visits() {
    within 30 served "$1" 20
    inside visitor touch /tmp/visits.enough
    wait "$VISITOR"
    VISITOR=
    inside visitor sort -n -k 2 /tmp/visits >"$BATS_TEST_TMPDIR/visits"
    LATE_MS=$(inside visitor cat /tmp/visits.late)
}

# abandon_visits: of a test that has failed.
abandon_visits() {
    [ -z "${VISITOR-}" ] || { inside visitor touch /tmp/visits.enough && wait "$VISITOR"; }
}

# outage_ms: the longest time without a good answer.
outage_ms() { awk '$4 == 200 { if (last && $2 - last > gap) gap = $2 - last; last = $2 } END { print gap + 0 }' "$BATS_TEST_TMPDIR/visits"; }

# without_answer: how many visits had none; late: how many had to send their first packet again, which takes a second.
without_answer() { grep -c ' - 0$' "$BATS_TEST_TMPDIR/visits" || true; }
late() { awk '$4 == 200 && $2 - $1 >= 900' "$BATS_TEST_TMPDIR/visits" | wc -l; }

# within_bound WHAT BOUND_MS: the outage was no longer than the configuration says, and what a busy host adds. For as long as
# the visitor itself stood still, at worst, so may the balancers have.
within_bound() {
    local outage
    outage=$(outage_ms)
    echo "# $1: $outage ms without an answer (at most $2; the visitor stood still for $LATE_MS ms), $(without_answer) of $(wc -l <"$BATS_TEST_TMPDIR/visits") visits failed, $(late) were late" >&3
    [ "$outage" -le $(($2 + HOST_MS + LATE_MS)) ]
}
HOST_MS=400

# --- What the configuration promises ------------------------------------------------------------------------------

# setting NAME: of keepalived.conf, in milliseconds or as a number.
setting() { awk -v name="$1" '$1 == name { print $2 ~ /\./ ? $2 * 1000 : $2 }' services/keepalived/keepalived.conf; }

# skew_ms MACHINE: how much longer it waits than three adverts, by its priority.
skew_ms() { echo $(((256 - $(inside "$1" printenv VIRTUAL_IP_PRIORITY)) * $(setting advert_int) / 256)); }

# gone_ms MACHINE: until it has the address of one that has gone without a word.
gone_ms() { echo $((3 * $(setting advert_int) + $(skew_ms "$1"))); }
# refuses_ms MACHINE: of one whose program refuses connections.
refuses_ms() { echo $(($(setting fall) * $(setting interval) + $(skew_ms "$1"))); }
# silent_ms MACHINE: of one whose program accepts and says nothing.
silent_ms() { echo $((($(setting fall) + 1) * $(setting interval) + $(setting fall) * $(setting timeout) + $(skew_ms "$1"))); }
