"""How calm: what silent, idle and many connections do to the others, and what is left in memory."""

import json
from statistics import median

from . import samples, stack
from .goals import Goal, Measure, NotRun
from .speed import HELLO

PACE = 2000  # requests a second: some ten percent of what it can do
MIXTURE = "mixture"
CONNECTIONS_MADE = "shopd_fcgi_connections_total"
# Request ids are odd and below 32,768 in HAProxy; then it leaves the connection for a new one.
HAPROXY_IDS = 16_383


def paced(service, seconds):
    output = stack.inside("load", "paced", "nginx", str(stack.PORTS[service]), HELLO, str(PACE), str(seconds),
                          str(stack.CONNECTIONS), seconds=seconds + 30)
    return json.loads(output)


def silent_connection(settings):
    """Short rounds and many of them: what disturbs one percent of the requests comes and goes with the machine."""
    rounds, seconds = (settings.rounds, 1) if settings.quick else (settings.rounds * 4, 2)
    quiet, disturbed = [], []
    for number in range(rounds):
        settings.say(f"one silent connection: round {number + 1} of {rounds}")
        quiet.append(paced("shopd", seconds))
        with stack.fcgi_client("silent", "/sockets/shopd.sock"):
            disturbed.append(paced("shopd", seconds))
    sent = sum(run["sent"] for run in quiet + disturbed)
    failed = sum(run["failed"] for run in quiet + disturbed)
    if failed > 0:
        raise NotRun(f"{failed} of {sent} requests failed")
    with_it, without = ([run["p99_us"] for run in runs] for runs in (disturbed, quiet))
    note = f"p99 {median(with_it):.0f} µs with, {median(without):.0f} µs without; {sent} requests, {PACE} a second"
    return [{**samples.ratio(with_it, without), "note": note}]


def idle_connections(settings):
    findings = []
    for service, new, seconds in (("shopd", settings.new_requests, 10), ("threaded", 32, 1), ("prefork", 32, 1)):
        settings.say(f"64 idle connections, {new} requests on new ones: {service}")
        with stack.fcgi_client("idle", f"/sockets/{service}.sock", 64, new, seconds) as report:
            if service == "shopd" and report["kept"] != 64:
                raise NotRun(f"only {report['kept']} of 64 connections were answered before they fell idle")
            note = f"{report['hung']} hung, {report['failed']} failed of {new}"
            findings.append({"value": report["hung"] + report["failed"], "n": new, "note": note})
    # Quiet connections are gone now; what they had stopped goes on.
    stack.restart("threaded")
    return findings


def haproxy_stat(column):
    """A number of HAProxy's about its server."""
    command = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/sockets/haproxy.sock');" \
        " s.sendall(b'show stat\\n'); print(s.makefile().read())"
    lines = stack.inside("load", "python3", "-c", command).lstrip("# ").splitlines()
    names = lines[0].split(",")
    server = next(line.split(",") for line in lines if line.startswith("shopd,shopd,"))
    return int(server[names.index(column)])


def one_connection(settings):
    """HAProxy has one connection at a time, and takes a new one when the request ids of the old are used up."""
    stack.restart("haproxy")
    before = stack.metric("haproxy", CONNECTIONS_MADE)
    done, errors = 0, 0
    while done < settings.requests:
        settings.say(f"64 in flight over one connection: {done} of {settings.requests} requests")
        run = stack.load("haproxy", HELLO, settings.chunk_seconds, connections=64, script=MIXTURE)
        done += run.requests
        errors += run.errors
        if run.requests == 0:
            raise NotRun("nothing comes through any more")
    more = stack.metric("haproxy", CONNECTIONS_MADE) - before
    at_once = haproxy_stat("smax")
    if more > done / HAPROXY_IDS * 1.05 + 1:
        raise NotRun(f"HAProxy made {more:.0f} connections more than one for {done} requests")
    if at_once < 64:
        raise NotRun(f"only {at_once} requests were in flight at once")
    note = f"{at_once} in flight at once; {more + 1:.0f} connections, one after the other"
    return [{"value": errors, "n": done, "note": note}]


def held_connections(settings):
    held, active = settings.held, settings.held // 100
    settings.say(f"{held} connections held, {active} active")
    stack.restart("shopd")
    with stack.fcgi_client("hold", "/sockets/shopd.sock", held, active, settings.seconds) as report:
        rss = stack.rss_mib("shopd")
    failed = held - report["held"] + report["failed"]
    note = f"{report['requests']} requests, {report['held']} of {held} connections held"
    return [{"value": failed, "n": report["requests"], "note": note}, {"value": rss, "n": 1}]


def memory(settings):
    stack.restart("shopd")
    start = stack.rss_mib("shopd")
    done, rss, marks = 0, [], [settings.requests // 10, settings.requests]
    for mark in marks:
        while done < mark:
            settings.say(f"memory after {mark} requests: {done} so far")
            run = stack.load("shopd", HELLO, settings.chunk_seconds, script=MIXTURE)
            if run.errors > 0 or run.requests == 0:
                raise NotRun(f"{run.errors} of {run.requests} requests failed")
            done += run.requests
        rss.append(stack.rss_mib("shopd"))
    note = f"{rss[0]:.1f} MiB, then {rss[1]:.1f} MiB"
    return [{"value": start, "n": 1}, {"value": rss[1] / rss[0], "n": done, "note": note}]


MEASURES = [
    Measure(
        "silent connection",
        [Goal("one silent connection on the socket: p99 of the others against none", most=1.1)],
        silent_connection,
    ),
    Measure(
        "idle connections",
        [
            Goal("64 idle kept connections, then 1,000 requests on new ones: hung or failed", "", most=0, quick=True),
            Goal("the same with libfcgi as documented, 32 requests: hung or failed", unit=""),
            Goal("the same with best-tuned libfcgi, 32 requests: hung or failed", unit=""),
        ],
        idle_connections,
    ),
    Measure(
        "one connection",
        [Goal("64 in flight over ONE HAProxy connection, 10⁶ requests: errors", "", most=0, quick=True)],
        one_connection,
    ),
    Measure(
        "held connections",
        [
            Goal("5,000 connections held, 1 % active: failures", unit="", most=0, quick=True),
            Goal("5,000 connections held, 1 % active: RSS", unit="MiB", most=120, quick=True),
        ],
        held_connections,
    ),
    Measure(
        "memory",
        [
            Goal("RSS after start", unit="MiB", most=25, quick=True),
            Goal("RSS after 10⁶ requests against after 10⁵", most=1.05),
        ],
        memory,
    ),
]
