#!/usr/bin/env bats
# Redis of stage 3: what it was told is there after a restart, however it was told, and its accounts may no more than they need.

bats_require_minimum_version 1.5.0
load ../lib/lab

redis() { on cache-1 "as-shop $1"; }
serves() { on cache-1 healthcheck; }

@test "a key, keys of a transaction and keys of a script outlive a Redis that is killed" {
    redis "SET test:one 1 EX 600"
    on cache-1 "printf '%s\n' MULTI 'SET test:two 2 EX 600' 'SET test:three 3 EX 600' EXEC | as-shop"
    redis "EVAL \"redis.call('SET', KEYS[1], 4, 'EX', 600) redis.call('SET', KEYS[2], 5, 'EX', 600)\" 2 test:four test:five"
    on cache-1 "kill -KILL \$(s6-svstat -o pid /run/s6/redis)"
    within 30 serves
    assert_equal "$(redis "MGET test:one test:two test:three test:four test:five" | xargs)" "1 2 3 4 5"
    redis "DEL test:one test:two test:three test:four test:five"
}

# as_monitoring COMMAND: what the agent's account gets for an answer.
as_monitoring() {
    on cache-1 "REDISCLI_AUTH=\$(cat /run/secrets/redis-monitoring-password) redis-cli --no-auth-warning --user monitoring \
        --tls --insecure $1"
}

@test "nobody gets in without a name, and the monitoring's account sees numbers and no key" {
    run on cache-1 "redis-cli --tls --insecure PING"
    assert_output --partial "NOAUTH"
    run on cache-1 "redis-cli --tls --insecure AUTH default ''"
    assert_output --partial "WRONGPASS"
    run as_monitoring "INFO memory"
    assert_output --partial "used_memory:"
    for command in "GET health" "SET health 1" "SCAN 0" "CONFIG GET maxmemory" FLUSHALL SHUTDOWN; do
        run as_monitoring "$command"
        assert_output --partial "NOPERM"
    done
}
