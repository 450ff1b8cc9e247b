#!/usr/bin/env bats
# The catalogue, from the visitor's machine through Nginx: searching, browsing by kind, what browsers may keep, and flags.

load visitor.bash

teardown() { sql "UPDATE flags SET enabled = TRUE"; }

sql() { on server-1 "mysql -N shop -e $(quoted "$1")"; }

# search WORDS [CURL OPTIONS]: the page; found WORDS [PAGE]: what the API says.
search() { on_client curl --silent --max-time 5 --get --data-urlencode "q=$1" "${@:2}" "$SITE/search"; }
found() { on_client curl --silent --max-time 5 --get --data-urlencode "q=$1" --data-urlencode "page=${2:-1}" "$SITE/api/v1/search"; }

# header NAME: its value, out of an answer with its header on standard input.
header() { sed -n "s/^$1: \(.*\)\r$/\1/ip"; }

# switch FLAG TRUE|FALSE, and wait until shopd has seen it.
switch() {
    local seen=0
    [ "$2" = FALSE ] || seen=1
    sql "UPDATE flags SET enabled = $2 WHERE name = '$1'"
    is_switched() { [ "$(metric "shopd_flag{flag=\"$1\"}")" = "$2" ]; }
    within 20 is_switched "$1" "$seen"
}

# --- Searching --------------------------------------------------------------------------------------------------

@test "a search finds all products with all its words, whatever their case and accents" {
    for words in "enamel mug" "MUG" "creme brulee" "Café" "三徳" "knife handle"; do
        where=TRUE
        for word in $words; do where="$where AND CONCAT(name, ' ', description) LIKE '%$word%'"; done
        expected=$(sql "SELECT COUNT(*) FROM products WHERE $where")
        assert [ "$expected" -gt 0 ]
        assert_equal "$words: $(found "$words" | jq .total)" "$words: $expected"
    done
    # The beginning of a word is enough, the middle of it is not.
    assert_equal "$(found "ename mu" | jq .total)" "$(found "enamel mug" | jq .total)"
    assert_equal "$(found "namel" | jq .total)" 0
}

@test "the best come first: the word in the name, and as it was typed" {
    run found wood
    names=$(jq -r '.products[].name' <<<"$output")
    assert_equal "$(head -n 1 <<<"$names" | grep -cw Wood)" 1
    # Once one without the very word has come, none with it comes any more.
    assert_equal "$(grep -nw Wood <<<"$names" | tail -n 1 | cut -d: -f1)" "$(grep -cw Wood <<<"$names")"
    pages=$(jq .pages <<<"$output")
    with=$(for n in $(seq "$pages"); do found wood "$n" | jq -r '.products[] | .name | test("wood"; "i")'; done | uniq)
    assert_equal "$with" $'true\nfalse'
}

@test "hits are marked, on the page and for programs" {
    run search "mug enamel"
    assert_output --partial '<a href="/products/1"><mark>Enamel</mark> <mark>Mug</mark>, 350 ml, Forest Green</a>'
    assert_output --partial 'value="mug enamel"'
    run found brulee
    assert_equal "$(jq -c '.products[0].highlights.name[] | select(.hit).text' <<<"$output")" '"Brûlée"'
    # The pieces are the text again.
    assert_equal "$(jq -c '.products[] | [.highlights.name, .highlights.description] | map(map(.text) | add)' <<<"$output")" \
        "$(jq -c '.products[] | [.name, .description]' <<<"$output")"
}

@test "what is found is paged, each product once" {
    total=$(found handle | jq .total)
    pages=$(found handle | jq .pages)
    assert [ "$pages" -gt 1 ]
    ids=$(for n in $(seq "$pages"); do found handle "$n" | jq '.products[].id'; done)
    assert_equal "$(sort -un <<<"$ids" | wc -l)" "$total"
    assert_equal "$(wc -l <<<"$ids")" "$total"
    run search "handle"
    assert_output --partial 'href="?q=handle&amp;page=2"'
    assert_equal "$(status_of "/search?q=handle&page=2")" 200
    assert_equal "$(status_of "/search?q=handle&page=$((pages + 1))")" 404
    assert_equal "$(status_of "/search?q=handle&page=0")" 404
    assert_equal "$(status_of "/search?q=handle&page=x")" 400
    run on_client curl --silent "$SITE/search?q=tea+%26+t%C3%A9&page=1"
    assert_output --partial 'value="tea &amp; té"'
}

@test "nothing, too little, short words, too much" {
    run page /search -i
    assert_output --partial "HTTP/1.1 200"
    assert_output --partial '<form class="search" role="search" action="/search">'
    refute_output --partial "products for"
    run search "+-*/ ()"
    assert_output --partial "Please type a word"
    assert_equal "$(found "" | jq -c '[.asked, .products]')" '[false,null]'
    # A letter or digit by itself is a word of its own, not the beginning of all that begin with it.
    assert_equal "$(found "5 l" | jq .total)" "$(sql "SELECT COUNT(*) FROM products WHERE REGEXP_LIKE(CONCAT(name, ' ', description), '\\\\b5\\\\b') AND REGEXP_LIKE(CONCAT(name, ' ', description), '\\\\bl\\\\b')")"
    # And a frequent one is a word like others.
    assert_equal "$(found "the mug" | jq .total)" "$(sql "SELECT COUNT(*) FROM products WHERE REGEXP_LIKE(CONCAT(name, ' ', description), '\\\\bthe') AND REGEXP_LIKE(CONCAT(name, ' ', description), '\\\\bmug')")"
    run search "nosuchword"
    assert_output --partial 'No products for “nosuchword”.'
    hundred=$(printf '%0100d' 0)
    assert_equal "$(search "$hundred" --output /dev/null --write-out '%{http_code}')" 200
    run search "${hundred}0" -i
    assert_output --partial "HTTP/1.1 400"
    assert_output --partial "at most 100 characters"
    assert_equal "$(found "${hundred}0" | jq .status)" 400
}

@test "operators of MySQL are nothing but what is between words" {
    mugs=$(found mug | jq .total)
    for query in "+mug" "mug*" "(mug)" "\"mug\"" ">mug" "~mug" "-mug" "mug -mug" "@mug" "mug;" "mug'" "mug\\" "%mug_%" "mug\") --"; do
        case $query in *_*) expected=0 ;; *) expected=$mugs ;; esac
        assert_equal "$query: $(found "$query" | jq .total)" "$query: $expected"
    done
}

