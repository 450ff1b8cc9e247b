#!/usr/bin/env bats
# The drawing tool: what is in the Compose model is in the figure, and what is wrong there is an error.

bats_require_minimum_version 1.5.0

setup() {
    root="$(cd "$BATS_TEST_DIRNAME/../.." && pwd)"
    diagram="$root/services/toolbox/bin/diagram"
    cd "$BATS_TEST_TMPDIR" || return 1
}

# A visitor, a way in and a server with two programs. A test changes it with a line of Python; m is the model.
model() {
    python3 - "${1:-}" <<'PYTHON'
import json, sys

def service(address, **labels):
    return {
        "labels": {"lab." + key.replace("_", "-"): value for key, value in labels.items()},
        "networks": {"public": {"ipv4_address": address}},
    }

s = {
    "client": service("203.0.113.100", kind="outside", calls="-> server-1/nginx : HTTP 80\n"),
    "gateway": service("203.0.113.2", kind="outside", note="the way in", calls="-> server-1/nginx : HTTP 80"),
    "server-1": service(
        "203.0.113.10",
        kind="server",
        programs="nginx | Nginx | web server\nshopd | shopd | application server\n",
        calls="nginx -> shopd : FastCGI, Unix socket\n",
    ),
    "toolbox": {"labels": {"lab.kind": "hidden"}},
}
s["gateway"]["ports"] = [{"host_ip": "127.0.0.1", "published": "8080", "target": 8080, "protocol": "tcp"}]
s["server-1"]["mem_limit"] = "536870912"
m = {
    "name": "lab",
    "x-lab-title": "A <small> lab & more",
    "services": s,
    "networks": {"public": {"internal": True, "ipam": {"config": [{"subnet": "203.0.113.0/24"}]}}},
}

def twice(name, tier, **labels):
    """Makes two of a server, in a tier."""
    one = s.pop(name)
    for number in (1, 2):
        copy = json.loads(json.dumps(one))
        copy["labels"]["lab.tier"] = tier
        copy["labels"].update({"lab." + key.replace("_", "-"): value for key, value in labels.items()})
        copy["networks"]["public"]["ipv4_address"] = f"203.0.113.1{number}"
        s[f"{tier}-{number}"] = copy

exec(sys.argv[1])
json.dump(m, sys.stdout)
PYTHON
}

draw() {
    model "${1:-}" >model.json
    "$diagram" <model.json >out.svg
}

# All text inside the element with this id, one line each.
text_of() {
    python3 - "$1" <<'PYTHON'
import sys, xml.dom.minidom
for node in xml.dom.minidom.parse("out.svg").getElementsByTagName("g"):
    if node.getAttribute("id") == sys.argv[1]:
        for text in node.getElementsByTagName("text"):
            parts = [c if c.nodeType == c.TEXT_NODE else c.firstChild for c in text.childNodes]
            print("".join(part.data for part in parts))
        break
else:
    sys.exit("no element " + sys.argv[1])
PYTHON
}

class_of() {
    sed -n "s/.*<g id=\"$1\" class=\"\([^\"]*\)\".*/\1/p" out.svg
}

refused() {
    model "$1" >model.json
    run "$diagram" <model.json
    [ "$status" -eq 1 ] && [ "${#lines[@]}" -eq 1 ] && echo "$output"
}

@test "a server is a box with name, address and memory" {
    draw
    [ "$(class_of node-server-1)" = "node server" ]
    run text_of node-server-1-plate
    [ "${lines[0]}" = "server-1" ]
    [ "${lines[1]}" = "● public 203.0.113.10" ]
    [ "${lines[2]}" = "memory: 512 MiB" ]
}

@test "its programs are inside it" {
    draw
    run text_of node-server-1-nginx
    [ "${lines[0]}" = "Nginx" ]
    [ "${lines[1]}" = "web server" ]
    python3 - <<'PYTHON'
import re
def box(ident):
    path = re.search(rf'<g id="{ident}" .*? d="([^"]+)"', open("out.svg").read(), re.S)[1]
    numbers = [float(n) for n in re.findall(r"-?[\d.]+", path)]
    return min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2])
outer = box("node-server-1")
for program in ("nginx", "shopd"):
    inner = box("node-server-1-" + program)
    assert outer[0] < inner[0] and outer[1] < inner[1] and inner[2] < outer[2] and inner[3] < outer[3], program
