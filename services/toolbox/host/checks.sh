# shellcheck shell=bash
# What can be wrong with a machine before anything is started. Each check prints nothing when all is well, repairs what
# it can, and else ends with one line that says what is wrong and what to do.

MEMORY_FLOOR_MIB=1024
DISK_FLOOR_MIB=4096

check_memory() {
    local mib
    mib=$(($(docker info --format '{{.MemTotal}}') / 1048576))
    [ "$mib" -ge "$MEMORY_FLOOR_MIB" ] ||
        die "the Docker engine has $mib MiB of memory, the lab needs $MEMORY_FLOOR_MIB" \
            "Give it more (Docker Desktop: Settings, Resources)."
}

# The engine's disk is looked at where we can see it: not inside Docker Desktop's virtual machine.
check_disk() {
    local root mib
    root=$(docker info --format '{{.DockerRootDir}}')
    [ -d "$root" ] || return 0
    mib=$(df -Pm "$root" | awk 'NR == 2 { print $4 }')
    [ "$mib" -ge "$DISK_FLOOR_MIB" ] ||
        die "the disk is almost full: $mib MiB free in $root, the lab needs $DISK_FLOOR_MIB" \
            "Make room, for example with:  docker system prune"
}

# --- Port -------------------------------------------------------------------------------------------------------

port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# lab_holds_port PORT: our own gateway has it, from a start before.
lab_holds_port() { lab_containers --filter "publish=$1" --filter status=running | grep -q .; }

# check_port VARIABLE: the setting is a port that is free, or ours.
check_port() {
    local port=${!1}
    case $port in
        '' | *[!0-9]*) die "$1 is \"$port\", it must be a port number" "Set it in .env or on the command line." ;;
    esac
    if port_answers "$port" && ! lab_holds_port "$port"; then
        die "port $port on 127.0.0.1 is taken by another program" \
            "End that program, or choose another port:  $1=$((port + 1000)) make …   (or put it into .env)"
    fi
}

# check_ports STAGE: all that its file publishes.
check_ports() {
    local variable
    # shellcheck disable=SC2013 # one word a line
    for variable in $(sed -n 's/^ *- "127\.0\.0\.1:\${\([A-Z_]*\)}:[0-9]*"$/\1/p' "$(stage_file "$1")"); do
        check_port "$variable"
    done
}

# --- Networks ---------------------------------------------------------------------------------------------------

# used_networks prints "CIDR WHO" for every address range that this machine needs: its routes, the networks of other
# Docker projects, its name servers, its package archive. Those of the lab itself are left out.
used_networks() {
    local own
    own=$(lab_networks | xargs)
    # shellcheck disable=SC2086
    own=$([ -z "$own" ] || docker network inspect --format '{{range .IPAM.Config}}{{.Subnet}} {{end}}' $own | xargs)
    {
        # Before the routes: a Docker network has one of those too, and no name there. One may be removed meanwhile.
        docker network ls --quiet | xargs docker network inspect \
            --format '{{range .IPAM.Config}}{{.Subnet}} the Docker network {{$.Name}}{{"\n"}}{{end}}' 2>/dev/null || true
        if [ -r /proc/net/route ]; then
            linux_routes </proc/net/route
        elif command -v netstat >/dev/null; then
            netstat -rn -f inet | awk '$1 ~ /^[0-9]+[.]/ { print $1, "a route of this machine" }'
        fi
        awk '$1 == "nameserver" { print $2, "the name server of this machine" }' /etc/resolv.conf
        archive_addresses
    } | awk -v own=" $own " '$1 ~ /^[0-9.]+(\/[0-9]+)?$/ && index(own, " " $1 " ") == 0'
}

# linux_routes reads /proc/net/route, which needs no tool installed: addresses and masks in hexadecimal, last byte first.
linux_routes() {
    awk '
        function byte(hex, at) {
            return 16 * (index("0123456789ABCDEF", substr(hex, at, 1)) - 1) + index("0123456789ABCDEF", substr(hex, at + 1, 1)) - 1
        }
        function bits(hex,   at, n, b) {
            for (at = 1; at < 8; at += 2) for (b = byte(hex, at); b > 0; b = int(b / 2)) n += b % 2
            return n
        }
        NR > 1 && $2 != "00000000" {
            print byte($2, 7) "." byte($2, 5) "." byte($2, 3) "." byte($2, 1) "/" bits($8), "a route of this machine"
        }'
}

# A package archive inside the range would be cut off from this machine as soon as the lab is up. One whose address
# nobody knows now cannot be.
archive_addresses() {
    local host
    command -v apt-get >/dev/null && command -v getent >/dev/null || return 0
    for host in $(apt-get update --print-uris 2>/dev/null | sed -n "s#^'[a-z]*://\([^/:]*\).*#\1#p" | sort -u); do
        { getent ahostsv4 "$host" || true; } | awk '{ print $1, "the package archive" }' | sort -u
    done
}

# overlap NETWORK: reads "CIDR WHO" lines and prints the first WHO whose range meets NETWORK.
overlap() {
    awk -v wanted="$1" '
        function number(address,   n) { split(address, n, "."); return ((n[1] * 256 + n[2]) * 256 + n[3]) * 256 + n[4] }
        function size(cidr,   n) { return split(cidr, n, "/") == 2 ? 2 ^ (32 - n[2]) : 1 }
        function first(cidr,   n) { split(cidr, n, "/"); return int(number(n[1]) / size(cidr)) * size(cidr) }
        {
            low = first($1); high = low + size($1)
            if (first(wanted) < high && low < first(wanted) + size(wanted)) { sub("^[^ ]* ", ""); print; exit }
        }'
}

# settle_network VARIABLE SUFFIX CANDIDATE...: keeps the setting if its range is free. The default is replaced by the
# first candidate that is free, for good, in .env; what somebody has chosen is never changed.
settle_network() {
    local variable=$1 suffix=$2 used who candidate
    shift 2
    used=$(used_networks)
    who=$(printf '%s\n' "$used" | overlap "${!variable}$suffix")
    [ -n "$who" ] || return 0
    grep -qxF "$variable=${!variable}" compose/lab.env ||
        die "$variable is ${!variable}, and $who uses an address in ${!variable}$suffix" \
            "Choose another $variable in .env or on the command line."
    for candidate in "$@"; do
        if [ -z "$(printf '%s\n' "$used" | overlap "$candidate$suffix")" ]; then
            say "  ${!variable}$suffix is used by $who: the lab takes $candidate$suffix ($variable in .env)"
            printf '%s=%s\n' "$variable" "$candidate" >>.env
            export "$variable=$candidate"
            return 0
        fi
    done
    die "no address range is free for $variable (tried ${!variable} $*)" "Set $variable in .env to one that is."
}

check_networks() {
    # The documentation ranges of RFC 5737, then the one for benchmarks of RFC 2544: never anybody's real addresses.
    settle_network PUBLIC_NET .0/24 198.51.100 192.0.2 198.18.0
    settle_network PRIVATE_NET .0.0/16 10.189 10.211 172.29 172.31
}

# --- Files ------------------------------------------------------------------------------------------------------

check_line_endings() {
    local spoilt
    spoilt=$(find Makefile services compose app -type f \( -name '*.sh' -o -name Makefile -o -name '*.yaml' -o -name run \
        -o -name '*.cnf' -o -name '*.conf' \) -exec grep -l $'\r' {} + 2>/dev/null | head -n 1 || true)
    [ -z "$spoilt" ] ||
        die "$spoilt has Windows line ends (CRLF), which the containers cannot run" \
            "Run:  git config core.autocrlf false && git rm -rq --cached . && git reset --hard"
}
