# shellcheck shell=bash
# Two servers, and what the tests ask and do there.

REPLICATION_SECRETS=$PWD/.lab/replication-test
SERVER_MEMORY=$(lab_setting SERVER_MEMORY)
# Two trees that are tested on one engine need two names, and two networks (REPLICATION_NET). It is none of those that the
# lab would take, which may be up beside.
LAB_NAME=$(lab_setting LAB_NAME)
export REPLICATION_SECRETS SERVER_MEMORY LAB_NAME

NET=${REPLICATION_NET:-198.18.4}
export PRIMARY=$NET.21 REPLICA=$NET.22

compose() { docker compose --progress quiet --file tests/replication/compose.yaml "$@"; }

# inside NODE COMMAND...: runs it there, without a shell. Compose would take three times as long, for each of thousands.
inside() { docker exec --interactive "$LAB_NAME-replication-$1-1" "${@:2}"; }

# at NODE COMMAND: a shell command line there, as root.
at() { inside "$1" bash -c "$2"; }

# sql NODE STATEMENTS: the rows, columns divided by tabs.
sql() { inside "$1" mysql --batch --skip-column-names shop --execute "$2"; }

# gtids NODE [EXPRESSION]: a set of them, without its line breaks.
gtids() { sql "$1" "SELECT REPLACE(${2:-@@global.gtid_executed}, '\n', '')"; }

# role NODE: what mysql-role says.
role() { at "$1" mysql-role; }

# role_has NODE WORD...: each is in the line that mysql-role prints.
role_has() {
    local line word
    line=" $(role "$1" 2>/dev/null) "
    shift
    for word in "$@"; do
        [[ $line = *" $word "* ]] || return 1
    done
}

# in_order: the second follows the first, has all of it, and both wait for each other's word.
in_order() {
    role_has server-2 role=replica receiver=Yes applier=Yes missing=0 semisync=on errant=none &&
        role_has server-1 role=primary replicas=1 semisync=on
}

# connected: commits wait for the replica's word; it may have some left to apply.
connected() { role_has server-2 receiver=Yes applier=Yes semisync=on && role_has server-1 replicas=1 semisync=on; }

# said NODE TEXT: its log has it.
said() { compose logs --no-log-prefix "$1" 2>&1 | grep -F -- "$2"; }

# kill_mysql NODE: as a crash would.
# shellcheck disable=SC2016
kill_mysql() { at "$1" 'kill -KILL $(s6-svstat -o pid /run/s6/mysql)'; }

# crash_mysql NODE: the same, and it stays dead until start_mysql.
# shellcheck disable=SC2016
crash_mysql() { at "$1" 's6-svc -O /run/s6/mysql; kill -KILL $(s6-svstat -o pid /run/s6/mysql); s6-svwait -d -t 30000 /run/s6/mysql'; }
start_mysql() { at "$1" 's6-svc -uwU -T 60000 /run/s6/mysql'; }

# without_data NODE...: these are gone, with all they had.
without_data() {
    local node
    for node in "$@"; do
        compose rm --force --stop "$node"
        docker volume rm --force "$LAB_NAME-replication_data-${node#server-}"
    done
}

make_secrets() {
    mkdir -p "$REPLICATION_SECRETS"
    (
        umask 077
        printf a-shop-password >"$REPLICATION_SECRETS/shop"
        printf a-repl-password >"$REPLICATION_SECRETS/repl"
        printf another-password >"$REPLICATION_SECRETS/wrong"
        : >"$REPLICATION_SECRETS/empty"
    )
}

remove_pair() {
    compose --profile '*' down --volumes --timeout 3
    rm -rf "$REPLICATION_SECRETS"
}

# start_pair: both from nothing, and the visitor.
start_pair() {
    remove_pair
    make_secrets
    compose up --detach
    within 180 in_order
}

# --- Rows that were acknowledged ----------------------------------------------------------------------------------

# start_writing: four connections on server-1 insert rows, one after the other, and note each that was acknowledged.
start_writing() {
    sql server-1 "CREATE TABLE IF NOT EXISTS ledger (number BIGINT PRIMARY KEY)"
    at server-1 "cat >/tmp/write-on" <tests/replication/write-on
    at server-1 "rm -f /tmp/ledger* /tmp/enough; for i in 1 2 3 4; do bash /tmp/write-on \$i </dev/null >/dev/null 2>&1 & done"
}

acknowledged() { at server-1 "cat /tmp/ledger.*" 2>/dev/null | wc -l; }
has_more_than() { [ "$(acknowledged)" -gt "$1" ]; }

# write_some: until there are 200 more of them.
write_some() { within 60 has_more_than $(($(acknowledged) + 200)); }

# stop_writing: LEDGER is a file of all that were acknowledged.
stop_writing() {
    LEDGER=$BATS_TEST_TMPDIR/ledger
    at server-1 "touch /tmp/enough; while grep -qs [w]rite-on /proc/[0-9]*/cmdline; do sleep 0.05; done"
    at server-1 "cat /tmp/ledger.*" | sort >"$LEDGER"
}

# rows NODE prints the table, sorted.
rows() { sql "$1" "SELECT number FROM ledger" | sort; }

# lost_on NODE: how many of the acknowledged are not there.
lost_on() { comm -23 "$LEDGER" <(rows "$1") | wc -l; }

# all_applied NODE: it has done all that it was sent. That it has read all of it is not enough: several threads apply it.
all_applied() {
    sql "$1" "SHOW REPLICA STATUS" | grep -q "Replica has read all relay log" &&
        [ "$(sql "$1" "SELECT GTID_SUBSET('$(inside "$1" mysql-lead --received)', @@global.gtid_executed)")" = 1 ]
}

# gave_up_waiting: how often server-1 has not waited for an acknowledgement any longer.
gave_up_waiting() { compose logs --no-log-prefix server-1 2>&1 | grep -c 'Timeout waiting for reply of binlog' || true; }
