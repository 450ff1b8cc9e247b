"""What is done to shopd's socket, and what each must lead to: the table of bad-input.bats.

A row is a name, what is sent (bytes) or done (a function of a Connection), the outcome, and the series that counts it.
Outcomes:
    closed          shopd closes the connection
    ignored         nothing is answered, and the next request on the connection is served
    404, 408, ...   that is answered, and the next request on the connection is served
    ended, overloaded, unknown role, unknown type
                    END_REQUEST with that status, or UNKNOWN_TYPE; the next request is served
"""

import random
import time

import series
from fcgi import *

GOOD = (("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/livez"))
# READ_TIMEOUT_MS of compose.yaml.
READ_TIMEOUT_S = 3.0
PARAMS_BYTES, BODY_BYTES = 65536, 1 << 20

BAD_REQUEST = series.answered(400)
NOT_FOUND = series.answered(404)
NO_METHOD = series.answered(405)
TOO_LARGE = series.answered(413)
SERVED = series.answered(200)


def with_params(content):
    """A request whose variables are these bytes."""
    return begin() + stream(PARAMS, 1, content) + stdin()


def variables(*pairs, body=b""):
    return begin() + params(1, *pairs) + stdin(1, body)


def method(value):
    return variables(("REQUEST_METHOD", value), ("REQUEST_URI", "/livez"))


def uri(value):
    return variables(("REQUEST_METHOD", "GET"), ("REQUEST_URI", value))


def post(said, body):
    return variables(("REQUEST_METHOD", "POST"), ("REQUEST_URI", "/"), ("CONTENT_LENGTH", said), body=body)


def overload(connection):
    """One request more than REQUESTS_PER_CONNECTION; then there is room again."""
    ids = range(1, 129)
    connection.send(b"".join(begin(id) for id in (*ids, 129)))
    refused = connection.answer(129)
    connection.send(b"".join(record(ABORT, id) for id in ids))
    for id in ids:
        connection.answer(id)
    return "overloaded" if refused.protocol_status == OVERLOADED else "taken"


# --- Records ------------------------------------------------------------------------------------------------------

RECORDS = [
    ("HTTP instead of FastCGI", b"GET / HTTP/1.1\r\nHost: shopd\r\n\r\n", "closed", series.MALFORMED),
    ("TLS instead of FastCGI", bytes.fromhex("160301020001000001fc0303"), "closed", series.MALFORMED),
    ("zeros", bytes(64), "closed", series.MALFORMED),
    ("version 2", record(BEGIN, 1, bytes(8), version=2), "closed", series.MALFORMED),
    ("BEGIN that is too short", record(BEGIN, 1, bytes(7)), "closed", series.MALFORMED),
    ("BEGIN that is too long", record(BEGIN, 1, bytes(9)), "closed", series.MALFORMED),
    ("BEGIN of the largest size", record(BEGIN, 1, bytes(65535)), "closed", series.MALFORMED),
    ("BEGIN with id 0", begin(0), "closed", series.MALFORMED),
    ("PARAMS with id 0", record(PARAMS, 0, b"x"), "closed", series.MALFORMED),
    ("STDIN with id 0", record(STDIN, 0), "closed", series.MALFORMED),
    ("ABORT with id 0", record(ABORT, 0), "closed", series.MALFORMED),
    ("DATA with id 0", record(DATA, 0), "closed", series.MALFORMED),
    ("an id begun twice", begin() + begin(), "closed", series.MALFORMED),
    ("an id used again before its END", request() + request(), "closed", series.MALFORMED),
    ("PARAMS after their end", begin() + params(1, *GOOD) + record(PARAMS, 1, b"x"), "closed", series.MALFORMED),
    ("STDIN before the end of PARAMS", begin() + record(STDIN, 1, b"x"), "closed", series.MALFORMED),
    ("GET_VALUES with an id", record(GET_VALUES, 1), "closed", series.MALFORMED),
    ("GET_VALUES that is too large", record(GET_VALUES, 0, bytes(600)), "closed", series.MALFORMED),
    ("GET_VALUES that ends within a pair", record(GET_VALUES, 0, b"\x0f\x00FCGI"), "closed", series.MALFORMED),
    *(
        (f"{name}, which only a server may send", record(kind, id, bytes(8)), "closed", series.MALFORMED)
        for name, kind, id in (
            ("END_REQUEST", END, 1),
            ("STDOUT", STDOUT, 1),
            ("STDERR", STDERR, 1),
            ("GET_VALUES_RESULT", GET_VALUES_RESULT, 0),
            ("UNKNOWN_TYPE", UNKNOWN_TYPE, 0),
        )
    ),
    ("a management record of type 77", record(77, 0, b"?", padding=255), "unknown type", series.UNKNOWN_TYPE),
    ("a record of type 77 with an id", record(77, 1, b"?"), "ignored", series.UNKNOWN_TYPE),
    ("the role of an authorizer", begin(role=AUTHORIZER), "unknown role", series.UNKNOWN_ROLE),
    ("the role of a filter", begin(role=FILTER), "unknown role", series.UNKNOWN_ROLE),
    ("a role nobody knows", begin(role=65535), "unknown role", series.UNKNOWN_ROLE),
    ("PARAMS nobody has begun", params(7, *GOOD), "ignored", series.INACTIVE_ID),
    ("STDIN nobody has begun", stdin(7, b"x"), "ignored", series.INACTIVE_ID),
    ("DATA nobody has begun", record(DATA, 7, b"x"), "ignored", series.INACTIVE_ID),
    ("ABORT of what nobody has begun", record(ABORT, 7), "ignored", series.INACTIVE_ID),
    ("ABORT of a request that is coming in", begin() + record(ABORT, 1), "ended", None),
    ("padding of 255 everywhere", begin() + record(PARAMS, 1, pair(*GOOD[0]) + pair(*GOOD[1]), padding=255)
     + record(PARAMS, 1, padding=255) + record(STDIN, 1, padding=255), "200", SERVED),
    ("129 requests at once on a connection", overload, "overloaded", series.OVERLOADED),
]

