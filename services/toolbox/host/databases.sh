# shellcheck shell=bash
# The stage's MySQL servers, for promote.sh and rejoin.sh. What is done on a machine is in services/mysql; here is the order.

# database_nodes: the machines of the stage that have a MySQL, running or not.
database_nodes() {
    # shellcheck disable=SC2046 # one word an id
    docker inspect --format '{{index .Config.Labels "com.docker.compose.service"}} {{json (index .Config.Labels "lab.programs")}}' \
        $(lab_containers) | awk '/("|\\n)mysql \|/ { print $1 }' | sort
}

# database_container NODE: its id, running or not.
database_container() {
    docker ps --all --quiet --filter "label=com.docker.compose.project=$LAB_NAME" \
        --filter "label=com.docker.compose.service=$1"
}

# data_address NODE: where the other databases reach it; also that of a machine that is down.
data_address() {
    docker inspect --format "{{with index .NetworkSettings.Networks \"${LAB_NAME}_data\"}}{{with .IPAMConfig}}{{.IPv4Address}}{{end}}{{end}}" \
        "$(database_container "$1")"
}

# at NODE COMMAND...: there; not for long on one that is frozen.
at() {
    local node=$1
    shift
    with_deadline 40 docker exec "$(database_container "$node")" "$@"
}

sql() { at "$1" mysql --batch --skip-column-names --execute "$2"; }

# Asked of MySQL directly: mysql-role asks the source as well, and waits for one that is dead. One that takes connections
# and says nothing is neither.
at_once() { at "$1" timeout 5 mysql --batch --skip-column-names --execute "$2" 2>/dev/null; }
is_primary() { [ "$(at_once "$1" 'SELECT @@global.read_only')" = 0 ]; }
is_replica() { [ -n "$(at_once "$1" 'SHOW REPLICA STATUS')" ]; }

# in_order NODE: a replica that replicates.
in_order() { at "$1" mysql-role; }

# primaries: the machines whose MySQL takes writes.
primaries() {
    local node
    for node in $(database_nodes); do
        ! is_primary "$node" || echo "$node"
    done
}
