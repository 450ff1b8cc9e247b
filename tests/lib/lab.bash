# What the bats tests share. They run in the toolbox, on the tree, as a user would: through make.

bats_load_library bats-support
bats_load_library bats-assert
cd "$(git -C "$BATS_TEST_DIRNAME" rev-parse --show-toplevel)" || exit 1

# The lab's settings, as its scripts see them.
lab_setting() { bash -c '. services/toolbox/host/lib.sh && echo "${!1}"' - "$1"; }

# on NODE COMMAND: what a learner would run.
on() { make --no-print-directory --silent run NODE="$1" CMD="$2"; }

# page PATH [CURL OPTIONS]: fetches from the visitor's machine, by name; SITE is where tests of another stage find the site.
page() { on client "curl --silent --max-time 10 ${*:2} '${SITE:-http://www.foobar.com}$1'"; }

# status_of PATH prints the status of a page, 000 when there is no answer.
status_of() { page "$1" --output /dev/null --write-out "'%{http_code}'" || true; }

# metrics prints what shopd counts on server-1, which is for the machine itself: asked from a container that has its addresses.
metrics() {
    docker run --rm --network "container:$(container server-1)" --cap-drop ALL --entrypoint curl webstack/client \
        --silent --max-time 10 http://127.0.0.1/metrics
}

answers() { [ "$(status_of "$1")" = "$2" ]; }

# within SECONDS COMMAND...: polls until the command succeeds; fails the test when the time is over. The last try begins
# then: one that began before may have taken all of it, on a machine that has much to do.
within() {
    local deadline=$((SECONDS + $1)) label=$1 over=
    shift
    until "$@" >/dev/null 2>&1; do
        [ -z "$over" ] || { echo "not within $label s: $*" >&2 && return 1; }
        [ $SECONDS -lt "$deadline" ] || over=1
        sleep 0.05
    done
}

# seconds COMMAND...: how long the command took; its output goes to the test's log.
seconds() {
    local start end
    start=$(date +%s%3N)
    "$@" >&2 || return
    end=$(date +%s%3N)
    awk -v milliseconds=$((end - start)) 'BEGIN { printf "%.1f", milliseconds / 1000 }'
}

# container NODE prints the id of its container.
container() { docker ps --all --quiet --filter "label=com.docker.compose.project=$(lab_setting LAB_NAME)" --filter "label=com.docker.compose.service=$1"; }

# leftovers prints everything of the lab that Docker knows.
leftovers() {
    local filter
    filter="label=com.docker.compose.project=$(lab_setting LAB_NAME)"
    docker ps --all --quiet --filter "$filter"
    docker network ls --quiet --filter "$filter"
    docker volume ls --quiet --filter "$filter"
}

# size_mb IMAGE...: megabytes of them together, layers they share counted once.
size_mb() {
    for image in "$@"; do
        docker history --no-trunc --human=false --format '{{.CreatedAt}} {{.Size}} {{.CreatedBy}}' "$image"
    done | sort -u | awk '{ sum += $2 } END { printf "%.1f", sum / 1e6 }'
}

# memory_mib: what all machines of the lab hold now.
memory_mib() {
    docker ps --quiet --filter "label=com.docker.compose.project=$(lab_setting LAB_NAME)" | xargs docker stats --no-stream \
        --format '{{.MemUsage}}' | awk '{ value = $1 + 0; if ($1 ~ /GiB/) value *= 1024; if ($1 ~ /KiB/) value /= 1024
            if ($1 ~ /[0-9]B/) value /= 1048576; sum += value } END { printf "%.0f", sum }'
}

# figure REPORT NAME VALUE UNIT BOUND: see tests/lib/figure; the row also shows among the results.
figure() {
    local row status=0
    row=$(tests/lib/figure "$@") || status=$?
    echo "# $row" >&3
    return "$status"
}
