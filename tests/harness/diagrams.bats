#!/usr/bin/env bats
# The figures of the stages: drawn from the Compose files and the lab's defaults, nothing else, and noticed when stale.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    clone="$BATS_TEST_TMPDIR/a clone"
    mkdir "$clone"
    cp -R compose services "$clone"
    [ ! -d diagrams ] || cp -R diagrams "$clone"
    cd "$clone" || return 1
    diagrams="services/toolbox/bin/diagrams"
}

# check LINE: --check fails and says this, nothing else.
check_says() {
    run "$diagrams" --check
    [ "$status" -eq 1 ]
    [ "$output" = "$1" ]
}

@test "the checked-in figures are those of the Compose files" {
    "$diagrams" --check
}

@test "every stage gets a figure, and then nothing is stale" {
    rm -rf diagrams
    "$diagrams"
    for stage_file in compose/[0-9]*/compose.yaml; do
        stage=$(basename "$(dirname "$stage_file")")
        head -c 4 "diagrams/stage-${stage%%-*}.svg" | grep -q '<svg'
    done
    [ "$(find diagrams -type f | wc -l)" -eq "$(find compose -name compose.yaml | wc -l)" ]
    "$diagrams" --check
}

@test "a figure that is out of date is noticed and left alone" {
    "$diagrams"
    sed -i 's/zone foobar.com/zone of the lab/' compose/0-single/compose.yaml
    cp diagrams/stage-0.svg before.svg
    check_says "error: diagrams/stage-0.svg is stale; run: make diagrams"
    cmp before.svg diagrams/stage-0.svg
    "$diagrams"
    "$diagrams" --check
}

@test "a missing figure is noticed and not made" {
    "$diagrams"
    rm diagrams/stage-0.svg
    check_says "error: diagrams/stage-0.svg is stale; run: make diagrams"
    [ ! -e diagrams/stage-0.svg ]
}

@test "a learner's environment does not change a figure" {
    rm -rf diagrams
    "$diagrams"
    PUBLIC_NET=198.51.100 PRIVATE_NET=10.1 LAB_NAME=mine HTTP_PORT=9080 SERVER_MEMORY=1g SITE_HOST=11 \
        COMPOSE_FILE=other.yaml COMPOSE_PROJECT_NAME=other "$diagrams" --check
}

@test "a learner's .env does not change a figure, wherever it lies" {
    rm -rf diagrams
    "$diagrams"
    for folder in . compose compose/0-single services/server; do
        printf '%s\n' PUBLIC_NET=198.51.100 LAB_NAME=mine HTTP_PORT=9080 SERVER_MEMORY=1g >"$folder/.env"
    done
    "$diagrams" --check
}

@test "the lab's own defaults do" {
    "$diagrams"
    sed -i 's/^PUBLIC_NET=.*/PUBLIC_NET=198.51.100/' compose/lab.env
    run "$diagrams" --check
    [ "$status" -eq 1 ]
}

@test "the figure does not depend on where the clone lies" {
    rm -rf diagrams
    "$diagrams"
    mkdir ../b
    cp -R compose services ../b
    (cd ../b && "$diagrams")
    cmp diagrams/stage-0.svg ../b/diagrams/stage-0.svg
    run ! grep -Fq "$BATS_TEST_TMPDIR" diagrams/stage-0.svg
}

@test "a stage that cannot be drawn is an error and its old figure stays" {
    "$diagrams"
    cp diagrams/stage-0.svg before.svg
    sed -i 's/lab.kind: server/lab.kind: unknown/' compose/0-single/compose.yaml
    run "$diagrams"
    [ "$status" -eq 1 ]
    [[ "$output" = *"error: compose/0-single/compose.yaml cannot be drawn" ]]
    cmp before.svg diagrams/stage-0.svg
    [ "$(find diagrams -type f | wc -l)" -eq "$(find compose -name compose.yaml | wc -l)" ]
}

@test "a tree without stages is an error" {
    rm -r compose/*/
    run "$diagrams" --check
    [ "$status" -eq 1 ]
    [ "$output" = "error: no stage here: compose/N-name/compose.yaml" ]
}
