#!/usr/bin/env bats
# The README's commands in a clean clone, in a folder whose name has spaces, read from the README itself.

load ../lib/lab

# Inside this tree, because the engine must find the clone under the same path as we do.
CLONE="$PWD/.lab/a clean clone"

setup_file() {
    make down
    rm -rf "$CLONE"
    git clone --quiet --no-hardlinks . "$CLONE"
    # What was found out about this machine's networks, as a second start would have it.
    [ ! -f .env ] || cp .env "$CLONE/"
}

teardown_file() {
    make down
    rm -rf "$CLONE"
}

# command N prints the Nth command of the section "Start".
readme_command() { sed -n '/^## Start/,/^## What to do/s/^    \(make .*\)/\1/p' README.md | sed -n "$1p"; }

@test "the README has three commands to start with" {
    assert_equal "$(readme_command 1)" "make stage-0"
    assert_equal "$(readme_command 3)" "make down"
}

@test "the first brings the stage up and says what to open" {
    cd "$CLONE"
    run bash -c "$(readme_command 1)"
    assert_success
    assert_output --partial "Open   http://localhost:$(lab_setting HTTP_PORT)/"
    refute_output --partial "failed"
}

@test "the second prints a page that comes from MySQL" {
    cd "$CLONE"
    run bash -c "$(readme_command 2)"
    assert_success
    assert_output --partial "HTTP/1.1 200 OK"
    assert_output --partial "X-DB-Role: primary"
    assert_output --partial "X-Served-By: server-1"
    assert_output --partial "Enamel Mug, 350 ml, Forest Green"
}

@test "each thing to try that was printed works" {
    cd "$CLONE"
    make stage-0 >"$BATS_TEST_TMPDIR/printed"
    sed -n "s/^  \(make [^ ]*\( NODE=[^ ]* CMD='[^']*'\)\{0,1\}\).*/\1/p" "$BATS_TEST_TMPDIR/printed" >"$BATS_TEST_TMPDIR/commands"
    assert [ "$(wc -l <"$BATS_TEST_TMPDIR/commands")" -ge 3 ]
    while read -r command; do
        echo "$command"
        bash -c "$command" </dev/null
    done <"$BATS_TEST_TMPDIR/commands"
    make run NODE=server-1 CMD='s6-svc -u /run/s6/shopd'
}

@test "the third leaves nothing" {
    cd "$CLONE"
    run bash -c "$(readme_command 3)"
    assert_success
    assert_equal "$(leftovers)" ""
}

@test "nothing that the lab made is seen by git" {
    cd "$CLONE"
    assert_equal "$(git status --porcelain)" ""
}