PYTHON
}

@test "an arrow carries protocol and port, and is of its network" {
    draw
    [ "$(text_of edge-client--server-1-nginx--http-80)" = "HTTP 80" ]
    [ "$(class_of edge-client--server-1-nginx--http-80)" = "edge call plain net-public" ]
}

@test "an arrow inside a machine is of no network; a comma begins a line" {
    draw
    [ "$(text_of edge-server-1-nginx--server-1-shopd--fastcgi-unix-socket)" = $'FastCGI\nUnix socket' ]
    [ "$(class_of edge-server-1-nginx--server-1-shopd--fastcgi-unix-socket)" = "edge call local" ]
}

@test "TLS is said and looks different" {
    draw 's["client"]["labels"]["lab.calls"] = "-> server-1/nginx : HTTPS 443 tls"'
    [ "$(text_of edge-client--server-1-nginx--https-443)" = $'HTTPS 443\nTLS' ]
    [ "$(class_of edge-client--server-1-nginx--https-443)" = "edge call tls net-public" ]
    grep -q 'thick arrow: TLS' out.svg
}

@test "the learner's browser comes from the published port" {
    draw
    text_of node-your-browser | grep -qx '127.0.0.1:8080'
    [ "$(text_of edge-your-browser--gateway--tcp-8080)" = "TCP 8080" ]
}

@test "without a published port there is no browser" {
    draw 'del s["gateway"]["ports"]'
    run ! grep -q 'browser"' out.svg
}

@test "networks are named with their subnet" {
    draw
    [ "$(text_of key-0)" = "● public 203.0.113.0/24 (internal)" ]
}

@test "hidden services are not drawn" {
    draw
    run ! grep -q toolbox out.svg
}

