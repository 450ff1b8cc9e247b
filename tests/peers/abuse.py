"""Does what abuses.py lists, and looks at what comes of it.

    abuse.py names             the rows, a line each
    abuse.py one NAME          one of them: outcome, counter, neighbours
    abuse.py many ROUNDS       the quick ones again and again, with random bytes in between; looks for leaks
    abuse.py calm              nothing is left of all that
"""

import sys
import time

import abuses
import fcgi
import series
from neighbour import Neighbour, on_socket

SHOPD = "shopd:9000"
# For what has to come.
PATIENCE_S = 15.0
# Rounds that may have taken memory which is kept for later: caches, arenas, the C library's heap.
WARM_UP, GROWTH = 2500, 1.05


def expect(what, seen, wanted):
    if seen != wanted:
        sys.exit(f"{what}: {seen!r}, not {wanted!r}")


# --- The outcome --------------------------------------------------------------------------------------------------


def first_answer(connection):
    """What shopd says first, in a word."""
    output = b""
    while True:
        kind, id, content = connection.read()
        if kind == fcgi.UNKNOWN_TYPE:
            return "unknown type"
        if kind == fcgi.STDOUT:
            output += content
        if kind == fcgi.END:
            answer = fcgi.Answer(output, content[4])
            words = {fcgi.COMPLETE: "ended", fcgi.OVERLOADED: "overloaded", fcgi.UNKNOWN_ROLE: "unknown role"}
            return str(answer.status) if output else words[answer.protocol_status]


def serves(connection):
    """A good request on the same connection, with an id of its own. Replies to the abuse may come in between."""
    try:
        return connection.ask("/livez", id=9999).status == 200
    except (fcgi.Closed, TimeoutError):
        return False


def outcome(act, wanted):
    with fcgi.Connection(SHOPD) as connection:
        try:
            told = act(connection) if callable(act) else connection.send(act)
        except fcgi.Closed:
            return "closed"
        if told in ("closed", "gone"):
            return told
        if told:
            return told if serves(connection) else f"{told}, and then nothing"
        return seen(connection, wanted)


def seen(connection, wanted):
    """What came of it; silence takes its time, so less of it where silence is wanted."""
    connection.patience = 0.3 if wanted == "ignored" else PATIENCE_S
    try:
        first = first_answer(connection)
    except fcgi.Closed:
        return "closed"
    except TimeoutError:
        first = "ignored"
    connection.patience = PATIENCE_S
    return first if serves(connection) else f"{first}, and then nothing"


# --- The commands -------------------------------------------------------------------------------------------------


def names():
    for name, *_ in abuses.ALL:
        print(name)


def one(name):
    _, act, wanted, counter = next(row for row in abuses.ALL if row[0] == name)
    shopd = series.Shopd(SHOPD)
    before = shopd.value(counter) if counter else 0
    with Neighbour(on_socket(SHOPD)):
        expect(name, outcome(act, wanted), wanted)
    if counter and shopd.value(counter) <= before:
        sys.exit(f"{name}: {counter} stays at {before:g}")


def round_of(rows, seed):
    """One quick row, and random bytes whose outcome is not known."""
    with fcgi.Connection(SHOPD) as connection:
        name, act, *_ = rows[seed % len(rows)]
        try:
            if callable(act):
                act(connection)
            else:
                connection.send(act)
        except fcgi.Closed:
            pass
    for make in (abuses.random_bytes, abuses.random_records, abuses.damaged):
        with fcgi.Connection(SHOPD) as connection:
            try:
                connection.send(make(seed))
            except fcgi.Closed:
                pass


def many(rounds):
    shopd = series.Shopd(SHOPD)
    rows = abuses.QUICK
    with Neighbour(on_socket(SHOPD)):
        for seed in range(WARM_UP):
            round_of(rows, seed)
        memory, files = settled(shopd), shopd.value(series.OPEN_FILES)
        for seed in range(WARM_UP, WARM_UP + int(rounds)):
            round_of(rows, seed)
    after = settled(shopd)
    # What was closed last may not be closed on shopd's side yet.
    given_back = wait_for(lambda: shopd.value(series.OPEN_FILES) <= files)
    print(f"memory {memory / 2**20:.1f} MiB, then {after / 2**20:.1f} MiB; open files {files:g}, then "
          f"{shopd.value(series.OPEN_FILES):g}")
    if after > memory * GROWTH or not given_back:
        sys.exit("something is not given back")


def settled(shopd):
    """The memory, once nothing is in work but what the neighbour asks."""
    expect("idle but for the neighbour", wait_for(lambda: shopd.in_work() <= 1), True)
    return shopd.value(series.MEMORY)


def wait_for(true):
    deadline = time.monotonic() + PATIENCE_S
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


def calm():
    """Nobody is there but we, and what web servers keep."""
    shopd = series.Shopd(SHOPD)
    expect("ready", fcgi.ask(SHOPD, "/readyz").status, 200)
    expect("in work", wait_for(lambda: shopd.in_work() == 0), True)
    # Nginx keeps 16 (keepalive in nginx.conf).
    expect("few connections", wait_for(lambda: shopd.value(series.CONNECTIONS) <= 1 + 16), True)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
