#!/usr/bin/env bash
# token.sh EMAIL: makes a token with which programs act as that user of the shop, and prints it, once. The database gets its
# hash alone. It is made on the machine whose MySQL takes writes; there it appears on no command line.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"

[ -n "${1-}" ] || die "whose token?" "Say:  make token USER=ada@example.com   (an account of the shop, see /signup)"
need_engine "$@"
[ -n "$(running_stage)" ] || die "no stage is up" "Start one with:  make stage-0"

# takes_writes NODE: it runs a MySQL that does.
takes_writes() {
    [ "$(docker exec "$(node_container "$1")" mysql -N -e 'SELECT @@global.read_only' 2>/dev/null)" = 0 ]
}

machine=
for node in $(nodes); do
    ! takes_writes "$node" || machine=$node
done
[ -n "$machine" ] || die "there is no MySQL that takes writes" "Look at:  make status"

# The address goes to MySQL as hexadecimal digits, so that it is a value whatever is in it.
make_token() {
    docker exec --interactive --env EMAIL="$1" "$(node_container "$machine")" sh -s <<'SCRIPT'
set -eu
hex() { od -An -v -tx1 | tr -d ' \n'; }
token=$(head -c 16 /dev/urandom | hex)
hash=$(printf %s "$token" | sha256sum | cut -c 1-64)
made=$(mysql -N shop <<SQL
INSERT INTO api_tokens (token_hash, user_id, name)
    SELECT 0x$hash, id, 'make token' FROM users WHERE email = _utf8mb4 0x$(printf %s "$EMAIL" | hex);
SELECT ROW_COUNT();
SQL
)
[ "$made" != 1 ] || echo "$token"
SCRIPT
}

token=$(make_token "$1") || die "MySQL on $machine did not take the token" "Look at:  make logs NODE=$machine"
[ -n "$token" ] || die "the shop has no account with the address $1" "Make one at /signup first."
say "$token"
