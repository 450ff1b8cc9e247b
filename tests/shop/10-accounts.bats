#!/usr/bin/env bats
# Accounts, from the visitor's machine through Nginx: sign up, sign in, sign out, and what strangers try.

load visitor.bash

setup_file() { rm -f results/shop-accounts.json; }

# What was tried in vain is remembered, in shopd's memory: the tests that come next begin without it.
teardown_file() {
    on server-1 "s6-svc -wR -r /run/s6/shopd"
    within 30 answers /readyz 200
}

# address NAME: an e-mail address of this run of this test.
address() { echo "$1-$BATS_TEST_NUMBER-$BATS_SUITE_TEST_NUMBER@example.com"; }

# row EMAIL COLUMN: what the table has of an account.
row() { on server-1 "mysql -N shop -e \"SELECT $2 FROM users WHERE email = '$1'\""; }

# without_ids EMAIL: a page without what is another on every page.
without_ids() { content | sed -e "s/$1/EMAIL/g" -e 's/[0-9a-f]\{32\}/ID/g'; }

# --- The happy path ---------------------------------------------------------------------------------------------

@test "who signs up is signed in, and can come back" {
    email=$(address ada)
    run sign_up a "$email" "Ada <b>Lovelace</b>"
    assert_line --partial "HTTP/1.1 303"
    assert_line --regexp '^Location: /.?$'
    run browse a /
    assert_output --partial "Ada &lt;b&gt;Lovelace&lt;/b&gt;"
    refute_output --partial "<b>Lovelace"
    # Another browser, and the address as people write it.
    run sign_in b "${email^^}"
    assert_line --partial "HTTP/1.1 303"
    is_signed_in b
    is_signed_in a
}

@test "the database has a hash with its settings, and no password" {
    email=$(address grace)
    sign_up a "$email"
    run row "$email" password_hash
    assert_output --regexp '^\$argon2id\$v=19\$m=19456,t=2,p=1\$'
    run on server-1 "mysqldump shop users 2>/dev/null || mysql -N shop -e 'SELECT * FROM users'"
    refute_output --partial "$PASSWORD"
}

@test "a form comes back with what was typed and what is wrong, but never with a password" {
    run sign_up a "no address" "" "2short"
    assert_line --partial "HTTP/1.1 422"
    assert_output --partial 'value="no address" aria-invalid="true" aria-describedby="email-fault"'
    for field in email name password; do assert_output --partial "id=\"$field-fault\""; done
    refute_output --partial "2short"
    run sign_in a "no address" "a password that was typed"
    assert_line --partial "HTTP/1.1 422"
    assert_output --partial 'value="no address"'
    refute_output --partial "a password that was typed"
}

@test "one address, one account, however it is written" {
    email=$(address one)
    sign_up a "$email"
    id=$(row "$email" id)
    run sign_up b "${email^^}" Eve "another password"
    assert_line --partial "HTTP/1.1 409"
    assert_output --partial "There is an account with this address already."
    assert_equal "$(row "$email" "COUNT(*), MAX(id), MAX(name)")" "$(printf '1\t%s\tAda Lovelace' "$id")"
    run ! is_signed_in b
}

@test "six who sign up with one address at once make one account" {
    email=$(address race)
    no_cookies race
    csrf=$(token race)
    on client "for i in \$(seq 6); do curl -so /dev/null -w '%{http_code}\n' --max-time 20 -b /tmp/race --data-urlencode email=$email \
        -d csrf=$csrf -d name=N\$i -d password=password\$i $SITE/signup & done; wait" >"$BATS_TEST_TMPDIR/codes"
    assert_equal "$(grep -c 303 "$BATS_TEST_TMPDIR/codes")" 1
    assert_equal "$(row "$email" "COUNT(*)")" 1
}

