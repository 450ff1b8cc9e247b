# What tests/backends/cache.bats needs to speak to its two nodes, their MySQL and their Redis.

export CACHE_TEST_PASSWORD_FILE=$PWD/.lab/cache-test-password

compose() { docker compose --file tests/backends/cache.compose.yaml "$@"; }

# inside MACHINE COMMAND...: runs it there, without a shell. Compose would take three times as long, for each of hundreds.
inside() { docker exec --interactive "webstack-cache-test-$1-1" "${@:2}"; }

# visit NODE COMMAND: a shell command line on the machine "client", where `ask PATH` prints an answer of the node, header
# and all; it ends with a status above 0 when there is none.
visit() {
    inside client sh -c 'ask() { REQUEST_METHOD=GET REQUEST_URI=$1 timeout 30 cgi-fcgi -bind -connect '"$1"':9000; }
    '"$2"
}

# ask NODE PATH; status NODE PATH; told NODE PATH: what Cache-Status says.
ask() { visit "$1" "ask '$2'"; }
status() { ask "$@" | sed -n 's/^Status: \([0-9]*\).*/\1/p'; }
told() { ask "$@" | sed -n 's/^Cache-Status: shopd; \(.*\)\r$/\1/p'; }

# crowd NODE COUNT PATH: so many visitors at once; prints what they were told, and how many were told the same.
crowd() {
    visit "$1" "rm -f /tmp/$1.*; for i in \$(seq $2); do ask '$3' >/tmp/$1.\$i & done; wait; cat /tmp/$1.*" |
        sed -n 's/^Cache-Status: shopd; \(.*\)\r$/\1/p' | sort | uniq -c
}

# metric NODE SERIES
metric() { ask "$1" /metrics | awk -v name="$2" '$1 == name { print $2 }'; }

sql() { inside mysql mysql --skip-column-names shop -e "$1"; }
redis() { inside redis as-shop "$@"; }

# cached KEY: what is stored under it, without the time until which it is fresh.
cached() { redis GET "$1" | cut -d " " -f 2-; }

# get_old PRODUCT SECONDS: what is cached of it has been old for so long. An old one is kept for 300 seconds.
get_old() {
    local until=$(($(date +%s%3N) - $2 * 1000))
    redis SET "product:v2:$1" "$until $(cached "product:v2:$1")" PX $(((300 - $2) * 1000))
}

# questions ID: how often MySQL was asked for this product since start_counting.
start_counting() { sql "SET GLOBAL general_log_file = '/tmp/general.log'; SET GLOBAL general_log = OFF; SET GLOBAL general_log = ON"; }
questions() { inside mysql grep --count --extended-regexp "Execute.*FROM products WHERE id = $1( |\$)" /tmp/general.log || true; }

# hold_products keeps everybody from reading products, until let_go.
hold_products() {
    coproc HOLDER { inside mysql mysql --unbuffered --skip-column-names shop; }
    echo "LOCK TABLES products WRITE; SELECT 'held';" >&"${HOLDER[1]}"
    local line
    read -r -t 20 line <&"${HOLDER[0]}" && [ "$line" = held ]
}
let_go() {
    [ -n "${HOLDER_PID:-}" ] || return 0
    local pid=$HOLDER_PID input=${HOLDER[1]}
    exec {input}>&-
    wait "$pid"
}
