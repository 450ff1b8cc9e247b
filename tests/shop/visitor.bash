# Visitors of the shop: curl on the machine "client", each with a jar of cookies of its own there.

bats_require_minimum_version 1.5.0
load ../lib/lab

SITE=${SITE:-http://www.foobar.com}

# quoted WORD...: the words as any shell reads them back. Not %q, whose form for what is not ASCII only bash understands.
quoted() { printf "'%s' " "${@//\'/\'\\\'\'}"; }

# on_client COMMAND...: runs it there, its arguments as they are.
on_client() { on client "$(quoted "$@")"; }

# browse JAR PATH [CURL OPTIONS]: what a visitor gets, header and page.
browse() { on_client curl --silent --include --max-time 10 --cookie "/tmp/$1" --cookie-jar "/tmp/$1" "${@:3}" "$SITE$2"; }

# no_cookies JAR: the visitor begins anew.
no_cookies() { on_client rm -f "/tmp/$1"; }

# session_of JAR prints the id that its cookie holds; nothing without one.
session_of() { on client "awk '\$6 ~ /^(__Host-)?session\$/ { print \$7 }' /tmp/$1 2>/dev/null"; }

# token JAR prints the token that a form carries which this visitor sees, after looking at the page PATH.
token() { browse "$1" "${2:-/login}" | grep -o 'name="csrf" value="[^"]*' | head -n 1 | sed 's/.*"//'; }

# post JAR PATH FIELD=VALUE... [-- CURL OPTIONS]: sends a form, with the token of this visitor unless a field "csrf" is given.
post() {
    local jar=$1 path=$2 fields=() csrf
    shift 2
    while [ $# -gt 0 ] && [ "$1" != -- ]; do fields+=(--data-urlencode "$1") && shift; done
    [ $# -eq 0 ] || shift
    csrf=$(token "$jar" "${FORM:-$path}")
    browse "$jar" "$path" --data-urlencode "csrf=$csrf" "${fields[@]}" "$@"
}

# sign_up JAR EMAIL [NAME] [PASSWORD]; sign_in JAR EMAIL [PASSWORD]: who comes anew, without a cookie.
PASSWORD="correct horse battery staple"
sign_up() { no_cookies "$1" && post "$1" /signup "email=$2" "name=${3-Ada Lovelace}" "password=${4-$PASSWORD}"; }
sign_in() { no_cookies "$1" && post "$1" /login "email=$2" "password=${3-$PASSWORD}"; }

# status prints the status of an answer that comes on standard input.
status() { awk 'NR == 1 { print $2 }'; }

# content prints it without its header.
content() { sed '1,/^\r*$/d'; }

# is_signed_in JAR
is_signed_in() { browse "$1" /api/v1/session | content | jq -e .signed_in >/dev/null; }

# metric NAME prints a series of shopd's.
metric() { metrics | awk -v name="$1" '$1 == name { print $2 }'; }
