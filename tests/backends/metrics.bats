#!/usr/bin/env bats
# What shopd serves at /metrics, judged by Prometheus' own tool. Without MySQL: that fills the counters of what went wrong.

load ../lib/lab

setup_file() {
    SHOPD=$(lab_setting LAB_NAME)-metrics-$$
    export SHOPD
    docker run --detach --name "$SHOPD" --network none --user shopd --entrypoint shopd \
        --env LISTEN=unix:/run/shopd/fcgi.sock --env MYSQL_PASSWORD_FILE=/etc/hostname webstack/shopd
    within 30 ask /livez
    ask /
    ask /products/1
    ask /nothing
}

teardown_file() {
    docker rm --force "$SHOPD"
}

# ask PATH prints the answer of shopd, its header first.
ask() {
    docker exec --env REQUEST_METHOD=GET --env REQUEST_URI="$1" "$SHOPD" cgi-fcgi -bind -connect /run/shopd/fcgi.sock
}

exposition() { ask /metrics | sed '1,/^\r$/d'; }

promtool() { docker run --rm --interactive --network none webstack/promtool "$@"; }

@test "metrics: promtool has nothing to say" {
    run promtool check metrics < <(exposition)
    assert_success
    assert_output ""
}

@test "metrics: promtool would say it" {
    run promtool check metrics < <(exposition | sed 's/shopd_db_errors_total/shopd_db_errors/')
    assert_failure
    assert_output --partial 'counter metrics should have "_total" suffix'
}

@test "metrics: pages are counted by route, not by path" {
    run exposition
    assert_line 'shopd_http_requests_total{route="/products/{id}",code="503"} 1'
    assert_line 'shopd_http_requests_total{route="unmatched",code="404"} 1'
    refute_output --partial /nothing
}
