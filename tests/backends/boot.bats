#!/usr/bin/env bats
# The order of start on a server, when s6 itself is slow: its supervisors are started all at once, and on a busy host that
# of the first program may come last.

load ../lib/lab

setup() {
    # In the tree: the engine sees it there, and no folder of a container.
    files=$PWD/.lab/boot-test
    mkdir -p "$files"
    printf '%032d' 0 >"$files/secret"
    cat >"$files/start" <<'SCRIPT'
#!/bin/sh
# As the real one, but the order of start is asked for before there is a supervisor.
cp -a /etc/s6 /run/s6
touch /run/s6/boot/down
(cd /run/s6/boot && exec ./run) &
sleep 1
exec s6-svscan /run/s6
SCRIPT
    chmod +x "$files/start"
}

teardown() {
    docker rm --force "$server"
    rm -rf "$files"
}

@test "a program whose supervisor comes late is started all the same" {
    server=$(docker run --detach --network none --tmpfs /run:exec --tmpfs /tmp --entrypoint /start \
        --volume "$files/start:/start:ro" --volume "$files/secret:/run/secrets/mysql-shop-password:ro" \
        webstack/server)
    within 180 docker exec "$server" healthcheck
    refute [ -n "$(docker logs "$server" 2>&1 | grep '^boot: ')" ]
}

# A supervisor takes orders (control) some time before it has written down how its program stands (status).
@test "a supervisor that does not know yet how its program stands is waited for" {
    cat >"$files/start" <<'SCRIPT'
#!/bin/sh
mkdir -p /run/s6/late
cd /run/s6/late
printf '#!/bin/sh\nexec sleep 60\n' >run
chmod +x run
touch down
s6-supervise . &
until s6-svstat . >/dev/null 2>&1; do sleep 0.01; done
mv supervise/status .
(sleep 1; mv status supervise/) &
. /usr/local/lib/boot.sh
supervised late
s6-svc -uwu -T 5000 late && echo started
SCRIPT
    server=$(docker run --detach --network none --tmpfs /run:exec --entrypoint /start --volume "$files/start:/start:ro" webstack/server)
    said() { docker logs "$server" 2>&1 | grep -x started; }
    within 20 said
}
