#!/usr/bin/env bats
# Nginx behind the load balancer: it believes the balancer about the visitor, and nobody else.

load lab

SHOP=$NET.30

setup_file() {
    start_machines client shop
    (export LAB_NAME SERVER_1="$SHOP" SERVER_2="$SHOP" && machines up --detach --wait --no-deps lb-1)
}
teardown_file() { stop_machines; }

direct() { inside client curl --silent --max-time 10 "http://$SHOP$1" "${@:2}"; }

# logged ID EVENT FIELD: what a line of the shop's log says, of Nginx (access) or of shopd (request).
logged() {
    within 20 is_logged "$1" "$2"
    jq -r ".$3" "$BATS_TEST_TMPDIR/line"
}
is_logged() { docker logs "$(container shop)" 2>&1 | grep -F "$1" | grep "\"event\":\"$2\"" >"$BATS_TEST_TMPDIR/line"; }

@test "one id in the logs of HAProxy, Nginx and shopd, and the visitor's own address" {
    id=$(fetch /whoami | jq -r .request_id)
    assert_regex "$id" '^[0-9a-f]{32}$'
    is_logged_once() { [ "$(docker logs "$(container lb-1)" 2>&1 | grep -c "\"request_id\": \"$id\"")" = 1 ]; }
    within 20 is_logged_once
    assert_equal "$(logged "$id" access client)" "$NET.100"
    assert_equal "$(logged "$id" request status)" 200
}

@test "a visitor who says so through the balancer is not believed" {
    id=$(fetch /whoami -H 'X-Request-ID: mine' -H 'X-Forwarded-For: 192.0.2.66' | jq -r .request_id)
    assert_regex "$id" '^[0-9a-f]{32}$'
    assert_equal "$(logged "$id" access client)" "$NET.100"
}

@test "a visitor who comes past the balancer is not believed" {
    id=$(direct /whoami -H 'X-Request-ID: mine' -H 'X-Forwarded-For: 192.0.2.66' -H 'X-Forwarded-Proto: https' | jq -r .request_id)
    assert_regex "$id" '^[0-9a-f]{32}$'
    assert_equal "$(logged "$id" access client)" "$NET.100"
    run direct / -i -H 'X-Forwarded-Proto: https'
    assert_output --partial "Content-Security-Policy"
    refute_output --partial "Cross-Origin-Opener-Policy"
}

# as_balancer PATH FIELD...: the answer of the shop to the balancer's own address. It would not answer who hangs up first.
as_balancer() {
    printf '%s\r\n' "GET $1 HTTP/1.0" "Host: www.foobar.com" "${@:2}" "" |
        inside lb-1 socat -t 5 - "TCP:$SHOP:80,shut-none"
}

@test "the balancer is believed: address, id, and that the visitor came by TLS" {
    run as_balancer /whoami "X-Forwarded-For: 192.0.2.7" "X-Request-ID: an-id.of_the-balancer"
    assert_equal "$(jq -r .request_id <<<"${lines[-1]}")" "an-id.of_the-balancer"
    assert_equal "$(logged an-id.of_the-balancer access client)" 192.0.2.7
    run as_balancer / "X-Forwarded-Proto: https"
    assert_output --partial "Cross-Origin-Opener-Policy"
    run as_balancer / "X-Forwarded-Proto: http"
    assert_output --partial "Content-Security-Policy"
    refute_output --partial "Cross-Origin-Opener-Policy"
}

@test "what is no id is replaced, and what is no address changes nothing" {
    for id in '' 'a b' 'a"b' "$(printf '%065d' 0)"; do
        run as_balancer /whoami "X-Forwarded-For: nonsense" "X-Request-ID: $id"
        own=$(jq -r .request_id <<<"${lines[-1]}")
        assert_regex "$own" '^[0-9a-f]{32}$'
        assert_equal "$(logged "$own" access client)" "$NET.10"
    done
}

@test "without a list of balancers nobody is believed" {
    inside shop sh -c 'trust && kill -HUP "$(cat /run/nginx/nginx.pid)"'
    forgets() { [ "$(as_balancer /whoami "X-Request-ID: mine" | tail -n 1 | jq -r .request_id)" != mine ]; }
    within 20 forgets
    id=$(fetch /whoami | jq -r .request_id)
    assert_equal "$(logged "$id" access client)" "$NET.10"
}
