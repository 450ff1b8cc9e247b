#!/usr/bin/env bats
# Stage 0, from nothing to gone: everything that its README and the diagram say.

load ../lib/lab

setup_file() {
    rm -f results/stage-0.json
    make down
    make stage-0
}

# --- It serves --------------------------------------------------------------------------------------------------

@test "a page comes from MySQL, by name, to the visitor" {
    run page /products/1 -i
    assert_success
    assert_output --partial "HTTP/1.1 200"
    assert_output --partial "X-Served-By: server-1"
    assert_output --partial "X-DB-Role: primary"
    # What the page says is what the table says, also after a change.
    on server-1 "mysql shop -e \"UPDATE products SET name = 'A <b>new</b> name & more' WHERE id = 1\""
    run page /products/1
    assert_output --partial "A &lt;b&gt;new&lt;/b&gt; name &amp; more"
    refute_output --partial "<b>new</b>"
}

@test "the same page comes through the browser's port on this host" {
    run curl --silent --fail --max-time 5 "http://127.0.0.1:$(lab_setting HTTP_PORT)/products/2"
    assert_success
    assert_output --partial "<h1>$(on server-1 "mysql -N shop -e 'SELECT name FROM products WHERE id = 2'" | sed 's/&/\&amp;/g')</h1>"
}

@test "the API says the same as the table" {
    run page /api/v1/products/3
    assert_success
    row=$(on server-1 "mysql -N shop -e 'SELECT JSON_OBJECT(\"id\", id, \"sku\", sku, \"name\", name, \"price_cents\", price_cents, \"stock\", stock) FROM products WHERE id = 3'")
    assert_equal "$(jq -cS '{id, sku, name, price_cents, stock}' <<<"$output")" "$(jq -cS . <<<"$row")"
}

@test "the list has 1,000 products on 50 pages, each once" {
    for n in $(seq 1 50); do page "/api/v1/products?page=$n" | jq '.products[].id'; done >"$BATS_TEST_TMPDIR/ids"
    assert_equal "$(sort -un "$BATS_TEST_TMPDIR/ids" | wc -l)" 1000
    assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/ids")" 1000
    assert_equal "$(status_of '/products?page=50')" 200
    assert_equal "$(status_of '/products?page=51')" 404
    assert_equal "$(status_of '/products?page=0')" 404
    assert_equal "$(status_of '/products?page=x')" 400
}

@test "every answer says who served it, also a file and a refusal" {
    for path in / /static/style.css /products/1 /no/such/page /static/no-such-file /products/0 /livez /api/v1/products; do
        run page "$path" -i
        assert_output --partial "X-Served-By: server-1"
    done
    run page / -i -X DELETE
    assert_output --partial "HTTP/1.1 405"
    assert_output --partial "Allow: GET, HEAD"
    assert_output --partial "X-Served-By: server-1"
}

@test "errors are problem+json below /api/ and a page elsewhere" {
    run page /api/v1/products/999999 -i
    assert_output --partial "HTTP/1.1 404"
    assert_output --partial "Content-Type: application/problem+json"
    run page /products/999999 -i
    assert_output --partial "HTTP/1.1 404"
    assert_output --partial "There is no such product."
}

@test "every page says what a browser may do with it, whoever made it" {
    for path in / /products/1 /no/such/page /static/no-such-file; do
        run page "$path" -i
        assert_output --partial "Content-Security-Policy: default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        assert_output --partial "Referrer-Policy: same-origin"
        assert_output --partial "Cross-Origin-Resource-Policy: same-origin"
        assert_output --partial "X-Content-Type-Options: nosniff"
        assert_output --partial "X-Served-By: server-1"
    done
}

@test "who only looks around gets no cookie and has no session" {
    for path in / /products /products/1 /whoami /no/such/page; do
        run page "$path" -i
        refute_output --partial "Set-Cookie:"
    done
    session='{"store":"memory","away":false,"signed_in":false,"id_hash":null}'
    assert_equal "$(page /whoami | jq -c .session)" "$session"
    # An id that nobody was given is nobody's.
    assert_equal "$(page /whoami -H "'Cookie: session=0123456789abcdef0123456789abcdef'" | jq -c .session)" "$session"
}

