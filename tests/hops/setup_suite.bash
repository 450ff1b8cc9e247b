# The tests of this folder share the machines of compose.yaml, up before the first of them and gone after the last.

setup_suite() {
    load hops.bash
    start_machines
}

teardown_suite() { stop_machines; }
