#!/usr/bin/env bats
# make diff: what a stage adds is told from the Compose files, and nothing is added without a reason.

# run --separate-stderr sets stderr and stderr_lines.
# shellcheck disable=SC2154

bats_require_minimum_version 1.5.0

setup() {
    root="$(cd "$BATS_TEST_DIRNAME/../.." && pwd)"
    diff="$root/services/toolbox/bin/diff"
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir -p compose/0-single compose/1-more compose/2-most
    echo 'HTTP_PORT=8080' >compose/lab.env
    stage zero >compose/0-single/compose.yaml
    stage one server-2 "$(reasons)" >compose/1-more/compose.yaml
}

# stage NAME [SECOND [REASONS]]: a stage whose visitor calls server-1, or a second server, which brings a network too.
stage() {
    cat <<YAML
name: lab
x-lab-title: "Stage $1"
${3-}
services:
  client:
    image: webstack/client
    networks: [public]
    labels: {lab.kind: outside, lab.calls: "-> ${2:-server-1}/nginx : HTTP 80"}
  server-1:
    image: webstack/server
    networks: [public${2:+, dmz}]
    labels: {lab.kind: server, lab.programs: "nginx | Nginx | web server"}
YAML
    [ -z "${2-}" ] || cat <<YAML
  $2:
    image: webstack/server
    networks: [public, dmz]
    ports: ["127.0.0.1:\${HTTP_PORT}:80"]
    labels:
      lab.kind: server
      lab.programs: "nginx | Nginx | web server"
      lab.firewall: nftables
      lab.calls: "nginx -> server-1/nginx : HTTP 80 via dmz"
YAML
    printf 'networks:\n  public: {internal: true, ipam: {config: [{subnet: 203.0.113.0/24}]}}\n'
    [ -z "${2-}" ] || printf '  dmz: {ipam: {config: [{subnet: 10.89.1.0/24}]}}\n'
}

reasons() {
    cat <<'YAML'
x-lab-reasons:
  server-2: the first one is not alone any more
  "*/nginx": takes what the other cannot
  firewall of server-2: nobody else gets in
  client -> server-2/nginx: the visitor is sent here
  "*/nginx -> server-1/nginx: HTTP 80": and from here to the other
  network dmz: between the two nobody listens
  port server-2:80: for your browser
YAML
}

# without REASON: stage 1 without the lines of its reasons that have this.
without() {
    grep -Fq -- "$1" compose/1-more/compose.yaml
    grep -Fv -- "$1" compose/1-more/compose.yaml >new
    mv new compose/1-more/compose.yaml
}

# fails_with LINE: in one line, and with a remedy below.
fails_with() {
    run --separate-stderr "$diff" "${@:2}"
    echo "$output" "$stderr"
    [ "$status" -eq 1 ]
    [ "${stderr_lines[0]}" = "error: $1" ]
    [ "${#stderr_lines[@]}" -eq 2 ]
}

@test "everything that is added, and what is gone, each with its reason" {
    run --separate-stderr "$diff" 0 1
    echo "$output" "$stderr"
    [ "$status" -eq 0 ]
    command diff - <(echo "$output") <<'TEXT'
From  Stage zero
to    Stage one

machines
  + server-2
      the first one is not alone any more

programs
  + server-2/nginx: Nginx, web server
      takes what the other cannot

firewalls
  + server-2: nftables
      nobody else gets in

connections
  + client -> server-2/nginx: HTTP 80
      the visitor is sent here
  + server-2/nginx -> server-1/nginx: HTTP 80
      and from here to the other
  - client -> server-1/nginx: HTTP 80

networks
  + dmz: 10.89.1.0/24, not internal
      between the two nobody listens

published ports
  + 127.0.0.1:8080 to server-2:80
      for your browser
TEXT
}

@test "each kind of thing needs a reason" {
    for reason in 'server-2: the' '"*/nginx": ' 'firewall of' 'client -> server-2' '"*/nginx -> ' 'network dmz' 'port server-2'; do
        setup
        without "$reason"
        case $reason in
            server-2*) what=server-2 ;;
            '"*/nginx": ') what=server-2/nginx ;;
            firewall*) what="firewall of server-2" ;;
            client*) what="client -> server-2/nginx: HTTP 80" ;;
            '"*/nginx -> ') what="server-2/nginx -> server-1/nginx: HTTP 80" ;;
            network*) what="network dmz" ;;
            port*) what="port server-2:80" ;;
        esac
        fails_with "added without a reason: $what" 0 1
        [[ $output = *"  + "* ]]
    done
}

@test "no reasons at all: everything that lacks one is named" {
    stage one server-2 >compose/1-more/compose.yaml
    fails_with "added without a reason: server-2; server-2/nginx; firewall of server-2; client -> server-2/nginx: HTTP 80; server-2/nginx -> server-1/nginx: HTTP 80; network dmz; port server-2:80" 0 1
}

@test "a reason for what is not there is one too many" {
    sed -i 's/^x-lab-reasons:/&\n  server-3: it was here once/' compose/1-more/compose.yaml
    fails_with "a reason for nothing: server-3" 0 1
}

@test "the reasons of the stages in between count, the later word first" {
    stage two server-2 'x-lab-reasons: {server-2: by now it is old}' >compose/2-most/compose.yaml
    run --separate-stderr "$diff" 0 2
    [ "$status" -eq 0 ]
    [[ $output = *"+ server-2"$'\n'"      by now it is old"* ]]
    [[ $output = *"+ dmz: 10.89.1.0/24, not internal"$'\n'"      between the two"* ]]
}

@test "it fits 80 columns" {
    sed -i 's/the visitor is sent here/& because of this and that and for all the other reasons that one can think of, and then some/' compose/1-more/compose.yaml
    "$diff" 0 1 >out
    [ "$(wc -L <out)" -le 80 ]
    grep -q 'and then some' <(tr -s ' \n' ' ' <out)
}

@test "a learner's environment changes nothing" {
    "$diff" 0 1 >before
    HTTP_PORT=9080 "$diff" 0 1 | cmp before -
}

@test "which stages: two that are there, the earlier one first" {
    fails_with "which stages?" "" ""
    fails_with "which stages?" 0 x
    fails_with "there is no stage 7" 0 7
    fails_with "stage 1 does not come before stage 0" 1 0
    fails_with "stage 0 does not come before stage 0" 0 0
}

@test "what Compose or the diagram does not accept is an error" {
    echo 'sevices: {}' >>compose/1-more/compose.yaml
    fails_with "compose/1-more/compose.yaml: Compose does not accept it" 0 1
    setup
    sed -i 's/lab.kind: server/lab.kind: unknown/' compose/1-more/compose.yaml
    run --separate-stderr "$diff" 0 1
    [ "$status" -eq 1 ]
    [[ $stderr = "error: "*"unknown"* ]]
}

@test "every stage of this tree gives its reasons for what it adds" {
    cd "$root"
    previous=
    for stage_file in compose/[0-9]-*/compose.yaml; do
        number=$(basename "$(dirname "$stage_file")")
        number=${number%%-*}
        [ -z "$previous" ] || "$diff" "$previous" "$number"
        previous=$number
    done
    [ -n "$previous" ]
}