# --- Variables ----------------------------------------------------------------------------------------------------

VARIABLES = [
    ("variables that end within a name", with_params(b"\x0e\x03REQUEST"), "closed", series.MALFORMED),
    ("a length of 2 GiB", with_params(b"\xff\xff\xff\xff\x00x"), "closed", series.MALFORMED),
    ("lengths whose sum overflows 32 bits", with_params(b"\xff" * 8 + b"x"), "closed", series.MALFORMED),
    ("a length cut in four", with_params(b"\x80\x00"), "closed", series.MALFORMED),
    ("no variables", with_params(b""), "400", BAD_REQUEST),
    ("empty names and values, 32,768 of them", with_params(bytes(PARAMS_BYTES)), "400", BAD_REQUEST),
    ("more variables than PARAMS_BYTES", variables(*GOOD, ("X", "x" * PARAMS_BYTES)), "431", series.answered(431)),
    ("a hundred times PARAMS_BYTES", variables(*GOOD, ("X", "x" * PARAMS_BYTES * 100)), "431", series.answered(431)),
    ("no REQUEST_METHOD", variables(GOOD[1]), "400", BAD_REQUEST),
    ("two of REQUEST_METHOD", variables(GOOD[0], *GOOD), "400", BAD_REQUEST),
    ("an empty REQUEST_METHOD", method(""), "400", BAD_REQUEST),
    ("a NUL in REQUEST_METHOD", method("GET\0"), "400", BAD_REQUEST),
    ("a line in REQUEST_METHOD", method("GET\r\nX-Injected: yes"), "400", BAD_REQUEST),
    ("a REQUEST_METHOD of 60,000", method("X" * 60000), "405", NO_METHOD),
    ("no REQUEST_URI", variables(GOOD[0]), "400", BAD_REQUEST),
    ("two of REQUEST_URI", variables(*GOOD, ("REQUEST_URI", "/readyz")), "400", BAD_REQUEST),
    ("a NUL in the name REQUEST_URI", variables(GOOD[0], ("REQUEST_URI\0", "/")), "400", BAD_REQUEST),
    *(
        (f"REQUEST_URI {value!r}", uri(value), "400", BAD_REQUEST)
        for value in (
            "", "*", "livez", "http://", "ftp://host/livez", "/\0", "/livez\0", "/%00", "/%", "/%4", "/%zz", "/%-1",
            "/%0d%0aX-Injected:%20yes", "/\r\nX-Injected: yes", "/products?page=1\r\nX-Injected: yes", "/?a=%00",
            "/\x7f",
            b"/\xff", b"/\xc0\xaf", "/%c0%af", "/%ed%a0%80", "/%f4%90%80%80", "/%e2%82", b"/?\x80", "/%c2%85",
        )
    ),
    ("a REQUEST_URI of 60,000", uri("/" + "a" * 60000), "404", NOT_FOUND),
    ("dots that climb", uri("/../../../etc/passwd"), "404", NOT_FOUND),
    ("dots in disguise", uri("/%2e%2e/%2e%2e/etc/passwd"), "404", NOT_FOUND),
    ("a number larger than any", uri("/products/99999999999999999999"), "404", NOT_FOUND),
    ("a negative number", uri("/products/-1"), "404", NOT_FOUND),
    *(
        (f"CONTENT_LENGTH {said!r} of 3 bytes", post(said, b"abc"), "400", BAD_REQUEST)
        for said in ("-3", "-1", "2", "4", "+3", "3 ", "0x3", "three", "3\0", "9" * 30, "18446744073709551619")
    ),
    ("two of CONTENT_LENGTH that differ", begin() + params(1, ("REQUEST_METHOD", "POST"), ("REQUEST_URI", "/"),
     ("CONTENT_LENGTH", "3"), ("CONTENT_LENGTH", "4")) + stdin(1, b"abc"), "400", BAD_REQUEST),
    ("a body without CONTENT_LENGTH", request("/", method="POST", body=b"abc"), "405", NO_METHOD),
    ("a body of BODY_BYTES", request("/", method="POST", body=bytes(BODY_BYTES)), "405", NO_METHOD),
    ("a body larger than BODY_BYTES", request("/", method="POST", body=bytes(BODY_BYTES + 1)), "413", TOO_LARGE),
    ("a body of 20 MB", request("/", method="POST", body=bytes(20_000_000)), "413", TOO_LARGE),
    ("a body of 20,000 records", begin() + params(1, ("REQUEST_METHOD", "POST"), ("REQUEST_URI", "/"))
     + record(STDIN, 1, b"x") * 20000 + record(STDIN, 1), "405", NO_METHOD),
]

