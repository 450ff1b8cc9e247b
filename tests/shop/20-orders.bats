#!/usr/bin/env bats
# Carts and orders, from the visitor's machine through Nginx: what is bought is bought once, and shown to its buyer alone.

load orders.bash

setup_file() {
    rm -f results/shop-orders.json
    to_client order
}

# --- The cart ---------------------------------------------------------------------------------------------------

@test "a visitor without an account fills a cart; it costs what the products cost now" {
    no_cookies cart
    stock 11 50 && stock 12 1
    run browse cart /cart
    assert_line --partial "HTTP/1.1 200"
    assert_output --partial "There is nothing in it yet."
    run add cart 11 2
    assert_line --partial "HTTP/1.1 303"
    assert_line --partial "Location: /cart"
    add cart 11 1
    add cart 12 4
    sql "UPDATE products SET price_cents = 12345 WHERE id = 11"
    run browse cart /cart
    assert_output --partial "370.35 EUR"
    assert_output --partial "only 1 left"
    assert_output --partial '<span class="count">7<'
    add cart 11 5 set
    add cart 12 9 remove
    run browse cart /api/v1/cart
    assert_equal "$(content <<<"$output" | jq -c '[.items[0].product, .items[0].quantity, .pieces, .total, (.items | length)]')" \
        '[11,5,5,"617.25",1]'
}

@test "the cart is there after signing in" {
    a_buyer visitor
    FORM=/ post visitor /logout
    add visitor 13 2
    post visitor /login email="$EMAIL" password="$PASSWORD"
    is_signed_in visitor
    run browse visitor /api/v1/cart
    assert_equal "$(content <<<"$output" | jq -c '[.items[].product]')" '[13]'
}

@test "a cart has limits, and what is no number is refused" {
    no_cookies limits
    for case in 14:100:409 14:4294967295:409 14:-1:400 14:1.5:400 14:1e2:400 14::400 x:1:400 -14:1:400 999999:1:404 \
        "14 OR 1=1:1:400" "14:1 OR 1=1:400" "14' OR '1'='1:1:400" "14:1; DROP TABLE products:400"; do
        IFS=: read -r product quantity expected <<<"$case"
        assert_equal "$case $(FORM=/products/14 post limits /cart product="$product" quantity="$quantity" | status)" "$case $expected"
    done
    add limits 14 99
    run add limits 14 1
    assert_line --partial "HTTP/1.1 409"
    assert_output --partial "A cart takes 50 products, and 99 pieces of each."
    csrf=$(token limits /cart)
    full=$(for i in $(seq 100 149); do echo "$i:1 "; done)
    put() { browse limits /api/v1/cart -X PUT -H "X-CSRF-Token: $csrf" -H "Content-Type: application/json" --data "{\"items\":[$(items "$1")]}"; }
    assert_equal "$(put "$(xargs <<<"$full")" | status)" 200
    assert_equal "$(add limits 14 1 | status)" 409
    assert_equal "$(put "$(xargs <<<"$full") 150:1" | status)" 400
    assert_equal "$(put "1:1 999999:1" | status)" 422
    assert_equal "$(browse limits /api/v1/cart | content | jq .pieces)" 50
    assert_equal "$(browse limits /api/v1/cart -X DELETE -H "X-CSRF-Token: $csrf" | status)" 204
    assert_equal "$(browse limits /api/v1/cart | content | jq .pieces)" 0
    assert_equal "$(stock 14)" "$(sql 'SELECT stock FROM products WHERE id = 14')"
}

# --- Buying -----------------------------------------------------------------------------------------------------

@test "who buys gets an order, which stays one order when the page is reloaded or the form sent again" {
    a_buyer ada
    stock 21 10
    sql "UPDATE products SET price_cents = 1250, name = 'A <i>mug</i>' WHERE id = 21"
    add ada 21 2
    run buy ada
    assert_line --partial "HTTP/1.1 303"
    place=$(location <<<"$output")
    assert_regex "$place" '^/orders/[0-9a-f-]{36}$'
    for _ in 1 2; do
        run browse ada "$place"
        assert_line --partial "HTTP/1.1 200"
        assert_output --partial "25.00 EUR"
        assert_output --partial "A &lt;i&gt;mug&lt;/i&gt;"
        assert_line --partial "Cache-Control: private, no-store"
    done
    # The form once more, as the back button has it: the cart is empty now, and the order is there.
    form=$(browse ada /cart)
    assert_regex "$form" "There is nothing in it yet"
    buy_again() { FORM=/cart post ada /checkout operation="$1" total=2500 | location; }
    operation=$(sql "SELECT idempotency_key FROM orders WHERE uuid = UUID_TO_BIN('${place#/orders/}')")
    assert_equal "$(buy_again "$operation")" "$place"
    add ada 21 1
    assert_equal "$(buy_again "$operation")" "$place"
    assert_equal "$(browse ada /api/v1/cart | content | jq .pieces)" 1
    assert_equal "$(orders_of "$EMAIL")" 1
    assert_equal "$(stock 21)" 8
}

