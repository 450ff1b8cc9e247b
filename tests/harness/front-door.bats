#!/usr/bin/env bats
# Bad luck at the front door: one line that says what is wrong and what to do, exit 1, nothing half-started.

load ../lib/lab

# Copies of the tree have no .env; what they take down must be this tree's lab all the same.
setup_file() {
    LAB_NAME=$(lab_setting LAB_NAME)
    export LAB_NAME
    make down
}

setup() {
    # Programs that play a bad machine stand here, in front of the real ones.
    FAKE=$BATS_TEST_TMPDIR/fake
    mkdir -p "$FAKE"
}

# fake NAME <<'SCRIPT': a program of this name that does what the script says.
fake() {
    { echo '#!/bin/bash' && cat; } >"$FAKE/$1"
    chmod +x "$FAKE/$1"
}

# with_fakes COMMAND...: the command, with the fakes in front of the PATH.
with_fakes() { PATH="$FAKE:$PATH" "$@"; }

# says_one_error TEXT: what was run failed, and exactly one line says "error: …TEXT…".
says_one_error() {
    assert_failure
    assert_equal "$(grep -c '^error: ' <<<"$output")" 1
    assert_line --partial "error: "
    assert_output --partial "$1"
    assert_equal "$(leftovers)" ""
}

# copy_of_the_tree: what the scripts need, in a folder of its own, for tests that let them write to .env.
copy_of_the_tree() {
    mkdir -p "$BATS_TEST_TMPDIR/a copy"
    cp -R Makefile services compose "$BATS_TEST_TMPDIR/a copy/"
    cd "$BATS_TEST_TMPDIR/a copy" || return
}

@test "make alone lists the targets, in groups" {
    run make --no-print-directory
    assert_success
    for word in Learners Instructors Developers "make stage-N" "make doctor" "make down"; do
        assert_output --partial "$word"
    done
}

@test "the port is taken" {
    port=$(lab_setting HTTP_PORT)
    python3 -m http.server --bind 127.0.0.1 "$port" 3>&- &
    server=$!
    within 30 curl --silent --output /dev/null "http://127.0.0.1:$port/"
    run make stage-0
    kill "$server"
    says_one_error "port $port on 127.0.0.1 is taken"
    assert_output --partial "HTTP_PORT="
}

@test "the port is not a number" {
    HTTP_PORT=http run make stage-0
    says_one_error 'HTTP_PORT is "http"'
}

@test "a chosen network is in use" {
    docker network rm --force in-the-way
    docker network create --subnet 198.18.77.0/24 in-the-way
    PUBLIC_NET=198.18.77 run make stage-0
    docker network rm in-the-way
    says_one_error "PUBLIC_NET is 198.18.77, and the Docker network in-the-way uses"
}

@test "a default network that is in use is replaced by a free one, for good" {
    copy_of_the_tree
    unset PUBLIC_NET PRIVATE_NET
    {
        echo '. services/toolbox/host/lib.sh; . services/toolbox/host/docker.sh; . services/toolbox/host/checks.sh'
        echo 'used_networks() { echo "203.0.113.7/32 the package archive"; echo "198.51.100.0/24 a route of this machine"; echo "10.88.0.0/14 a route"; }'
        echo 'check_networks; echo "$PUBLIC_NET $PRIVATE_NET"'
    } >try.sh
    sed -i 's|^cd .*|cd "$(dirname "$0")"|' services/toolbox/host/lib.sh
    run bash try.sh
    assert_success
    assert_line "192.0.2 10.189"
    assert_equal "$(cat .env)" "$(printf 'PUBLIC_NET=192.0.2\nPRIVATE_NET=10.189')"
}

@test "a package archive that nobody knows the address of is no reason to stop" {
    copy_of_the_tree
    fake getent <<<'exit 2'
    echo '. services/toolbox/host/lib.sh; . services/toolbox/host/docker.sh; . services/toolbox/host/checks.sh' >try.sh
    echo 'check_networks; echo went on' >>try.sh
    run with_fakes bash try.sh
    assert_success
    assert_line "went on"
}

