# Carts and orders, for the tests of the shop.

load ../shop/visitor.bash

# sql STATEMENT: what MySQL says, without names of columns. PRIMARY: where writes go, server-1 unless a test has moved them.
sql() { on "${PRIMARY:-server-1}" "mysql -N shop -e \"$1\""; }

# address NAME: an e-mail address of this test alone.
address() { echo "$1-$BATS_SUITE_TEST_NUMBER@example.com"; }

# a_buyer JAR: a visitor with a new account. EMAIL: its address.
a_buyer() {
    EMAIL=$(address "$1")
    sign_up "$1" "$EMAIL"
    is_signed_in "$1"
}

# stock PRODUCT [NUMBER]: how many there are; with a number, so many there are from now on.
stock() { sql "${2:+UPDATE products SET stock = $2 WHERE id = $1; }SELECT stock FROM products WHERE id = $1"; }

# orders_of EMAIL: how many the table has.
orders_of() { sql "SELECT COUNT(*) FROM orders JOIN users ON users.id = user_id WHERE email = '$1'"; }

# add JAR PRODUCT QUANTITY [ACTION]: by the form of a product's page, or, with an action, by that of the cart.
add() { FORM=/products/$2 post "$1" /cart product="$2" quantity="$3" ${4:+action="$4"}; }

# field NAME: the value that the form on standard input has for it.
field() { grep -o "name=\"$1\" value=\"[^\"]*" | head -n 1 | sed 's/.*"//'; }

# location: where the answer on standard input leads to.
location() { tr -d '\r' | sed -n 's/^Location: //p'; }

# buy JAR: what is in the cart, as the checkout page says. OPERATION and TOTAL: what its form held.
buy() {
    local form
    form=$(browse "$1" /checkout)
    OPERATION=$(field operation <<<"$form") TOTAL=$(field total <<<"$form")
    post "$1" /checkout operation="$OPERATION" total="$TOTAL"
}

# send JAR FORM: sends the form of a checkout that the page FORM has, as it is there.
send() {
    browse "$1" /checkout --data "csrf=$(field csrf <<<"$2")" --data "operation=$(field operation <<<"$2")" \
        --data "total=$(field total <<<"$2")"
}

# token_of EMAIL: a token of this user's. See make token.
token_of() { make --no-print-directory --silent token USER="$1"; }

# api TOKEN PATH [CURL OPTIONS]: what a program gets that has it.
api() { on_client curl --silent --include --max-time 10 --header "Authorization: Bearer $1" "${@:3}" "$SITE/api/v1$2"; }

# order TOKEN KEY ITEMS: places an order; the items as PRODUCT:QUANTITY, with spaces between.
order() {
    api "$1" /orders --header "Idempotency-Key: $2" --header "Content-Type: application/json" \
        --data "{\"items\":[$(items "$3")]}"
}

items() { sed -E 's/([0-9]+):([0-9]+) */{"product":\1,"quantity":\2},/g; s/,$//' <<<"$1"; }

# buyers NUMBER: makes so many accounts, buyer-1@example.com and so on, that no one can sign in to. The token of each is
# made of its address: the client can work it out, and need not be told.
buyers() {
    local rows
    # Written out: MySQL may lose the temporary table of a recursive query when that goes to the disk (MySQL bug 112704).
    rows=$(seq "$1" | sed "s/.*/('buyer-&@example.com', 'Buyer', '!')/" | paste -s -d ,)
    sql "INSERT IGNORE INTO users (email, name, password_hash) VALUES $rows;
        INSERT IGNORE INTO api_tokens (token_hash, user_id, name)
            SELECT UNHEX(SHA2(LEFT(SHA2(email, 256), 32), 256)), id, 'test' FROM users WHERE email LIKE 'buyer-%@example.com'"
}

# crash PROGRAM: ends it on server-1 as a crash would. Of one that is down the supervisor says -1, which kill takes for all.
crash() { within 60 on server-1 "pid=\$(s6-svstat -o pid /run/s6/$1) && [ \"\$pid\" -gt 0 ] && kill -KILL \"\$pid\""; }

# at_once NUMBER COMMAND: runs the shell command so many times at once on client, with $i from 1, and prints what each prints.
at_once() { on client "seq $1 | xargs -P $1 -I{} sh -c 'i={}; exec $2'"; }

# to_client FILE...: copies files of tests/shop to /tmp there, to be run.
to_client() { tar -C tests/shop -c "$@" | on client "tar -C /tmp -x"; }

# --- Orders that were acknowledged (buy-on), all of them for one PRODUCT -------------------------------------------

acknowledged() { on client "cat /tmp/ledger" | wc -l; }
has_more_than() { [ "$(acknowledged)" -gt "$1" ]; }

# judge LEDGER: compares what was acknowledged with what is there; LOST, DOUBLED, MORE (orders that nobody was told of).
# shellcheck disable=SC2034 # the three are for those who call it
judge() {
    local found=$BATS_TEST_TMPDIR/found
    sql "SELECT SUBSTRING(email, 7, LOCATE('@', email) - 7), idempotency_key, BIN_TO_UUID(uuid) FROM orders
        JOIN users ON users.id = user_id WHERE idempotency_key LIKE 'ledger-$PRODUCT-%'" | tr '\t' ' ' | sort >"$found"
    LOST=$(sort -u "$1" | comm -23 - "$found" | wc -l)
    MORE=$(sort -u "$1" | comm -13 - "$found" | wc -l)
    # The same attempt with two orders, in what was said or in what is there.
    DOUBLED=$(cat "$found" "$1" | sort -u | awk '{ print $1, $2 }' | uniq -d | wc -l)
}

# start_buying: BUYERS programs order one piece of PRODUCT after the other, of which there are PIECES, until stop_buying. Then
# LEDGER is what was acknowledged.
start_buying() {
    buyers "$BUYERS"
    stock "$PRODUCT" "$PIECES"
    # What is left of the last time is not taken for the first order of this one.
    on client "rm -f /tmp/ledger"
    on client "SITE=$SITE /tmp/buy-on $BUYERS $PRODUCT" 3>&- &
    within 60 has_more_than 0
}
goes_on() { within 60 has_more_than "$(($(acknowledged) + BUYERS * 3))"; }
stop_buying() {
    on client "touch /tmp/buy-on.stop"
    wait
    LEDGER=$BATS_TEST_TMPDIR/ledger
    on client "cat /tmp/ledger" >"$LEDGER"
}

# nothing_lost: by what the machine PRIMARY has.
nothing_lost() {
    judge "$LEDGER"
    echo "# $(sort -u "$LEDGER" | wc -l) orders acknowledged: $LOST lost, $DOUBLED doubled on $PRIMARY" >&3
    assert_equal "$LOST $DOUBLED $MORE" "0 0 0"
}

# role NODE: of its MySQL, as it says itself.
role() { on "$1" mysql-role 2>/dev/null | sed -n 's/^role=\([a-z]*\).*/\1/p'; }
