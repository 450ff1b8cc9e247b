"""What the bench asks of the Docker engine: Compose, a command in a container, the CPU time of a container."""

import http.client
import json
import os
import platform
import socket
import subprocess
from pathlib import Path

COMPOSE_FILE = Path("tests/bench/compose.yaml")
PASSWORD_FILE = Path(".lab/secrets/mysql-shop-password")


class Failed(Exception):
    """A command of ours did not do its job; the text says which and why."""


def run(*command, seconds=120):
    """The command's standard output. Failed: its status is not 0, or it took longer."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{' '.join(command)}: not done after {seconds:.0f} s") from error
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip() or f"status {done.returncode}"
        raise Failed(f"{' '.join(command)}: {reason}")
    return done.stdout


def compose(*arguments, seconds=300):
    os.environ["BENCH_MYSQL_PASSWORD"] = PASSWORD_FILE.read_text(encoding="ascii")
    return run("docker", "compose", "--progress", "quiet", "--file", str(COMPOSE_FILE), *arguments, seconds=seconds)


def host():
    return {
        "cores": int(run("docker", "info", "--format", "{{.NCPU}}")),
        "engine": run("docker", "version", "--format", "{{.Server.Version}}").strip(),
        "kernel": platform.release(),
    }


class EngineConnection(http.client.HTTPConnection):
    """HTTP to the engine's Unix socket."""

    def __init__(self):
        super().__init__("engine", timeout=30)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect("/var/run/docker.sock")


def cpu_us(container):
    """CPU time of all processes of a container since it started, in microseconds. The engine reads its cgroup, of
    version 1 or 2; a process that has ended still counts."""
    connection = EngineConnection()
    connection.request("GET", f"/containers/{container}/stats?stream=false&one-shot=true")
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 200:
        raise Failed(f"the engine does not tell the CPU time of {container}: {body.decode(errors='replace').strip()}")
    return json.loads(body)["cpu_stats"]["cpu_usage"]["total_usage"] / 1000
