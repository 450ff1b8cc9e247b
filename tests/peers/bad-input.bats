#!/usr/bin/env bats
# What strangers may send, on shopd's own socket and through Nginx. The tables of what is sent and what it must lead to
# are abuses.py and web_abuse.py; each row is a test here: the outcome, the counter, and a neighbour who does not notice.

load lab

setup_file() { start_peers; }
teardown_file() { stop_peers; }

# rows SCRIPT: the names of its rows, read once.
rows() {
    local list=$BATS_RUN_TMPDIR/$1
    [ -s "$list" ] || python3 -B "tests/peers/$1.py" names >"$list"
    cat "$list"
}

abused() { client "$1.py" one "$2"; }

while IFS= read -r name; do
    bats_test_function --description "socket: $name" -- abused abuse "$name"
done < <(rows abuse)

while IFS= read -r name; do
    bats_test_function --description "through Nginx: $name" -- abused web_abuse "$name"
done < <(rows web_abuse)

@test "2,000 rounds of abuse: no memory and no descriptor is lost, and shopd is the same process" {
    started=$(client series.py shopd:9000 process_start_time_seconds)
    run client abuse.py many 2000
    echo "# $output" >&3
    assert_success
    assert_equal "$(client series.py shopd:9000 process_start_time_seconds)" "$started"
}

@test "after all of it: shopd is ready, nothing is in work, nobody is connected who has left" {
    run client abuse.py calm
    assert_success
}
