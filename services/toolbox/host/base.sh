#!/usr/bin/env bash
# Makes sure that the image every other is built from is here: debian:trixie-slim.
#
# Where an image registry answers it is pulled. Where none does (a classroom without one, CI) the same is built from
# Debian packages: trixie with its updates and security fixes, without documentation, translations and package lists.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/archive.sh"
. "$HOST_DIR/docker.sh"

BASE_IMAGE=${BASE_IMAGE:-debian:trixie-slim} # another name builds it once more, beside the first
SUITE=trixie
REGISTRY_SECONDS=8

have_base() { docker image inspect "$BASE_IMAGE" >/dev/null 2>&1; }

# A registry that is away may stay silent for minutes; ask for the few bytes of the manifest first.
registry_answers() { with_deadline "$REGISTRY_SECONDS" docker manifest inspect "$BASE_IMAGE" >/dev/null 2>&1; }

# --- Building ---------------------------------------------------------------------------------------------------

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# sources prints the new system's sources.list. Where this host is no Debian, debootstrap knows Debian's own archive.
sources() {
    local archive security
    archive=$(debian_archive)
    [ -n "$archive" ] || archive=$(debootstrap_default)
    security=$(debian_archive security)
    [ -n "$security" ] || security=${archive%/}-security
    echo "deb [signed-by=$KEYRING] $archive $SUITE main"
    echo "deb [signed-by=$KEYRING] $archive $SUITE-updates main"
    echo "deb [signed-by=$KEYRING] $security $SUITE-security main"
}

debootstrap_default() { sed -n 's/^ *DEF_MIRROR="\(.*\)"$/\1/p' /usr/sbin/debootstrap | head -n 1; }

build_base() {
    local tree=$STATE_DIR/base.tar missing=
    command -v mmdebstrap >/dev/null || missing="mmdebstrap"
    [ -r "$KEYRING" ] || missing="$missing debian-archive-keyring"
    [ -n "$(debian_archive)" ] || [ -r /usr/sbin/debootstrap ] || missing="$missing debootstrap"
    if [ -n "$missing" ]; then
        # shellcheck disable=SC2086
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing ||
            die "no image registry answers, and $missing cannot be installed to build $BASE_IMAGE here" \
                "Look at the network and at /etc/apt/sources.list*, or load the image:  docker load < trixie-slim.tar"
    fi
    # Left out is what Debian's own slim image leaves out: documentation but the licences, manuals, translations; and apt
    # keeps no copy of what it has installed. As there, dpkg does not wait for the disk after each file: a build that is
    # cut short is thrown away as a whole.
    sources | as_root mmdebstrap --variant=minbase --mode=root \
        --dpkgopt=force-unsafe-io \
        --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/info/*' \
        --dpkgopt='path-exclude=/usr/share/lintian/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-include=/usr/share/locale/locale.alias' \
        --aptopt='APT::Install-Recommends "false"' \
        --aptopt='Acquire::Languages "none"' \
        --customize-hook='printf "%s\n" \
            "Dir::Cache::pkgcache \"\"; Dir::Cache::srcpkgcache \"\";" \
            "DPkg::Post-Invoke { \"rm -f /var/cache/apt/archives/*.deb\"; };" >"$1/etc/apt/apt.conf.d/docker-clean"' \
        --customize-hook='rm -rf "$1"/var/log/* "$1"/var/cache/* "$1"/etc/hostname "$1"/etc/resolv.conf' \
        "$SUITE" "$tree" - ||
        die "the base image $BASE_IMAGE cannot be built: the Debian archive does not answer or lacks $SUITE" \
            "Look at the network and at /etc/apt/sources.list*, then run this command again."
    # One atomic act: an interrupted import leaves no image under this name. PATH as in the pulled image.
    docker import --change 'CMD ["bash"]' \
        --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "$tree" "$BASE_IMAGE"
    as_root rm -f "$tree"
}

main() {
    need_engine "$@"
    ! have_base || return 0
    if registry_answers; then
        step "Pulling $BASE_IMAGE" docker pull --quiet "$BASE_IMAGE"
    elif command -v apt-get >/dev/null; then
        step "Building $BASE_IMAGE from Debian packages" build_base
    else
        die "no image registry answers, and only Debian and Ubuntu can build $BASE_IMAGE from packages" \
            "Load it from a machine that has it:  docker save $BASE_IMAGE | ssh … docker load"
    fi
}

main "$@"
