# shellcheck shell=bash
# What the tests of the monitoring ask and do, whatever the stage. ALL_JOBS are its JOB/MACHINE, in order.

PROMETHEUS=http://localhost:$(lab_setting MONITOR_PORT)
# shellcheck disable=SC2034 # for those who load this
NET=$(lab_setting PRIVATE_NET).9

# api PATH prints the data of an answer of Prometheus' API, as the browser's way gets it.
api() { curl --silent --max-time 5 --get "$PROMETHEUS/api/v1/$1" "${@:2}" | jq --compact-output .data; }

# value QUERY prints the one value that it has now.
value() { api query --data-urlencode "query=$1" | jq --raw-output '.result[0].value[1]'; }

# answers_of QUERY: how many series it finds.
answers_of() { api query --data-urlencode "query=$1" | jq '.result | length'; }

targets_up() {
    api targets | jq --raw-output \
        '.activeTargets[] | select(.health == "up") | .labels.job + "/" + .labels.instance' | sort -u
}
all_up() { [ "$(targets_up | xargs)" = "$ALL_JOBS" ]; }

# metrics_of ADDRESS...: what is said there to the monitor, one right after the other, a line ANSWERED behind each.
metrics_of() {
    local address urls=
    for address in "$@"; do urls="$urls http://$address/metrics"; done
    on monitor "curl --silent --fail --max-time 10 --write-out 'ANSWERED\\n' $urls"
}

# alert_lines prints a line for each set of labels: the name of the alert, and what says where.
alert_lines() {
    jq --raw-output '[.alertname, .instance, .job, .server, .probe, .address] | map(values) | join(" ")' | sort
}

# firing: a line for each alert that fires.
firing() { api alerts | jq '.alerts[] | select(.state == "firing") | .labels' | alert_lines; }

# fired SECONDS: a line for each alert that has fired within them.
fired() {
    api query --data-urlencode "query=count_over_time(ALERTS{alertstate=\"firing\"}[$1s])" | jq '.result[].metric' | alert_lines
}

# What is told for information only does not count: it ends when it does.
is_quiet() { ! firing | grep -qv '^VirtualIpMoved '; }

now() { date +%s%3N; }

# s6 MACHINE OPTIONS PROGRAM: starts, stops or signals it.
s6() { on "$1" "s6-svc $2 /run/s6/$3"; }

# bound ALERT: within how many seconds it fires, as its rule says.
bound() {
    api rules | jq --raw-output --arg name "$1" \
        '.groups[].rules[] | select(.name == $name) | .annotations.fires_within | rtrimstr("s")'
}

# fire_in_time SINCE ALERT... [SINCE ALERT...]: each of them (lines as of "firing") fires, within the time its rule
# states. SINCE is when the fault of those behind it began, in milliseconds; they are looked for until none can come in
# time any more.
fire_in_time() {
    local word since seen now alert late=0
    local -A began=() after=()
    for word in "$@"; do
        case $word in
            [0-9]*) since=$word ;;
            *) began[$word]=$since ;;
        esac
    done
    while [ ${#after[@]} -lt ${#began[@]} ] && [ $(($(date +%s%3N) - since)) -lt 40000 ]; do
        # When it was asked, not when the answer came.
        now=$(date +%s%3N)
        seen=$(firing)
        for alert in "${!began[@]}"; do
            [ -n "${after[$alert]-}" ] || ! grep -qxF "$alert" <<<"$seen" || after[$alert]=$((now - ${began[$alert]}))
        done
        sleep 0.2
    done
    for alert in "${!began[@]}"; do
        now=${after[$alert]:-never}
        echo "# $alert: fired after $now ms, at most $(bound "${alert%% *}") s" >&3
        [ "$now" != never ] && [ "$now" -le $(($(bound "${alert%% *}") * 1000)) ] || late=$((late + 1))
    done
    [ "$late" -eq 0 ] || { echo "late or never: $late; what fires: $(firing)" >&2 && return 1; }
}

# written_down prints "STATUS ALERT MACHINE" for each line of the receiver's file.
written_down() {
    on monitor 'cat /var/lib/monitor/receiver/alerts.jsonl' |
        jq --raw-output '[.status, .alert, .labels.instance // "-"] | join(" ")'
}
