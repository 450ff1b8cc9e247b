#!/usr/bin/env bats
# The shop with a Redis beside it (redis.yaml): what is kept there outlives shopd and is known to every node; and what becomes
# of visitors while Redis, or MySQL, is away.

load orders.bash

# with_redis on|off: the stage with Redis, or as it was.
with_redis() {
    bash -c '. services/toolbox/host/lib.sh && . services/toolbox/host/docker.sh && . services/toolbox/host/secrets.sh &&
        ensure_secret redis-shop-password &&
        install -m 444 .lab/secrets/redis-shop-password .lab/redis-password-for-all &&
        compose 0 $([ "$1" = off ] || echo --file tests/shop/redis.yaml) up --detach --wait --remove-orphans' - "$1"
}

setup_file() {
    with_redis on
    to_client order buy-on
}

teardown_file() {
    with_redis off
    rm -f .lab/redis-password-for-all
}

service() { on server-1 "s6-svc -w$2 -$1 /run/s6/$3"; }
# Anew and ready: with U it would be enough that the old one still is.
restart_shopd() { service r R shopd && within 30 answers /readyz 200; }
cart_of() { browse "$1" /api/v1/cart | content | jq -c '[.items[] | [.product, .quantity]]'; }

# second_says ID TRUE|FALSE: whether that session is of somebody who is signed in.
second_says() { [ "$(ask_second "$1" | content | jq .signed_in)" = "$2" ]; }

# pause redis|..., resume: the machine is there and says nothing.
pause() { docker pause "$(container "$1")"; }
resume() { docker unpause "$(container "$1")"; }
redis_answers() { on redis "as-shop PING" | grep -q PONG; }

# --- Sessions -----------------------------------------------------------------------------------------------------

@test "visitor and cart outlive shopd, because they are not in it" {
    a_buyer lasting
    add lasting 5 2
    restart_shopd
    is_signed_in lasting
    assert_equal "$(cart_of lasting)" '[[5,2]]'
    run browse lasting /products/5
    assert_output --partial "<dt>Sessions</dt><dd>redis</dd>"
}

# A second node: shopd once more on the same machine, over TCP, asked by cgi-fcgi.
second() {
    local address
    address=$(lab_setting PUBLIC_NET).10:9000
    docker exec --detach "$(container server-1)" sh -c "echo \$\$ >/tmp/second && exec \
        setpriv --reuid=shopd --regid=shopd --init-groups -- env NODE=second LISTEN=$address \
        MYSQL_SERVERS=unix:/run/mysqld/mysqld.sock MYSQL_PASSWORD_FILE=/run/shopd/mysql-password shopd"
    within 30 ask_second
}
ask_second() {
    on client "REQUEST_METHOD=GET REQUEST_URI=/api/v1/session HTTP_COOKIE='session=${1-}' \
        cgi-fcgi -bind -connect $(lab_setting PUBLIC_NET).10:9000"
}

@test "who signs in at one node is signed in at the other; who signs out is out at both" {
    second
    a_buyer both
    id=$(session_of both)
    # It has just begun.
    within 20 second_says "$id" true
    on client "cp /tmp/both /tmp/kept"
    FORM=/ post both /logout
    assert_equal "$(ask_second "$id" | content | jq .signed_in)" false
    refute is_signed_in kept
    on server-1 'kill -TERM $(cat /tmp/second)'
    within 30 on server-1 '! kill -0 $(cat /tmp/second)'
}

@test "an id from before signing in is worth nothing at any node" {
    no_cookies fixed
    add fixed 6 1
    before=$(session_of fixed)
    post fixed /signup "email=$(address fixed)" "name=Ada" "password=$PASSWORD"
    is_signed_in fixed
    assert_not_equal "$(session_of fixed)" "$before"
    second
    within 20 second_says "$before" false
    within 20 second_says "$(session_of fixed)" true
    on server-1 'kill -TERM $(cat /tmp/second)'
    within 30 on server-1 '! kill -0 $(cat /tmp/second)'
}

# --- The cache ----------------------------------------------------------------------------------------------------

@test "a product comes from the cache, until somebody buys it" {
    a_buyer cached
    stock 41 10
    on redis "as-shop DEL product:v2:41"
    told() { page "/api/v1/products/41" -i; }
    run told
    assert_line --regexp '^Cache-Status: shopd; fwd=miss; stored'
    run told
    assert_line --regexp '^Cache-Status: shopd; hit; ttl='
    assert_equal "$(content <<<"$output" | jq .stock)" 10
    add cached 41 3
    assert_equal "$(buy cached | status)" 303
    assert_equal "$(told | content | jq .stock)" 7
    # Nobody else keeps a page that shows a visitor.
    run browse cached /products/41
    assert_line --partial "Cache-Control: private, no-store"
}

# --- Limits -------------------------------------------------------------------------------------------------------

