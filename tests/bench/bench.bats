#!/usr/bin/env bats
# The bench itself: everything runs once, in short; what must be zero is zero; ratios are for the long run. Nothing stays.

bats_require_minimum_version 1.5.0

setup() { load '../lib/lab'; }

# One quick run for all tests; their setup is too late for it.
setup_file() {
    load '../lib/lab'
    local status=0
    rm -f results/bench-quick.json
    QUICK=1 make --no-print-directory bench >"$BATS_FILE_TMPDIR/output" 2>&1 || status=$?
    echo $status >"$BATS_FILE_TMPDIR/status"
}

# rows FILTER prints what jq finds in each row; fails where there is no report.
rows() { jq --raw-output ".rows[] | $1" results/bench-quick.json; }

bench_leftovers() {
    docker ps --all --quiet --filter label=com.docker.compose.project=webstack-bench
    docker network ls --quiet --filter label=com.docker.compose.project=webstack-bench
    docker volume ls --quiet --filter label=com.docker.compose.project=webstack-bench
}

@test "a quick run ends well, with the table and where the JSON is" {
    cat "$BATS_FILE_TMPDIR/output"
    assert_equal "$(cat "$BATS_FILE_TMPDIR/status")" 0
    run grep -F 'The same as JSON: results/bench-quick.json' "$BATS_FILE_TMPDIR/output"
    assert_success
}

@test "every goal is a row with its bound" {
    run rows 'select(.bound != null) | .at'
    assert_success
    assert_equal "${#lines[@]}" 16
    refute_line null
}

@test "every row was measured; only the long fuzzing may wait" {
    run rows 'select(.value == null and (.name | startswith("decoder fuzzed") | not)) | "\(.name): \(.note)"'
    assert_success
    refute_output
}

@test "nothing hung and nothing failed, of many" {
    run rows 'select(.unit == "" and .bound == 0) | "\(.value) \(.n >= 100)"'
    assert_output $'0 true\n0 true\n0 true'
}

@test "what is known to hang is seen to hang" {
    run rows 'select(.name | startswith("the same with libfcgi as documented")) | .value'
    assert_output 32
}

@test "a quick run judges no ratio" {
    run rows 'select(.unit == "×") | .ok'
    assert_success
    refute_line --regexp 'true|false'
}

@test "nothing of it stays" {
    assert_equal "$(bench_leftovers)" ""
}

@test "Ctrl-C in the middle leaves nothing, and says so" {
    run python3 tests/lib/interrupt.py \
        'docker top webstack-bench-load-1 | grep -q wrk' \
        env QUICK=1 make --no-print-directory bench
    assert_success
    nothing_stays() { [ -z "$(bench_leftovers)" ]; }
    within 20 nothing_stays
    assert_equal "$(bench_leftovers)" ""
}

@test "a name that no measure has is an error that lists them" {
    run env ONLY=nothing-like-it tests/bench/bench
    assert_failure
    assert_output --partial 'error: no measure is called like ONLY=nothing-like-it; there are: hello,'
}

@test "numbers: intervals, verdicts, tables" {
    run env PYTHONPATH=tests/bench python3 -B -m unittest --quiet tests/bench/test_measure.py
    assert_success
}