@test "signing in leads back to where one was going, and only within this site" {
    email=$(address next)
    sign_up a "$email"
    follow() {
        no_cookies n
        run post n /login "email=$email" "password=$PASSWORD" "next=$1"
        assert_line --partial "HTTP/1.1 303"
        assert_line --regexp "^Location: $2.?$"
        assert_equal "$(grep -ci '^location:' <<<"$output")" 1
        refute_line --regexp '^(Set-Cookie: evil|X-Evil)'
    }
    follow /products?page=2 '/products\?page=2'
    for evil in //evil.example https://evil.example 'javascript:alert(1)' '/\evil.example' '\/evil.example' evil.example '' ' /x' '/x y'; do
        follow "$evil" /
    done
    # A line break cannot be typed into --data-urlencode: it is sent as it would be smuggled.
    no_cookies n
    csrf=$(token n)
    run browse n /login -d "csrf=$csrf&email=$email&password=${PASSWORD// /+}&next=/x%0d%0aX-Evil:+1%0d%0aSet-Cookie:+evil=1"
    refute_line --regexp '^(Set-Cookie: evil|X-Evil)'
    run browse n '/login?next=/x%0d%0aX-Evil:+1'
    assert_line --partial "HTTP/1.1 400"
    refute_line --regexp '^X-Evil'
    no_cookies n
    run browse n '/login?next=//evil.example"><script>alert(1)</script>'
    refute_output --partial "<script>"
}

@test "who is signed in is not asked again" {
    sign_up a "$(address again)"
    for form in /login /signup; do
        run browse a "$form?next=/products"
        assert_line --partial "HTTP/1.1 303"
        assert_line --regexp '^Location: /products.?$'
    done
}

# --- Sessions ---------------------------------------------------------------------------------------------------

@test "the cookie: for this site, not for scripts, not for others' forms" {
    no_cookies c
    run browse c /login
    assert_line --regexp '^Set-Cookie: session=[0-9a-f]{32}; Path=/; HttpOnly; SameSite=Lax.?$'
}

