#!/usr/bin/env bash
# make stage-N: from whatever there is to a stage that serves.
. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/docker.sh"
. "$HOST_DIR/checks.sh"
. "$HOST_DIR/secrets.sh"
. "$HOST_DIR/certificates.sh"

STAGE=${1:?usage: stage.sh N}
HEALTHY_SECONDS=120
FIRST_PAGE_SECONDS=60
# What "step" has written of the start.
START_LOG=$LOG_DIR/Starting-the-machines-of-stage-$STAGE.log

# What came up halfway goes down again, with its containers and networks; data stays for the next try.
give_up() {
    KEEP_VOLUMES=1 remove_lab >/dev/null 2>&1 || true
}

# One is ill, as Compose has just said: it may be well since.
is_ill() { [ -n "$(lab_containers --filter health=unhealthy)" ] || tail -n 3 "$START_LOG" | grep -q 'is unhealthy'; }

# A machine is looked at every 30 seconds: one that was ill the last time, in a stage that is up already, may be well by now.
start_nodes() {
    local deadline=$((SECONDS + HEALTHY_SECONDS))
    while ! compose "$STAGE" up --detach --wait --wait-timeout "$HEALTHY_SECONDS" --remove-orphans; do
        if ! is_ill || [ $SECONDS -ge $deadline ]; then
            say_what_failed
            return 1
        fi
        sleep 1
    done
}

say_what_failed() {
    echo "-- state:" && compose "$STAGE" ps --all
    echo "-- last words:" && compose "$STAGE" logs --tail 15
    explain_failed_start
}

# The few causes that have a remedy of their own; everything else is in the log.
explain_failed_start() {
    local log=$START_LOG said
    if grep -qE 'port is already allocated|address already in use' "$log"; then
        die "a port that the stage needs on 127.0.0.1 is taken by another program; the whole output is in $log" \
            "Choose another:  HTTP_PORT=9080 make stage-$STAGE   (see compose/lab.env for the others)"
    elif grep -qE 'Pool overlaps' "$log"; then
        die "the networks of the lab overlap with others" "Run:  make doctor"
    elif grep -q 'no space left on device' "$log"; then
        die "the disk is full" "Make room, for example with:  docker system prune"
    fi
    # A machine may have said it itself, in a line "lb-1-1  | error: …". The first is the cause, others miss that machine.
    said=$(sed -n 's/^[^a-z]*\([a-z][a-z0-9-]*\)-[0-9]*  *| error: /\1: /p' "$log" | head -n 1)
    [ -z "$said" ] || die "$said" "The machine said so when it started; the whole output is in $log"
}

# A real page, by name, from the visitor's machine.
page_from_client() {
    docker exec "$(node_container client)" \
        curl --silent --show-error --fail --max-time 5 --output /dev/null "$(site_url "$STAGE")/products/1"
}

# When the time is over, the last try says why.
first_page() { wait_until "$FIRST_PAGE_SECONDS" page_from_client || page_from_client; }

ensure_engine "$@"
stage_file "$STAGE" >/dev/null
take_lock
check_memory
check_disk
check_ports "$STAGE"
[ -n "$(lab_networks)" ] || check_networks
bash "$HOST_DIR/base.sh"
bash "$HOST_DIR/images.sh" "stage-$STAGE"
ensure_secrets
ensure_certificates "$STAGE"

other=$(running_stage)
if [ -n "$other" ] && [ "$other" != "$STAGE" ]; then
    step "Taking stage $other down" remove_lab
fi

trap 'status=$?; [ $status -eq 0 ] || give_up; leave' EXIT
step "Starting the machines of stage $STAGE" start_nodes
# A balancer that was up already may have one that has ended.
! has_tls "$STAGE" || load_certificate
step "Waiting for the first page" first_page

# what_to_try prints x-lab-try of the stage's file.
what_to_try() { awk '/^x-lab-try:/ { on = 1; next } /^[^ ]/ { on = 0 } on' "$(stage_file "$STAGE")"; }

cat <<DONE

Stage $STAGE is up. Open   $(browser_url "$STAGE")

Try next:
$(what_to_try)
DONE
