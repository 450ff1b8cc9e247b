"""What is done to shopd through Nginx, and what each must lead to: a table, and what does it.

    web_abuse.py names        the rows, a line each
    web_abuse.py one NAME     one of them: the status, who counted it, the neighbours

A row is a name, the bytes sent (or a function that does it), the status the visitor sees, and shopd's series that
counts it; None: Nginx refuses it, and shopd does not hear of it.
"""

import re
import socket
import struct
import sys
import time

import series
from neighbour import Neighbour, through_web_server

NGINX, SHOPD = "nginx:80", "shopd:9000"
PATIENCE_S = 30.0
HOST = b"Host: www.foobar.com\r\n"
MIB = 1 << 20


def get(target, *headers, method=b"GET", body=b""):
    lines = b"".join(header + b"\r\n" for header in headers)
    return method + b" " + target + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n" + lines + b"\r\n" + body


def post(*headers, body=b""):
    return get(b"/products/1", *headers, method=b"POST", body=body)


def connect():
    host, port = NGINX.split(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE_S)


def read_all(visitor):
    data = b""
    try:
        while piece := visitor.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


def status_of(data):
    """What the visitor sees; a header or markup that we have not sent is worse than any status."""
    head, _, body = data.partition(b"\r\n\r\n")
    if re.search(rb"^x-injected", head, re.I | re.M) or b"<script>injected" in body:
        return f"injected: {data!r}"
    return head.split()[1].decode() if head.startswith(b"HTTP/1.1 ") else "closed"


# --- Slow visitors ------------------------------------------------------------------------------------------------


def crowd_of_slow(count, begin, more, seconds):
    """So many visitors send the beginning, then more of it now and then, for so long; then they are gone."""

    def act():
        visitors = [connect() for _ in range(count)]
        for visitor in visitors:
            visitor.sendall(begin)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.5)
            for visitor in visitors:
                try:
                    visitor.sendall(more)
                except (BrokenPipeError, ConnectionResetError):
                    pass
        for visitor in visitors:
            visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            visitor.close()
        return "gone"

    return act


def too_slow():
    """A header that goes on and on: Nginx waits for ten seconds (client_header_timeout)."""
    visitor = connect()
    visitor.sendall(b"GET /livez HTTP/1.1\r\n" + HOST)
    end = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < end:
            visitor.sendall(b"X: y\r\n")
            time.sleep(0.5)
    except (BrokenPipeError, ConnectionResetError):
        return "closed"
    return "still open"


# --- The table ----------------------------------------------------------------------------------------------------

CHUNKED = b"Transfer-Encoding: chunked"
BY_SHOPD = series.answered(400)
SMUGGLED = b"GET /metrics HTTP/1.1\r\nHost: foobar.com\r\n\r\n"
EVIL = b"x%0d%0aX-Injected: yes%0d%0a%0d%0a<script>injected</script>"

