# shellcheck shell=bash
# Secrets are made on first use, under .lab/, for the user alone, and never change after that: MySQL knows them.

SECRETS_DIR=$STATE_DIR/secrets

# ensure_secret NAME: 128 random bits in .lab/secrets/NAME, as 32 hexadecimal digits.
ensure_secret() {
    local file=$SECRETS_DIR/$1
    [ ! -s "$file" ] || return 0
    (
        umask 077
        mkdir -p "$SECRETS_DIR"
        od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$file.new"
        mv "$file.new" "$file"
    )
}

ensure_secrets() {
    ensure_secret mysql-shop-password
    ensure_secret mysql-repl-password
    ensure_secret redis-shop-password
    ensure_secret redis-monitoring-password
}
