#!/usr/bin/env bats
# make ask where it has nothing to show: it says so in one line, and what to do. What it shows: tests/stages.

load ../lib/lab

setup_file() { make down; }

ask() { run make --no-print-directory ask "$@"; }

# copy_of_the_tree: what make ask needs, in a folder of its own, for tests that change it.
copy_of_the_tree() {
    mkdir -p "$BATS_TEST_TMPDIR/a copy"
    cp -R Makefile services compose exercises "$BATS_TEST_TMPDIR/a copy/"
    cd "$BATS_TEST_TMPDIR/a copy" || return
}

@test "without a question: all of them, with ids and stages" {
    ask
    assert_success
    for id in Q.{1..7} 0.{1..10}; do
        assert_line --regexp "^  ${id/./\\.} +0[ 0-9]*  [A-Z]"
    done
    # In the order in which they are asked: 0.10 after 0.9.
    assert_equal "$(grep -oE '^  (Q|0)\.[0-9]+' <<<"$output" | xargs)" "$(echo Q.{1..7} 0.{1..10})"
}

@test "a question that is not there: its neighbours" {
    ask Q=0.11
    assert_failure
    assert_line "error: there is no question 0.11; there are $(echo 0.{1..10})"
    ask Q=q.9
    assert_line "error: there is no question q.9; there are $(echo Q.{1..7})"
    for id in whatever '../0.1' '*' '.'; do
        ask Q="$id"
        assert_failure
        assert_line "error: there is no question $id; there are $(echo Q.{1..7} 0.{1..10} 1.{1..8} 2.{1..9} 3.{1..6})"
    done
}

@test "no stage is up: the answer, and how to see it" {
    ask Q=0.3
    assert_failure
    assert_line "0.3 Which record type is \`www\` in www.foobar.com, and why that one?"
    assert_line --partial "An A record: a name and its IPv4 address."
    assert_line "error: no stage is up, so nothing was shown"
    assert_line "       Start one that shows it:  make stage-0"
}

@test "a stage that cannot show it: those that can" {
    real=$(command -v docker)
    fake=$BATS_TEST_TMPDIR/fake
    mkdir "$fake"
    printf '#!/bin/bash\ncase "$*" in "ps --all"*) echo compose/4-later/compose.yaml ;; *) exec %s "$@" ;; esac\n' "$real" >"$fake/docker"
    chmod +x "$fake/docker"
    PATH="$fake:$PATH" ask Q=Q.7
    assert_failure
    assert_line "error: stage 4 does not show this; shown in stage 0, 1, 2, 3"
    assert_line "       Start one that does:  make stage-0"
}

@test "a question that is not written as it should be" {
    copy_of_the_tree
    sed -i '/^Look for/d' exercises/questions/0.3.md
    ask Q=0.3
    assert_failure
    assert_line "error: this question is not written as it should be"
    assert_line --partial "nothing to look for in stage 0"
}
