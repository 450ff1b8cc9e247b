#!/usr/bin/env bats
# A real browser goes shopping: tests/browser/visit.mjs, at the width of a phone and of a desk, with JavaScript and without.
# What it saw is kept in results/browser.

load ../lib/lab

# visit WIDTH SCRIPTS: in the lab's public network, where a visitor is.
visit() {
    mkdir -p results/browser
    run docker run --rm --init --network "$(lab_setting LAB_NAME)_public" --shm-size 256m --memory 1500m \
        --cap-drop ALL --security-opt no-new-privileges --env "PUBLIC_NET=$(lab_setting PUBLIC_NET)" \
        --volume "$PWD/results/browser:/results" webstack/browser "$@"
    assert_success
    # Every step was taken: a visit that ends early is not one that went well.
    assert_equal "$(grep -c '^ok ' <<<"$output")" 12
}

@test "a phone, with JavaScript" { visit phone on; }

@test "a phone, without JavaScript" { visit phone off; }

@test "a desk, with JavaScript" { visit desktop on; }

@test "a desk, without JavaScript" { visit desktop off; }