@test "what Nginx refuses itself has a page of ours, and JSON below /api/" {
    run page /static/style.css -i -X POST
    assert_output --partial "HTTP/1.1 405"
    assert_output --partial "X-Served-By: server-1"
    assert_output --partial "before anybody else was asked"
    assert_output --partial '<p class="code">405</p>'
    run page /nginx_status -i
    assert_output --partial "HTTP/1.1 403"
    assert_output --partial '<p class="code">403</p>'
    run page /static/no-such-file -i
    assert_output --partial "HTTP/1.1 404"
    assert_output --partial '<p class="code">404</p>'
    on client "head -c 2000000 /dev/zero >/tmp/large"
    run page /api/v1/products -i --data-binary @/tmp/large
    assert_output --partial "HTTP/1.1 413"
    assert_output --partial "X-Served-By: server-1"
    assert_equal "$(tail -n 1 <<<"$output" | jq .status)" 413
}

@test "what is no HTTP at all gets a 400 that says who refused" {
    run on client "printf 'HELLO THERE\r\n\r\n' | nc -w 2 www.foobar.com 80"
    assert_output --partial "400 Bad Request"
    # HTTP/1.1 without a Host.
    run on client "printf 'GET / HTTP/1.1\r\n\r\n' | nc -w 2 www.foobar.com 80"
    assert_output --partial "HTTP/1.1 400"
    assert_output --partial "X-Served-By: server-1"
    for path in '/products/%00' '/products/%zz' '/products/%ff' '/products?page=%0a'; do
        run page "$path" -i
        assert_output --partial "HTTP/1.1 400"
        assert_output --partial "X-Served-By: server-1"
    done
}

@test "the settings in app/README.md are those of shopd" {
    on server-1 "shopd --settings" >"$BATS_TEST_TMPDIR/settings"
    sed -n '/<!-- settings -->/,/<!-- .settings -->/p' app/README.md | grep '^|' >"$BATS_TEST_TMPDIR/documented"
    assert [ "$(wc -l <"$BATS_TEST_TMPDIR/settings")" -gt 10 ]
    run diff "$BATS_TEST_TMPDIR/settings" "$BATS_TEST_TMPDIR/documented"
    assert_success
}