@test "an order has its receipt as soon as the worker has written it; until then the page says so" {
    a_buyer paper
    stock 29 5
    worker() { on server-1 "s6-svc -w$2 -$1 /run/s6/worker"; }
    worker d d
    add paper 29 2
    place=$(buy paper | location)
    run browse paper "$place"
    assert_line --partial "HTTP/1.1 200"
    assert_output --partial "The receipt is not written yet."
    assert_equal "$(browse paper "/api/v1$place" | content | jq 'has("receipt")')" false
    worker u U
    has_receipt() { browse paper "/api/v1$place" | content | jq -e .receipt >/dev/null; }
    within 60 has_receipt
    run browse paper "$place"
    assert_output --regexp "Order  ${place#/orders/}"
    refute_output --partial "not written yet"
}

@test "a double click makes one order" {
    a_buyer click
    stock 22 10
    add click 22 1
    form=$(browse click /checkout)
    csrf=$(field csrf <<<"$form") operation=$(field operation <<<"$form") total=$(field total <<<"$form")
    at_once 2 "curl -si -b /tmp/click -d csrf=$csrf -d operation=$operation -d total=$total $SITE/checkout | grep ^Location" \
        >"$BATS_TEST_TMPDIR/places"
    assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/places")" 2
    assert_equal "$(sort -u "$BATS_TEST_TMPDIR/places" | wc -l)" 1
    assert_equal "$(orders_of "$EMAIL")" 1
    assert_equal "$(stock 22)" 9
    assert_equal "$(browse click /api/v1/cart | content | jq .pieces)" 0
}

@test "sold out: the buyer is told which product, and nothing is ordered" {
    a_buyer late
    stock 23 3 && stock 24 5
    sql "UPDATE products SET name = 'The <b>rare</b> one' WHERE id = 23"
    add late 24 1
    add late 23 3
    stock 23 1
    run buy late
    assert_line --partial "HTTP/1.1 409"
    assert_output --partial "The &lt;b&gt;rare&lt;/b&gt; one is sold out but for 1."
    stock 23 0
    run buy late
    assert_output --partial "The &lt;b&gt;rare&lt;/b&gt; one is sold out."
    assert_equal "$(orders_of "$EMAIL")" 0
    assert_equal "$(stock 24)" 5
    add late 23 1 remove
    assert_equal "$(buy late | status)" 303
}

@test "nobody pays what they did not see" {
    a_buyer eye
    stock 25 10
    add eye 25 1
    form=$(browse eye /checkout)
    operation=$(field operation <<<"$form") total=$(field total <<<"$form")
    sql "UPDATE products SET price_cents = price_cents + 100 WHERE id = 25"
    run post eye /checkout operation="$operation" total="$total"
    assert_line --partial "HTTP/1.1 409"
    assert_output --partial "The sum is not the one you saw."
    assert_equal "$(field operation <<<"$output")" "$operation"
    assert_equal "$(field total <<<"$output")" $((total + 100))
    assert_equal "$(orders_of "$EMAIL")" 0
    assert_equal "$(post eye /checkout operation="$operation" total=$((total + 100)) | status)" 303
}

@test "checkout and orders need somebody who is signed in" {
    no_cookies nobody
    add nobody 26 1
    for path in /checkout /orders /orders/0192f5e4-7b1c-7000-8000-000000000000; do
        run browse nobody "$path"
        assert_line --partial "HTTP/1.1 303"
        assert_equal "$(location <<<"$output")" "/login?next=$(jq -rn --arg p "$path" '$p | @uri')"
    done
    assert_equal "$(FORM=/cart post nobody /checkout operation=x total=1 | location)" "/login?next=%2Fcheckout"
    for path in /orders /orders/0192f5e4-7b1c-7000-8000-000000000000; do
        run browse nobody "/api/v1$path"
        assert_line --partial "HTTP/1.1 401"
        assert_line --partial "WWW-Authenticate: Bearer"
    done
}