# --- Header injection ---------------------------------------------------------------------------------------------

EVIL = "x\r\nX-Injected: yes\r\n\r\n<script>injected</script>"


def injected(name, path):
    """A value with line ends and markup: no line of the answer's head begins with it, no markup is in the page."""

    def act(connection):
        answer = connection.ask(path, (name, EVIL))
        lines = answer.head.lower().split(b"\r\n")
        if any(line.startswith((b"x-injected", b"<script")) for line in lines) or b"<script>injected" in answer.body:
            return f"injected: {answer.output!r}"
        return str(answer.status)

    return act


ECHOED = (
    "REQUEST_ID", "HTTP_TRACEPARENT", "HTTP_TRACESTATE", "HTTP_HOST", "HTTP_COOKIE", "HTTP_USER_AGENT", "HTTP_REFERER",
    "HTTP_X_REQUEST_ID", "HTTP_ACCEPT", "SERVER_NAME", "SERVER_PROTOCOL", "REMOTE_ADDR", "QUERY_STRING", "PATH_INFO",
    "SCRIPT_NAME", "CONTENT_TYPE",
)
INJECTIONS = [
    (f"a header injected by {name} of {path}", injected(name, path), status, series.answered(status))
    for name in ECHOED
    for path, status in (("/whoami", "200"), ("/no/such/page", "404"))
] + [
    ("markup in the path", injected("X", "/%3Cscript%3Einjected%3C/script%3E"), "404", NOT_FOUND),
    ("markup in the query", injected("X", "/products?page=%3Cscript%3Einjected%3C/script%3E"), "400", BAD_REQUEST),
]

# --- Slow, and gone -----------------------------------------------------------------------------------------------


def trickle(data, seconds):
    """One byte after another, for longer than READ_TIMEOUT_MS."""

    def act(connection):
        for byte in data:
            connection.send(bytes([byte]))
            time.sleep(seconds / len(data))
        return None

    return act


def stall_beside_another(connection):
    """A request that stalls, and one on the same connection that does not."""
    connection.send(begin(1) + params(1, *GOOD))
    deadline = time.monotonic() + READ_TIMEOUT_S / 2
    while time.monotonic() < deadline:
        assert connection.ask(id=2).status == 200
    # Its answer may have come while that of the other one was read.
    return str(connection.answer(1).status)