@test "SQL is searched for, not run" {
    before=$(sql "CHECKSUM TABLE products, flags")
    for query in "' OR 1=1 -- " "'; DROP TABLE products; --" '") UNION SELECT user, authentication_string FROM mysql.user -- ' \
        "mug' IN BOOLEAN MODE) OR SLEEP(3) -- " "\\'; DELETE FROM flags; #" "%' OR '%'='"; do
        run found "$query"
        # Those that have all its words, "or" for one. What runs would find all, or tell how somebody logs in.
        assert [ "$(jq .total <<<"$output")" -lt 1000 ]
        refute_output --partial "\$A\$005"
    done
    # Not in the other parameters either.
    assert_equal "$(status_of "/search?q=mug&page=1%20OR%201=1")" 400
    assert_equal "$(status_of "/products?category=Books'%20OR%20'1'='1")" 404
    assert_equal "$(status_of "/products/1%20OR%201=1")" 404
    assert_equal "$(sql "CHECKSUM TABLE products, flags")" "$before"
}

@test "whatever is typed is answered" {
    # shellcheck disable=SC2016 # for the shell there
    run on_client bash -c 'for i in $(seq 300); do
        q=$(head -c 12 /dev/urandom | od -An -tu1 | awk "BEGIN { s = \"+-><()~*\\\"@%_\\\\ .,;'"'"'&=abc019\" } { for (i = 1; i <= NF; i++) printf \"%s\", substr(s, \$i % length(s) + 1, 1) }")
        curl --silent --max-time 5 --get --data-urlencode "q=$q" --output /dev/null --write-out "%{http_code} $q\n" '"$SITE"'/search
    done | grep -v "^200 " || true'
    assert_output ""
}

@test "what was typed is shown as text" {
    for query in '<script>alert(1)</script>' '"><img src=x onerror=alert(1)>' "' autofocus onfocus=alert(1) x='" '{{request_id}}' '</title><svg onload=alert(1)>'; do
        run search "$query"
        assert_output --partial "<h1>Search</h1>"
        refute_output --partial "<script>alert"
        refute_output --partial "<img src=x"
        refute_output --partial "<svg"
        refute_output --partial "onfocus=alert(1) x='"
    done
    # The link to the next page, too.
    run search 'handle"<'
    assert_output --partial 'href="?q=handle%22%3C&amp;page=2"'
}

# --- By kind ----------------------------------------------------------------------------------------------------

@test "the list can be of one kind" {
    expected=$(sql "SELECT COUNT(*) FROM products WHERE category = 'Books'")
    assert_equal "$(page "/api/v1/products?category=Books" | jq .total)" "$expected"
    run page "/products?category=Books"
    assert_output --partial "<h1>Books</h1>"
    assert_output --partial 'href="?category=Books&amp;page=2"'
    refute_output --partial '<p class="kind">Toys'
    assert_equal "$(page "/api/v1/products?category=Books&page=2" | jq '[.products[].category] | unique[]')" '"Books"'
    assert_equal "$(status_of "/products?category=Nothing")" 404
    assert_equal "$(status_of "/products?category=")" 404
}