@test "overlap finds ranges that meet, and no others" {
    overlap() { bash -c '. services/toolbox/host/lib.sh; . services/toolbox/host/checks.sh; overlap "$1"' - "$1" <<<"$2"; }
    assert_equal "$(overlap 10.89.0.0/16 "10.89.3.0/24 a b")" "a b"
    assert_equal "$(overlap 10.89.0.0/16 "10.0.0.0/8 vpn")" "vpn"
    assert_equal "$(overlap 203.0.113.0/24 "203.0.113.80 x")" "x"
    assert_equal "$(overlap 203.0.113.0/24 "203.0.112.0/24 x")" ""
    assert_equal "$(overlap 203.0.113.0/24 "203.0.114.0 x")" ""
}

@test "the engine is not running, and this user may not start it" {
    copy_of_the_tree
    # All folders on the way there, so that another user may come in.
    chmod -R a+rwX "$BATS_RUN_TMPDIR"
    fake docker <<<'echo "Cannot connect to the Docker daemon" >&2; exit 1'
    fake dockerd <<<'exit 1'
    run with_fakes setpriv --reuid=65534 --clear-groups make stage-0
    says_one_error "the Docker engine is not running"
    assert_output --partial "systemctl start docker"
}

@test "DOCKER_HOST points nowhere" {
    DOCKER_HOST=unix:///nowhere.sock run make stage-0
    assert_failure
    assert_output --partial "error: no Docker engine answers at DOCKER_HOST=unix:///nowhere.sock"
}

@test "this user may not talk to the engine" {
    fake docker <<<'echo "permission denied while trying to connect to the Docker daemon socket" >&2; exit 1'
    run with_fakes make stage-0
    assert_failure
    assert_output --partial "error: this user may not talk to the Docker engine"
    assert_output --partial "usermod -aG docker"
}

@test "the engine is too old, Compose is too old, buildx is missing" {
    real=$(command -v docker)
    fake docker <<<'case $1 in version) echo 24.0.9 ;; *) exec '"$real"' "$@" ;; esac'
    run with_fakes make stage-0
    says_one_error "the Docker engine is too old: 24.0.9, the lab needs 25.0"
    fake docker <<<'case $1 in compose) echo 2.20.3 ;; *) exec '"$real"' "$@" ;; esac'
    run with_fakes make stage-0
    says_one_error "Docker Compose is too old: 2.20.3"
    fake docker <<<'case $1 in buildx) exit 1 ;; *) exec '"$real"' "$@" ;; esac'
    run with_fakes make stage-0
    says_one_error "docker buildx is missing"
}

@test "the disk is almost full" {
    fake df <<<'printf "Filesystem 1M-blocks Used Available Capacity Mounted\nx 100 1 99 1%% /\n"'
    # Where the engine keeps its files, as the toolbox sees it.
    real=$(command -v docker)
    fake docker <<<'case "$*" in *DockerRootDir*) echo / ;; *) exec '"$real"' "$@" ;; esac'
    run with_fakes make stage-0
    says_one_error "the disk is almost full: 99 MiB free"
}

@test "the package archive does not answer a build" {
    real=$(command -v docker)
    fake docker <<<'case "$*" in "buildx bake"*) echo "E: Failed to fetch … Unable to connect"; exit 1 ;; *) exec '"$real"' "$@" ;; esac'
    run with_fakes make stage-0
    says_one_error "the Debian package archive does not answer"
}

# a_path_without_docker: the fakes' folder becomes a whole PATH, with the tools that every machine has.
a_path_without_docker() {
    local tool
    for tool in bash make sed awk grep dirname tr cat mkdir rm cp env uname id ps head tail sort df setpriv; do
        ln -s "$(command -v "$tool")" "$FAKE/$tool"
    done
}

@test "another distribution without an engine: the commands to run" {
    echo 'ID=fedora' >"$BATS_TEST_TMPDIR/os-release"
    a_path_without_docker
    OS_RELEASE=$BATS_TEST_TMPDIR/os-release PATH=$FAKE run make stage-0
    assert_failure
    assert_output --partial "error: no Docker engine here"
    assert_output --partial "sudo dnf install"
}