@test "an id from before signing in is worth nothing afterwards" {
    email=$(address fixation)
    sign_up a "$email"
    # An attacker begins a session and plants its id in the browser of somebody else.
    no_cookies attacker
    browse attacker /login
    planted=$(session_of attacker)
    assert [ ${#planted} -eq 32 ]
    on client "cp /tmp/attacker /tmp/victim"
    post victim /login "email=$email" "password=$PASSWORD"
    is_signed_in victim
    refute [ "$(session_of victim)" = "$planted" ]
    run ! is_signed_in attacker
    # Nor is an id of one's own invention taken.
    invented=0123456789abcdef0123456789abcdef
    no_cookies own
    run browse own /login --cookie "session=$invented"
    assert_line --regexp '^Set-Cookie: session='
    refute_output --partial "$invented"
}

@test "signing out ends the session, also for who has kept its cookie" {
    sign_up a "$(address out)"
    on client "cp /tmp/a /tmp/copy"
    is_signed_in copy
    # A link does not do it, nor does another site's form.
    run browse a /logout
    assert_line --partial "HTTP/1.1 200"
    is_signed_in a
    run post a /logout
    assert_line --partial "HTTP/1.1 303"
    assert_line --regexp '^Set-Cookie: session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0'
    run ! is_signed_in a
    run ! is_signed_in copy
}

@test "who signs in over somebody else does not get their cart" {
    first=$(address first) second=$(address second)
    sign_up a "$first"
    sign_up b "$second"
    csrf=$(browse a /api/v1/session | content | jq -r .csrf)
    run browse a /api/v1/session --header "X-CSRF-Token: $csrf" --json "{\"email\":\"$second\",\"password\":\"$PASSWORD\"}"
    assert_line --partial "HTTP/1.1 201"
    assert_equal "$(content <<<"$output" | jq -r .cart_count)" 0
}

# --- Who exists? ------------------------------------------------------------------------------------------------

@test "a wrong password and an unknown account: the same answer, after the same work" {
    known=$(address known) unknown=$(address unknown)
    sign_up a "$known"
    before=$(metric 'shopd_password_hashes_total{purpose="verify"}')
    sign_in w "$known" "not the password" >"$BATS_TEST_TMPDIR/known"
    middle=$(metric 'shopd_password_hashes_total{purpose="verify"}')
    sign_in w "$unknown" "not the password" >"$BATS_TEST_TMPDIR/unknown"
    after=$(metric 'shopd_password_hashes_total{purpose="verify"}')
    assert_equal "$((middle - before))" 1
    assert_equal "$((after - middle))" 1
    assert_equal "$(status <"$BATS_TEST_TMPDIR/known")" 422
    assert_equal "$(status <"$BATS_TEST_TMPDIR/unknown")" 422
    run diff <(without_ids "$known" <"$BATS_TEST_TMPDIR/known") <(without_ids "$unknown" <"$BATS_TEST_TMPDIR/unknown")
    assert_success
    # The control: another answer is another page.
    run diff <(without_ids "$known" <"$BATS_TEST_TMPDIR/known") <(sign_in w "$unknown" "" | without_ids "$unknown")
    assert_failure
}

@test "a hash of other settings is replaced when its owner signs in" {
    email=$(address old)
    sign_up a "$email"
    # "password" with the least that Argon2id takes, as if the settings had been so once.
    hash='$argon2id$v=19$m=8,t=1,p=1$/XGsTFI4iQyiYy9o+XIe7w$uIxAcFl91C+ge4298c5fCK8wK1MlJCT5cy1oHQvSqNs'
    hash=${hash//\$/\\\$}
    on server-1 "mysql shop -e \"UPDATE users SET password_hash = '$hash' WHERE email = '$email'\""
    run sign_in b "$email" "wrong"
    assert_equal "$(row "$email" "password_hash LIKE '%m=8,%'")" 1
    run sign_in b "$email" "password"
    assert_line --partial "HTTP/1.1 303"
    assert_equal "$(row "$email" "password_hash LIKE '%m=19456,t=2,%'")" 1
    run sign_in b "$email" "password"
    assert_line --partial "HTTP/1.1 303"
}

# --- Forgery ----------------------------------------------------------------------------------------------------

@test "no form is taken without its token, from elsewhere, or as something else" {
    email=$(address forged)
    forged() {
        run "$@"
        assert_line --partial "HTTP/1.1 403"
        is_signed_in a
        assert_equal "$(row "$email" "COUNT(*)")" 0
    }
    sign_up a "$(address honest)"
    good=$(token a /logout)
    other=0123456789abcdef0123456789abcdef
    fields=(--data-urlencode "email=$email" --data-urlencode "name=N" --data-urlencode "password=$PASSWORD")
    for path in /login /signup /logout; do
        forged browse a $path "${fields[@]}"
        forged browse a $path -d "csrf=$other" "${fields[@]}"
        forged browse a $path -d "csrf=" "${fields[@]}"
        forged browse a $path -d "csrf=$good" "${fields[@]}" --header "Origin: http://evil.example"
        forged browse a $path -d "csrf=$good" "${fields[@]}" --header "Origin: null"
        forged browse a $path -d "csrf=$good" "${fields[@]}" --header "Sec-Fetch-Site: cross-site"
        forged browse a $path -d "csrf=$good" "${fields[@]}" --header "Sec-Fetch-Site: same-site"
    done
    # The token of another visitor is none either.
    no_cookies b
    forged browse a /logout -d "csrf=$(token b)"
    # A form that is sent as text, as a browser does for anybody.
    run browse a /logout --header "Content-Type: text/plain" --data "csrf=$good"
    assert_line --partial "HTTP/1.1 415"
    # The control: the same from here.
    run browse a /logout -d "csrf=$good" --header "Origin: $SITE" --header "Sec-Fetch-Site: same-origin"
    assert_line --partial "HTTP/1.1 303"
}

@test "the API asks for the token in a header, and for JSON" {
    sign_up a "$(address api-forged)"
    csrf=$(browse a /api/v1/session | content | jq -r .csrf)
    for header in "X-Nothing: 1" "X-CSRF-Token: 0123456789abcdef0123456789abcdef"; do
        run browse a /api/v1/session --request DELETE --header "$header"
        assert_line --partial "HTTP/1.1 403"
    done
    run browse a /api/v1/session --request DELETE --header "X-CSRF-Token: $csrf" --header "Origin: http://evil.example"
    assert_line --partial "HTTP/1.1 403"
    is_signed_in a
    run browse a /api/v1/users --header "X-CSRF-Token: $csrf" --data '{"email":"x@example.com"}'
    assert_line --partial "HTTP/1.1 415"
    run browse a /api/v1/session --request DELETE --header "X-CSRF-Token: $csrf"
    assert_line --partial "HTTP/1.1 204"
    run ! is_signed_in a
}

# --- Injection --------------------------------------------------------------------------------------------------

@test "nothing that is typed becomes HTML" {
    script='"><script>alert(1)</script>'
    for field in email name password next csrf; do
        no_cookies x
        csrf=$(token x /signup)
        run browse x /signup --data-urlencode "$field=$script" -d "csrf=$csrf" -d email=x -d name=x
        refute_output --partial "<script>"
        no_cookies x
        csrf=$(token x /login)
        run browse x /login --data-urlencode "$field=$script" -d "csrf=$csrf"
        refute_output --partial "<script>"
    done
    email=$(address xss)
    run sign_up a "$email" "$script"
    assert_line --partial "HTTP/1.1 303"
    for path in / /products /products/1 /logout; do
        run browse a $path
        assert_output --partial "&quot;&gt;&lt;script&gt;alert(1)"
        refute_output --partial "<script>"
    done
}

@test "nothing that is typed becomes SQL" {
    sign_up a "$(address sql)"
    count=$(on server-1 "mysql -N shop -e 'SELECT COUNT(*) FROM users'")
    # All of them are good e-mail addresses.
    for email in "'or'1'='1@example.com" "1'--@example.com" "x'/*@example.com" "%@example.com" "_@example.com"; do
        run sign_in s "$email" "' OR '1'='1"
        assert_line --partial "HTTP/1.1 422"
    done
    run ! is_signed_in s
    email="o'hara-$BATS_SUITE_TEST_NUMBER@example.com"
    run sign_up s "$email" "x'); DROP TABLE users; --" "' OR ''='"
    assert_line --partial "HTTP/1.1 303"
    run sign_in s "$email" "' OR ''='"
    assert_line --partial "HTTP/1.1 303"
    assert_equal "$(on server-1 "mysql -N shop -e 'SELECT COUNT(*) FROM users'")" $((count + 1))
}

@test "nothing that is sent starts a header line of its own" {
    for cookie in 'session=x%0d%0aX-Evil: 1' 'session="><script>' "session=$(printf 'a%.0s' {1..5000})" 'session=; session=' '=;;=;'; do
        no_cookies h
        run browse h /login --header "Cookie: $cookie"
        assert_line --regexp '^HTTP/1.1 (200|400)'
        refute_line --regexp '^X-Evil'
        refute_output --partial "<script>"
    done
    run on client "curl -si --max-time 10 --header \"Cookie: session=a\$(printf '\001')b\" $SITE/login"
    assert_output --partial "HTTP/1.1 400"
}

# --- Brute force ------------------------------------------------------------------------------------------------

@test "who tries one account again and again has to wait, and its owner is not told apart" {
    email=$(address brute)
    sign_up a "$email"
    no_cookies brute
    csrf=$(token brute)
    # One right after the other: a minute after the first one there would be a try more.
    on client "for i in \$(seq 11); do curl -so /dev/null -w '%{http_code}\n' --max-time 20 -b /tmp/brute -d csrf=$csrf \
        --data-urlencode email=$email -d password=guess\$i $SITE/login; done" >"$BATS_TEST_TMPDIR/codes"
    assert_equal "$(uniq -c "$BATS_TEST_TMPDIR/codes" | xargs)" "10 422 1 429"
    run browse brute /login -d "csrf=$csrf" --data-urlencode "email=$email" -d "password=guess12"
    assert_line --partial "HTTP/1.1 429"
    assert_line --regexp '^Retry-After: [0-9]+'
    assert_line --regexp '^RateLimit-Limit: 10.?$'
    assert_line --regexp '^RateLimit-Remaining: 0.?$'
    assert_line --regexp '^RateLimit-Reset: [0-9]+'
    # Also with the right password: whether it is right is not looked at.
    before=$(metric 'shopd_password_hashes_total{purpose="verify"}')
    run browse brute /login -d "csrf=$csrf" --data-urlencode "email=${email^^}" --data-urlencode "password=$PASSWORD"
    assert_line --partial "HTTP/1.1 429"
    assert_equal "$(metric 'shopd_password_hashes_total{purpose="verify"}')" "$before"
    # Others are not touched, and who is signed in stays so.
    is_signed_in a
    sign_up b "$(address bystander)"
    run sign_in b "$(address bystander)"
    assert_line --partial "HTTP/1.1 303"
}

@test "signing in well is not counted" {
    email=$(address well)
    sign_up a "$email"
    for _ in {1..12}; do
        run sign_in a "$email"
        assert_line --partial "HTTP/1.1 303"
    done
}

@test "an address that tries many accounts has to wait" {
    on server-1 "s6-svc -wR -r /run/s6/shopd"
    within 30 answers /readyz 200
    no_cookies many
    csrf=$(token many)
    # Four at a time: 20 seconds after the first one there would be a try more.
    on client "seq 32 | xargs -P 4 -I{} curl -so /dev/null -w '%{http_code}\n' --max-time 20 -b /tmp/many -d csrf=$csrf \
        -d password=guess -d email=account{}@example.com $SITE/login" >"$BATS_TEST_TMPDIR/codes"
    assert_equal "$(grep -c 422 "$BATS_TEST_TMPDIR/codes")" 30
    assert_equal "$(grep -c 429 "$BATS_TEST_TMPDIR/codes")" 2
    run metrics
    assert_line --regexp '^shopd_requests_limited_total\{limit="login_address"\} 2$'
    on server-1 "s6-svc -wR -r /run/s6/shopd"
    within 30 answers /readyz 200
}

# --- The API ----------------------------------------------------------------------------------------------------

@test "the API signs up, in and out" {
    email=$(address api)
    no_cookies api
    run browse api /api/v1/users --json "{\"email\":\"$email\",\"name\":\"Ada\",\"password\":\"$PASSWORD\"}"
    assert_line --partial "HTTP/1.1 201"
    assert_equal "$(content <<<"$output" | jq -r '.email, .name')" "$email"$'\n'"Ada"
    assert_equal "$(content <<<"$output" | jq .id)" "$(row "$email" id)"
    run browse api /api/v1/session
    assert_equal "$(content <<<"$output" | jq -c .)" '{"signed_in":false}'
    run browse api /api/v1/session --json "{\"email\":\"$email\",\"password\":\"$PASSWORD\"}"
    assert_line --partial "HTTP/1.1 201"
    assert_line --regexp '^Set-Cookie: session=[0-9a-f]{32};'
    csrf=$(content <<<"$output" | jq -r .csrf)
    run browse api /api/v1/session
    assert_equal "$(content <<<"$output" | jq -r '.signed_in, .user.name, .csrf')" "true"$'\n'"Ada"$'\n'"$csrf"
    run browse api /api/v1/session --request DELETE --header "X-CSRF-Token: $csrf"
    assert_line --partial "HTTP/1.1 204"
    run browse api /api/v1/session
    assert_equal "$(content <<<"$output" | jq .signed_in)" false
}

@test "the API says what is wrong" {
    refused() {
        no_cookies refused
        run browse refused "/api/v1/$1" --json "$2"
        assert_line --partial "HTTP/1.1 $3"
        assert_line --partial "Content-Type: application/problem+json"
        assert_equal "$(content <<<"$output" | jq .status)" "$3"
    }
    sign_up a "$(address taken)"
    refused users '{"email":"no address","password":"short"}' 422
    assert_output --partial "Please enter an e-mail address, such as ada@example.com. Please enter a name. Please choose a password"
    refused users '{"email":["a"],"name":7,"password":null}' 422
    refused users "{\"email\":\"$(address taken)\",\"name\":\"A\",\"password\":\"$PASSWORD\"}" 409
    refused users '{"email":' 400
    refused users '[]' 400
    refused session '{"email":"a@b"}' 422
    refused session "{\"email\":\"$(address taken)\",\"password\":\"wrong\"}" 401
    assert_line --partial "WWW-Authenticate: Bearer"
    wrong=$(content <<<"$output" | jq -S 'del(.request_id)')
    refused session "{\"email\":\"$(address nobody)\",\"password\":\"wrong\"}" 401
    assert_equal "$(content <<<"$output" | jq -S 'del(.request_id)')" "$wrong"
}

# --- When something is away -------------------------------------------------------------------------------------

@test "MySQL away: signing in is not possible now, which is not the same as wrong" {
    email=$(address away)
    sign_up a "$email"
    no_cookies b
    csrf=$(token b)
    on server-1 "s6-svc -wd -d /run/s6/mysql"
    run browse b /login -d "csrf=$csrf" --data-urlencode "email=$email" --data-urlencode "password=$PASSWORD"
    assert_line --partial "HTTP/1.1 503"
    assert_line --regexp '^Retry-After: 1'
    is_signed_in a
    on server-1 "s6-svc -wU -u /run/s6/mysql"
    ready() { answers /readyz 200; }
    within 60 ready
    run sign_in b "$email"
    assert_line --partial "HTTP/1.1 303"
}

# --- What is written down ---------------------------------------------------------------------------------------

@test "no password, session or token is in a log" {
    email=$(address secret)
    typed="a-secret-of-$BATS_SUITE_TEST_NUMBER-$RANDOM"
    sign_up a "$email" Ada "$typed"
    before=$(token a /logout)
    sign_in b "$email" "$typed-wrong"
    no_cookies c
    browse c /api/v1/session --json "{\"email\":\"$email\",\"password\":\"$typed\"}"
    session=$(session_of a)
    assert [ ${#session} -eq 32 ]
    assert [ ${#before} -eq 32 ]
    # The control: the requests are there.
    logged() { docker logs "$(container server-1)" 2>&1 | grep -qF "$1"; }
    within 20 logged '"path":"/signup"'
    for secret in "$typed" "$session" "$before" "$email"; do
        run ! logged "$secret"
    done
}

# --- Figures ----------------------------------------------------------------------------------------------------

# bats test_tags=alone
@test "figure: CPU time and time of a login" {
    email=$(address figure)
    sign_up a "$email"
    no_cookies f
    csrf=$(token f)
    cpu() { metric process_cpu_seconds_total; }
    before=$(cpu)
    on client "for i in \$(seq 20); do rm -f /tmp/g; curl -so /dev/null -w '%{http_code} %{time_total}\n' -d email=$email \
        --data-urlencode 'password=$PASSWORD' $SITE/login; done" >"$BATS_TEST_TMPDIR/logins"
    after=$(cpu)
    assert_equal "$(grep -c '^303' "$BATS_TEST_TMPDIR/logins")" 20
    figure shop-accounts "CPU time of a login in shopd" "$(awk -v a="$after" -v b="$before" 'BEGIN { printf "%.1f", (a - b) * 1000 / 20 }')" ms 100
    figure shop-accounts "a login, median" "$(awk '{ print $2 * 1000 }' "$BATS_TEST_TMPDIR/logins" | sort -n | sed -n 10p)" ms 100
}
