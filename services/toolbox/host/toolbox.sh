#!/usr/bin/env bash
# toolbox.sh COMMAND...: runs a command in the toolbox, on this tree and with this host's engine, so that every host has
# the same versions of every tool. The tree has the same path inside, because Compose tells the engine paths.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"

ensure_engine "$@"
bash "$HOST_DIR/base.sh"
docker image inspect webstack/toolbox >/dev/null 2>&1 && [ "${BUILD_TOOLBOX:-0}" = 0 ] || bash "$HOST_DIR/images.sh" toolbox

# The engine's socket as the client is told to find it; inside it is always at the usual place.
socket=$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null || true)
case ${DOCKER_HOST:-$socket} in
    unix://*) socket=${DOCKER_HOST:-$socket} && socket=${socket#unix://} ;;
    *) socket=/var/run/docker.sock ;;
esac

settings=()
for variable in $LAB_CHOSEN V CI REPEAT ROUNDS SECONDS_PER_ROUND ONLY QUICK BENCH_SHOPD; do
    [ -z "${!variable-}" ] || settings+=(--env "$variable")
done
tty=()
[ ! -t 0 ] || tty=(--interactive --tty)
# In the container we are root; what was made there belongs to whom the tree belongs to.
give_back='"$@"; status=$?; chown -R --reference=. .lab results 2>/dev/null; exit $status'
exec docker run --rm --init ${tty[@]+"${tty[@]}"} --network host \
    --volume "$socket:/var/run/docker.sock" --volume "$PWD:$PWD" --workdir "$PWD" \
    ${settings[@]+"${settings[@]}"} webstack/toolbox bash -c "$give_back" toolbox "$@"
