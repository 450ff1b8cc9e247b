"""A visitor of the web servers before shopd.

    visit.py CHECK FRONT [ARGUMENT]    one of the functions below, on a port of a web server such as haproxy:8001

Prints what it found; the first thing that is not as it should be ends it.
"""

import collections
import http.client
import json
import os
import socket
import struct
import sys
import threading
import time

import series

PATIENCE_S = 20.0
# Which shopd is behind a port; see haproxy.cfg, lighttpd.conf, apache.conf.
UNIX_PORT = 8002
BODY_BYTES = 1 << 20
# peers.bats gives this product so many "&", each "&amp;" in HTML: more than fits one record.
LARGE_PRODUCT, LARGE_CHARACTERS = 1000, 60000


def shopd_behind(front):
    return "/run/shopd/fcgi.sock" if front.endswith(f":{UNIX_PORT}") else "shopd:9000"


def connect(front):
    host, port = front.split(":")
    return http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)


def read(connection, method, path, body=None, headers={}):
    """Status, headers and content of one answer."""
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def visit(front, path, method="GET", **more):
    return read(connect(front), method, path, **more)


def expect(what, seen, wanted):
    if seen != wanted:
        sys.exit(f"{what}: {seen!r}, not {wanted!r}")


def until(what, true):
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > deadline:
            sys.exit(f"not within {PATIENCE_S:g} s: {what}")
        time.sleep(0.01)


def listening(*fronts):
    """The web servers take connections: a container that runs may not do so yet."""
    for front in fronts:
        host, port = front.split(":")
        until(f"{front} listens", lambda address=(host, int(port)): socket.socket().connect_ex(address) == 0)


# --- One request at a time ----------------------------------------------------------------------------------------


def pages(front):
    """Pages, JSON, errors, HEAD; targets as visitors may write them."""
    for path, status, kind in (
        ("/", 200, "text/html; charset=utf-8"),
        ("/products/1", 200, "text/html; charset=utf-8"),
        ("/products?page=50", 200, "text/html; charset=utf-8"),
        ("/products/%31", 200, "text/html; charset=utf-8"),
        ("/livez", 200, "text/plain; charset=utf-8"),
        ("/readyz", 200, "application/json"),
        ("/no/such/page", 404, "text/html; charset=utf-8"),
        ("/products?page=x", 400, "text/html; charset=utf-8"),
        ("/api/v1/products/0", 404, "application/problem+json"),
    ):
        seen, headers, _ = visit(front, path)
        expect(path, (seen, headers["Content-Type"]), (status, kind))
    _, _, content = visit(front, "/api/v1/products/3")
    expect("the product", json.loads(content)["id"], 3)
    _, _, content = visit(front, "/api/v1/products?page=2")
    expect("the first of page 2", json.loads(content)["products"][0]["id"], 21)
    host = front.split(":")[0]
    expect("an absolute target", visit(front, f"http://{host}/api/v1/products/3?x=/")[0], 200)

    status, whole, content = visit(front, "/products/1")
    connection = connect(front)
    status, headers, nothing = read(connection, "HEAD", "/products/1")
    expect("HEAD", (status, nothing), (200, b""))
    # Apache does not hand it on.
    if not front.startswith("apache:"):
        expect("its length", headers["Content-Length"], str(len(content)))
    expect("what comes after HEAD", read(connection, "GET", "/livez")[2], b"alive\n")
    status, headers, _ = visit(front, "/", "DELETE")
    expect("DELETE", (status, headers["Allow"]), (405, "GET, HEAD"))


def pieces(size):
    while size > 0:
        yield bytes(min(size, 10000))
        size -= 10000


def bodies(front):
    """A body as large as allowed, refused with the method; one that is a byte larger."""
    for size, status in ((0, 405), (1, 405), (BODY_BYTES, 405), (BODY_BYTES + 1, 413)):
        expect(f"{size} bytes", visit(front, "/products/1", "POST", body=bytes(size))[0], status)


def chunked(front, largest, beyond):
    """A body without a length: up to largest bytes it comes to shopd; one more, and somebody says beyond."""
    for size, status in ((1, 405), (int(largest), 405), (int(largest) + 1, int(beyond))):
        if size > 0:
            expect(f"{size} bytes, chunked", visit(front, "/products/1", "POST", body=pieces(size))[0], status)


def hurried(front):
    """A web server that does not wait for the whole of a body without a length: shopd hears of it, or nobody does."""
    for size in (1, 1000, 100000):
        status = visit(front, "/products/1", "POST", body=pieces(size))[0]
        expect(f"{size} bytes, chunked: 405 of shopd, or 411 of the web server", status in (405, 411), True)