@test "a form from elsewhere, or without its token, buys nothing" {
    a_buyer victim
    stock 27 10
    add victim 27 1
    buy_with() { browse victim /checkout --data "operation=o&total=1" "$@" | status; }
    assert_equal "$(buy_with)" 403
    assert_equal "$(buy_with --data csrf=00000000000000000000000000000000)" 403
    assert_equal "$(buy_with --data "csrf=$(token victim /cart)" --header "Origin: http://evil.example")" 403
    assert_equal "$(browse victim /api/v1/orders --data '' --header 'Idempotency-Key: k' | status)" 403
    assert_equal "$(orders_of "$EMAIL")" 0
}

# --- Whose they are ---------------------------------------------------------------------------------------------

@test "an order is its buyer's alone: to others it does not exist" {
    a_buyer alice
    alice=$(token_of "$EMAIL")
    stock 31 10
    add alice 31 1
    place=$(buy alice | location)
    assert_equal "$(browse alice "$place" | status)" 200
    assert_equal "$(browse alice "/api/v1$place" | status)" 200
    assert_equal "$(api "$alice" "$place" | content | jq -r .uuid)" "${place#/orders/}"
    a_buyer mallory
    mallory=$(token_of "$EMAIL")
    for answer in "$(browse mallory "$place")" "$(browse mallory "/api/v1$place")" "$(api "$mallory" "$place")"; do
        assert_equal "$(status <<<"$answer")" 404
        refute [ "$(grep -c EUR <<<"$answer")" -gt 0 ]
    done
    # As if there were none.
    without_ids() { sed 's/[0-9a-f]\{32\}/ID/g; s/[0-9a-f-]\{36\}/UUID/g'; }
    assert_equal "$(browse mallory "$place" | content | without_ids)" \
        "$(browse mallory /orders/0192f5e4-7b1c-7000-8000-000000000000 | content | without_ids)"
    assert_equal "$(browse mallory /api/v1/orders | content | jq .total)" 0
    assert_equal "$(browse alice /api/v1/orders | content | jq .total)" 1
    # The same key is another name for each of them.
    stock 32 10
    assert_equal "$(order "$alice" one-name 32:1 | status)" 201
    assert_equal "$(order "$mallory" one-name 32:2 | status)" 201
}

@test "what is injected is a value, or nothing" {
    a_buyer bobby
    bobby=$(token_of "$EMAIL")
    stock 33 10
    for path in "/orders/1%27%20OR%20%271%27=%271" "/orders/%27;DROP%20TABLE%20orders;--" "/orders/../products"; do
        assert_equal "$path $(browse bobby "$path" --path-as-is | status)" "$path 404"
    done
    for body in '{"items":[{"product":"33 OR 1=1","quantity":1}]}' '{"items":[{"product":33,"quantity":"1"}]}' \
        '{"items":[{"product":33,"quantity":-1}]}' '{"items":[{"product":33,"quantity":0}]}' '{"items":[{"product":33,"quantity":100}]}' \
        '{"items":[{"product":33,"quantity":1},{"product":33,"quantity":1}]}' '{"items":[]}' '{"items":{}}' '{"items":' '[]'; do
        run api "$bobby" /orders -H "Idempotency-Key: injected" -H "Content-Type: application/json" --data "$body"
        assert_line --partial "HTTP/1.1 400"
        assert_line --partial "Content-Type: application/problem+json"
    done
    assert_equal "$(orders_of "$EMAIL")" 0
    assert_equal "$(order "$bobby" "');DROP/**/TABLE/**/orders;--" 33:1 | status)" 201
    assert_equal "$(sql "SELECT idempotency_key FROM orders JOIN users ON users.id = user_id WHERE email = '$EMAIL'")" \
        "');DROP/**/TABLE/**/orders;--"
}

# --- Programs ---------------------------------------------------------------------------------------------------

