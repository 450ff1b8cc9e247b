#!/usr/bin/env bats
# What app/API.md says is so: every line of it runs, and gets the status that stands behind it.

load ../lib/lab

# script prints the lines of API.md as a shell script for client. Where one gets another status than is written it says so.
script() {
    echo 'curl() { command curl --write-out "%{stderr}%{http_code}" "$@"; }'
    sed -n 's/^    //p' app/API.md | while read -r line; do
        case $line in
            *'# '[0-9][0-9][0-9])
                printf 'status=$(%s 2>&1 >/dev/null)\n' "${line%#*}"
                printf '[ "$status" = "%s" ] && echo "as written" || printf "%%s instead: %%s\\n" "$status" %q\n' \
                    "${line##*# }" "$line"
                ;;
            *) printf '%s\n' "$line" ;;
        esac
    done
}

@test "every line of API.md gets the status that stands behind it" {
    wanted=$(grep -cE '^    curl .*# [0-9]{3}$' app/API.md)
    [ "$wanted" -gt 15 ]
    run on client "$(script)"
    assert_success
    refute_output --partial "instead"
    assert_equal "$(grep -c 'as written' <<<"$output")" "$wanted"
}

@test "every route of the API is in API.md" {
    missing=
    while read -r pattern; do
        grep -qF "\$API/$pattern" app/API.md || missing="$missing $pattern"
    done < <(sed -n 's|.*X("/api/v1/\([a-z]*\).*|\1|p' app/src/shop.c | sort -u)
    assert_equal "$missing" ""
}
