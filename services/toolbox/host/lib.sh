# shellcheck shell=bash
# What every script of this folder starts with: the lab's settings, messages, progress, one lock.
#
# These scripts run on the learner's own machine, so they use what every Linux and macOS has: bash 3.2, the POSIX
# tools, docker. Everything that needs more runs in the toolbox image (see toolbox.sh).
set -euo pipefail

# The script that was called, wherever from; docker.sh may have to run it again.
# shellcheck disable=SC2034
SCRIPT=$(cd "$(dirname "$0")" && pwd)/${0##*/}
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
# shellcheck disable=SC2034 # for those who source this
HOST_DIR=services/toolbox/host
STATE_DIR=.lab
LOG_DIR=$STATE_DIR/log
mkdir -p "$LOG_DIR"

# --- Messages ---------------------------------------------------------------------------------------------------

say() { printf '%s\n' "$*"; }

# die REASON [REMEDY...]: one line that says what is wrong, then what to do. Ends the script.
die() {
    printf 'error: %s\n' "$1" >&2
    shift
    [ $# -eq 0 ] || printf '       %s\n' "$@" >&2
    exit 1
}

# as_root COMMAND...: runs it as root, if that is possible without asking for anything but sudo's password.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# --- Settings ---------------------------------------------------------------------------------------------------
# The environment wins over .env, .env over compose/lab.env. All are exported, so that Compose sees the same values.

# LAB_CHOSEN names the settings that came from the user's environment. A script that is called by another finds all of
# them in its environment; only those that were chosen win there, the rest is read again.
# In bash alone: every command of the lab starts here, and a process for each setting is felt.
load_settings() {
    local file line name names=' ' chosen=${LAB_CHOSEN-}
    # lab.env has every name; .env comes behind it.
    # shellcheck disable=SC2094 # nothing is written
    for file in compose/lab.env .env; do
        [ -f "$file" ] || continue
        while IFS= read -r line || [ -n "$line" ]; do
            line=${line%$'\r'} name=${line%%=*}
            [[ $line =~ ^[A-Z_]+= ]] || continue
            if [ "$file" = compose/lab.env ]; then
                [ -n "${LAB_CHOSEN+set}" ] || [ -z "${!name-}" ] || chosen="$chosen $name"
                names="$names$name "
            else
                [ -n "${line#*=}" ] && [[ $names = *" $name "* ]] || continue
            fi
            [[ " $chosen " = *" $name "* ]] || export "$name=${line#*=}"
        done <"$file"
    done
    export LAB_CHOSEN="$chosen"
}
load_settings
export COMPOSE_PROJECT_NAME=$LAB_NAME

# --- Progress ---------------------------------------------------------------------------------------------------

# step LABEL COMMAND...: runs the command with its output in a log file and shows the seconds as they pass.
# With V=1 the output is shown instead. When the command fails: the label, the last lines of the log, exit 1.
TICKER=
step() {
    local label=$1 log status=0 start=$SECONDS
    shift
    log=$LOG_DIR/$(printf '%s' "$label" | tr -cs 'A-Za-z0-9' '-' | sed 's/-*$//').log
    if [ "${V:-0}" != 0 ]; then
        say "== $label"
        # In a subshell with its own "set -e": bash ignores it in a command whose status is tested.
        set +e
        (set -e && "$@") 2>&1 | tee "$log"
        status=${PIPESTATUS[0]}
        set -e
    else
        if [ -t 1 ]; then
            (while :; do printf '\r  %-58s %4ds ' "$label" $((SECONDS - start)) && sleep 1; done) &
            TICKER=$!
        fi
        set +e
        (set -e && "$@") >"$log" 2>&1
        status=$?
        set -e
        stop_ticker
    fi
    if [ "$status" -ne 0 ]; then
        # Commands that know the reason print it as a line "error: …"; else the end of the log has to do.
        printf '  %-58s failed\n' "$label"
        if grep -q '^error: ' "$log"; then
            sed -n '/^error: /,$p' "$log" >&2
        else
            printf 'error: %s\n' "${label} failed; the whole output is in $log, its end:" >&2
            tail -n 12 "$log" | sed 's/^/       /' >&2
        fi
        exit 1
    fi
    printf '  %-58s %4ds\n' "$label" $((SECONDS - start))
}

stop_ticker() {
    [ -n "$TICKER" ] || return 0
    kill "$TICKER" 2>/dev/null || true
    wait "$TICKER" 2>/dev/null || true
    TICKER=
    printf '\r'
}

# wait_until SECONDS COMMAND...: repeats the command until it succeeds; fails when the time is over. The last try begins then:
# one that began before may have taken all of it, on a machine that has much to do.
wait_until() {
    local deadline=$((SECONDS + $1)) over=
    shift
    until "$@" >/dev/null 2>&1; do
        [ -z "$over" ] || return 1
        [ $SECONDS -lt $deadline ] || over=1
        sleep 0.1
    done
}

# with_deadline SECONDS COMMAND...: the command, ended when it takes longer. macOS has no timeout(1).
with_deadline() {
    local seconds=$1 command watchdog status=0
    shift
    "$@" &
    command=$!
    (sleep "$seconds" && kill "$command") >/dev/null 2>&1 &
    watchdog=$!
    wait "$command" || status=$?
    kill "$watchdog" 2>/dev/null || true
    wait "$watchdog" 2>/dev/null || true
    return "$status"
}

# --- One at a time ----------------------------------------------------------------------------------------------

# A link that leads nowhere: who holds it is its target, so that it is never there without a name.
LOCK=$STATE_DIR/lock

# take_lock: two commands that change the lab do not run at once; a lock left by a killed command is taken over.
take_lock() {
    local holder
    while ! ln -s $$ "$LOCK" 2>/dev/null; do
        holder=$(readlink "$LOCK" || true)
        if [ -n "$holder" ] && kill -0 "$holder" 2>/dev/null; then
            die "another make (process $holder) is changing this lab" "Wait for it to end, or end it with Ctrl-C."
        fi
        rm -rf "$LOCK"
    done
}

# Also after Ctrl-C: no ticker goes on writing, no lock of ours stays.
leave() {
    stop_ticker
    [ "$(readlink "$LOCK")" != $$ ] || rm -f "$LOCK"
}
trap leave EXIT
# Else bash goes on after a Ctrl-C that the program it waited for took well.
trap 'exit 130' INT
