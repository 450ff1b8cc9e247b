#!/usr/bin/env bash
# make status: one screen that is true now. Everything on it is asked of the machines, nothing read from a file.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"

need_engine "$@"
stage=$(running_stage)
[ -n "$stage" ] || die "no stage is up" "Start one with:  make stage-0"
site=$(site_url "$stage")
directory=$(basename "$(dirname "$(stage_file "$stage")")")

labelled="label=com.docker.compose.project=$LAB_NAME"

# on NODE COMMAND...: its output, or nothing when the machine is down or the command fails.
on() {
    local container
    container=$(docker ps --quiet --filter "$labelled" --filter "label=com.docker.compose.service=$1")
    shift
    [ -z "$container" ] || docker exec "$container" "$@" 2>/dev/null || true
}

# All at once: Docker takes two seconds to measure, whether one machine or ten.
memory=$(docker ps --quiet --filter "$labelled" | xargs docker stats --no-stream --format '{{.ID}} {{.MemUsage}}' |
    awk '{ sub("iB", "", $2); print }')

# address ID: where visitors reach the machine; else the first address it has.
address() {
    docker inspect --format '{{range $name, $net := .NetworkSettings.Networks}}{{$name}} {{$net.IPAddress}}{{"\n"}}{{end}}' "$1" |
        awk -v public="${LAB_NAME}_public" 'NF == 2 { if (first == "") first = $2; if ($1 == public) first = $2 } END { print first }'
}

# What each machine is asked: a title, and a command, for those that have it.
QUESTIONS="What the balancer thinks of the web servers|servers
Databases|mysql-role
Virtual IPs|virtual-ip
Sessions and cache|redis-role
Firewalls|firewall status
Alerts|alerts 1 | sed '/^What was written down/,\$d'"

# Each program of a machine that runs s6, and for how long: "mysql 12s". One that says when it is ready is to stay.
PROGRAMS='cd /run/s6 2>/dev/null && for p in */; do p=${p%/}; [ ! -e "$p/notification-fd" ] ||
    echo "$p $(s6-svstat -o up "$p" | sed "s/true//; s/false/DOWN /")$(s6-svstat -o updownfor "$p")s"; done'

# All machines at once, each all that there is to ask: a line "== NUMBER" before each answer.
answers=$(mktemp -d)
trap 'rm -rf "$answers"; leave' EXIT
script="echo '== 0'; ($PROGRAMS)"
number=0
while IFS='|' read -r _ command; do
    number=$((number + 1))
    script="$script; echo '== $number'; ! command -v ${command%% *} >/dev/null || $command 2>&1"
done <<<"$QUESTIONS"
for node in $(nodes); do on "$node" sh -c "$script" >"$answers/$node" & done
wait

# answer NODE NUMBER
answer() { [ ! -f "$answers/$1" ] || awk -v number="$2" '/^== [0-9]+$/ { on = $2 == number; next } on' "$answers/$1"; }

programs() { answer "$1" 0 | awk '{ printf "%s%s", (NR > 1 ? ", " : ""), $0 }'; }

# show TITLE NUMBER: what the machines say to that question, those that have something to say, under the title.
show() {
    local node said title=$1
    for node in $(nodes); do
        said=$(answer "$node" "$2")
        [ -n "$said" ] || continue
        [ -z "$title" ] || printf '\n%s\n\n' "$title"
        title=
        printf '%s\n' "$said" | awk -v node="$node" '{ printf "  %-10s %s\n", (NR == 1 ? node : ""), $0 }'
    done
}

# rows: "ID|NODE|STATE" lines become the table.
rows() {
    local id node state
    while IFS='|' read -r id node state; do
        printf '  %-10s %-16s %-22s %-9s %s\n' "$node" "$(address "$id")" "$state" \
            "$(printf '%s\n' "$memory" | awk -v id="$id" '$1 == id { print $2 }')" "$(programs "$node")"
    done
}

state_of() { sed 's/|Up [^(]*(\(.*\))$/|\1/; s/|Up .*/|running/'; }

printf 'Stage %s, %s\n\n  %-10s %-16s %-22s %-9s %s\n' "$stage" "${directory#*-}" machine address state memory programs
docker ps --all --filter "$labelled" \
    --format '{{.ID}}|{{.Label "com.docker.compose.service"}}|{{.Status}}' | state_of | sort -t'|' -k2 | rows

number=0
while IFS='|' read -r title _; do
    number=$((number + 1))
    show "$title" $number
done <<<"$QUESTIONS"

printf '\nThe site, as the visitor on client sees it\n\n'
printf '  %-24s %s\n' 'www.foobar.com is' "$(on client dig +short +time=3 +tries=1 www.foobar.com | xargs)"
# Asked for as a visitor does, whoever has signed it and for how long.
certificate() {
    on client sh -c 'end=$(echo | timeout 6 openssl s_client -connect www.foobar.com:443 -servername www.foobar.com 2>/dev/null |
        openssl x509 -noout -checkend 0 -enddate 2>/dev/null) || word="HAS ENDED,"
        [ -z "$end" ] || echo "${word:-valid until} $(echo "$end" | sed -n "s/^notAfter=//p")"'
}
case $site in https:*) printf '  %-24s %s\n' 'its certificate' "$(certificate)" ;; esac
page=$(on client curl --silent --max-time 6 --output /dev/null --dump-header - \
    --write-out 'code:%{http_code} seconds:%{time_total}\n' "$site/products/1" | tr -d '\r')
field() { printf '%s\n' "$page" | sed -n "s/^$1: //pI" | head -n 1; }
role=$(field X-DB-Role)
timing=$(printf '%s\n' "$page" | sed -n 's/.*code:\([0-9]*\) seconds:\(.*\)/\1 in \2 s/p')
printf '  %-24s %s\n' '/products/1 answers' "${timing:-nothing}" 'served by' "$(field X-Served-By)" \
    'database role' "${role:-not asked: $(field Cache-Status)}"
printf '  %-24s %s\n' '/readyz says' "$(on client curl --silent --max-time 6 "$site/readyz" | cut -c1-200)"
printf '  %-24s %s\n' 'from your browser' "$(browser_url "$stage")"
