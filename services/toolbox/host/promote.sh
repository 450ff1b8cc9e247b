#!/usr/bin/env bash
# promote.sh [NODE]: makes a replica the primary; without NODE the one that has most. The application follows by itself.
#
# With a primary that works it is a change of roles: that one stops taking writes, the other applies the last of them and
# goes on, and they have changed places. Nothing is lost, and while it takes writes wait. When it fails all is as before.
#
# With a primary that is dead, or does not answer, that one is fenced first, so that there are never two: should its machine come
# back, it lets nobody in. See rejoin.sh.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"
. "$HOST_DIR/databases.sh"

# --- Who ----------------------------------------------------------------------------------------------------------

# has_more NODE OTHER: it has received or done transactions that the other has not.
everything() { at "$1" mysql-lead --received; }
has_more() { [ -n "$(sql "$1" "SELECT GTID_SUBTRACT('$(everything "$1")', '$(everything "$2")')")" ]; }

# most_advanced NODE...
most_advanced() {
    local node best=$1
    for node; do
        ! has_more "$node" "$best" || best=$node
    done
    echo "$best"
}

# lead NODE [GTIDS]: without a deadline of ours: it has its own, and one that we no longer wait for must not succeed later.
lead() { docker exec "$(database_container "$1")" mysql-lead "${@:2}"; }

# --- A primary that works -----------------------------------------------------------------------------------------

# change_places OLD NEW. GIVEN_UP, TAKEN: when OLD took no more writes, when NEW did.
change_places() {
    local given_up
    # One that has just been started, or whose source was, is connected again within seconds.
    wait_until 10 in_order "$2" || die "$2 is not in order, so $1 stays the primary" \
        "See what is wrong:  make status" "If $1 is lost, stop it first:  docker kill $(database_container "$1")"
    trap 'give_back "$old" "$new"; leave' EXIT
    given_up=$(at "$1" mysql-yield) || die "$1 has writes in work that do not end, and is the primary as before"
    GIVEN_UP=${given_up%%	*}
    TAKEN=$(lead "$2" "${given_up#*	}") || die "$2 could not take over, and $1 is the primary as before"
    trap leave EXIT
    follow "$1" "$2"
}

# give_back OLD NEW: a change that failed or was interrupted. What docker exec has begun on a machine does not end with it (docker/cli
# #2607), but by itself: only then is it known whether NEW takes writes. If not, OLD does as before.
give_back() {
    trap '' INT
    wait_until 60 have_ended "$1" "$2" || true
    if is_primary "$2"; then
        follow "$1" "$2"
        say "  $2 is the primary, $1 follows it: it was too late to give up."
    else
        sql "$1" "SET GLOBAL read_only = OFF"
    fi
}
have_ended() { ! works_on "$1" mysql-yield && ! works_on "$2" mysql-lead; }
works_on() { docker top "$(database_container "$1")" | grep "$2" >/dev/null; }

# follow NODE PRIMARY
follow() {
    at "$1" mysql-follow "$(data_address "$2")"
    sql "$1" 'START REPLICA'
}

# --- One that does not --------------------------------------------------------------------------------------------

# fence NODE OWNER: whatever state its machine is in.
fence() {
    local container file
    container=$(database_container "$1")
    [ "$(docker inspect --format '{{.State.Status}}' "$container")" != running ] || ! at "$1" mysql-fence "$2" || return 0
    # It does not even start a program: switched off, as one would do with a machine that nobody can reach.
    docker kill "$container" >/dev/null 2>&1 || true
    wait_until 10 is_off "$container" || die "the machine $1 cannot be switched off, so nothing was changed"
    file=$(mktemp)
    echo "$2" >"$file"
    docker cp "$file" "$container:/var/lib/mysql/fenced" >/dev/null && rm -f "$file"
    say "  $1 is off; when it starts its MySQL is shut"
}
is_off() { [ "$(docker inspect --format '{{.State.Running}}' "$1")" = false ]; }

# --- All ----------------------------------------------------------------------------------------------------------

need_engine "$@"
[ -n "$(running_stage)" ] || die "no stage is up" "Start one with two databases:  make stage-1"
take_lock
[ "$(database_nodes | wc -l)" -gt 1 ] || die "this stage has one MySQL, and nobody to take over" "Start one with two:  make stage-1"
old=$(primaries)
[ "$(wc -w <<<"$old")" -le 1 ] || die "more than one MySQL takes writes: $(xargs <<<"$old")" "Fence the one that must not:  make run NODE=… CMD=mysql-fence"
candidates=$(for node in $(database_nodes); do ! is_replica "$node" || echo "$node"; done)
[ -n "$candidates" ] || die "there is no replica that could become the primary" "See what there is:  make status"
new=${1:-}
if [ -z "$new" ]; then
    # shellcheck disable=SC2086 # one word a node
    new=$(most_advanced $candidates)
fi
grep -qFx -e "$new" <<<"$candidates" || die "$new is no replica that could become the primary" "There are: $(xargs <<<"$candidates")"

if [ -n "$old" ]; then
    change_places "$old" "$new"
    wait_until 30 in_order "$old" || die "$new is the primary, but $old does not follow it" "See what is wrong:  make status"
    awk -v old="$old" -v new="$new" -v from="$GIVEN_UP" -v to="$TAKEN" \
        'BEGIN { printf "  %s is the primary, %s follows it. No MySQL took writes for %d ms.\n", new, old, (to - from) * 1000 }'
else
    fenced=
    for node in $(database_nodes); do
        grep -qFx -e "$node" <<<"$candidates" || { fence "$node" "$new" && fenced="${fenced:+$fenced }$node"; }
    done
    lead "$new" >/dev/null || die "$new could not take over; nobody takes writes" "See what is wrong:  make status"
    for node in $candidates; do
        [ "$node" = "$new" ] || follow "$node" "$new"
    done
    say "  $new is the primary. Fenced: $fenced"
    say "  To have it back as a replica:  make rejoin NODE=${fenced%% *}"
fi
