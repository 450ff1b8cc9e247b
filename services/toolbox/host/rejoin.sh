#!/usr/bin/env bash
# rejoin.sh NODE: brings a MySQL back that is fenced, or has lost its source, as a replica of the primary. It keeps its data if
# the primary has all of it. Transactions that only it has are shown, and then nothing is done; RECLONE=1 throws its data away,
# those with it, and copies the primary's.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"
. "$HOST_DIR/databases.sh"

# A copy of the catalogue takes seconds, MySQL a few more to start.
REPLICA_SECONDS=90

need_engine "$@"
node=${1-}
[ -n "$(running_stage)" ] || die "no stage is up" "Start one with two databases:  make stage-1"
grep -qFx -e "$node" <<<"$(database_nodes)" || die "there is no MySQL on ${node:-(NODE is empty)}" \
    "Say:  make rejoin NODE=server-1" "The machines that have one: $(database_nodes | xargs)"
take_lock
primary=$(primaries)
[ -n "$primary" ] || die "no MySQL takes writes, so there is nobody to follow" "Make one the primary:  make promote"
[ "$(wc -w <<<"$primary")" -eq 1 ] || die "more than one MySQL takes writes: $(xargs <<<"$primary")" "Fence the one that must not:  make run NODE=… CMD=mysql-fence"
[ "$node" != "$primary" ] || die "$node is the primary, and follows nobody" "To have another one in its place:  make promote"

docker start "$(database_container "$node")" >/dev/null
answers() { sql "$node" 'DO 0'; }
if [ "${RECLONE:-0}" = 0 ]; then
    wait_until 60 answers || die "the MySQL of $node does not start" "Look at:  make logs NODE=$node" \
        "Or throw its data away and copy the primary's:  make rejoin NODE=$node RECLONE=1"
    status=0
    errant=$(at "$node" mysql-rejoin "$(data_address "$primary")") || status=$?
    case $status in
        0) ;;
        3) die "$node has transactions that $primary does not have: $errant" \
            "See them:  make run NODE=$node CMD='mysqlbinlog --no-defaults -v --include-gtids=$errant /var/lib/mysql/data/binlog.0*'" \
            "Throw them away, with all data of $node, and copy the primary's:  make rejoin NODE=$node RECLONE=1" ;;
        4) die "$primary has no longer all that is missing on $node" \
            "Copy its data anew:  make rejoin NODE=$node RECLONE=1" ;;
        *) die "$node could not be made a replica of $primary" "Look at:  make status" ;;
    esac
else
    at "$node" mysql-rejoin "$(data_address "$primary")" copy
fi
step "Waiting until $node follows $primary" wait_until "$REPLICA_SECONDS" in_order "$node"
at "$node" mysql-role
