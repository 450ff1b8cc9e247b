#!/usr/bin/env bats
# Either MySQL is killed in the middle of writes, again and again: what was acknowledged is there, and while the replica
# was connected it is there as well. REPEAT= says how often.

bats_require_minimum_version 1.5.0
load ../lib/lab
load pair.bash

setup_file() {
    export REPEAT=${REPEAT:-3}
    start_pair
}
teardown_file() { remove_pair; }
setup() { within 60 in_order; }

same_rows() { [ "$(rows server-1 | md5sum)" = "$(rows server-2 | md5sum)" ]; }

# lost_with_the_primary: it is killed while it writes, and not started. LOST: what it had acknowledged and the replica,
# having applied all that it was sent, does not have.
lost_with_the_primary() {
    start_writing
    write_some
    crash_mysql server-1
    stop_writing
    within 60 all_applied server-2
    LOST=$(lost_on server-2)
}

@test "the primary killed and gone: the replica has every row that was acknowledged while it was connected" {
    rounds=0 rows=0 lost=0
    for _ in $(seq "$REPEAT"); do
        within 60 in_order
        before=$(gave_up_waiting)
        lost_with_the_primary
        # A host so slow that the primary did not wait long enough: this round says nothing.
        if [ "$(gave_up_waiting)" = "$before" ]; then
            rounds=$((rounds + 1)) rows=$((rows + $(wc -l <"$LEDGER"))) lost=$((lost + LOST))
        fi
        start_mysql server-1
        assert_equal "$(lost_on server-1)" 0
    done
    echo "# $rounds of $REPEAT rounds count: $rows rows acknowledged, $lost not on the replica" >&3
    assert [ "$rounds" -gt 0 ]
    assert_equal "$lost" 0
    figure replication "rows lost with the primary, of $rows acknowledged in $rounds kills" "$lost" "" 0
    within 60 in_order
    same_rows
}

@test "the control: with a replica that was not connected rows are lost with the primary, and it is seen" {
    sql server-2 "STOP REPLICA IO_THREAD"
    lost_with_the_primary
    echo "# $LOST of $(wc -l <"$LEDGER") rows acknowledged are not on the replica" >&3
    assert [ "$LOST" -gt 0 ]
    # Not for ever: the primary has them.
    start_mysql server-1
    assert_equal "$(lost_on server-1)" 0
    sql server-2 "START REPLICA"
    within 60 in_order
    assert_equal "$(lost_on server-2)" 0
    # And one that is gone from the primary is seen too.
    sql server-1 "DELETE FROM ledger WHERE number = $(head -n 1 "$LEDGER")"
    assert_equal "$(lost_on server-1)" 1
}

# kill_again_and_again NODE...: in the middle of writes; each is back before the next time.
kill_again_and_again() {
    local node
    start_writing
    for _ in $(seq "$REPEAT"); do
        write_some
        for node in "$@"; do kill_mysql "$node" & done
        wait
        within 60 connected
    done
    write_some
    stop_writing
    within 60 in_order
    echo "# $REPEAT kills of $*: $(wc -l <"$LEDGER") rows acknowledged, $(lost_on server-1) lost on the primary, $(lost_on server-2) on the replica" >&3
    assert_equal "$(lost_on server-1) $(lost_on server-2)" "0 0"
    same_rows
}

@test "the primary killed and back: nothing acknowledged is lost, and the replica goes on" { kill_again_and_again server-1; }
@test "the replica killed and back: nothing is lost, nor applied twice" { kill_again_and_again server-2; }
@test "both killed at once: nothing is lost" { kill_again_and_again server-1 server-2; }
