#!/usr/bin/env bats
# shopd, its worker and MySQL are killed, again and again, while programs order: what was acknowledged is there, once, and
# has one receipt. REPEAT= says how often each of the three is killed.

load orders.bash

BUYERS=4 PRODUCT=81 PIECES=1000000

setup_file() {
    export REPEAT=${REPEAT:-3}
    rm -f results/shop-kills.json
    to_client order buy-on
}

# kill_in_between PROGRAM: ends it as a crash would, once orders have gone on since the last time.
kill_in_between() {
    within 60 has_more_than "$(($(acknowledged) + 2))"
    crash "$1"
}

@test "killed again and again: no acknowledged order is lost, none is doubled" {
    buyers $BUYERS
    stock $PRODUCT $PIECES
    on client "/tmp/buy-on $BUYERS $PRODUCT" &
    within 60 has_more_than 0
    for _ in $(seq "$REPEAT"); do
        kill_in_between shopd
        kill_in_between worker
        kill_in_between mysql
    done
    within 60 has_more_than "$(($(acknowledged) + BUYERS))"
    on client "touch /tmp/buy-on.stop"
    wait
    ledger=$BATS_TEST_TMPDIR/ledger
    on client "cat /tmp/ledger" >"$ledger"
    judge "$ledger"
    echo "# $((3 * REPEAT)) kills, $(sort -u "$ledger" | wc -l) orders acknowledged: $LOST lost, $DOUBLED doubled" >&3
    assert_equal "$LOST $DOUBLED $MORE" "0 0 0"
    # Each order has its line, its event, and its piece from the shelf.
    orders=$(sort -u "$ledger" | wc -l)
    assert_equal "$(sql "SELECT COUNT(*), SUM(quantity) FROM order_lines WHERE product_id = $PRODUCT")" "$orders"$'\t'"$orders"
    assert_equal "$(sql "SELECT COUNT(DISTINCT order_id) FROM outbox JOIN order_lines USING (order_id) WHERE product_id = $PRODUCT")" "$orders"
    assert_equal "$(stock $PRODUCT)" $((PIECES - orders))
    figure shop-kills "orders lost in $((3 * REPEAT)) kills of shopd, worker and MySQL, of $orders" "$LOST" "" 0
    figure shop-kills "orders doubled" "$DOUBLED" "" 0
    receipts() { sql "SELECT COUNT(*) FROM receipts JOIN order_lines USING (order_id) WHERE product_id = $PRODUCT"; }
    all_have_receipts() { [ "$(receipts)" = "$orders" ]; }
    within 120 all_have_receipts
    figure shop-kills "orders without exactly one receipt" $((orders - $(receipts))) "" 0

    # The control: what is lost, and what is there twice, is seen.
    read -r buyer key uuid < <(head -n 1 "$ledger")
    sql "DELETE FROM orders WHERE uuid = UUID_TO_BIN('$uuid')"
    judge "$ledger"
    assert_equal "$LOST $DOUBLED $MORE" "1 0 0"
    sql "INSERT INTO orders (uuid, user_id, idempotency_key, request_hash, total_cents, currency)
        SELECT UUID_TO_BIN(UUID()), id, '$key', '', 0, 'EUR' FROM users WHERE email = 'buyer-$buyer@example.com'"
    judge "$ledger"
    assert_equal "$LOST $DOUBLED $MORE" "1 1 1"
}
