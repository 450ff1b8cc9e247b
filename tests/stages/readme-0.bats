#!/usr/bin/env bats
# Everything that stage 0's README says comes with a command: each is run here, as it stands there.

load ../lib/lab

README=compose/0-single/README.md

setup_file() {
    make down
    make stage-0
}

teardown_file() { make down; }

# blocks DIR: writes the README's indented blocks to DIR, one file each, numbered; ends at the last section.
blocks() {
    awk -v dir="$1" '
        /^## The files/ { exit }
        /^    / { if (!inside) { n++; inside = 1 } print substr($0, 5) >(dir "/" sprintf("%02d", n)); next }
        { inside = 0 }' "$README"
}

@test "every command of the README does what it says, or at least runs" {
    blocks "$BATS_TEST_TMPDIR"
    count=0
    for block in "$BATS_TEST_TMPDIR"/[0-9]*; do
        # The one command that must fail: there is no HTTPS in this stage.
        if grep -q 'https://' "$block"; then
            run bash "$block"
            assert_output --partial "Failed to connect"
            assert_output --partial "Cookie: secret=4711"
        else
            run bash -e "$block" </dev/null
            cat "$block" && assert_success
        fi
        count=$((count + 1))
    done
    echo "# $count blocks of commands" >&3
    assert [ "$count" -ge 20 ]
}

@test "all questions of the stage are answered" {
    # A heading is "**Q.2, 0.6 What does …": the ids come first.
    grep -oE '^\*\*([Q0]\.[0-9]+,? )+' "$README" | tr -d '*,' | tr ' ' '\n' >"$BATS_TEST_TMPDIR/answered"
    for id in Q.{1..7} 0.{1..10}; do
        run grep -Fx "$id" "$BATS_TEST_TMPDIR/answered"
        assert_success
    done
}