@test "a product more is counted within a second or two, on every list" {
    counts() { page "/api/v1/products?page=$1" | jq -e ".total == $2" && page / | grep -q "$2"; }
    assert counts 1 1000
    sql "INSERT INTO products (id, sku, name, category, description, price_cents, stock)
        SELECT 5000, 'NEW-1', name, category, description, price_cents, stock FROM products WHERE id = 1"
    within 3 counts 1 1001
    within 3 counts 51 1001
    sql "DELETE FROM products WHERE id = 5000"
    within 3 counts 1 1000
    assert_equal "$(status_of '/products?page=51')" 404
}

@test "a product's page has more of its kind, if the flag is on" {
    run page /products/1
    assert_output --partial '<h2 id="more">More of this kind</h2>'
    assert_output --partial 'href="/products?category=Kitchen"'
    assert_equal "$(grep -c '<li class="card">' <<<"$output")" 4
    assert_equal "$(grep -c '<p class="kind">Kitchen' <<<"$output")" 5
    refute_output --partial '<a href="/products/1">'
    # Also of the last of its kind: the first ones.
    last=$(sql "SELECT MAX(id) FROM products WHERE category = 'Kitchen'")
    assert_equal "$(page "/products/$last" | grep -c '<li class="card">')" 4
    switch recommendations FALSE
    run page /products/1
    assert_output --partial "<h1>"
    refute_output --partial "More of this kind"
    switch recommendations TRUE
    assert_equal "$(page /products/1 | grep -c '<li class="card">')" 4
}

@test "the search can be switched off, and on again" {
    run page /products
    assert_output --partial 'action="/search"'
    switch search FALSE
    run page "/search?q=mug" -i
    assert_output --partial "HTTP/1.1 503"
    assert_output --partial "The search is switched off"
    assert_equal "$(found mug | jq .status)" 503
    run page /products -i
    assert_output --partial "HTTP/1.1 200"
    refute_output --partial 'action="/search"'
    switch search TRUE
    assert_equal "$(status_of "/search?q=mug")" 200
}

# --- What browsers may keep ---------------------------------------------------------------------------------------

@test "a page has a tag, which is not that of the request; who has it gets 304" {
    for path in / /products "/products?page=2" /products/2 "/search?q=mug"; do
        etag=$(page "$path" -i | header ETag)
        assert_regex "$etag" '^W/"[0-9a-f]{16}"$'
        assert_equal "$(page "$path" -i | header ETag)" "$etag"
        run page "$path" -i -H "'If-None-Match: $etag'"
        assert_output --partial "HTTP/1.1 304"
        refute_output --partial "<html"
        assert_equal "$(header ETag <<<"$output")" "$etag"
        assert_equal "$(header Cache-Control <<<"$output")" "public, max-age=0, must-revalidate"
        assert_equal "$(header Vary <<<"$output")" "Cookie"
        run page "$path" -i -H "'If-None-Match: \"another\"'"
        assert_output --partial "HTTP/1.1 200"
    done
    run page /products/2 -I
    assert_equal "$(header ETag <<<"$output")" "$(page /products/2 -i | header ETag)"
}

@test "the tag changes with the product, and is strong for programs" {
    for path in /products/3 /api/v1/products/3; do
        etag=$(page "$path" -i | header ETag)
        sql "UPDATE products SET stock = stock + 1 WHERE id = 3"
        run page "$path" -i -H "'If-None-Match: $etag'"
        assert_output --partial "HTTP/1.1 200"
        assert [ "$(header ETag <<<"$output")" != "$etag" ]
    done
    assert_regex "$etag" '^"[0-9a-f]{16}"$'
    run page /api/v1/products/3 -i -H "'If-None-Match: $(page /api/v1/products/3 -i | header ETag)'"
    assert_output --partial "HTTP/1.1 304"
}

@test "a page of a visitor with a session is nobody else's, and an error nobody's" {
    browse private /login
    assert [ -n "$(session_of private)" ]
    run browse private /products/2 --header 'If-None-Match: *'
    assert_output --partial "HTTP/1.1 200"
    assert_equal "$(header Cache-Control <<<"$output")" "private, no-store"
    assert_equal "$(header ETag <<<"$output")" ""
    run page /products/4711 -i -H "'If-None-Match: *'"
    assert_output --partial "HTTP/1.1 404"
    assert_equal "$(header ETag <<<"$output")" ""
}

@test "without Redis no answer speaks of a cache, and one question still answers many" {
    run page /products/1 -i
    assert_equal "$(header Cache-Status <<<"$output")" ""
    assert_output --partial "<dt>Cache</dt><dd>none</dd>"
    # A hundred at once, of which each may come when another has just been answered; most do not.
    before=$(metric shopd_lookup_questions_total)
    run on_client curl --silent --parallel --parallel-immediate --parallel-max 60 --output /dev/null --write-out '%{http_code}\n' "$SITE/products/[700-700]?[1-60]"
    assert_equal "$(sort -u <<<"$output")" 200
    asked=$(($(metric shopd_lookup_questions_total) - before))
    echo "# 60 visitors for one product: $asked questions, $(metric shopd_lookup_shared_total) shared so far" >&3
    assert [ "$asked" -le 60 ]
}
