#!/usr/bin/env bats
# The linter: a small tree without a fault passes, and every rule notices the fault planted for it.

bats_require_minimum_version 1.5.0

setup() {
    lint="$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/services/toolbox/bin/lint"
    cd "$BATS_TEST_TMPDIR" || return 1
    cp "$BATS_TEST_DIRNAME/../../.yamllint" .
    git init --quiet .
    clean_tree
}

# One file of every kind, each as it should be.
clean_tree() {
    mkdir -p compose/0-single services/site app exercises/questions "a folder"
    printf '#!/usr/bin/env bash\nset -euo pipefail\necho "hello"\n' >run
    printf '#!/usr/bin/env bash\necho "a name with a space"\n' >"a folder/say it.sh"
    printf '"""A greeting."""\n\nprint("hello")\n' >hello.py
    printf 'int main(void) {\n    return 0;\n}\n' >app/main.c
    printf 'LAB_NAME=mini\nPUBLIC_NET=203.0.113\n' >compose/lab.env
    cat >services/site/Dockerfile <<'DOCKERFILE'
# A site.
FROM debian:trixie-slim AS base
RUN apt-get update && apt-get install -y --no-install-recommends \
        nginx \
    && rm -rf /var/lib/apt/lists/*

FROM base
COPY --from=base /etc/nginx /etc/nginx
ENTRYPOINT ["nginx", "-g", "daemon off;"]
DOCKERFILE
    cat >$question <<'QUESTION'
# 0.1 What is it?

Stages: 0 1

A site.

Nothing else.

## See it

```sh
# on site or other-site
echo hello \
  again
```

Look for `h.llo`: it says so.

```sh
# on your machine, in stage 1
true
```
QUESTION
    cat >compose/0-single/compose.yaml <<'COMPOSE'
name: ${LAB_NAME}

x-service: &service
  image: webstack/site
  cap_drop: [ALL]
  security_opt: [no-new-privileges:true]
  deploy: {resources: {limits: {memory: 64m, pids: 50}}}
  healthcheck: {test: [CMD, "true"]}
  logging: {driver: json-file, options: {max-size: 1m, max-file: "2"}}

services:

  site:
    <<: *service
    networks: [public]

  gateway:
    <<: *service
    networks: [public, outside]
    ports: ["127.0.0.1:8080:8080"]

networks:
  public:
    internal: true
    ipam: {config: [{subnet: "${PUBLIC_NET}.0/24"}]}
  outside: {}
COMPOSE
}

stage=compose/0-single/compose.yaml
dockerfile=services/site/Dockerfile
question=exercises/questions/0.1.md

# finds CHECK TEXT: that check alone fails, in one line of TAP, and its comments have the text.
finds() {
    run "$lint" "$1"
    echo "$output"
    [ "$status" -eq 1 ]
    [[ "$output" = *"not ok 1 - $1: "* ]]
    grep '^# ' <<<"$output" | grep -Fq -- "$2"
}

# change FILE FROM TO: there is something to change.
change() {
    grep -Fq -- "$2" "$1"
    python3 -c 'import sys; f, a, b = sys.argv[1:]; t = open(f).read(); open(f, "w").write(t.replace(a, b))' "$@"
}

@test "a tree without a fault passes, and each check says how much it saw" {
    run "$lint"
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(grep -c '^ok ' <<<"$output")" -eq 12 ]
    [ "${lines[-1]}" = "1..12" ]
    [ "${#lines[@]}" -eq 13 ]
    [ "${lines[0]}" = "ok 1 - shellcheck: 2 shell files" ]
    [ "${lines[2]}" = "ok 3 - yamllint: 2 YAML files" ]
    [ "${lines[5]}" = "ok 6 - dockerfiles: 1 Dockerfiles" ]
    [ "${lines[10]}" = "ok 11 - length: 4 source files" ]
}

@test "one fault does not keep the other checks from running" {
    echo 'echo $HOME' >>run
    run "$lint"
    [ "$status" -eq 1 ]
    [ "$(grep -c '^ok ' <<<"$output")" -eq 11 ]
    grep -q '^not ok 1 - shellcheck: 2 shell files$' <<<"$output"
    [ "${lines[-1]}" = "1..12" ]
}

@test "an empty tree fails every check: nothing was looked at" {
    rm -r -- * .yamllint
    run "$lint"
    [ "$status" -eq 1 ]
    [ "$(grep -c '^not ok ' <<<"$output")" -eq 12 ]
    [ "$(grep -c '^# nothing to look at$' <<<"$output")" -eq 12 ]
}

@test "a check that is not there is an error" {
    run "$lint" spelling
    [ "$status" -eq 1 ]
}

@test "outside of a git repository it fails" {
    rm -rf .git
    GIT_CEILING_DIRECTORIES=/ run "$lint" shellcheck
    [ "$status" -eq 1 ]
}

@test "what git ignores and what is gone is not looked at; what is new is" {
    echo '/made/' >.gitignore
    mkdir made
    git add .
    git rm --quiet --cached hello.py
    echo 'echo $HOME' >made/it.sh
    rm run
    run "$lint" shellcheck python
    echo "$output"
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "ok 1 - shellcheck: 1 shell files" ]
    [ "${lines[1]}" = "ok 2 - python: 1 Python files" ]
}

@test "binary files are not text" {
    echo '*.bin binary' >.gitattributes
    printf 'no end\r\nTO''DO' >data.bin
    printf '\0\1TO''DO' >data
    "$lint" endings promises
}

# --- Each language's own checker ---

@test "shellcheck: also without an ending, by the first line" {
    echo 'echo $HOME' >>run
    finds shellcheck 'In run line 4'
}

@test "shellcheck: also in a folder with a space" {
    echo 'echo $HOME' >>"a folder/say it.sh"
    finds shellcheck 'In a folder/say it.sh line 3'
}

@test "shellcheck: also tests" {
    printf '#!/usr/bin/env bats\n@test "it" {\n    echo $HOME\n}\n' >it.bats
    finds shellcheck 'In it.bats line 3'
}

@test "shfmt: two spaces" {
    printf 'if true; then\n  echo no\nfi\n' >>run
    finds shfmt '+    echo no'
}

@test "shfmt: case labels are indented" {
    printf 'case $# in\n0) echo no ;;\nesac\n' >>run
    finds shfmt '+    0) echo no ;;'
}

@test "yamllint" {
    printf 'one: 1\none: 2\n' >twice.yaml
    finds yamllint 'twice.yaml:2:1: [error] duplication of key "one"'
}

@test "yamllint: a warning counts" {
    printf 'one: 1 #two\n' >near.yml
    finds yamllint 'near.yml'
}

@test "codespell" {
    echo 'They will rec''ieve it.' >notes
    finds codespell 'notes:1'
}

@test "python: does not compile" {
    printf '#!/usr/bin/env python3\nprint("hello"\n' >broken
    finds python 'broken'
    [ -z "$(find . -name '*.pyc')" ]
}

@test "python: 121 columns are too many, 120 are not, in characters" {
    python3 -c 'print("#" + "\u00e9" * 119)' >long.py
    "$lint" python
    python3 -c 'print("#" + "\u00e9" * 120)' >long.py
    finds python 'long.py:1:'
}

# --- Dockerfiles ---

@test "dockerfiles: no syntax line" {
    sed -i '1i # syntax=docker/dockerfile:1' $dockerfile
    finds dockerfiles "$dockerfile:1: no # syntax= line"
}

@test "dockerfiles: no latest" {
    change $dockerfile debian:trixie-slim debian:latest
    finds dockerfiles "$dockerfile:2: no version: FROM debian:latest"
}

@test "dockerfiles: no image without a version" {
    change $dockerfile debian:trixie-slim registry:5000/debian
    finds dockerfiles "$dockerfile:2: no version: FROM registry:5000/debian"
}

@test "dockerfiles: nor to copy or mount from" {
    change $dockerfile --from=base --from=nginx:latest
    finds dockerfiles "$dockerfile:8: no version: --from=nginx:latest"
    change $dockerfile 'RUN apt-get' 'RUN --mount=type=bind,from=tools,target=/t apt-get'
    finds dockerfiles "$dockerfile:3: no version: --from=tools"
}

@test "dockerfiles: the lab's own images and the names of the bake file have none" {
    change $dockerfile --from=base --from=static
    change $dockerfile debian:trixie-slim webstack/base:latest
    printf 'target "site" {\n  contexts = {\n    static = "app/static"\n  }\n}\n' >services/images.hcl
    "$lint" dockerfiles
}

@test "dockerfiles: nothing that was not asked for" {
    change $dockerfile ' --no-install-recommends' ''
    finds dockerfiles "$dockerfile:3: apt-get install without --no-install-recommends"
}

@test "dockerfiles: package lists are removed" {
    change $dockerfile 'rm -rf /var/lib/apt/lists/*' true
    finds dockerfiles "$dockerfile:3: the package lists stay in the layer"
}

@test "dockerfiles: removed before the installation is not removed" {
    change $dockerfile 'RUN apt-get update' 'RUN rm -rf /var/lib/apt/lists/* && apt-get update'
    change $dockerfile '    && rm -rf /var/lib/apt/lists/*' '    && true'
    finds dockerfiles "$dockerfile:3: the package lists stay in the layer"
}

@test "dockerfiles: here-documents are read, comments are not" {
    cat >>$dockerfile <<'MORE'
# RUN apt-get install none
RUN <<'SCRIPT'
apt-get install -y curl
SCRIPT
MORE
    finds dockerfiles "$dockerfile:11: apt-get install without --no-install-recommends"
}

@test "dockerfiles: no ADD" {
    echo 'ADD site.tar.gz /srv' >>$dockerfile
    finds dockerfiles "$dockerfile:10: ADD; use COPY"
}

@test "dockerfiles: ENTRYPOINT is a list" {
    echo 'ENTRYPOINT nginx' >>$dockerfile
    finds dockerfiles "$dockerfile:10: ENTRYPOINT is not a list"
}

# --- Compose ---

@test "compose: capabilities are dropped" {
    change $stage 'cap_drop: [ALL]' 'cap_drop: [KILL]'
    finds compose "$stage: site: cap_drop is not [ALL]"
}

@test "compose: no new privileges" {
    change $stage no-new-privileges:true seccomp:unconfined
    finds compose "$stage: site: security_opt has no no-new-privileges:true"
}

@test "compose: not privileged" {
    change $stage 'cap_drop: [ALL]' 'cap_drop: [ALL]
  privileged: true'
    finds compose "$stage: site: is privileged"
}

@test "compose: a memory limit" {
    change $stage 'memory: 64m, ' ''
    finds compose "$stage: site: has no memory limit"
}

@test "compose: a limit of processes" {
    change $stage ', pids: 50' ''
    finds compose "$stage: site: has no limit of processes"
}

@test "compose: a healthcheck, which is on" {
    change $stage 'healthcheck: {test: [CMD, "true"]}' 'healthcheck: {disable: true}'
    finds compose "$stage: site: has no healthcheck"
    change $stage '  healthcheck: {disable: true}' ''
    finds compose "$stage: gateway: has no healthcheck"
}

@test "compose: logging limits" {
    change $stage ', max-file: "2"' ''
    finds compose "$stage: site: has no logging limits"
}

@test "compose: only the gateway publishes" {
    change $stage 'networks: [public]' 'networks: [public]
    ports: ["127.0.0.1:8081:80"]'
    finds compose "$stage: site: publishes 8081; only gateway may"
}

@test "compose: on 127.0.0.1 only" {
    change $stage '"127.0.0.1:8080:8080"' '"8080:8080"'
    finds compose "$stage: gateway: publishes 8080 not on 127.0.0.1"
}

@test "compose: networks are internal" {
    change $stage '    internal: true' '    internal: false'
    finds compose "$stage: network public is not internal"
}

@test "compose: the gateway is alone on its way out" {
    change $stage 'networks: [public]' 'networks: [public, outside]'
    finds compose "$stage: network outside is not internal"
}

@test "compose: not the host's network" {
    change $stage '    networks: [public]' '    network_mode: host'
    finds compose "$stage: site: is on the host's network"
}

@test "compose: a service that only a profile starts counts too" {
    change $stage '  site:' '  extra:
    image: webstack/extra
    profiles: [more]
    networks: [public]

  site:'
    finds compose "$stage: extra: cap_drop is not [ALL]"
}

@test "compose: what Compose refuses" {
    echo 'sevices: {}' >>$stage
    finds compose "$stage: Compose does not accept it"
}

# --- Questions ---

@test "questions: the first line has the id of the file" {
    change $question '# 0.1 ' '# 0.2 '
    finds questions "$question:1: the first line is not"
}

@test "questions: the stages" {
    change $question 'Stages: 0 1' 'Stages: all'
    finds questions "$question:3: not \"Stages: 0 1 …\""
    change $question 'Stages: all' ''
    finds questions "$question:5: before the answer stands"
}

@test "questions: 12 lines of answer, each 76 columns" {
    change $question 'A site.' "$(seq 11)"
    "$lint" questions
    change $question 'Nothing else.' "$(printf 'Nothing\nelse.')"
    finds questions "$question:18: the answer has more than 12 lines"
    clean_tree
    change $question 'A site.' "$(printf '%077d' 0)"
    finds questions "$question:5: a line of the answer has more than 76 columns"
    change $question "$(printf '%077d' 0)" ''
    change $question 'Nothing else.' ''
    finds questions "no answer"
}

@test "questions: a command says where" {
    change $question '# on site or other-site' '# at home'
    finds questions "$question:12: the first line of a command is not \"# on MACHINE\""
}

@test "questions: a machine has a command, which ends" {
    change $question $'\ntrue' ''
    finds questions "a machine without a command"
    clean_tree
    change $question $'true\n```' true
    finds questions "a command that is not closed"
}

@test "questions: something is to be seen, in every stage, and it is said what that proves" {
    change $question 'Look for `h.llo`: it says so.' 'Look for `h.llo`'
    finds questions "$question:17: neither a command nor"
    change $question 'Look for `h.llo`' ''
    finds questions "nothing to look for in stage 0"
    clean_tree
    change $question '# on site or other-site' '# on site, in stage 1'
    finds questions "nothing to look for in stage 0"
}

# --- Text ---

@test "promises: none of the three words" {
    for word in "TO""DO" "FIX""ME" "X""XX"; do
        echo "# $word: later" >notes
        finds promises "notes:1:"
    done
    echo "mktemp file.XXXXXX, mastodon" >notes
    "$lint" promises
}

@test "endings: a newline at the end" {
    printf 'no end' >notes
    finds endings 'notes: no newline at its end'
}

@test "endings: no CR LF" {
    printf 'one\r\ntwo\n' >notes
    finds endings 'notes: lines end with CR LF'
}

@test "length: 500 lines of a source file, whatever names it" {
    for file in app/main.c app/main.h hello.py new.sh run; do
        { sed -n 1p run && yes '#' | head -n 499; } >"$file.new" && mv "$file.new" "$file"
        "$lint" length
        echo '#' >>"$file"
        finds length "$file: 501 lines, more than 500"
        rm "$file"
        printf '#!/bin/sh\n' >run
    done
}

@test "archives: no file names the host of one" {
    for host in deb.deb''ian.org snapshot.deb''ian.org ftp.de.deb''ian.org registry.np''mjs.org; do
        echo "URIs: http://$host/" >notes
        finds archives 'notes:1:'
    done
}
