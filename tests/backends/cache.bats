#!/usr/bin/env bats
# The cache as two nodes share it, with a real MySQL and a real Redis: one question for many, old ones, changes, and
# either of them away.

# On a busy machine a time-out of Redis comes in between, and a second question.
# bats file_tags=alone
load ../lib/lab
load cache.bash

setup_file() {
    rm -f results/shop-cache.json
    mkdir -p .lab
    (umask 077 && echo a-good-password >"$CACHE_TEST_PASSWORD_FILE")
    compose down --volumes --timeout 1
    compose up --detach --wait
}

teardown_file() {
    compose down --volumes --timeout 1
    rm -f "$CACHE_TEST_PASSWORD_FILE"
}

teardown() { let_go; }

@test "a page is stored by who misses, and a hit for all nodes from then on" {
    run ask a /products/1
    assert_line --partial "Cache-Status: shopd; fwd=miss; stored"
    assert_line --partial "<dt>Cache</dt><dd>miss</dd>"
    assert_line --partial "X-DB-Role: primary"
    for node in a b; do
        run ask "$node" /products/1
        assert_line --regexp "^Cache-Status: shopd; hit; ttl=[0-9]+.?$"
        assert_line --partial "<dt>Cache</dt><dd>hit</dd>"
        refute_line --partial "X-DB-Role"
    done
    # What is stored is what the API says, and no more than the page needs.
    assert_equal "$(cached product:v2:1 | jq -c .product)" "$(ask a /api/v1/products/1 | sed '1,/^\r*$/d')"
    # Fresh for a minute, 10 % more or less, and kept for five more; some seconds of that are over.
    left=$(redis PTTL product:v2:1)
    assert [ "$left" -gt 330000 ]
    assert [ "$left" -le 366000 ]
}

@test "list, category and home are stored as well" {
    for path in / /products "/products?page=2" "/products?category=Books"; do
        assert_equal "$(told a "$path")" "fwd=miss; stored"
        assert_regex "$(told b "$path")" "^hit; ttl=|^fwd=stale; stored$"
    done
    # What does not exist is not.
    assert_equal "$(status a "/products?category=Nothing")" 404
    assert_equal "$(status a /products/4711)" 404
    assert_equal "$(redis EXISTS list:v1:1:Nothing product:v2:4711)" 0
}

@test "a hundred readers of a product that is not there are one question to MySQL" {
    start_counting
    hold_products
    crowd a 100 /products/500 >"$BATS_TEST_TMPDIR/told" &
    # All of them have come: some wait for the one who asks, the others for a worker.
    all_wait() {
        [ $(($(metric a 'shopd_workers_busy') + $(metric a 'shopd_queue_length{class="browsing"}'))) -eq 100 ] &&
            [ "$(metric a shopd_flight_waiting)" -ge 1 ]
    }
    within 20 all_wait
    assert_equal "$(questions 500)" 1
    let_go
    wait
    cat "$BATS_TEST_TMPDIR/told"
    assert_equal "$(awk '{ n += $1 } END { print n }' "$BATS_TEST_TMPDIR/told")" 100
    assert_equal "$(questions 500)" 1
    assert_equal "$(grep -c stored "$BATS_TEST_TMPDIR/told")" 1
    grep -q collapsed "$BATS_TEST_TMPDIR/told"
}

@test "a hundred readers on two nodes are one question as well" {
    start_counting
    crowd a 50 /products/501 >"$BATS_TEST_TMPDIR/a" &
    crowd b 50 /products/501 >"$BATS_TEST_TMPDIR/b" &
    wait
    cat "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
    assert_equal "$(awk '{ n += $1 } END { print n }' "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b")" 100
    assert_equal "$(questions 501)" 1
}

@test "the count can say another number" {
    start_counting
    told a /products/502
    redis DEL product:v2:502
    told b /products/502
    assert_equal "$(questions 502)" 2
}

@test "an old one is renewed by the first who wants it" {
    told a /products/2
    get_old 2 10
    assert_equal "$(told a /products/2)" "fwd=stale; stored"
    assert_regex "$(told a /products/2)" "^hit; ttl=[0-9]+$"
}

@test "nobody waits for an old one to be renewed" {
    told a /products/3
    get_old 3 10
    start_counting
    hold_products
    start=$SECONDS
    crowd a 50 /products/3 >"$BATS_TEST_TMPDIR/told"
    cat "$BATS_TEST_TMPDIR/told"
    took=$((SECONDS - start))
    # One has tried, for half a second; the next one when that one's lock has ended, a second after.
    assert [ "$took" -lt 10 ]
    # A second may pass among them.
    assert_equal "$(awk '/hit; ttl=-1[0-9]$/ { n += $1 } END { print n + 0 }' "$BATS_TEST_TMPDIR/told")" 50
    assert [ "$(questions 3)" -le $((3 + took)) ]
    let_go
}

