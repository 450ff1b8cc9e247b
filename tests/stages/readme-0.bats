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
        run bash -e "$block" </dev/null
        cat "$block" && assert_success
        count=$((count + 1))
    done
    echo "# $count blocks of commands" >&3
    assert [ "$count" -ge 11 ]
}

# questions: the ids of those that this stage shows, and of those that it has to.
questions() {
    {
        printf '%s\n' Q.{1..7} 0.{1..10}
        grep -lE '^Stages: (.* )?0( |$)' exercises/questions/*.*.md | sed 's|.*/||; s|\.md$||'
    } | sort -u
}

@test "all questions of the stage are answered, and all of their evidence is seen" {
    count=0
    for id in $(questions); do
        run make --no-print-directory ask Q="$id"
        assert_success
        assert_output --regexp "Seen: [1-9][0-9]* of [1-9][0-9]*, on stage 0\."
        count=$((count + 1))
    done
    echo "# $count questions" >&3
}

@test "the README lists the questions of the stage, in their own words" {
    for id in Q.{1..7} 0.{1..10}; do
        words=$(sed "s/^# $id //; q" "exercises/questions/$id.md")
        run grep -Fx "| [$id](../../exercises/questions/$id.md) | $words |" "$README"
        assert_success
    done
}

@test "evidence that is not there is missed" {
    on server-1 "s6-svc -wd -d /run/s6/shopd"
    run make --no-print-directory ask Q=0.5
    assert_failure
    assert_line --partial "NOT SEEN: made for this request alone"
    assert_line "error: only 0 of 3 things were seen"
    on server-1 "s6-svc -wU -u /run/s6/shopd"
    run make --no-print-directory ask Q=0.5
    assert_success
}

@test "a machine that does not run is no reason to stop, and fails" {
    docker stop "$(container client)"
    run make --no-print-directory ask Q=Q.3
    assert_failure
    assert_line --partial "there is no running machine client"
    assert_line "error: only 0 of 3 things were seen"
    docker start "$(container client)"
    within 30 answers /products/1 200
}
