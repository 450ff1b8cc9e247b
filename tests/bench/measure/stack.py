"""The containers of the bench: up, down, and what is measured in them."""

import json
import re
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass

from . import engine

# Behind which port of Nginx an application is (nginx.conf); None: Nginx itself answers.
PORTS = {
    "shopd": 8001,
    "shopd-logging": 8002,
    "shopd-cached": 8003,
    "prefork": 8004,
    "threaded": 8005,
    "null": 8006,
    "php": 8007,
    "nginx": 8008,
}
SHOPS = ("shopd", "shopd-logging", "shopd-cached")
CONNECTIONS = 16


@dataclass
class Run:
    """What a run of wrk came to."""

    requests: int
    seconds: float
    bad_status: int
    broken: int
    timeouts: int
    cpu_us: dict  # by container

    @property
    def rate(self):
        return self.requests / self.seconds

    @property
    def errors(self):
        return self.bad_status + self.broken + self.timeouts

    def cpu_per_request(self, service):
        return self.cpu_us[service] / self.requests


def up():
    engine.compose("up", "--detach")
    for service in PORTS:
        within(60, f"{service} answers", lambda service=service: answers(service))
    switch_off("recommendations")


def down():
    engine.compose("down", "--volumes", "--remove-orphans", "--timeout", "2")


def switch_off(flag):
    """Off in all shops, which look at the flags every two seconds: PHP has no such thing on its pages."""
    inside("mysql", "mysql", "shop", "-e", f"UPDATE flags SET enabled = FALSE WHERE name = '{flag}'")
    series = f'shopd_flag{{flag="{flag}"}}'
    within(60, f"{flag} are off", lambda: all(metric(shop, series) == 0 for shop in SHOPS))


def container(service):
    return f"webstack-bench-{service}-1"


def inside(service, *command, seconds=60):
    return engine.run("docker", "exec", container(service), *command, seconds=seconds)


def restart(service):
    engine.run("docker", "restart", "--time", "3", container(service))
    within(60, f"{service} is back", lambda: answers(service))


def answers(service):
    try:
        fetch(service, "/livez")
        return True
    except engine.Failed:
        return False


def within(seconds, what, condition):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise engine.Failed(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def url(service, path):
    return f"http://haproxy:8080{path}" if service == "haproxy" else f"http://nginx:{PORTS[service]}{path}"


def fetch(service, path):
    """The answer as it came, head and body. Failed: the status is not 200."""
    options = ["--silent", "--show-error", "--fail", "--include", "--max-time", "5"]
    return inside("load", "curl", *options, url(service, path))


def load(service, path, seconds, connections=CONNECTIONS, script="report", count_cpu=()):
    """A closed loop: wrk asks again as soon as it is answered, on so many connections."""
    options = ["--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--timeout", "5s",
               "--script", f"/bench/{script}.lua"]
    before = {name: engine.cpu_us(container(name)) for name in count_cpu}
    output = inside("load", "wrk", *options, url(service, path), seconds=seconds + 60)
    spent = {name: engine.cpu_us(container(name)) - before[name] for name in count_cpu}
    report = json.loads(re.search(r"^REPORT (.*)$", output, re.MULTILINE)[1])
    return Run(
        requests=report["requests"],
        seconds=report["microseconds"] / 1e6,
        bad_status=report["bad_status"],
        broken=report["broken"],
        timeouts=report["timeouts"],
        cpu_us=spent,
    )


def rss_mib(service):
    """Resident memory of the container's first process."""
    status = inside(service, "cat", "/proc/1/status")
    return int(re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)[1]) / 1024


def metric(service, name):
    """A number of shopd's /metrics."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", fetch(service, "/metrics"), re.MULTILINE)
    if found is None:
        raise engine.Failed(f"shopd has no metric {name}")
    return float(found[1])


@contextmanager
def fcgi_client(*arguments, seconds=300):
    """Runs clients/fcgi.py and gives what it reports; it holds its connections until the block is left."""
    command = ["docker", "exec", "--interactive", container("load"), "python3", "/bench/fcgi.py", *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        try:
            line = client.stdout.readline()
            if not line:
                raise engine.Failed(f"fcgi.py {arguments[0]} ended without a report")
            yield json.loads(line)
        finally:
            client.stdin.close()
            client.wait(timeout=seconds)
