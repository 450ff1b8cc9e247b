# shellcheck shell=bash
# What the scripts say to Docker.

# Not "docker info", which starts every plugin of the client as well.
docker_answers() { docker version >/dev/null 2>&1; }

# ensure_engine "$@": an engine that answers, installed or started if need be.
ensure_engine() {
    bash "$HOST_DIR/engine.sh"
    need_engine "$@"
}

# need_engine "$@": an engine that answers, or the end. A user who has just become a member of the group docker is one
# from the next login on; until then the script runs again, with its arguments, in a shell that has the group.
need_engine() {
    ! docker_answers || return 0
    may_join_docker_group ||
        die "no Docker engine answers" "Start it (and install it, where it is missing) with:  make engine"
    exec sg docker -c "exec bash $(quoted "$SCRIPT" "$@")"
}

# quoted WORD...: the words as a shell reads them back, whatever is in them.
quoted() {
    local word
    for word in "$@"; do
        printf "'%s' " "$(printf '%s' "$word" | sed "s/'/'\\\\''/g")"
    done
}

# may_join_docker_group: the group would let this user in, and only the present login does not know yet.
may_join_docker_group() {
    command -v sg >/dev/null && command -v getent >/dev/null &&
        getent group docker | grep -qE "[:,]$(id -un)(,|\$)" &&
        sg docker -c 'docker info' >/dev/null 2>&1
}

# compose STAGE ARGUMENTS...: Compose on the file of a stage. Compose reads nothing but that file and our settings.
compose() {
    local stage=$1
    shift
    docker compose --project-directory "$(dirname "$(stage_file "$stage")")" --file "$(stage_file "$stage")" "$@"
}

# stage_file N prints the Compose file of stage N.
stage_file() {
    local file
    for file in compose/"$1"-*/compose.yaml; do
        [ -f "$file" ] && echo "$file" && return
    done
    die "there is no stage $1" "The stages: $(echo compose/[0-9]-*/ | tr ' ' '\n' | sed 's|compose/||; s|/$||' | xargs)"
}

# site_url STAGE: where visitors find the site, as its file says.
site_url() { sed -n 's/^x-lab-site: //p' "$(stage_file "$1")"; }

# browser_url STAGE: where the browser on this machine finds it.
browser_url() {
    case $(site_url "$1") in
        https:*) echo "https://localhost:$HTTPS_PORT/" ;;
        *) echo "http://localhost:$HTTP_PORT/" ;;
    esac
}

# lab_containers prints the lab's containers, running or not, one name a line. By label: also those that a Compose file
# no longer names.
lab_containers() { docker ps --all --quiet --filter "label=com.docker.compose.project=$LAB_NAME" "$@"; }
lab_networks() { docker network ls --quiet --filter "label=com.docker.compose.project=$LAB_NAME"; }
lab_volumes() { docker volume ls --quiet --filter "label=com.docker.compose.project=$LAB_NAME"; }

# running_stage prints the number of the stage that is up (or half up), nothing when none is.
running_stage() {
    docker ps --all --filter "label=com.docker.compose.project=$LAB_NAME" \
        --format '{{.Label "com.docker.compose.project.config_files"}}' |
        sed -n 's|.*compose/\([0-9]\)-[^/]*/compose.yaml.*|\1|p' | sort -u | head -n 1
}

# node_container NODE prints the id of its running container.
node_container() {
    local id
    id=$(docker ps --quiet --filter "label=com.docker.compose.project=$LAB_NAME" \
        --filter "label=com.docker.compose.service=$1")
    [ -n "$id" ] || die "there is no running machine ${1:-(NODE is empty)}" \
        "The machines that run: $(nodes | xargs)" "Start a stage with:  make stage-0"
    echo "$id"
}

# nodes prints the names of the machines that run.
nodes() {
    docker ps --filter "label=com.docker.compose.project=$LAB_NAME" \
        --format '{{.Label "com.docker.compose.service"}}' | sort
}

# remove_lab: every container, network and volume of the lab (KEEP_VOLUMES=1: but the volumes). By label, not by file, so
# that nothing stays that an interrupted start or another version of the files made.
remove_lab() {
    local containers networks volumes
    containers=$(lab_containers)
    if [ -n "$containers" ]; then
        # Stopped properly first, all at once: with its volume kept, MySQL then has nothing to repair, and so it gets more time.
        # shellcheck disable=SC2086
        docker stop --time "$([ "${KEEP_VOLUMES:-0}" = 0 ] && echo 3 || echo 10)" $containers
        # shellcheck disable=SC2086
        docker rm --force --volumes $containers
    fi
    networks=$(lab_networks)
    # shellcheck disable=SC2086
    [ -z "$networks" ] || docker network rm $networks
    volumes=$(lab_volumes)
    # shellcheck disable=SC2086
    [ -z "$volumes" ] || [ "${KEEP_VOLUMES:-0}" != 0 ] || docker volume rm $volumes
}
