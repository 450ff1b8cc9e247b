# From ulogd's lines to JSON, as the other programs of the lab write it: who was dropped on the way where. "node" is given.

# What ulogd cannot have, and does not need: to be served before all others.
/scheduler configuration failed|Could not nice process/ { next }

# Its own words.
!/^raw\.pktlen=/ { print; next }

{
    split("", field)
    for (i = split($0, pair, ","); i > 0; i--) {
        at = index(pair[i], "=")
        field[substr(pair[i], 1, at - 1)] = substr(pair[i], at + 1)
    }
    protocol = field["ip.protocol"]
    name = protocol == 6 ? "tcp" : protocol == 17 ? "udp" : protocol == 1 ? "icmp" : protocol
    port = field[name ".dport"]
    printf "{\"time\":\"%s.%06dZ\",\"node\":\"%s\",\"event\":\"dropped\",\"direction\":\"%s\",\"from\":\"%s\",\"to\":\"%s\",\"protocol\":\"%s\"%s}\n",
        strftime("%Y-%m-%dT%H:%M:%S", field["oob.time.sec"], 1), field["oob.time.usec"], node, field["oob.prefix"],
        field["ip.saddr.str"], field["ip.daddr.str"], name, (port != "" ? ",\"port\":" port : "")
}
