#!/usr/bin/env bash
# Makes sure that a Docker engine answers: starts it, or on Debian and Ubuntu installs it first.
#
# The engine, Compose and buildx of Debian 13 are the floor the lab is written for. Debian 12's own engine is older,
# so there they come from Debian 13, which is pinned down: nothing else of it is installed, nothing is upgraded.
# A machine that has an engine that answers is left as it is.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/archive.sh"
. "$HOST_DIR/docker.sh"

ENGINE_FLOOR=25.0
COMPOSE_FLOOR=2.24
START_SECONDS=180

# version_at_least FOUND FLOOR: compares the first two numbers.
version_at_least() {
    awk -v found="${1#v}" -v floor="$2" 'BEGIN {
        split(found, f, "[.]"); split(floor, l, "[.]")
        exit !(f[1] + 0 > l[1] + 0 || (f[1] + 0 == l[1] + 0 && f[2] + 0 >= l[2] + 0))
    }'
}

# os_id prints ID and VERSION_ID of os-release, such as "debian 12"; "macos" on a Mac.
os_id() {
    if [ -r "${OS_RELEASE:-/etc/os-release}" ]; then
        # shellcheck disable=SC1090,SC2031
        (. "${OS_RELEASE:-/etc/os-release}" && echo "${ID:-unknown} ${VERSION_ID:-}")
    elif [ "$(uname -s)" = Darwin ]; then
        echo macos
    else
        echo unknown
    fi
}

# packages: what the lab needs of the distribution, empty where we do not know it.
packages() {
    case $(os_id) in
        "debian "*) echo docker.io docker-cli docker-compose docker-buildx containerd iptables ;;
        "ubuntu "*) echo docker.io docker-compose-v2 docker-buildx ;;
    esac
}

can_be_root() {
    [ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; }
}

explain_installation() {
    case $(os_id) in
        "debian "* | "ubuntu "*)
            die "no Docker engine here, and installing one needs root" \
                "Run:  su -c \"cd '$PWD' && make engine && /usr/sbin/usermod -aG docker $(id -un)\"   and log in again."
            ;;
        macos)
            die "no Docker engine here" \
                "Install Docker Desktop and start it:  brew install --cask docker && open -a Docker" \
                "Then run this command again."
            ;;
        "fedora "*)
            die "no Docker engine here" \
                "Run:  sudo dnf install moby-engine docker-compose docker-buildx && sudo systemctl enable --now docker" \
                "      sudo usermod -aG docker \"\$USER\"   (then log in again)"
            ;;
        "arch "*)
            die "no Docker engine here" \
                "Run:  sudo pacman -S docker docker-compose docker-buildx && sudo systemctl enable --now docker" \
                "      sudo usermod -aG docker \"\$USER\"   (then log in again)"
            ;;
        *)
            die "no Docker engine here, and this is not Debian or Ubuntu" \
                "Install Docker Engine $ENGINE_FLOOR or newer with the Compose and buildx plugins from your distribution," \
                "start it, and run this command again."
            ;;
    esac
}

# --- Installing -------------------------------------------------------------------------------------------------

install_engine() {
    if [ "$(os_id)" = "debian 12" ]; then
        add_trixie
    fi
    # An archive that cannot be reached is only a warning to apt unless told otherwise.
    as_root apt-get update --error-on=any ||
        fail_install "the package archive cannot be reached" "Look at the network and at /etc/apt/sources.list*."
    # shellcheck disable=SC2046
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends --no-upgrade $(packages) ||
        fail_install "the packages of the engine cannot be installed" "The whole output is in $LOG_DIR."
}

fail_install() {
    remove_trixie
    die "$@"
}

# add_trixie: Debian 13 as a second source, from the same archive as this host's own, for the engine alone.
add_trixie() {
    local signed_by=/usr/share/keyrings/debian-archive-keyring.gpg
    as_root tee /etc/apt/preferences.d/webstack-lab >/dev/null <<-PINS
	# The Docker engine for webstack-lab. Everything else of Debian 13 is out of reach.
	Package: *
	Pin: release n=trixie
	Pin-Priority: -1

	Package: docker.io docker-cli docker-compose docker-buildx containerd
	Pin: release n=trixie
	Pin-Priority: 500
	PINS
    as_root tee /etc/apt/sources.list.d/webstack-lab.sources >/dev/null <<-SOURCE
	Types: deb
	URIs: $(debian_archive)
	Suites: trixie
	Components: main
	Signed-By: $signed_by
	SOURCE
}