def cut(front, chunked=""):
    """A visitor leaves in the middle of a body: what came is not taken for the whole."""
    shopd = series.Shopd(shopd_behind(front))
    taken = shopd.value(series.answered(405))
    visitor = connect(front)
    visitor.putrequest("POST", "/products/1")
    visitor.putheader(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", "1000")))
    visitor.endheaders(b"a\r\n0123456789\r\n" if chunked else b"0123456789")
    visitor.sock.shutdown(socket.SHUT_WR)
    visitor.sock.settimeout(PATIENCE_S)
    # Some web servers say 400; all of them close.
    while visitor.sock.recv(65536):
        pass
    expect("the next one", visit(front, "/livez")[0], 200)
    expect("taken for whole", shopd.value(series.answered(405)) - taken, 0)


def large(front):
    """A page of several records."""
    status, _, content = visit(front, f"/products/{LARGE_PRODUCT}")
    expect("the large page", (status, content.count(b"&amp;") >= LARGE_CHARACTERS), (200, True))
    expect("its end", content.rstrip()[-7:], b"</html>")


def reuse(front):
    """How many connections 50 requests take, one after another."""
    shopd = series.Shopd(shopd_behind(front))
    before = shopd.value(series.CONNECTIONS_OPENED)
    visitor = connect(front)
    for _ in range(50):
        expect("/livez", read(visitor, "GET", "/livez")[0], 200)
    print(f"{shopd.value(series.CONNECTIONS_OPENED) - before:g} connections")


# --- Many at once -------------------------------------------------------------------------------------------------


def is_mine(answer, path, request_id):
    """/whoami says whose request it was; a product is the one that was asked for."""
    return answer["request_id"] == request_id if path == "/whoami" else path.endswith(f"/{answer['id']}")


class Crowd:
    """Visitors at once. Each of them gets its own answer, or the crowd complains."""

    def __init__(self, front, paths):
        self.front, self.wrong = front, []
        self.start = threading.Barrier(len(paths))
        self.threads = [threading.Thread(target=self.one, args=item) for item in enumerate(paths)]
        for thread in self.threads:
            thread.start()

    def one(self, number, path):
        request_id = f"visitor-{number}"
        self.start.wait()
        try:
            status, _, content = visit(self.front, path, headers={"X-Request-Id": request_id})
            if status != 200 or not is_mine(json.loads(content), path, request_id):
                self.wrong.append(f"{path}: {status} {content[:200]!r}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.wrong.append(f"{path}: {error!r}")

    def leave(self):
        for thread in self.threads:
            thread.join()
        if self.wrong:
            sys.exit(f"{len(self.wrong)} of {len(self.threads)} went wrong, the first: {self.wrong[0]}")


def products(count):
    return [f"/api/v1/products/{id}" for id in range(1, count + 1)]


def parallel(front, without_ids=""):
    """200 at once: half from the loop, half by way of a worker, and none mixed up."""
    ours = products(200) if without_ids else ["/whoami"] * 100 + products(100)
    Crowd(front, ours).leave()


def together(front, count):
    """So many requests wait inside shopd at once (the database is made to wait): over how many connections?"""
    shopd = series.Shopd(shopd_behind(front))
    before = shopd.value(series.CONNECTIONS_OPENED)
    crowd = Crowd(front, products(int(count)))
    until("all are inside shopd", lambda: crowd.wrong or shopd.in_work() == int(count))
    opened = shopd.value(series.CONNECTIONS_OPENED) - before
    print(f"{count} at once, {opened:g} connections opened, {shopd.value(series.CONNECTIONS):g} open", flush=True)
    crowd.leave()


def vanish(front, told=""):
    """
    A visitor leaves while its request is in work (the database is made to wait), beside one who stays. told: this web
    server tells shopd, who is then spared the answer.
    """
    shopd = series.Shopd(shopd_behind(front))
    before = shopd.value(series.ABORTED)
    neighbour = Crowd(front, ["/api/v1/products/2"])
    visitor = connect(front)
    visitor.request("GET", "/products/1")
    until("both are inside shopd", lambda: shopd.in_work() == 2)
    visitor.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    visitor.sock.close()
    print("gone", flush=True)
    neighbour.leave()
    until("nothing is in work", lambda: shopd.in_work() == 0)
    until("shopd was told", lambda: not told or shopd.value(series.ABORTED) - before == 1)


# --- While shopd is restarted -------------------------------------------------------------------------------------


def load(front, enough):
    """Visits until the file is there; prints how many answers there were of each kind."""
    seen = collections.Counter()

    def visitor():
        while not os.path.exists(enough):
            try:
                status, _, content = visit(front, "/whoami")
                seen[str(status) if status != 200 or json.loads(content)["node"] else "wrong"] += 1
            except (OSError, http.client.HTTPException, KeyError, ValueError) as error:
                seen[type(error).__name__] += 1
            time.sleep(0.01)

    threads = [threading.Thread(target=visitor) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(seen))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
