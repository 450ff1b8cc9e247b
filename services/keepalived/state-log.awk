# keepalived's lines. A change of its state becomes a line of JSON, as the other programs of the lab write it: "node" and
# "address" are given.

BEGIN {
    states["MASTER"] = "active"
    states["BACKUP"] = "standby"
    states["FAULT"] = "fault"
}

# What a container does not let it have, and it does not need: to be served before all others, a folder of its own in /etc.
/max_auto_priority|rt_addrproto/ { next }

/Entering [A-Z]+ STATE/ {
    match($0, /Entering [A-Z]+/)
    printf "{\"time\":\"%s\",\"node\":\"%s\",\"event\":\"virtual-ip\",\"address\":\"%s\",\"state\":\"%s\"}\n",
        strftime("%Y-%m-%dT%H:%M:%SZ", systime(), 1), node, address, states[substr($0, RSTART + 9, RLENGTH - 9)]
    next
}

# Its own words, without their time: the log has it.
{
    sub(/^[A-Z][a-z]+ [A-Z][a-z]+ +[0-9]+ [0-9:]+ [0-9]+: /, "")
    print
}