@test "Debian without an engine, not root and no sudo: the command to run" {
    copy_of_the_tree
    chmod -R a+rwX "$BATS_RUN_TMPDIR"
    a_path_without_docker
    PATH=$FAKE run setpriv --reuid=65534 --clear-groups make stage-0
    assert_failure
    assert_output --partial "error: no Docker engine here, and installing one needs root"
    assert_output --partial "make engine"
    assert_output --partial "usermod -aG docker nobody"
}

@test "there is no such stage, no such machine, no stage that is up" {
    run make stage-9
    says_one_error "there is no stage 9"
    run make run NODE=server-1 CMD=true
    says_one_error "there is no running machine server-1"
    run make run
    says_one_error "which machine, and what?"
    run make status
    says_one_error "no stage is up"
}

@test "two at once: the second says who holds the lab" {
    copy_of_the_tree
    mkdir -p .lab
    ln -s $$ .lab/lock
    run make down
    assert_failure
    assert_output --partial "error: another make (process $$) is changing this lab"
    # A lock whose owner is gone is taken over.
    ln -sfn 4194300 .lab/lock
    run make down
    assert_success
    assert [ ! -L .lab/lock ]
}

@test "files with Windows line ends are found" {
    copy_of_the_tree
    sed -i 's/$/\r/' services/server/s6/nginx/run
    run make doctor
    assert_failure
    assert_output --partial "services/server/s6/nginx/run has Windows line ends"
}

@test "make doctor says what it found" {
    run make doctor
    assert_success
    for word in engine "base image" memory disk networks "This machine can run the lab."; do
        assert_output --partial "$word"
    done
    for setting in HTTP_PORT HTTPS_PORT MONITOR_PORT; do
        assert_output --partial "port $(lab_setting $setting) "
    done
}

@test "settings: the environment wins over .env, .env over the defaults, also in scripts that call scripts" {
    copy_of_the_tree
    unset LAB_NAME HTTP_PORT PUBLIC_NET LAB_CHOSEN
    printf 'HTTP_PORT=7001\r\nPUBLIC_NET=198.18.9\n' >.env
    echo '. services/toolbox/host/lib.sh; echo "$LAB_NAME $PUBLIC_NET $HTTP_PORT"' >inner.sh
    # What is written to .env meanwhile counts for the next script, what the user said stays.
    echo '. services/toolbox/host/lib.sh; echo "PUBLIC_NET=198.18.10" >>.env; echo "HTTP_PORT=7002" >>.env; bash inner.sh' >outer.sh
    assert_equal "$(bash inner.sh)" "webstack 198.18.9 7001"
    assert_equal "$(HTTP_PORT=7003 bash inner.sh)" "webstack 198.18.9 7003"
    assert_equal "$(HTTP_PORT=7003 bash outer.sh)" "webstack 198.18.10 7003"
}

@test "a daemon that runs is told from a zombie, a stranger and nobody" {
    is_daemon() { bash -c "$(sed -n '/^is_daemon() {/,/^}/p' services/toolbox/host/engine.sh); is_daemon \"\$1\"" - "$1"; }
    cp "$(command -v sleep)" "$FAKE/dockerd"
    "$FAKE/dockerd" 60 3>&- &
    within 30 is_daemon $!
    kill $!
    # A zombie: its parent, which sleeps by then, never asks how it ended.
    bash -c "'$FAKE/dockerd' 60 & echo \$! >'$BATS_TEST_TMPDIR/zombie'; exec sleep 60" 3>&- &
    parent=$!
    sleeps() { grep -q '(sleep)' /proc/$parent/stat; }
    within 30 sleeps
    zombie=$(cat "$BATS_TEST_TMPDIR/zombie")
    within 30 is_daemon "$zombie"
    kill "$zombie"
    is_zombie() { grep -q '(dockerd) Z' "/proc/$zombie/stat"; }
    within 30 is_zombie
    refute is_daemon "$zombie"
    refute is_daemon $$
    refute is_daemon ""
    kill $parent
}
