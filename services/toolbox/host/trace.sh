#!/usr/bin/env bash
# trace.sh [URL]: sends one request from the visitor's machine, with a trace id of its own (W3C traceparent), and finds it
# again on every machine it passed. Ends well only if every hop was found. trace.jq puts together what is read here.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"

URL=${1:-}
# Long enough for a site that waits for a dead backend; shopd gives up sooner.
REQUEST_SECONDS=10
# The engine has a line this long after a machine wrote it, at the latest, also when it has much to do.
LOG_SECONDS=6
# MySQL's log of statements, while we look.
SQL_LOG=/tmp/trace.log

# random_hex BYTES
random_hex() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# --- MySQL: it logs statements only while we look ----------------------------------------------------------------

# label NODE LABEL
label() { docker inspect --format "{{index .Config.Labels \"$2\"}}" "$(node_container "$1")"; }

# nodes_with PROGRAM: the running machines that have it, by the labels of the stage file.
nodes_with() {
    local node
    for node in $(nodes); do
        ! label "$node" lab.programs | grep -q "^ *$1 |" || echo "$node"
    done
}

# mysql_on NODE SQL: nothing when it does not answer; that is then a hop that is not found.
mysql_on() { docker exec "$(node_container "$1")" timeout 10 mysql -N -e "$2" 2>/dev/null || true; }

# Lines "NODE<tab>SETTING<tab>FILE": the MySQLs that log now, and how they did before.
WATCHED=
watch_mysql() {
    local node before
    for node in $(nodes_with mysql); do
        before=$(mysql_on "$node" "SELECT @@general_log, @@general_log_file;
            SET GLOBAL general_log_file = '$SQL_LOG'; SET GLOBAL general_log = ON")
        [ -z "$before" ] || WATCHED="$WATCHED$node	$before
"
    done
}

# As before; also after Ctrl-C.
unwatch_mysql() {
    local node setting file
    while IFS='	' read -r node setting file; do
        [ -n "$node" ] || continue
        mysql_on "$node" "SET GLOBAL general_log = $setting; SET GLOBAL general_log_file = '$file'"
        docker exec "$(node_container "$node")" rm -f "$SQL_LOG" || true
    done <<<"$WATCHED"
    WATCHED=
}

# statements prints "NODE<tab>LINE" for each line of those logs.
statements() {
    local node
    while IFS='	' read -r node _; do
        [ -z "$node" ] || docker exec "$(node_container "$node")" cat "$SQL_LOG" | sed "s/^/$node	/"
    done <<<"$WATCHED"
}

# --- The request, and who speaks of it ---------------------------------------------------------------------------

# send prints one JSON object: what curl measured, the answer's headers, what TLS agreed on, and the same lookup by dig.
send() {
    docker exec --interactive "$client" sh -s "$URL" "$traceparent" "$REQUEST_SECONDS" <<'SCRIPT'
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
host=${1#*://} && host=${host%%[/:?#]*}
curl --silent --verbose --max-time "$3" --globoff --header "traceparent: $2" --output /dev/null \
    --dump-header "$dir/headers" --write-out '%{json}' -- "$1" >"$dir/curl" 2>"$dir/said" || true
touch "$dir/headers"
dig +tries=1 +time=5 +noall +answer +stats "$host" >"$dir/dig" || true
jq --compact-output --null-input --arg host "$host" --slurpfile curl "$dir/curl" --rawfile headers "$dir/headers" \
    --rawfile dig "$dir/dig" --arg tls "$(sed -n 's/^\* SSL connection using //p' "$dir/said" | tail -n 1)" \
    '{$host, curl: $curl[0], $headers, $dig, $tls}'
SCRIPT
}

# lines_of ID...: what the lab's machines logged about it since we began: our programs log JSON, a line each.
lines_of() {
    local container pattern
    pattern=$(printf '%s|' "$@")
    for container in $(lab_containers); do
        docker logs --since "$since" "$container" 2>&1 | grep -E "^\{.*(${pattern%|})" || true
    done
}

# collect fills "said": the application logs the trace id, and the request id under which the others speak of it. True
# when all have spoken who are known to; a balancer is who names a server. HAProxy may put a space behind a colon.
collect() {
    local id
    said=$(lines_of "$trace")
    id=$(sed -n 's/.*"request_id": *"\([0-9a-f]*\)".*/\1/p' <<<"$said" | head -n 1)
    [ -z "$id" ] || said=$(lines_of "$trace" "$id")
    grep -qE '"event": *"request"' <<<"$said" && grep -qE '"upstream": *"' <<<"$said" &&
        { [ -z "$balancers" ] || grep -qE '"server": *"' <<<"$said"; }
}

# look_alikes: what machines logged of the same visitor, method and path meanwhile. Who answers without the application,
# as Nginx does when that is down, knows no id that we know.
look_alikes() {
    local container address path
    address=$(sed -n 's/.*"local_ip":"\([0-9.]*\)".*/\1/p' <<<"$sent")
    path=${URL#*://}
    case $path in */*) path=/${path#*/} ;; *) path=/ ;; esac
    for container in $(lab_containers); do
        docker logs --since "$since" "$container" 2>&1 |
            grep -E '^\{.*"event": *"access"' | grep -F "\"$address\"" | grep -F "\"${path%%#*}\"" | tail -n 2 || true
    done
}

# addresses prints "ADDRESS NODE" for every machine of the lab.
addresses() {
    # shellcheck disable=SC2046 # one word an id
    docker inspect --format '{{$node := index .Config.Labels "com.docker.compose.service"}}{{range .NetworkSettings.Networks}}{{.IPAddress}} {{$node}}
{{end}}' $(lab_containers) | grep '^[0-9]'
}

need_engine "$@"
stage=$(running_stage)
[ -n "$stage" ] || die "no stage is up" "Start one with:  make stage-0"
[ -n "$URL" ] || URL=$(site_url "$stage")/products/1
case $URL in
    http://?* | https://?*) ;;
    *) die "not a URL of the site: $URL" "Say:  make trace URL=http://www.foobar.com/products/1" ;;
