"""A FastCGI client that can also misbehave.

The functions make bytes: whole records, or pieces of them that no good client would send. A Connection sends bytes and
reads records; it checks nothing of what it sends. Addresses are "host:port" or the path of a Unix socket. Section
numbers are those of the FastCGI Specification 1.0.
"""

import socket
import struct
import time

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, DATA, GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE = range(1, 12)
RESPONDER, AUTHORIZER, FILTER = 1, 2, 3
COMPLETE, CANT_MPX_CONN, OVERLOADED, UNKNOWN_ROLE = range(4)
CONTENT_MAX = 65535

# --- Bytes --------------------------------------------------------------------------------------------------------


def record(kind, id=1, content=b"", *, version=1, padding=0):
    return struct.pack("!BBHHBx", version, kind, id, len(content), padding) + content + bytes(padding)


def begin(id=1, *, keep=True, role=RESPONDER):
    return record(BEGIN, id, struct.pack("!HB5x", role, keep))


def length(number):
    return bytes([number]) if number < 128 else struct.pack("!I", number | 0x80000000)


def pair(name, value):
    name, value = (text if isinstance(text, bytes) else text.encode() for text in (name, value))
    return length(len(name)) + length(len(value)) + name + value


def stream(kind, id, content):
    """The content in as many records as it takes, and the empty one that ends it."""
    pieces = [content[at : at + CONTENT_MAX] for at in range(0, len(content), CONTENT_MAX)]
    return b"".join(record(kind, id, piece) for piece in pieces) + record(kind, id)


def params(id=1, *pairs, **named):
    return stream(PARAMS, id, b"".join(pair(*p) for p in (*pairs, *named.items())))


def stdin(id=1, content=b""):
    return stream(STDIN, id, content)


def request(uri="/livez", *pairs, id=1, method="GET", body=b"", keep=True, **named):
    """A whole request, as a web server sends it."""
    return (
        begin(id, keep=keep)
        + params(id, ("REQUEST_METHOD", method), ("REQUEST_URI", uri), *pairs, **named)
        + stdin(id, body)
    )


# --- A connection -------------------------------------------------------------------------------------------------


class Closed(Exception):
    """The other side has closed the connection."""


class Answer:
    """What came for one request: output (STDOUT, all of it) and protocol_status (of END_REQUEST)."""

    def __init__(self, output, protocol_status):
        self.output, self.protocol_status = output, protocol_status
        self.head, _, self.body = output.partition(b"\r\n\r\n")

    @property
    def status(self):
        """The HTTP status, 0 where there was no output."""
        return int(self.head.split()[1]) if self.head.startswith(b"Status: ") else 0


class Connection:
    def __init__(self, address, patience=15.0):
        self.patience = patience
        self.waiting = b""
        self.output = {}
        self.ended = {}
        family = socket.AF_UNIX if address.startswith("/") else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(patience)
        host, _, port = address.rpartition(":")
        self.socket.connect(address if family == socket.AF_UNIX else (host, int(port)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None

    def vanish(self):
        """Closes without a farewell: what is unread is lost, and the other side is told so (RST)."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _take(self, count, deadline):
        while len(self.waiting) < count:
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                piece = self.socket.recv(262144)
            except ConnectionResetError:
                piece = b""
            if not piece:
                raise Closed
            self.waiting += piece
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken

    def read(self, patience=None):
        """The next record: its type, id and content. TimeoutError: none came. Closed."""
        deadline = time.monotonic() + (self.patience if patience is None else patience)
        _, kind, id, size, padding = struct.unpack("!BBHHBx", self._take(8, deadline))
        return kind, id, self._take(size + padding, deadline)[:size]

    def answer(self, id=1, patience=None):
        """Reads until the request is answered. Answers to others are kept for when they are asked for."""
        while id not in self.ended:
            kind, of, content = self.read(patience)
            if kind == STDOUT:
                self.output[of] = self.output.get(of, b"") + content
            elif kind == END:
                self.ended[of] = Answer(self.output.pop(of, b""), content[4])
        return self.ended.pop(id)

    def ask(self, uri="/livez", *pairs, id=1, **named):
        self.send(request(uri, *pairs, id=id, **named))
        return self.answer(id)


def ask(address, uri, *pairs, **named):
    """One request on a connection of its own."""
    with Connection(address) as connection:
        return connection.ask(uri, *pairs, keep=False, **named)
