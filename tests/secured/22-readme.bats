#!/usr/bin/env bats
# What the pages of the services say about TLS comes with commands: each is run here, as it stands there.

bats_require_minimum_version 1.5.0
load ../lib/lab

# Some of them leave a certificate that has ended.
teardown() { make renew-cert; }

# commands FILE SECTION: the lines of commands below that heading.
commands() {
    awk -v section="## $2" '/^#/ { inside = ($0 == section || "#" $0 == section) } inside && /^    make / { print substr($0, 5) }' "$1"
}

# run_commands LEAST FILE SECTION: each of them runs and says something, and there are at least so many.
run_commands() {
    commands "$2" "$3" >"$BATS_TEST_TMPDIR/commands"
    while IFS= read -r command <&4; do
        echo "$command"
        run bash -ec "$command" </dev/null
        assert_success
        assert [ -n "$output" ]
    done 4<"$BATS_TEST_TMPDIR/commands"
    assert [ "$(wc -l <"$BATS_TEST_TMPDIR/commands")" -ge "$1" ]
}

@test "the authority's page" {
    run_commands 3 services/ca/README.md "Who has which file"
    run_commands 3 services/ca/README.md Renew
    run_commands 1 services/ca/README.md "Your own browser"
}

@test "HAProxy's page, and its machine's" {
    run_commands 5 services/haproxy/README.md TLS
    run_commands 2 services/balancer/README.md "The certificate"
}