@test "a token orders without a session, and the database has its hash alone" {
    a_buyer robot
    token=$(token_of "$EMAIL")
    assert_regex "$token" '^[0-9a-f]{32}$'
    stock 41 10
    run order "$token" first 41:3
    assert_line --partial "HTTP/1.1 201"
    refute_line --partial "Set-Cookie"
    place=$(location <<<"$output")
    uuid=$(content <<<"$output" | jq -r .uuid)
    assert_equal "$place" "/api/v1/orders/$uuid"
    run api "$token" "/orders/$uuid"
    assert_equal "$(content <<<"$output" | jq -c '[.uuid, .lines[0].product, .lines[0].quantity]')" "[\"$uuid\",41,3]"
    assert_equal "$(api "$token" /orders | content | jq -r '.orders[0].uuid')" "$uuid"
    assert_equal "$(stock 41)" 7
    run sql "SELECT HEX(token_hash) FROM api_tokens"
    refute_output --partial "${token^^}"
    assert_output --partial "$(printf %s "$token" | sha256sum | cut -c 1-64 | tr a-f A-F)"
    for wrong in "${token//[0-7]/8}" "" "$token$token" "' OR 1=1 -- "; do
        assert_equal "$(api "$wrong" /orders | status)" 401
    done
    run make --no-print-directory token USER=nobody@example.com
    assert_failure
    assert_output --partial "the shop has no account with the address nobody@example.com"
    run make --no-print-directory token USER="x' OR 1=1 -- "
    assert_failure
    run make --no-print-directory token
    assert_failure
    assert_output --partial "whose token?"
}

@test "an order needs a key; the same key again is the same answer; with another body it is 422" {
    a_buyer keys
    token=$(token_of "$EMAIL")
    stock 42 10 && stock 43 10
    for key in "" "a b" "$(printf 'x%.0s' $(seq 65))"; do
        assert_equal "$(order "$token" "$key" 42:1 | status)" 400
    done
    first=$(order "$token" key "42:1 43:2")
    again=$(order "$token" key "43:2 42:1")
    assert_equal "$(status <<<"$first") $(status <<<"$again")" "201 201"
    assert_equal "$(content <<<"$again")" "$(content <<<"$first")"
    assert_equal "$(location <<<"$again")" "$(location <<<"$first")"
    for other in 42:1 "42:1 43:3" "42:1 43:2 44:1"; do
        run order "$token" key "$other"
        assert_line --partial "HTTP/1.1 422"
        assert_line --partial "Content-Type: application/problem+json"
    done
    assert_equal "$(orders_of "$EMAIL")" 1
    assert_equal "$(stock 42) $(stock 43)" "9 8"
    run order "$token" unknown 999999:1
    assert_line --partial "HTTP/1.1 422"
    assert_output --partial "There is no product 999999."
    run api "$token" /cart -X PUT -H "Content-Type: application/json" --data '{"items":[]}'
    assert_line --partial "HTTP/1.1 403"
}

@test "a program with a session orders what is in its cart" {
    a_buyer cli
    stock 44 10
    csrf=$(token cli /cart)
    call() { browse cli "/api/v1$1" -H "X-CSRF-Token: $csrf" -H "Content-Type: application/json" "${@:2}"; }
    call /cart -X PUT --data '{"items":[{"product":44,"quantity":2}]}'
    first=$(call /orders -X POST -H "Idempotency-Key: k")
    assert_equal "$(status <<<"$first")" 201
    # The cart is empty now; the same attempt again is the same order, another one has nothing to order.
    assert_equal "$(call /orders -X POST -H "Idempotency-Key: k" | content)" "$(content <<<"$first")"
    assert_equal "$(call /orders -X POST -H "Idempotency-Key: l" | status)" 422
    assert_equal "$(orders_of "$EMAIL") $(stock 44)" "1 8"
}

# --- Many at once -----------------------------------------------------------------------------------------------

@test "50 buyers at once for one item: one order, 49 clear refusals, stock 0" {
    buyers 50
    stock 51 1
    at_once 50 '/tmp/order $i rush 51' >"$BATS_TEST_TMPDIR/answers"
    assert_equal "$(cut -d' ' -f1 "$BATS_TEST_TMPDIR/answers" | sort | uniq -c | xargs)" "1 201 49 409"
    assert_equal "$(grep -c 'Of product 51 only 0 are left. Nothing was ordered.' "$BATS_TEST_TMPDIR/answers")" 49
    assert_equal "$(sql "SELECT COUNT(*), SUM(quantity) FROM order_lines WHERE product_id = 51")" $'1\t1'
    assert_equal "$(stock 51)" 0
}