@test "a reader who was under way when a product changed does not store what was before" {
    hold_products
    told a /products/6 >"$BATS_TEST_TMPDIR/told" &
    is_asking() { [ "$(redis EXISTS lock:product:v2:6)" = 1 ] && [ "$(metric a shopd_workers_busy)" -ge 1 ]; }
    within 20 is_asking
    # What products_changed() leaves behind.
    redis SET product:v2:6 "" PX 60000
    let_go
    wait
    assert_equal "$(cat "$BATS_TEST_TMPDIR/told")" "fwd=miss"
    assert_equal "$(redis STRLEN product:v2:6)" 0
    # Until it has gone everybody asks MySQL.
    for node in a b; do
        assert_equal "$(told "$node" /products/6)" "fwd=miss; detail=changed"
    done
    assert_equal "$(redis STRLEN product:v2:6)" 0
    redis PEXPIRE product:v2:6 1
    gone() { [ "$(redis EXISTS product:v2:6)" = 0 ]; }
    within 20 gone
    assert_equal "$(told a /products/6)" "fwd=miss; stored"
    assert_regex "$(told a /products/6)" "^hit; ttl="
}

@test "a node that took a lock and died holds nobody up for long" {
    redis SET lock:product:v2:7 of-a-dead-one PX 60000
    start=$(date +%s%3N)
    assert_equal "$(told a /products/7)" "fwd=miss; stored"
    assert [ $(($(date +%s%3N) - start)) -lt 8000 ]
    # Its lock is not ours to give back.
    assert_equal "$(redis GET lock:product:v2:7)" of-a-dead-one
    assert_regex "$(told b /products/7)" "^hit; ttl="
}

@test "half of the cached product pages take no more than a millisecond in shopd" {
    told a /products/8
    bucket='shopd_http_request_duration_seconds_bucket{route="/products/{id}",le='
    before=$(metric a "$bucket\"0.001\"}") all_before=$(metric a "$bucket\"+Inf\"}")
    visit a "for i in \$(seq 200); do ask /products/8 >/dev/null; done"
    fast=$(($(metric a "$bucket\"0.001\"}") - before)) all=$(($(metric a "$bucket\"+Inf\"}") - all_before))
    assert_equal "$all" 200
    for limit in 0.00005 0.0001 0.00025 0.0005 0.001 0.0025; do
        echo "# up to $limit s: $(metric a "$bucket\"${limit/0.00005/5e-05}\"}")" >&3
    done
    figure shop-cache "cached product pages over 1 ms in shopd" $(((all - fast) * 100 / all)) % 50
}

# --- Away -------------------------------------------------------------------------------------------------------------

@test "MySQL away: what is cached is shown, however old; what is not is 503 at once" {
    told a /products/4
    told a "/products?page=4"
    told a /
    compose stop --timeout 1 mysql
    get_old 4 100
    run ask a /products/4
    assert_line --partial "Status: 200"
    assert_line --regexp "^Cache-Status: shopd; hit; ttl=-1[0-9][0-9].?$"
    assert_line --partial "<dt>Cache</dt><dd>stale</dd>"
    for path in "/products?page=4" / /api/v1/products/4; do
        assert_equal "$(status b "$path")" 200
    done
    run ask a /products/5
    assert_line --partial "Status: 503"
    assert_line --partial "Retry-After: "
    compose start mysql
    shows() { [ "$(status a /products/5)" = 200 ]; }
    within 60 shows
}

@test "Redis away: everything is asked and nothing hangs; back again: hits" {
    compose stop --timeout 1 redis
    run ask a /products/9
    assert_line --partial "Status: 200"
    assert_line --partial "Cache-Status: shopd; fwd=miss; detail=away"
    # One question still answers all who ask for the same.
    start_counting
    hold_products
    crowd a 20 /products/510 >"$BATS_TEST_TMPDIR/told" &
    some_wait() { [ "$(metric a shopd_flight_waiting)" -ge 1 ]; }
    within 20 some_wait
    assert_equal "$(questions 510)" 1
    let_go
    wait
    grep -q collapsed "$BATS_TEST_TMPDIR/told"
    compose start redis
    hits() { told a /products/9 | grep -q "^hit"; }
    within 20 hits
}
