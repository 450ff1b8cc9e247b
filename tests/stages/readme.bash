# shellcheck shell=bash
# What the README of a stage says, for readme-N.bats. STAGE is its number, README its file, QUESTIONS what it lists.

load ../lib/lab

README=$(echo compose/"$STAGE"-*/README.md)

# blocks DIR: writes the README's indented blocks to DIR, one file each, numbered; ends at the last section.
blocks() {
    awk -v dir="$1" '
        /^## The files/ { exit }
        /^    / { if (!inside) { n++; inside = 1 } print substr($0, 5) >(dir "/" sprintf("%02d", n)); next }
        { inside = 0 }' "$README"
}

# run_blocks LEAST: every block of commands runs, and there are at least so many.
run_blocks() {
    local block count=0
    blocks "$BATS_TEST_TMPDIR"
    for block in "$BATS_TEST_TMPDIR"/[0-9]*; do
        # A learner has chosen none; here another lab may be beside this one.
        LAB_NAME=$(lab_setting LAB_NAME) run bash -e "$block" </dev/null
        cat "$block" && assert_success
        count=$((count + 1))
    done
    echo "# $count blocks of commands" >&3
    assert [ "$count" -ge "$1" ]
}

# questions: the ids of those that this stage can show.
questions() {
    grep -lE "^Stages: (.* )?$STAGE( |\$)" exercises/questions/*.*.md | sed 's|.*/||; s|\.md$||'
}

# ask_all: everything that proves them is seen. Those that the README lists are among them.
ask_all() {
    local id count=0
    for id in "${QUESTIONS[@]}"; do
        run questions
        assert_line "$id"
    done
    for id in $(questions); do
        run make --no-print-directory ask Q="$id"
        assert_success
        assert_output --regexp "Seen: [1-9][0-9]* of [1-9][0-9]*, on stage $STAGE\."
        count=$((count + 1))
    done
    echo "# $count questions" >&3
}

# lists_all: the README has them, in their own words.
lists_all() {
    local id words
    for id in "${QUESTIONS[@]}"; do
        words=$(sed "s/^# $id //; q" "exercises/questions/$id.md")
        run grep -Fx "| [$id](../../exercises/questions/$id.md) | $words |" "$README"
        assert_success
    done
}