remove_trixie() {
    [ "$(os_id)" = "debian 12" ] || return 0
    as_root rm -f /etc/apt/preferences.d/webstack-lab /etc/apt/sources.list.d/webstack-lab.sources
}

# --- Starting ---------------------------------------------------------------------------------------------------

start_engine() {
    local last_words="Its last words are in $DAEMON_LOG."
    if [ -d /run/systemd/system ]; then
        last_words="Its last words:  sudo journalctl -u docker"
        as_root systemctl start docker
    else
        start_daemon_directly
    fi
    wait_until "$START_SECONDS" engine_is_up || die "the Docker engine was started and does not answer" "$last_words"
}

# engine_is_up: asked as root, because the user may not be in the group docker yet.
engine_is_up() { as_root docker info; }

DAEMON_LOG=/var/log/dockerd.log

# No service manager (a container, a chroot, CI): start the daemon ourselves, past what a killed one left behind.
start_daemon_directly() {
    local pid_file
    for pid_file in /var/run/docker.pid /run/docker/containerd/containerd.pid; do
        is_daemon "$(as_root cat "$pid_file" 2>/dev/null || true)" || as_root rm -f "$pid_file"
    done
    # In a session of its own: Ctrl-C on make must not end the engine.
    as_root sh -c "setsid dockerd >>'$DAEMON_LOG' 2>&1 </dev/null &"
}

# is_daemon PID: it is a dockerd or containerd that runs. Not one that was killed and that nobody has buried yet: such a
# zombie keeps its name, and a new daemon would take it for a living one; nor another program with the number of a dead one.
is_daemon() {
    local state
    state=$(cat "/proc/${1:-none}/stat" 2>/dev/null || true)
    case $state in
        *"(dockerd) Z"* | *"(containerd) Z"*) return 1 ;;
        *"(dockerd) "* | *"(containerd) "*) return 0 ;;
        *) return 1 ;;
    esac
}

# --- Checking ---------------------------------------------------------------------------------------------------

check_versions() {
    local engine compose
    engine=$(docker version --format '{{.Server.Version}}')
    version_at_least "$engine" "$ENGINE_FLOOR" ||
        die "the Docker engine is too old: $engine, the lab needs $ENGINE_FLOOR or newer" "Upgrade it, then run this again."
    compose=$(docker compose version --short 2>/dev/null) ||
        die "Docker Compose is missing" "Install the Compose plugin $COMPOSE_FLOOR or newer (Debian: apt install docker-compose)."
    version_at_least "$compose" "$COMPOSE_FLOOR" ||
        die "Docker Compose is too old: $compose, the lab needs $COMPOSE_FLOOR or newer" "Upgrade it, then run this again."
    docker buildx version >/dev/null 2>&1 ||
        die "docker buildx is missing" "Install the buildx plugin (Debian: apt install docker-buildx)."
}

# why_silent: a client is here and no engine answers; says why, if it is not just that none runs.
why_silent() {
    local reason
    reason=$(docker info 2>&1 >/dev/null || true)
    case $reason in
        *"permission denied"*)
            die "this user may not talk to the Docker engine" \
                "Run:  sudo usermod -aG docker \"\$USER\"   and log in again."
            ;;
    esac
    if [ -n "${DOCKER_HOST:-}" ]; then
        die "no Docker engine answers at DOCKER_HOST=$DOCKER_HOST" "Start it, or unset DOCKER_HOST."
    fi
}

# admit_user: the engine runs, and this user may not talk to it yet. A new member of the group docker is one from the
# next login on; until then ensure_engine of docker.sh asks for the group.
admit_user() {
    as_root usermod -aG docker "$(id -un)"
    may_join_docker_group ||
        die "the Docker engine is running, and you are in the group docker from your next login on" \
            "Log in again, then run this command again."
    exit 0
}

main() {
    if ! docker_answers; then
        if may_join_docker_group; then exit 0; fi
        if command -v docker >/dev/null; then why_silent; fi
        if ! command -v dockerd >/dev/null && [ ! -x /usr/sbin/dockerd ]; then
            [ -n "$(packages)" ] && can_be_root || explain_installation
            step "Installing the Docker engine" install_engine
        fi
        can_be_root || die "the Docker engine is not running" "Start it:  sudo systemctl start docker"
        step "Starting the Docker engine" start_engine
        docker_answers || admit_user
    fi
    check_versions
}

main
