#!/usr/bin/env bats
# What somebody reads who listens between the machines, with TLS and without, and who speaks without.

load hops.bash

setup_file() { machines --profile plain up --detach --wait --wait-timeout 180; }
teardown_file() { machines rm --force --stop --volumes plain-lb-1 plain-server-2 plain-cache-1 plain-listener; }

# One that nobody has asked for, so that it comes from MySQL, and whose name is the same in HTML.
PRODUCT=501
FORM=planted-4711@example.com

# visit BALANCER: a visitor looks at a product and sends a form, for which the shop keeps a session.
visit() {
    fetch "http://$HOPS_NET.$1/products/$PRODUCT" --fail --output /dev/null
    fetch "http://$HOPS_NET.$1/login" --cookie-jar /tmp/jar --output /dev/null --fail
    fetch "http://$HOPS_NET.$1/login" --cookie /tmp/jar --output /dev/null --data-urlencode "email=$FORM" --data password=none
}

# ask_mysql OPTION...: server-2 reads the product on server-1, as the shop does.
ask_mysql() {
    at server-2 "MYSQL_PWD=\$(cat /run/secrets/mysql-shop-password) mysql --host=$HOPS_NET.21 --user=shop --batch \
        --skip-column-names $* --execute 'SELECT name FROM products WHERE id = $PRODUCT' shop"
}

@test "a form, a product and a session cannot be read on the way; without TLS they can" {
    name=$(at server-1 "mysql -BN shop -e 'SELECT name FROM products WHERE id = $PRODUCT'")
    assert [ -n "$name" ]
    listen listener
    listen plain-listener
    visit 11
    visit 61
    hear listener
    hear plain-listener

    for port in 443 3306 6379; do
        # It was there, and not heard past.
        assert [ "$(packets listener $port)" -gt 10 ]
        for text in "$name" "$FORM" session:v1:; do
            refute readable listener $port "$text"
        done
    done
    assert_equal "$(packets listener 80)" 0
    assert readable plain-listener 80 "${FORM/@/%40}"
    assert readable plain-listener 80 "$name"
    assert readable plain-listener 6379 session:v1:
    assert readable plain-listener 6379 "$name"
}

@test "MySQL lets nobody in unencrypted; one that does can be read" {
    assert ask_mysql --ssl-mode=REQUIRED
    assert_equal "$(at server-2 "mysql-source $HOPS_NET.21 -BN -e 'SHOW STATUS LIKE \"Ssl_version\"'")" $'Ssl_version\tTLSv1.3'
    run ask_mysql --ssl-mode=DISABLED --get-server-public-key
    assert_failure
    assert_output --partial "Connections using insecure transport are prohibited"

    at server-1 "mysql -e 'SET GLOBAL require_secure_transport = OFF'"
    listen listener
    name=$(ask_mysql --ssl-mode=DISABLED --get-server-public-key)
    hear listener
    at server-1 "mysql -e 'SET GLOBAL require_secure_transport = ON'"
    assert readable listener 3306 "$name"
}

@test "Nginx and Redis have no door without TLS" {
    run fetch "http://$HOPS_NET.22/products/1" --show-error
    assert_failure 7
    run fetch "http://$HOPS_NET.22:443/products/1"
    assert_output --partial "plain HTTP request was sent to HTTPS port"
    run machines exec -T client sh -c "printf 'PING\r\n' | nc -w 5 $HOPS_NET.51 6379"
    refute_output --partial NOAUTH
    # The control: this is how one without TLS answers.
    run machines exec -T client sh -c "printf 'PING\r\n' | nc -w 5 $HOPS_NET.81 6379"
    assert_output --partial NOAUTH
}

@test "what is inside speaks TLS 1.3 and nothing older" {
    for door in 22:443 21:3306 51:6379; do
        mysql=
        [ "${door#*:}" != 3306 ] || mysql="-starttls mysql"
        run machines exec -T client sh -c "openssl s_client -connect $HOPS_NET.$door $mysql -brief </dev/null"
        assert_output --partial "Protocol version: TLSv1.3"
        run machines exec -T client sh -c "openssl s_client -connect $HOPS_NET.$door $mysql -tls1_2 </dev/null"
        assert_failure
    done
}

@test "who the visitor is comes through as before: the balancer is believed, nobody else" {
    site "/?through" -H "X-Forwarded-For: 192.0.2.66" --output /dev/null
    fetch "https://$HOPS_NET.22/?around" --insecure -H "X-Forwarded-For: 192.0.2.66" --output /dev/null
    for uri in through around; do
        within 20 said server-2 "\"uri\":\"/?$uri\""
        run said server-2 "\"uri\":\"/?$uri\""
        assert_output --partial "\"client\":\"$HOPS_NET.100\""
    done
}

@test "connections to the web server are kept: a request more does not shake hands" {
    # COLUMN of HAProxy's statistics: connections it opened to server-2, and requests that took one that was there.
    column() {
        at lb-1 "runtime show stat" | awk -F, -v name="$1" '
            /^# / { for (i = 1; i <= NF; i++) column[$i] = i } /^web,server-2,/ { print $column[name] }'
    }
    opened=$(column connect) reused=$(column reuse)
    fetch "http://$HOPS_NET.11/?[1-50]" --output /dev/null
    assert [ "$(column reuse)" -ge $((reused + 49)) ]
    assert [ "$(column connect)" -le $((opened + 5)) ]
}

@test "a new certificate is taken while Nginx and MySQL run; one that is wrong changes nothing" {
    # ends PORT: when the certificate that is shown there ends.
    ends() {
        mysql=
        [ "$1" != 3306 ] || mysql="-starttls mysql"
        machines exec -T client sh -c "openssl s_client -connect $HOPS_NET.21:$1 $mysql </dev/null 2>/dev/null |
            openssl x509 -noout -enddate"
    }
    # The shop's, of server-2.
    connections() {
        at server-1 "mysql -BNe \"SELECT GROUP_CONCAT(id ORDER BY id) FROM information_schema.processlist
            WHERE user = 'shop' AND host LIKE '$HOPS_NET.22%'\""
    }
    before=$(ends 3306)
    held=$(connections)
    certificates "$TLS" --renew server-1 40
    at server-1 load-certificate
    refute [ "$(ends 3306)" = "$before" ]
    end_alike() { [ "$(ends 443)" = "$(ends 3306)" ]; }
    within 20 end_alike
    assert_equal "$(connections)" "$held"

    cp "$TLS/inside/server-1.pem" "$BATS_TEST_TMPDIR/right"
    echo nonsense >"$TLS/inside/server-1.pem"
    run at server-1 load-certificate
    cat "$BATS_TEST_TMPDIR/right" >"$TLS/inside/server-1.pem"
    assert_failure
    at server-1 load-certificate
    assert_equal "$(ends 443)" "$(ends 3306)"
}
