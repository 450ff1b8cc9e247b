# The tests of stage 3 share one stage, up before the first of them and gone after the last.

setup_suite() {
    cd "$(git -C "$BATS_TEST_DIRNAME" rev-parse --show-toplevel)" || return
    make down
    make stage-3
}

teardown_suite() { make down; }
