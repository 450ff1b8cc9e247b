# What the tests of this folder share: the machines of compose.yaml, once for each file of tests.

load ../lib/lab

peers() { docker compose --file tests/peers/compose.yaml "$@"; }

# container MACHINE: the name of its container.
container() { echo "$LAB_NAME-peers-$1-1"; }

# inside MACHINE COMMAND...: runs it there, without a shell. Compose would take three times as long, for each of hundreds.
inside() { docker exec --interactive "$(container "$1")" "${@:2}"; }

# client SCRIPT ARGUMENT...: runs a script of this folder on the machine of the clients.
client() { inside client python3 -B "$@"; }

start_peers() {
    bash -c '. services/toolbox/host/lib.sh && . services/toolbox/host/secrets.sh && ensure_secrets'
    LAB_NAME=$(lab_setting LAB_NAME)
    export LAB_NAME
    stop_peers
    peers up --detach --wait --wait-timeout 120 mysql
    # One product whose page is larger than a record of FastCGI, and than the buffers of sockets.
    inside mysql mysql shop --execute="ALTER TABLE products MODIFY description TEXT NOT NULL;
        UPDATE products SET description = REPEAT('&', 60000) WHERE id = 1000"
    peers up --detach --wait --wait-timeout 120
    client visit.py listening nginx:80 haproxy:8001 lighttpd:8001 apache:8001
}

stop_peers() { peers down --volumes --timeout 3; }

# MySQL is there and does not answer, until it is told to go on. Nginx waits for six seconds: no time for Compose.
pause_mysql() { docker pause "$(container mysql)" >/dev/null 2>&1; }
resume_mysql() { docker unpause "$(container mysql)" >/dev/null 2>&1; }