def abort_many(connection):
    """5,000 requests begun and aborted; each is ended."""
    for _ in range(50):
        connection.send((begin() + record(ABORT, 1)) * 100)
        for _ in range(100):
            if connection.answer().protocol_status != COMPLETE:
                return "not ended"
    return "ended"


def ask_values_many(connection):
    query = record(GET_VALUES, 0, b"".join(pair(n, "") for n in ("FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS")))
    for _ in range(50):
        connection.send(query * 100)
        for _ in range(100):
            kind, _, content = connection.read()
            if kind != GET_VALUES_RESULT or pair("FCGI_MPXS_CONNS", "1") not in content:
                return "no values"
    return "ignored"


def never_read(data, then):
    """Sends, and then something again and again, and reads nothing."""

    def act(connection):
        connection.socket.settimeout(0.1)
        deadline = time.monotonic() + 10 * READ_TIMEOUT_S
        more = data
        while time.monotonic() < deadline:
            try:
                connection.send(more)
                time.sleep(0.01)
            except TimeoutError:
                pass
            except Closed:
                return "closed"
            more = then
        return "still open"

    return act


def vanish(data):
    """A client that is gone as soon as it has sent something."""

    def act(connection):
        connection.send(data)
        connection.vanish()
        return "gone"

    return act


SLOW = [
    ("half a header, and then nothing", begin()[:4], "closed", series.TOO_SLOW),
    ("half a body of BEGIN", begin()[:12], "closed", series.TOO_SLOW),
    ("half a record of PARAMS", begin() + params(1, *GOOD)[:20], "closed", series.TOO_SLOW),
    ("a BEGIN of one byte after another", trickle(begin(), 3 * READ_TIMEOUT_S), "closed", series.TOO_SLOW),
    ("only BEGIN", begin(), "408", series.NOT_READ),
    ("no end of PARAMS", begin() + record(PARAMS, 1, pair(*GOOD[0])), "408", series.NOT_READ),
    ("no end of STDIN", begin() + params(1, *GOOD), "408", series.NOT_READ),
    ("a request that stalls beside one that does not", stall_beside_another, "408", series.NOT_READ),
    ("a client that does not read 30 MB of pages",
     never_read(b"".join(request("/products/1000", id=i) for i in range(1, 101)), record(ABORT, 200)), "closed",
     series.TOO_SLOW),
    ("a client that does not read replies", never_read(b"", record(GET_VALUES, 0) * 1000), "closed", series.MALFORMED),
]

CROWDS = [
    ("5,000 times BEGIN and ABORT", abort_many, "ended", None),
    ("5,000 times GET_VALUES", ask_values_many, "ignored", None),
]

# --- Gone, and random ---------------------------------------------------------------------------------------------

GONE = [
    ("gone at once", vanish(b""), "gone", None),
    ("gone within a header", vanish(begin()[:5]), "gone", None),
    ("gone within PARAMS", vanish(begin() + params(1, *GOOD)[:30]), "gone", None),
    ("gone within a body", vanish(begin() + params(1, *GOOD) + record(STDIN, 1, b"x" * 1000)[:500]), "gone", None),
    ("gone before the answer of the loop", vanish(request()), "gone", None),
    ("gone before the answer of a worker", vanish(request("/products/1000")), "gone", None),
    ("gone with 100 requests open", vanish(b"".join(request("/products/1", id=i) for i in range(1, 101))), "gone",
     None),
]


def random_bytes(seed):
    return random.Random(seed).randbytes(2000)


def random_records(seed):
    """Records that are right in form, of any type, id and content."""
    dice = random.Random(seed)
    return b"".join(
        record(dice.choice((BEGIN, ABORT, PARAMS, STDIN, DATA, GET_VALUES, 12, 77)),
               dice.choice((0, 1, 1, 1, 2, 65535)),
               dice.randbytes(dice.choice((0, 0, 8, 8, 30, 3000))),
               padding=dice.choice((0, 0, 7, 255)))
        for _ in range(20)
    )


def damaged(seed):
    """A good request in which a few bytes are others."""
    dice = random.Random(seed)
    data = bytearray(request("/products/1", id=1) + request("/whoami", id=2, body=b"body"))
    for _ in range(dice.randint(1, 4)):
        data[dice.randrange(len(data))] = dice.randrange(256)
    return bytes(data)


# Rows that are over at once: what is repeated to look for leaks.
QUICK = RECORDS + VARIABLES + INJECTIONS + GONE
ALL = QUICK + CROWDS + SLOW
