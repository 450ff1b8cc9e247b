#!/usr/bin/env bats
# The lab's certificate authority: what it makes and who has it, a new certificate under load, one that has ended, none.

bats_require_minimum_version 1.5.0
# shellcheck disable=SC2034 # for lab.bash
SITE=https://www.foobar.com
load ../lib/lab

TLS=.lab/tls

# openssl_ca ARGUMENT...: openssl, where the authority's files are /tls, as the lab's own scripts see them.
openssl_ca() { docker run --rm --interactive --network none --volume "$PWD/$TLS:/tls:ro" --entrypoint openssl webstack/client "$@"; }

# serial: of the certificate that a visitor gets.
serial() {
    on client "openssl s_client -connect www.foobar.com:443 </dev/null 2>/dev/null | openssl x509 -noout -serial"
}

# Whatever a test that failed has left.
teardown() {
    ! on client "touch /tmp/enough" || :
    [ ! -e "$BATS_TEST_TMPDIR/site.pem" ] || cat "$BATS_TEST_TMPDIR/site.pem" >$TLS/site.pem
    if [ -z "${BATS_TEST_COMPLETED-}" ]; then make stage-2; fi
}

# --- What the authority makes -----------------------------------------------------------------------------------

@test "root, intermediate and the site's certificate: who may sign what, and for how long" {
    run openssl_ca x509 -in /tls/authority/root.crt -noout -ext basicConstraints,keyUsage,nameConstraints -checkend $((3649 * 86400))
    assert_line --partial "CA:TRUE, pathlen:1"
    assert_line --partial "Certificate Sign, CRL Sign"
    assert_line --partial "DNS:foobar.com"
    assert_line --partial "will not expire"
    run openssl_ca x509 -in /tls/authority/intermediate.crt -noout -ext basicConstraints,extendedKeyUsage -checkend $((1824 * 86400))
    assert_line --partial "CA:TRUE, pathlen:0"
    assert_line --partial "TLS Web Server Authentication"
    assert_line --partial "will not expire"
    run openssl_ca x509 -in /tls/site.pem -noout -ext basicConstraints,keyUsage,subjectAltName -checkend $((91 * 86400))
    assert_line --partial "CA:FALSE"
    assert_line --regexp '^ *Digital Signature$'
    assert_line --partial "Certificate will expire"
}

# sign_other NAME FILE: a certificate of our intermediate for somebody else's name.
sign_other() {
    openssl_ca req -x509 -CA /tls/authority/intermediate.crt -CAkey /tls/authority/intermediate.key -newkey ec \
        -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout /dev/null -subj /CN=other -addext "subjectAltName=$1" 2>/dev/null
}

@test "a stolen intermediate can be no other site: names and addresses outside are refused" {
    verify() {
        openssl_ca verify -CAfile /tls/authority/root.crt -untrusted /tls/authority/intermediate.crt
    }
    sign_other DNS:shop.foobar.com >"$BATS_TEST_TMPDIR/own"
    run verify <"$BATS_TEST_TMPDIR/own"
    assert_output --partial "OK"
    for name in DNS:www.example.com IP:192.0.2.1; do
        sign_other $name >"$BATS_TEST_TMPDIR/other"
        assert grep -q CERTIFICATE "$BATS_TEST_TMPDIR/other"
        run verify <"$BATS_TEST_TMPDIR/other"
        assert_output --regexp 'permitted subtree violation|excluded subtree violation'
    done
}