@test "what all of a tier call alike is one arrow from its frame, and all of a tier one arrow to it" {
    draw 'twice("server-1", "web"); s["client"]["labels"]["lab.calls"] = "-> web/nginx : HTTP 80"
s["gateway"]["labels"]["lab.calls"] = ""
s["db"] = service("203.0.113.30", kind="server", programs="mysql | MySQL | database")
for n in "12": s["web-" + n]["labels"]["lab.calls"] = "shopd -> db/mysql : SQL 3306"'
    [ "$(class_of frame-web)" = "node tier" ]
    [ "$(class_of edge-client--web--http-80)" = "edge call plain net-public" ]
    [ "$(class_of edge-web--db-mysql--sql-3306)" = "edge call plain net-public" ]
    [ "$(grep -c 'class="edge call' out.svg)" -eq 3 ] # the third is the browser's
}

@test "what one of a tier calls alone stays its own arrow" {
    draw 'twice("server-1", "web"); s["client"]["labels"]["lab.calls"] = s["gateway"]["labels"]["lab.calls"] = ""
s["db"] = service("203.0.113.30", kind="server", programs="mysql | MySQL | database")
s["web-1"]["labels"]["lab.calls"] = "shopd -> db/mysql : SQL 3306"'
    [ "$(class_of edge-web-1-shopd--db-mysql--sql-3306)" = "edge call plain net-public" ]
}

@test "a virtual IP, roles and a firewall are shown" {
    draw 'twice("server-1", "web", virtual_ip="site | 203.0.113.10", role="active", firewall="nftables")
s["client"]["labels"]["lab.calls"] = s["gateway"]["labels"]["lab.calls"] = "-> site : HTTP 80"
s["web-2"]["labels"]["lab.role"] = "standby"'
    [ "$(text_of node-site)" = $'203.0.113.10\nvirtual IP site' ]
    [ "$(class_of edge-client--site--http-80)" = "edge call plain net-public" ]
    [ "$(text_of node-web-2-role)" = "standby" ]
    [ "$(class_of node-web-1)" = "node server walled" ]
    text_of node-web-1-plate | grep -qx 'firewall: nftables'
    grep -q 'id="carries-site--web-2"' out.svg
}

@test "two that call each other are one arrow, also when both say it" {
    draw 'twice("server-1", "web"); s["client"]["labels"]["lab.calls"] = s["gateway"]["labels"]["lab.calls"] = ""
for n, o in ("12", "21"): s["web-" + n]["labels"]["lab.calls"] = f"nginx <-> web-{o}/nginx : VRRP"'
    [ "$(grep -c 'id="edge-web-1-nginx--web-2-nginx--vrrp"' out.svg)" -eq 1 ]
    run ! grep -q 'id="edge-web-2-nginx' out.svg
}

@test "a call to every other server is one arrow" {
    draw 's["monitor"] = service("203.0.113.60", kind="server", programs="prom | Prometheus | metrics", calls="prom -> */nginx : HTTP 9113")'
    [ "$(class_of edge-monitor-prom--nginx--http-9113)" = "edge call plain net-public" ]
    [ "$(text_of node-all)" = $'every other server\nNginx' ]
}

# Right of the rows: further than any of them. X of the corner of a box.
left_of() { sed -n "/id=\"$1\"/,/<path/s/.* d=\"M\([0-9.]*\).*/\1/p" out.svg | head -n 1; }

@test "who calls all others, row by row, stands beside the rows; a balancer that calls all it has does not" {
    draw 's["lb-1"] = service("203.0.113.11", kind="server", programs="haproxy | HAProxy | balancer", calls="haproxy -> server-1/nginx : HTTP 80")
s["client"]["labels"]["lab.calls"] = s["gateway"]["labels"]["lab.calls"] = "-> lb-1/haproxy : HTTP 80"
s["monitor"] = service("203.0.113.60", kind="server", programs="prom | Prometheus | metrics", calls="prom -> lb-1 : HTTP 8404\nprom -> server-1 : HTTP 9113")'
    for other in lb-1 server-1; do
        awk -v one="$(left_of node-monitor)" -v other="$(left_of node-$other)" 'BEGIN { exit !(one > other + 200) }'
    done
    awk -v one="$(left_of node-lb-1)" -v other="$(left_of node-server-1)" 'BEGIN { exit !(one - other < 100 && other - one < 100) }'
}

@test "the same model gives the same bytes" {
    draw
    cp out.svg first.svg
    draw
    cmp first.svg out.svg
}

@test "the order of services in the model does not matter" {
    draw
    cp out.svg first.svg
    draw 'm["services"] = dict(reversed(s.items()))'
    cmp first.svg out.svg
}

@test "the figure is well-formed, has a title and a text for those who cannot see it, and no date or version" {
    draw
    python3 -c 'import xml.dom.minidom; xml.dom.minidom.parse("out.svg")'
    grep -q '<title id="title">A &lt;small&gt; lab &amp; more</title>' out.svg
    grep '<desc' out.svg | grep -q 'client -&gt; server-1/nginx: HTTP 80.'
    run ! grep -Eqi 'generated|graphviz|nan|<!--' out.svg
}

@test "every id is there once" {
    draw
    [ -z "$(grep -o ' id="[^"]*"' out.svg | sort | uniq -d)" ]
}

@test "--dot prints the graphviz source" {
    model >model.json
    "$diagram" --dot <model.json | dot -Tsvg >/dev/null
}

@test "a call to an unknown service is refused" {
    refused 's["client"]["labels"]["lab.calls"] = "-> server-9/nginx : HTTP 80"' | grep -q 'client: lab.calls: .*server-9'
}

@test "a call to an unknown program is refused" {
    refused 's["client"]["labels"]["lab.calls"] = "-> server-1/apache : HTTP 80"' | grep -q 'client: lab.calls: .*apache'
}

@test "a call from an unknown program is refused" {
    refused 's["server-1"]["labels"]["lab.calls"] = "apache -> shopd : FastCGI"' | grep -q 'server-1: lab.calls: .*apache'
}

@test "a call that no network carries is refused" {
    refused 's["client"]["networks"] = {"other": {}}' | grep -q 'client: lab.calls: .*no network'
}

@test "a call line that is not one is refused" {
    refused 's["client"]["labels"]["lab.calls"] = "server-1/nginx HTTP 80"' | grep -q 'client: lab.calls: '
}

@test "a program line that is not one is refused" {
    refused 's["server-1"]["labels"]["lab.programs"] = "nginx | Nginx"' | grep -q 'server-1: lab.programs: '
}

@test "a misspelt label is refused" {
    refused 's["client"]["labels"]["lab.call"] = "x"' | grep -q 'client: lab.call: '
}

@test "a service without a kind is refused" {
    refused 'del s["client"]["labels"]["lab.kind"]' | grep -q 'client: lab.kind: missing'
}

@test "what is no Compose model is refused" {
    run "$diagram" <<<'[]'
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    run "$diagram" <<<'services:'
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
}
