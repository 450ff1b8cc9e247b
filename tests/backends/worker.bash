# What tests/backends/migrate.bats and worker.bats need to speak to their machines.

export WORKER_TEST_PASSWORD_FILE=$PWD/.lab/worker-test-password

compose() { docker compose --file tests/backends/worker.compose.yaml "$@"; }

# in_client COMMAND...: runs it on the machine that the programs run on, as root.
in_client() { compose exec -T client "$@"; }

# sql [OPTION...] STATEMENTS: as MySQL's root; the rows, columns divided by tabs.
sql() { compose exec -T mysql mysql --batch --skip-column-names "${@:1:$#-1}" --execute "${!#}"; }

# kill_process PATTERN: -KILL to the process whose command line, as one text, is like this; all machines share processes.
kill_process() {
    # shellcheck disable=SC2016
    in_client bash -c 'for process in /proc/[0-9]*; do
        command=$(tr "\0" " " <$process/cmdline)
        [[ $command != $1 ]] || kill -KILL ${process#/proc/}
    done 2>/dev/null' - "$1"
}

# start_machines SERVICE...: all of them up, and PROGRAM built under AddressSanitizer.
start_machines() {
    mkdir -p .lab
    (umask 077 && echo a-good-password >"$WORKER_TEST_PASSWORD_FILE")
    compose down --volumes --timeout 1
    compose up --detach --wait client "$@"
    in_client make --silent -j2 BUILD=/build /build/asan/shop-migrate
}

remove_machines() {
    compose down --volumes --timeout 1
    rm -f "$WORKER_TEST_PASSWORD_FILE"
}
