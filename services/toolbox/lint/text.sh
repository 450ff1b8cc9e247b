# shellcheck shell=bash
# Rules for what stands in a file, whatever its language. Sourced by lint. Every function takes files and prints what is
# wrong with them. Patterns are written in two parts, so that no file breaks the rule it states.

MAX_LINES=500

# none_matches PATTERN FILE...: grep finds nothing; a grep that fails is a failure too.
none_matches() {
    local status=0
    grep -nHE -e "$@" || status=$?
    [ $status -eq 1 ]
}

# What is left for later is an issue, not a comment.
no_promises() {
    none_matches '\<(TO''DO|FIX''ME|X''XX)\>' "$@"
}

unix_endings() {
    local file status=0
    for file in "$@"; do
        # A substitution drops the last newline: something is left of the last byte if it was none.
        if [ -n "$(tail -c 1 "$file")" ]; then
            echo "$file: no newline at its end"
            status=1
        fi
        if grep -q $'\r$' "$file"; then
            echo "$file: lines end with CR LF"
            status=1
        fi
    done
    return $status
}

# A file that is too long holds two ideas.
short_files() {
    local file lines status=0
    for file in "$@"; do
        lines=$(wc -l <"$file")
        if [ "$lines" -gt $MAX_LINES ]; then
            echo "$file: $lines lines, more than $MAX_LINES"
            status=1
        fi
    done
    return $status
}

# Packages come from where the machine gets its own: a classroom's mirror is followed everywhere.
no_archive_hosts() {
    local debian='(deb|ftp|security|snapshot|archive)[a-z.]*\.deb''ian'
    local systems='archive\.ubu''ntu\.|download\.dock''er'
    local languages='registry\.np''mjs|py''pi\.org|python''hosted\.org|proxy\.gol''ang'
    none_matches "$debian|$systems|$languages" "$@"
}