ROWS = [
    ("what is not HTTP", b"HELLO THERE\r\n\r\n", "400", None),
    ("TLS", bytes.fromhex("160301020001000001fc0303") + bytes(200), "400", None),
    ("no Host", b"GET / HTTP/1.1\r\n\r\n", "400", None),
    ("two of Host", get(b"/", b"Host: other"), "400", None),
    ("a method in small letters", get(b"/", method=b"get"), "400", None),
    ("a method nobody knows", get(b"/", method=b"ABUSE"), "405", series.answered(405)),
    ("HTTP of the future", b"GET / HTTP/3.0\r\n" + HOST + b"\r\n", "505", None),
    ("a NUL in the target", get(b"/\0"), "400", None),
    ("a NUL in a header", get(b"/", b"X: \0"), "400", None),
    ("an escaped NUL", get(b"/%00"), "400", None),
    ("a broken escape", get(b"/%zz"), "400", None),
    ("a broken escape in the query", get(b"/products?page=%zz"), "400", BY_SHOPD),
    ("a NUL in the query", get(b"/products?page=%00"), "400", BY_SHOPD),
    ("bytes that are not UTF-8", get(b"/\xff"), "400", BY_SHOPD),
    ("escapes that are not UTF-8", get(b"/%ff"), "400", BY_SHOPD),
    ("an overlong slash", get(b"/%c0%af"), "400", BY_SHOPD),
    ("a surrogate", get(b"/%ed%a0%80"), "400", BY_SHOPD),
    ("a header injected by the path", get(b"/%0d%0aX-Injected:%20yes"), "400", BY_SHOPD),
    ("a header injected by the query", get(b"/products?page=1%0d%0aX-Injected:%20yes"), "400", BY_SHOPD),
    *(
        (f"a header injected by {name.decode()}", get(b"/whoami", name + b": " + EVIL), "200", series.answered(200))
        for name in (b"X-Request-Id", b"traceparent", b"tracestate", b"Cookie", b"User-Agent", b"Referer", b"Accept")
    ),
    ("markup in the path", get(b"/%3Cscript%3Einjected%3C/script%3E"), "404", series.answered(404)),
    ("dots that climb out", get(b"/../../etc/passwd"), "400", None),
    ("a target of 9,000", get(b"/" + b"a" * 9000), "414", None),
    ("a header of 40,000", get(b"/", b"X: " + b"a" * 40000), "400", None),
    ("a thousand headers", get(b"/", *(b"X-%d: %s" % (i, b"a" * 100) for i in range(1000))), "400", None),
    ("Content-Length -1", post(b"Content-Length: -1"), "400", None),
    ("Content-Length of 30 digits", post(b"Content-Length: " + b"9" * 30), "400", None),
    ("Content-Length of 10 GB", post(b"Content-Length: 10000000000"), "413", None),
    ("two of Content-Length", post(b"Content-Length: 1", b"Content-Length: 2", body=b"ab"), "400", None),
    ("Content-Length and chunks", post(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n"), "400", None),
    ("a coding nobody knows", post(b"Transfer-Encoding: abuse"), "501", None),
    ("a chunk whose size is no number", post(CHUNKED, body=b"zz\r\nab\r\n0\r\n\r\n"), "400", None),
    ("a chunk of 16 EiB", post(CHUNKED, body=b"ffffffffffffffff\r\nab\r\n"), "400", None),
    ("chunks that are too much", post(CHUNKED, body=b"100001\r\n" + bytes(MIB + 1) + b"\r\n0\r\n\r\n"),
     "413", None),
    ("chunks as many as allowed", post(CHUNKED, body=b"100000\r\n" + bytes(MIB) + b"\r\n0\r\n\r\n"),
     "405", series.answered(405)),
    ("a request in the body of another", post(b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED), "405",
     series.answered(405)),
    ("a header that never ends", too_slow, "closed", None),
    ("200 visitors with a header that never ends",
     crowd_of_slow(200, b"GET /livez HTTP/1.1\r\n" + HOST, b"X: y\r\n", 5), "gone", None),
    ("200 visitors with a body that never ends",
     crowd_of_slow(200, post(b"Content-Length: 1000"), b"x", 5), "gone", None),
    ("50 visitors who do not read", crowd_of_slow(50, get(b"/products/1000"), b"", 3), "gone", series.answered(200)),
    ("200 visitors who are gone at once", crowd_of_slow(200, get(b"/products/1"), b"", 0), "gone", None),
]


def names():
    for name, *_ in ROWS:
        print(name)


def do(act):
    if callable(act):
        return act()
    with connect() as visitor:
        try:
            visitor.sendall(act)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return status_of(read_all(visitor))


def one(name):
    _, act, wanted, counter = next(row for row in ROWS if row[0] == name)
    shopd = series.Shopd(SHOPD)
    before = shopd.value(counter) if counter else 0
    with Neighbour(through_web_server(NGINX)):
        found = do(act)
    if found != wanted:
        sys.exit(f"{name}: {found}, not {wanted}")
    if counter and shopd.value(counter) <= before:
        sys.exit(f"{name}: {counter} stays at {before:g}")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