@test "who guesses passwords gains nothing from a new shopd" {
    account=$(address guess)
    sign_up owner "$account"
    no_cookies guess
    csrf=$(token guess)
    guess() { browse guess /login -d "csrf=$csrf" --data-urlencode "email=$account" -d "password=guess"; }
    # One right after the other: a minute after the first one there would be a try more.
    on client "for i in \$(seq 10); do curl -so /dev/null --max-time 20 -b /tmp/guess -d csrf=$csrf \
        --data-urlencode email=$account -d password=guess $SITE/login; done"
    run guess
    assert_line --partial "HTTP/1.1 429"
    restart_shopd
    run guess
    assert_line --partial "HTTP/1.1 429"
    assert_line --regexp '^Retry-After: [0-9]+'
    assert_line --regexp '^RateLimit-Remaining: 0'
}

# --- Redis away ---------------------------------------------------------------------------------------------------

@test "Redis hangs: strangers browse, signed-in visitors are told, and nobody waits; afterwards all is as before" {
    a_buyer told
    add told 7 1
    no_cookies stranger
    pause redis
    start=$(date +%s%3N)
    assert_equal "$(status_of /)" 200
    assert_equal "$(status_of /products/7)" 200
    assert_equal "$(status_of '/search?q=mug')" 200
    run browse told /products/7
    assert_line --partial "HTTP/1.1 200"
    assert_output --partial "Your session cannot be reached at the moment."
    for path in /cart /checkout /orders; do
        run browse told "$path"
        assert_line --partial "HTTP/1.1 503"
        assert_line --regexp '^Retry-After: [0-9]+'
    done
    assert_equal "$(post stranger /cart product=7 quantity=1 csrf=0 | status)" 503
    run post stranger /login "email=$(address told)" "password=$PASSWORD" csrf=0
    assert_line --partial "HTTP/1.1 503"
    took=$(($(date +%s%3N) - start))
    resume redis
    echo "# ten requests while Redis hangs: $took ms, most of it starting curl" >&3
    # If each had waited for as long as shopd gives a request, it would be more, starting curl or not.
    assert [ "$took" -lt 30000 ]
    within 30 is_signed_in told
    assert_equal "$(cart_of told)" '[[7,1]]'
}

@test "Redis comes back empty: visitors sign in again, and what they bought is there" {
    a_buyer again
    stock 42 10
    add again 42 1
    place=$(buy again | location)
    docker restart --time 2 "$(container redis)"
    within 60 redis_answers
    signs_in() { sign_in again "$(address again)" | status | grep -q 303; }
    within 60 signs_in
    run browse again "$place"
    assert_line --partial "HTTP/1.1 200"
    assert_equal "$(cart_of again)" '[]'
}

# --- MySQL away ---------------------------------------------------------------------------------------------------

@test "MySQL stopped: cached pages and carts go on, a checkout waits, and sent again it is one order" {
    a_buyer waits
    stock 43 10
    add waits 43 1
    page /products/43 >/dev/null
    form=$(browse waits /checkout)
    service d d mysql
    assert_equal "$(status_of /products/43)" 200
    assert_equal "$(status_of /products/943)" 503
    is_signed_in waits
    answer=$(send waits "$form")
    assert_equal "$(status <<<"$answer")" 503
    assert_equal "$(field operation <<<"$answer")" "$(field operation <<<"$form")"
    service u U mysql
    within 30 answers /readyz 200
    bought() { [ "$(send waits "$answer" | status)" = 303 ]; }
    within 30 bought
    assert_equal "$(orders_of "$EMAIL") $(stock 43)" "1 9"
}

# --- Receipts -----------------------------------------------------------------------------------------------------

@test "receipts through the stream: the worker and Redis killed meanwhile, each order has one" {
    buyers 4
    stock 44 1000000
    # Before it begins, so that nobody counts what is left of the last time.
    on client "rm -f /tmp/ledger"
    on client "/tmp/buy-on 4 44" &
    more_than() { [ "$(on client "cat /tmp/ledger" | wc -l)" -gt "$1" ]; }
    for i in {1..6}; do
        within 60 more_than $((i * 5))
        crash worker
        [ $((i % 3)) -ne 0 ] || docker kill "$(container redis)"
        [ $((i % 3)) -ne 0 ] || docker start "$(container redis)"
    done
    on client "touch /tmp/buy-on.stop"
    wait
    counts() {
        sql "SELECT COUNT(DISTINCT orders.id), COUNT(receipts.order_id) FROM orders JOIN order_lines ON order_id = orders.id
            LEFT JOIN receipts ON receipts.order_id = orders.id WHERE product_id = 44"
    }
    all_have_one() { read -r orders receipts < <(counts) && [ "$orders" = "$receipts" ]; }
    # What Redis had and lost is sent again after half a minute.
    within 120 all_have_one
    echo "# $orders orders, $receipts receipts" >&3
    assert [ "$orders" -ge 30 ]
    # And that is the way they went.
    is_stream() { [ "$(on redis "as-shop TYPE orders")" = stream ]; }
    within 30 is_stream
}