esac
client=$(node_container client)
take_lock
trap 'unwatch_mysql; leave' EXIT

trace=$(random_hex 16)
traceparent=00-$trace-$(random_hex 8)-01
balancers=$(nodes_with haproxy | xargs)
stores=$(nodes_with redis | sed "s|\$|/redis|" | xargs)
since=$(docker exec "$client" date +%s)
watch_mysql
sent=$(send | tr -d '\n') || die "the request could not be sent from client" "Look at:  make status"
said=
deadline=$((SECONDS + LOG_SECONDS)) over=
# The last look begins when the time is over: to read the logs of a dozen machines may take all of it.
until collect || [ -n "$over" ]; do
    [ $SECONDS -lt $deadline ] || over=1
    sleep 0.1
done
alike=
grep -qE '"event": *"access"' <<<"$said" || alike=$(look_alikes)
sql=$(statements)
unwatch_mysql

status=0
docker exec --interactive "$client" jq --null-input --raw-output --arg url "$URL" --arg trace "$trace" \
    --arg addresses "$(addresses)" --arg balancers "$balancers" --arg stores "$stores" \
    --arg lines "$said" --arg alike "$alike" --arg sql "$sql" --argjson sent "$sent" "$(cat "$HOST_DIR/trace.jq")" >"$STATE_DIR/trace" || status=$?
[ "$status" -eq 0 ] && [ -s "$STATE_DIR/trace" ] || die "what the machines said could not be read" "Look at:  make logs"
cat "$STATE_DIR/trace"
! grep -q MISSING "$STATE_DIR/trace" || die "a hop was not found" "Look at the machines:  make status"
