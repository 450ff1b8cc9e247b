#!/usr/bin/env bash
# renew-cert.sh [DAYS] [NODE]: a new key and certificate for the site, on disk and in the HAProxy that runs; no visitor
# notices. With NODE the one that this machine shows to the machines beside it. With DAYS one of which so many days are left: 5 is
# about to end, -1 ended yesterday.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"
. "$HOST_DIR/certificates.sh"

DAYS=${1:-90}
NODE=${2-}
# Longer than a handshake takes on a busy machine.
SHOWN_SECONDS=20

# serial_shown: of the certificate that a visitor gets.
serial_shown() {
    docker exec "$(node_container client)" sh -c \
        'openssl s_client -connect www.foobar.com:443 -servername www.foobar.com </dev/null 2>/dev/null | openssl x509 -noout -serial'
}
is_shown() { [ "$(serial_shown)" = "$serial" ]; }

[[ $DAYS =~ ^-?[0-9]+$ ]] && [ "$DAYS" -le 90 ] && [ "$DAYS" -ge -3650 ] ||
    die "DAYS is \"$DAYS\", it must be a whole number up to 90" "Say:  make renew-cert   or, for one about to end:  make renew-cert DAYS=5"
need_engine "$@"
[ -s "$ROOT_CERTIFICATE" ] || die "there is no certificate authority yet" "Start a stage that has one:  make stage-2"
stage=$(running_stage)
[ -n "$stage" ] && has_tls "$stage" || die "no stage with TLS is up" "Start one with:  make stage-2"
take_lock
if [ -n "$NODE" ]; then
    machines "$stage" | grep -qw "^ *$NODE" ||
        die "no machine named $NODE has a certificate in stage $stage" \
            "Those that have: $(machines "$stage" | awk '{ print $1 }' | xargs)"
    step "Issuing a certificate for $NODE" inside "$stage" --renew "$NODE" "$DAYS"
    step "Handing it to $NODE" take_certificate "$NODE"
    exit
fi
step "Issuing a certificate" ca issue "$DAYS"
step "Handing it to the balancer" load_certificate
about=$(ca about)
serial=${about%%
*}
wait_until "$SHOWN_SECONDS" is_shown ||
    die "visitors do not get the new certificate ($serial)" "Start all anew:  make reset"
say "$about"
