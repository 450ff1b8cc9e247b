# shellcheck shell=bash
# Where this host gets its Debian packages from: asked of apt, never typed in, so that the lab follows a classroom's
# mirror. apt tells it also before its first update.

# plain_uri turns apt's mirror+file:LIST into the first address of that list.
plain_uri() {
    local uri=$1
    case $uri in
        mirror+file:*) awk '!/^#/ && NF { print $1; exit }' "${uri#mirror+file:}" ;;
        *) echo "${uri%/}" ;;
    esac
}

# debian_codename prints the host's own release, such as bookworm; empty where the host is no Debian.
debian_codename() { (. /etc/os-release && [ "$ID" = debian ] && echo "$VERSION_CODENAME") || true; }

# debian_archive [security]: the address of the host's Debian archive, or of its security archive.
# Empty where the host is no Debian: debootstrap's own default is used then.
debian_archive() {
    local suite uri
    suite=$(debian_codename)
    [ -n "$suite" ] || return 0
    [ "${1-}" != security ] || suite=$suite-security
    uri=$(apt-get update --print-uris 2>/dev/null | sed -n "s#^'\(.*\)/dists/$suite/InRelease'.*#\1#p" | head -n 1)
    [ -z "$uri" ] || plain_uri "$uri"
}