@test "a request has one id in the log of Nginx and in that of shopd" {
    id=$(page /whoami | jq -r .request_id)
    assert [ ${#id} -eq 32 ]
    events() { docker logs "$(container server-1)" 2>&1 | grep "$id" | jq -r .event | sort | xargs; }
    are_logged() { [[ $(events) = *access*request* ]]; }
    within 10 are_logged
}

@test "operations: alive, ready, who, metrics" {
    assert_equal "$(status_of /livez)" 200
    assert_equal "$(page /readyz | jq -c '[.ready, .database.state, .database.primary]')" '[true,"up",true]'
    assert_equal "$(page /whoami | jq -r .node)" server-1
    run metrics
    assert_output --partial 'shopd_http_requests_total{route="/products/{id}",code="200"}'
    assert_output --partial "shopd_db_up 1"
    # Not for visitors.
    assert_equal "$(status_of /metrics)" 403
}

# --- The name server --------------------------------------------------------------------------------------------

@test "the zone has every kind of record, and www is an A record" {
    net=$(lab_setting PUBLIC_NET)
    lookup() { on client "dig +short $*"; }
    assert_equal "$(lookup www.foobar.com A)" "$net.10"
    assert_equal "$(lookup www.foobar.com AAAA)" ""
    assert_equal "$(lookup ipv6.foobar.com AAAA)" "2001:db8::10"
    assert_equal "$(lookup shop.foobar.com CNAME)" "www.foobar.com."
    assert_equal "$(lookup foobar.com MX)" "10 mail.foobar.com."
    assert_equal "$(lookup foobar.com NS)" "ns1.foobar.com."
    assert_equal "$(lookup _http._tcp.foobar.com SRV)" "0 100 80 www.foobar.com."
    assert_equal "$(lookup -x "$net.10")" "www.foobar.com."
    run lookup foobar.com SOA
    assert_output --partial "ns1.foobar.com. hostmaster.foobar.com."
    run lookup foobar.com TXT
    assert_output --partial "v=spf1"
    run on client "dig no-such-name.foobar.com"
    assert_output --partial "status: NXDOMAIN"
}

# --- Second client of shopd -------------------------------------------------------------------------------------

@test "cgi-fcgi, which is not Nginx, speaks to shopd as well" {
    address=$(lab_setting PUBLIC_NET).10:9000
    # A second shopd on the same machine, that listens on TCP.
    docker exec --detach "$(container server-1)" sh -c "echo \$\$ >/tmp/second && exec \
        setpriv --reuid=shopd --regid=shopd --init-groups -- env LISTEN=$address \
        MYSQL_SERVERS=unix:/run/mysqld/mysqld.sock MYSQL_PASSWORD_FILE=/run/shopd/mysql-password shopd"
    ask="REQUEST_METHOD=GET REQUEST_URI=/api/v1/products/7 cgi-fcgi -bind -connect $address"
    is_served() { on client "$ask" | grep -q "Status: 200 OK"; }
    within 30 is_served
    run on client "$ask"
    assert_output --partial "Status: 200 OK"
    assert_output --partial '"id":7'
    # It ends when it is told to.
    on server-1 'kill -TERM $(cat /tmp/second)'
    within 20 on server-1 '! kill -0 $(cat /tmp/second)'
}

# --- When a part is away ----------------------------------------------------------------------------------------

@test "without shopd: files are served, pages say what is missing, the API says it in JSON" {
    on server-1 "s6-svc -wd -d /run/s6/shopd"
    assert_equal "$(status_of /static/style.css)" 200
    run page /products/1 -i
    assert_output --partial "HTTP/1.1 502"
    assert_output --partial "X-Served-By: server-1"
    assert_output --partial "shopd"
    run page /api/v1/products/1 -i
    assert_output --partial "HTTP/1.1 502"
    assert_output --partial "application/problem+json"
    assert_output --partial "X-Served-By: server-1"
    on server-1 "s6-svc -wU -u /run/s6/shopd"
    # It listens; to MySQL it is connected a moment later.
    within 20 answers /products/1 200
}

@test "without MySQL: pages say so with 503, shopd lives and is not ready, and all comes back" {
    on server-1 "s6-svc -wd -d /run/s6/mysql"
    assert_equal "$(status_of /livez)" 200
    within 20 answers /readyz 503
    run page /products/1 -i
    assert_output --partial "HTTP/1.1 503"
    assert_output --partial "Retry-After:"
    assert_output --partial "The database does not answer"
    run page /api/v1/products/1 -i
    assert_output --partial "HTTP/1.1 503"
    on server-1 "s6-svc -wU -u /run/s6/mysql"
    within 20 answers /products/1 200
    within 20 answers /readyz 200
}

@test "without the worker orders wait for their receipts, and the machine is not healthy" {
    on server-1 "s6-svc -wd -d /run/s6/worker"
    on server-1 "mysql shop -e \"INSERT INTO orders (uuid, user_id, idempotency_key, request_hash, total_cents, currency)
        VALUES (UUID_TO_BIN(UUID()), 0, 'a test', UNHEX(SHA2('', 256)), 500, 'EUR'); SET @order = LAST_INSERT_ID();
        INSERT INTO order_lines VALUES (@order, 1, 'TEST', 'Test', 2, 250);
        INSERT INTO outbox (order_id, topic) VALUES (@order, 'order.placed'), (0, 'order.placed')\""
    receipts() { on server-1 "mysql -N shop -e \"SELECT COUNT(*) FROM receipts JOIN orders ON id = order_id WHERE idempotency_key = 'a test'\""; }
    assert_equal "$(receipts)" 0
    refuses_health() { ! on server-1 "touch -d '-1 minute' /run/worker/metrics.prom; healthcheck"; }
    within 20 refuses_health
    on server-1 "s6-svc -wU -u /run/s6/worker"
    is_written() { [ "$(receipts)" = 1 ]; }
    within 20 is_written
    within 20 on server-1 healthcheck
}

@test "make dlq lists what was given up, and puts it back" {
    # The row without an order, of the test before this one: its tries take half a minute, so all but one of them are made up.
    # Once more if the worker had it in hand just then, and wrote down its own number.
    is_listed() {
        on server-1 "mysql shop -e 'UPDATE outbox SET tries = 4, next_try_at = NOW(3) WHERE order_id = 0 AND tries < 4'"
        make --no-print-directory dlq | grep -F "there is no such order"
    }
    within 30 is_listed
    run make --no-print-directory dlq
    assert_success
    assert_line --regexp '^ +outbox  order +tries  placed +error$'
    assert_line --regexp '^ +[0-9]+ +5  20..-..-.. ..:..:..  there is no such order$'
    REQUEUE=1 run make --no-print-directory dlq
    assert_success
    assert_output "1 put back"
    on server-1 "mysql shop -e 'DELETE FROM outbox WHERE order_id = 0'"
    run make --no-print-directory dlq
    assert_output "no dead letters"
}

pid_of() { on server-1 "s6-svstat -o pid /run/s6/$1"; }

# kill_program PROGRAM: as a crash would. A program that is down has the pid -1, and "kill -1" would be everybody.
kill_program() { on server-1 "pid=\$(s6-svstat -o pid /run/s6/$1) && [ \$pid -gt 1 ] && kill -KILL \$pid"; }

is_ready() { [ "$(on server-1 "s6-svstat -o ready /run/s6/$1")" = true ]; }

# Waits until the program has been up for so many seconds.
wait_for_age() { within $(($2 + 30)) on server-1 "[ \$(s6-svstat -o updownfor /run/s6/$1) -ge $2 ]"; }

@test "each of the four programs comes back by itself when it is killed" {
    for program in nginx shopd worker mysql; do
        before=$(pid_of "$program")
        kill_program "$program"
        is_another() { [ "$(pid_of "$program")" -gt 0 ] && [ "$(pid_of "$program")" != "$before" ]; }
        within 60 is_another
        within 60 answers /products/1 200
        # It is the new one that answers, and it stays: nothing of the old holds the port.
        within 60 is_ready "$program"
        after=$(pid_of "$program")
        wait_for_age "$program" 3
        assert_equal "$(pid_of "$program")" "$after"
    done
    refute [ "$(docker logs "$(container server-1)" 2>&1 | grep -c 'bind() .* failed')" -gt 0 ]
}

# --- Data -------------------------------------------------------------------------------------------------------

@test "data survives a restart of server-1" {
    on server-1 "mysql shop -e 'UPDATE products SET stock = 4711 WHERE id = 5'"
    docker restart "$(container server-1)"
    within 60 answers /api/v1/products/5 200
    assert_equal "$(page /api/v1/products/5 | jq .stock)" 4711
}

@test "a volume from before there were migrations is brought up to date, and keeps its rows" {
    records() { on server-1 "mysql -N shop -e 'SELECT version, name, sha256 FROM schema_migrations WHERE applied_at IS NOT NULL'"; }
    new=$(records)
    assert [ "$(wc -l <<<"$new")" -ge 2 ]
    on server-1 "mysql -N -e \"SELECT CONCAT('DROP TABLE shop.', table_name, ';') FROM information_schema.tables
        WHERE table_schema = 'shop' AND table_name <> 'products'\" | mysql; mysql shop -e 'UPDATE products SET stock = 815 WHERE id = 6'"
    docker restart "$(container server-1)"
    within 60 answers /api/v1/products/6 200
    assert_equal "$(page /api/v1/products/6 | jq .stock)" 815
    assert_equal "$(records)" "$new"
    # It has ended, and is not started again.
    assert_equal "$(on server-1 's6-svstat -o up,exitcode /run/s6/migrate')" "false 0"
}

# Writes numbers one after another, each its own transaction, and prints each one that MySQL has acknowledged.
start_writer() {
    docker exec "$(container server-1)" sh -c '
        n=0
        while [ ! -e /tmp/enough ]; do
            n=$((n + 1))
            mysql shop -e "INSERT INTO ledger VALUES ($n)" 2>/dev/null && echo $n
        done
        true' >"$1" &
}

lines() { wc -l <"$1"; }
has_lines() { [ "$(lines "$1")" -ge "$2" ]; }

@test "MySQL killed in the middle of writes comes back with every acknowledged row" {
    acknowledged=$BATS_TEST_TMPDIR/acknowledged
    on server-1 "mysql shop -e 'DROP TABLE IF EXISTS ledger; CREATE TABLE ledger (n INT PRIMARY KEY)'; rm -f /tmp/enough"
    start_writer "$acknowledged"
    writer=$!
    within 60 has_lines "$acknowledged" 40
    for _ in 1 2 3; do
        kill_program mysql
        # It is back when it acknowledges again.
        within 90 has_lines "$acknowledged" $(($(lines "$acknowledged") + 40))
    done
    on server-1 "touch /tmp/enough"
    wait "$writer"
    on server-1 "mysql -N shop -e 'SELECT n FROM ledger ORDER BY n'" >"$BATS_TEST_TMPDIR/stored"
    echo "# 3 kills, $(wc -l <"$acknowledged") rows acknowledged" >&3
    lost=$(comm -23 <(sort "$acknowledged") <(sort "$BATS_TEST_TMPDIR/stored") | wc -l)
    assert_equal "$lost" 0
    # The control: a row taken away is missed.
    on server-1 "mysql shop -e 'DELETE FROM ledger WHERE n = $(head -n 1 "$acknowledged")'; mysql -N shop -e 'SELECT n FROM ledger'" >"$BATS_TEST_TMPDIR/stored"
    lost=$(comm -23 <(sort "$acknowledged") <(sort "$BATS_TEST_TMPDIR/stored") | wc -l)
    assert_equal "$lost" 1
    on server-1 "mysql shop -e 'DROP TABLE ledger'"
}

# --- Closed doors -----------------------------------------------------------------------------------------------

@test "each program runs as its own user, the root file system is read-only" {
    for pair in nginx:www-data shopd:shopd worker:worker mysql:mysql; do
        run on server-1 "stat -c %U /proc/$(pid_of "${pair%%:*}")"
        assert_output "${pair#*:}"
    done
    for node in server-1 dns gateway; do
        run on "$node" "touch /etc/written"
        assert_failure
    done
}

@test "no container has more capabilities than its file gives it, and none gains new ones" {
    for node in server-1 dns gateway client; do
        run docker inspect --format '{{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}} {{.HostConfig.Privileged}}' "$(container "$node")"
        assert_output "[ALL] [no-new-privileges:true] false"
    done
}

@test "nothing leaks: no way out of the public network, ports on 127.0.0.1 only" {
    assert_equal "$(on client "ip route show default")" ""
    assert_equal "$(on server-1 "cat /proc/net/route | awk '\$2 == \"00000000\"'")" ""
    published=$(docker ps --filter "label=com.docker.compose.project=$(lab_setting LAB_NAME)" --format '{{.Ports}}' | grep -o '[^ ]*->' || true)
    assert_equal "$published" "127.0.0.1:$(lab_setting HTTP_PORT)->"
}

@test "MySQL lets root in without a password only on its own machine" {
    run on client "mysql --host=www.foobar.com --user=root --connect-timeout=3 -e 'SELECT 1'"
    assert_failure
    assert_output --partial "Access denied"
}

@test "no secret is in a log, in an image, or readable by others" {
    secret=$(cat .lab/secrets/mysql-shop-password)
    assert [ ${#secret} -eq 32 ]
    assert_equal "$(stat -c %a .lab/secrets/mysql-shop-password)" 600
    for node in server-1 client dns gateway; do
        run docker logs "$(container "$node")"
        refute_output --partial "$secret"
    done
    run docker history --no-trunc webstack/server
    refute_output --partial "$secret"
}

# --- The front door ---------------------------------------------------------------------------------------------

@test "make run: output and status are the command's, quotes survive" {
    run on client "printf '%s|' \"two words\" \"it's\" '\$HOME'"
    assert_success
    assert_output "two words|it's|\$HOME|"
    run on client "echo one
echo two"
    assert_output "one
two"
    run on client "exit 3"
    assert_failure
    run bash services/toolbox/host/run.sh client "exit 3"
    assert_equal "$status" 3
    run on no-such-machine true
    assert_failure
    assert_output --partial "error: there is no running machine no-such-machine"
}

@test "make status shows every machine, every program and the site" {
    run make --no-print-directory status
    assert_success
    for word in server-1 dns client gateway healthy "200 in"; do
        assert_output --partial "$word"
    done
    for program in nginx shopd worker mysql; do
        assert_line --regexp "[ ,]$program [0-9]+s"
    done
}

@test "make logs shows what a machine wrote" {
    page /livez
    is_logged() { make --no-print-directory logs NODE=server-1 | grep -F '"path":"/livez"'; }
    within 10 is_logged
    run make --no-print-directory logs NODE=server-1
    assert_success
}

@test "make stage-0 on a stage that is up changes nothing" {
    before=$(container server-1)
    run make stage-0
    assert_success
    assert_equal "$(container server-1)" "$before"
}

@test "make doctor on a stage that is up finds nothing wrong, and leaves the settings as they are" {
    before=$(cat .env 2>/dev/null || true)
    run make doctor
    assert_success
    assert_equal "$(cat .env 2>/dev/null || true)" "$before"
}

@test "make reset brings the first state back" {
    on server-1 "mysql shop -e 'DELETE FROM products WHERE id > 10'"
    make reset
    assert_equal "$(page /api/v1/products | jq .total)" 1000
}

# --- Not alone --------------------------------------------------------------------------------------------------

@test "a second lab beside this one, with another name, other networks and another port" {
    second() {
        env LAB_NAME=second PUBLIC_NET=198.18.20 PRIVATE_NET=10.212 HTTP_PORT=$(($(lab_setting HTTP_PORT) + 1000)) "$@"
    }
    # One that a test has left which did not come to its end may know another secret.
    second make down
    second make stage-0
    run second make --no-print-directory run NODE=client CMD='curl -s http://www.foobar.com/whoami; dig +short www.foobar.com'
    assert_line "198.18.20.10"
    # Each has data of its own.
    on server-1 "mysql shop -e \"UPDATE products SET name = 'of the first lab' WHERE id = 8\""
    refute [ "$(second make --silent run NODE=server-1 CMD='mysql -N shop -e "SELECT name FROM products WHERE id = 8"')" = "of the first lab" ]
    second make down
    assert_equal "$(status_of /products/8)" 200
}

# --- Figures ----------------------------------------------------------------------------------------------------

# The memory that cannot be given back: what the kernel counts, without file pages it could drop.
server_memory_mib() {
    docker stats --no-stream --format '{{.MemUsage}}' "$(container server-1)" | awk '{
        value = $1 + 0; if ($1 ~ /GiB/) value *= 1024; if ($1 ~ /KiB/) value /= 1024; print value }'
}

# bats test_tags=alone
@test "figure: memory of server-1, idle" {
    figure stage-0 "memory of server-1, idle" "$(server_memory_mib)" MiB 350
}

# Alone as the other figures are: each run of this file begins its results anew.
# bats test_tags=alone
@test "figure: base image, images of the stage, the layer of shopd" {
    figure stage-0 "base image" "$(size_mb debian:trixie-slim)" MB 90
    figure stage-0 "all images of the stage, shared layers once" \
        "$(size_mb webstack/server webstack/dns webstack/client webstack/gateway)" MB 800
    figure stage-0 "layer of shopd" \
        "$(docker history --no-trunc --human=false --format '{{.Size}} {{.CreatedBy}}' webstack/server | awk '/COPY \/ \/ #/ { print $1 / 1e6; exit }')" MB 5
}

# bats test_tags=alone
@test "figure: from nothing but images to the first page, and down" {
    make down
    figure stage-0 "make stage-0, images built, no volumes" "$(seconds make stage-0)" s 15
    figure stage-0 "make down" "$(seconds make down)" s 5
}

# --- Gone -------------------------------------------------------------------------------------------------------

@test "nothing of the lab is left after make down, and a second one is welcome" {
    make down
    assert_equal "$(leftovers)" ""
    run make down
    assert_success
}
