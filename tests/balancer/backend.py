"""A web server for tests: it says what it was asked, and misbehaves on order.

Every answer is JSON: node, client, method, path, fields (of the header). Orders are files in /tmp:

    not-ready   /readyz is 503
    slow        seconds that every answer but /readyz takes
    refuse      every answer but /readyz is this status
    hang-up     nobody but /readyz gets an answer

/tmp/requests has a line for each request but /readyz, written when it came.
"""

import json
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ORDERS = Path("/tmp")
NODE = socket.gethostname()


def order(name):
    """What the file says, None where there is none."""
    try:
        return (ORDERS / name).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None


class Backend(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Header and body in one segment.
    wbufsize = -1

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/readyz":
            self.say(200 if order("not-ready") is None else 503)
            return
        with (ORDERS / "requests").open("a", encoding="ascii") as requests:
            requests.write(f"{self.command} {self.path}\n")
        time.sleep(float(order("slow") or 0))
        if order("hang-up") is not None:
            self.close_connection = True
            return
        self.say(int(order("refuse") or 200))

    do_GET = do_HEAD = do_POST = answer

    def say(self, status):
        fields = {name.lower(): value for name, value in self.headers.items()}
        seen = {"node": NODE, "client": self.client_address[0], "method": self.command, "path": self.path}
        body = json.dumps({**seen, "fields": fields}).encode() + b"\n"
        self.send_response(status)
        self.send_header("X-Served-By", NODE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")

    def log_message(self, format, *args):
        """Nothing: the tests read /tmp/requests."""


class Server(ThreadingHTTPServer):
    request_queue_size = 128


if __name__ == "__main__":
    (ORDERS / "requests").touch()
    sys.exit(Server(("", 80), Backend).serve_forever())