@test "the same key 20 times at once: one order, 20 equal answers" {
    buyers 1
    stock 52 1
    at_once 20 '/tmp/order 1 twenty 52' >"$BATS_TEST_TMPDIR/answers"
    assert_equal "$(grep -c '^201 ' "$BATS_TEST_TMPDIR/answers")" 20
    assert_equal "$(sort -u "$BATS_TEST_TMPDIR/answers" | wc -l)" 1
    assert_equal "$(sql "SELECT COUNT(*) FROM order_lines WHERE product_id = 52")" 1
    assert_equal "$(stock 52)" 0
}

# --- When MySQL is away -----------------------------------------------------------------------------------------

# bought JAR FORM: the form is sent, and it is bought; $sent is the answer. "within" calls it.
# shellcheck disable=SC2317
bought() { sent=$(send "$1" "$2") && [ "$(status <<<"$sent")" = 303 ]; }

@test "MySQL stopped during the checkout: 503 that says what to do, and sent again it is one order" {
    a_buyer calm
    stock 61 10
    add calm 61 1
    form=$(browse calm /checkout)
    on server-1 "s6-svc -wd -d /run/s6/mysql"
    answer=$(send calm "$form")
    assert_equal "$(status <<<"$answer")" 503
    run cat <<<"$answer"
    assert_line --partial "Retry-After: 1"
    assert_output --partial "Send it once more"
    assert_equal "$(field operation <<<"$answer")" "$(field operation <<<"$form")"
    # Again and again, as people do.
    answer=$(send calm "$answer")
    assert_equal "$(status <<<"$answer")" 503
    on server-1 "s6-svc -wU -u /run/s6/mysql"
    within 30 answers /readyz 200
    within 30 bought calm "$answer"
    assert_equal "$(send calm "$answer" | location)" "$(location <<<"$sent")"
    assert_equal "$(orders_of "$EMAIL") $(stock 61)" "1 9"
}

@test "MySQL frozen during the checkout: 503 in time, and sent again it is one order" {
    a_buyer cold
    stock 62 10
    add cold 62 1
    form=$(browse cold /checkout)
    on server-1 "s6-svc -p /run/s6/mysql"
    # In less than Nginx waits, so that it is shopd that says what to do.
    answer=$(send cold "$form")
    on server-1 "s6-svc -c /run/s6/mysql"
    assert_equal "$(status <<<"$answer")" 503
    assert_equal "$(field operation <<<"$answer")" "$(field operation <<<"$form")"
    bought() { [ "$(send cold "$answer" | status)" = 303 ]; }
    within 30 bought
    assert_equal "$(orders_of "$EMAIL") $(stock 62)" "1 9"
}

@test "carts and sign-ins are in the memory of shopd: a new one knows none of them, and the orders are there" {
    a_buyer memory
    stock 63 10
    add memory 63 1
    place=$(buy memory | location)
    add memory 63 2
    on server-1 "s6-svc -wr -r /run/s6/shopd"
    within 30 answers /readyz 200
    refute is_signed_in memory
    assert_equal "$(browse memory /api/v1/cart | content | jq -c .items)" '[]'
    sign_in memory "$EMAIL"
    assert_equal "$(browse memory "$place" | status)" 200
}

# --- How long it takes ------------------------------------------------------------------------------------------

# bats test_tags=alone
@test "a checkout takes 15 ms at most, half of the time, on an idle stage" {
    a_buyer fast
    stock 71 1000
    total=$(sql "SELECT price_cents FROM products WHERE id = 71")
    csrf=$(token fast /cart)
    on client "for i in \$(seq 55); do
        curl -s -o /dev/null -b /tmp/fast -d csrf=$csrf -d product=71 -d quantity=1 $SITE/cart
        curl -s -o /dev/null -w '%{http_code} %{time_total}\n' -b /tmp/fast -d csrf=$csrf -d operation=fast-\$i -d total=$total $SITE/checkout
        sleep 0.05
    done" >"$BATS_TEST_TMPDIR/times"
    assert_equal "$(grep -c '^303 ' "$BATS_TEST_TMPDIR/times")" 55
    assert_equal "$(orders_of "$EMAIL")" 55
    # The first ones find statements that are not prepared yet.
    milliseconds=$(tail -n 51 "$BATS_TEST_TMPDIR/times" | awk '{ print $2 * 1000 }' | sort -n | sed -n 26p)
    figure shop-orders "checkout, p50 of 51 as the visitor sees it" "$milliseconds" ms 15
}
