# shellcheck shell=sh
# For s6/boot/run of a machine, which starts its programs in order, once: each is ready before the next begins. Later
# restarts keep no order; every program waits for what it needs by itself.
cd /run/s6 || exit

# s6-svscan starts all supervisors at once, that of boot among them; until its supervisor is there a program takes no
# order, nor before that has written down how it stands. The last folder to get one may be the one that is wanted first.
supervised() { until s6-svstat "$1" >/dev/null 2>&1; do sleep 0.01; done; }

# One that is not ready in a minute does not keep the others down: a page that says so is better than a closed port.
start() { supervised "$1" && s6-svc -uwU -T 60000 "$1" || echo "boot: $1 is not ready after a minute" >&2; }

# One that does its work and ends.
run() { supervised "$1" && s6-svc -uwu "$1" && s6-svwait -D -t 60000 "$1" || echo "boot: $1 is not done after a minute" >&2; }

# Done: boot is not started again.
started() { s6-svc -O boot; }