@test "keys are the user's alone, and a second start keeps all of it" {
    assert_equal "$(stat -c %a $TLS $TLS/authority | xargs)" "700 700"
    assert_equal "$(stat -c %a $TLS/site.pem $TLS/authority/*.key | sort -u)" 600
    assert_equal "$(stat -c %u:%g $TLS/site.pem $TLS/authority $TLS/authority/* | sort -u)" "$(stat -c %u:%g $TLS)"
    before=$(sha256sum $TLS/site.pem $TLS/authority/*)
    make stage-2
    assert_equal "$(sha256sum $TLS/site.pem $TLS/authority/*)" "$before"
}

@test "what was left half made is made anew" {
    # In the tree: the engine sees it there, and no folder of a container.
    half=$PWD/.lab/half-made
    rm -rf "$half"
    mkdir -p "$half/authority.new"
    echo half >"$half/authority.new/root.key"
    touch "$half/site.pem"
    ca() {
        docker run --rm --network none --volume "$PWD/services/ca:/ca:ro" --volume "$half:/tls" --entrypoint "/ca/$1" webstack/client
    }
    run ca current
    assert_failure
    ca authority
    ca issue
    ca current
    assert [ ! -e "$half/authority.new" ]
    assert [ ! -e "$half/site.pem.new" ]
    # A certificate of another authority is none.
    cat $TLS/site.pem >"$half/site.pem"
    run ca current
    assert_failure
    rm -rf "$half"
}

# --- Who has what -----------------------------------------------------------------------------------------------

# finds_key FILE NODE: the files of a machine that hold the key: a line of it that no other file has. With all rights.
finds_key() {
    awk '/BEGIN.*PRIVATE KEY/ { getline; print }' "$1" >"$BATS_TEST_TMPDIR/line"
    docker exec --interactive --privileged --user 0 "$(container "$2")" \
        sh -c 'grep -rlF -f - / --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev 2>/dev/null' <"$BATS_TEST_TMPDIR/line" || true
}

@test "the site's key is with the balancer and nobody else, the authority's keys are on no machine; no log has one" {
    for node in client gateway dns server-1 server-2; do
        assert_equal "$node $(finds_key $TLS/site.pem $node)" "$node "
    done
    assert_equal "$(finds_key $TLS/site.pem lb-1 | sort | xargs)" "/run/haproxy/site.pem /run/secrets/site.pem"
    assert_equal "$(on lb-1 'stat -c "%U %a" /run/haproxy/site.pem')" "haproxy 400"
    for key in root intermediate; do
        for node in client gateway dns lb-1 server-1 server-2; do
            assert_equal "$key $node $(finds_key $TLS/authority/$key.key $node)" "$key $node "
        done
    done
    for node in client gateway dns lb-1 server-1 server-2; do
        run docker logs "$(container $node)"
        refute_output --partial "PRIVATE KEY"
        run docker inspect "$(container $node)"
        refute_output --partial "PRIVATE KEY"
    done
}

@test "trust-ca: the file, its fingerprint, and how to remove it" {
    fingerprint=$(sed '/-----/d' $TLS/authority/root.crt | base64 -d | sha256sum | cut -c -64)
    run make --no-print-directory trust-ca
    assert_success
    assert_line --partial "$PWD/$TLS/authority/root.crt"
    assert_equal "$(sed -n 's/^ *SHA-256 *//p' <<<"$output" | tr -d : | tr A-F a-f)" "$fingerprint"
    assert_output --partial "delete-certificate -Z $(sed '/-----/d' $TLS/authority/root.crt | base64 -d | sha1sum | cut -c -40 | tr a-f A-F)"
    assert_equal "$(grep -c '^[A-Za-z].* trust  ' <<<"$output")" 6
    assert_equal "$(grep -c '^ *remove  ' <<<"$output")" 6
}

# --- A new one --------------------------------------------------------------------------------------------------

# start_visitors: eight at a time, half with a connection for each request, half with one for a hundred. Each answer is a
# line: the status, and curl's own.
start_visitors() {
    on client 'rm -f /tmp/enough; for visitor in 1 2 3 4 5 6 7 8; do
        requests=$((visitor % 2 * 99 + 1))
        while [ ! -e /tmp/enough ]; do
            curl -s --max-time 10 -o /dev/null -w "%{http_code} %{exitcode}\n" "https://www.foobar.com/products/[1-$requests]"
        done &
    done; wait' >"$BATS_TEST_TMPDIR/visits" 3>&- &
    VISITORS=$!
}
has_visits() { [ "$(wc -l <"$BATS_TEST_TMPDIR/visits")" -ge "$1" ]; }

@test "make renew-cert under load: the serial changes, no request is lost" {
    before=$(serial)
    start_visitors
    within 60 has_visits 200
    run make renew-cert
    assert_success
    first=$(serial)
    run make renew-cert
    assert_success
    second=$(serial)
    assert_line "$second"
    within 60 has_visits $(($(wc -l <"$BATS_TEST_TMPDIR/visits") + 200))
    on client "touch /tmp/enough"
    wait "$VISITORS"
    echo "# $(wc -l <"$BATS_TEST_TMPDIR/visits") visits" >&3
    assert_equal "$(grep -vc '^200 0$' "$BATS_TEST_TMPDIR/visits")" 0
    assert [ "$before" != "$first" ]
    assert [ "$first" != "$second" ]
    # What a process that starts anew finds is the same.
    on lb-1 reload
    assert_equal "$(serial)" "$second"
    docker restart "$(container lb-1)"
    within 60 answers /livez 200
    assert_equal "$(serial)" "$second"
}

@test "a certificate that has ended is refused by visitors, and renewed by the next start" {
    make renew-cert DAYS=-1
    run page /livez --show-error
    assert_failure
    assert_output --partial "certificate has expired"
    make stage-2
    assert_equal "$(page /livez --output /dev/null --write-out "'%{http_code}'")" 200
}

@test "DAYS says how long it has; what is no number of days changes nothing" {
    make renew-cert DAYS=5
    end=$(on client "openssl s_client -connect www.foobar.com:443 </dev/null 2>/dev/null | openssl x509 -noout -enddate")
    left=$((($(date -d "${end#*=}" +%s) - $(date +%s)) / 3600))
    assert [ $left -ge 118 ]
    assert [ $left -le 120 ]
    before=$(sha256sum $TLS/site.pem)
    for days in soon 91 5.5 "1 2"; do
        run make --no-print-directory renew-cert DAYS="$days"
        assert_failure
        assert_line --partial "error: DAYS is \"$days\""
    done
    assert_equal "$(sha256sum $TLS/site.pem)" "$before"
    make renew-cert
}

# --- None -------------------------------------------------------------------------------------------------------

logs_since() { docker logs --since "$since" "$(container lb-1)" 2>&1; }
has_logged() { logs_since | grep -qF "$1"; }

@test "an empty secret is said in one line, the machine is not well, and the next start sets it right" {
    cp $TLS/site.pem "$BATS_TEST_TMPDIR/site.pem"
    : >$TLS/site.pem
    since=$(date +%s)
    docker restart --time 3 "$(container lb-1)"
    within 60 has_logged "error: the site's certificate, /run/secrets/site.pem, is missing or empty"
    run on lb-1 healthcheck
    assert_failure
    # The way that the line says; it comes with a new one.
    rm "$BATS_TEST_TMPDIR/site.pem"
    make stage-2
    within 20 on lb-1 healthcheck
    within 20 answers /livez 200
}

@test "a secret that is no certificate: HAProxy says so and goes on with the one it has" {
    before=$(serial)
    cp $TLS/site.pem "$BATS_TEST_TMPDIR/site.pem"
    sed '/BEGIN PRIVATE KEY/,$d' "$BATS_TEST_TMPDIR/site.pem" >$TLS/site.pem
    run on lb-1 load-certificate
    assert_failure
    assert_line --partial "error: HAProxy does not accept the certificate"
    assert_equal "$(serial)" "$before"
    on lb-1 reload
    assert_equal "$(serial)" "$before"
}

@test "a secret that is not there at all is said in the same line" {
    run timeout 60 docker run --rm --network none --tmpfs /run:exec --env TLS_CERTIFICATE=/run/haproxy/site.pem \
        --entrypoint own-certificate webstack/balancer
    assert_failure
    assert_line "error: the site's certificate, /run/secrets/site.pem, is missing or empty"
    assert_line --partial "make stage-2"
}
