"""A well-behaved client beside a bad one: it must not notice."""

import http.client
import itertools
import multiprocessing
import sys
import time

import fcgi

# How long 95 of 100 answers may take, and the slowest, on a machine that does other things as well.
USUAL_S, SLOWEST_S = 0.5, 6.0
# So many that one or two that are slow, because the machine stood still, are not 5 of 100.
AT_LEAST = 60


def on_socket(address):
    """Asks shopd itself: on a connection that stays, and on new ones."""
    kept = fcgi.Connection(address)
    return lambda path: kept.ask(path).status, lambda path: fcgi.ask(address, path).status


def through_web_server(front):
    """Asks as a visitor."""

    def visit(path):
        connection = http.client.HTTPConnection(*front.split(":"), timeout=15)
        connection.request("GET", path)
        return connection.getresponse().status

    return (visit,)


def ask_on(asks, stop, result):
    """What is answered by the loop, and by a worker. Tells how long each took, or what was wrong."""
    times = []
    for path in itertools.cycle(("/livez", "/api/v1/products/1")):
        if stop.is_set() and len(times) >= AT_LEAST:
            break
        for ask in asks:
            start = time.monotonic()
            try:
                status = ask(path)
            except (fcgi.Closed, OSError, http.client.HTTPException) as error:
                status = repr(error)
            times.append(time.monotonic() - start)
            if status != 200:
                result.put(f"{path}: {status}")
                return
        time.sleep(0.005)
    result.put(sorted(times))


class Neighbour:
    """With Neighbour(asks): it asks all the time, in a process of its own. At the end it complains, or does not."""

    def __init__(self, asks):
        self.stop, self.result = multiprocessing.Event(), multiprocessing.Queue()
        self.process = multiprocessing.Process(target=ask_on, args=(asks, self.stop, self.result))

    def __enter__(self):
        self.process.start()

    def __exit__(self, kind, *_):
        self.stop.set()
        found = self.result.get(timeout=20)
        self.process.join()
        if kind is not None:
            return
        if isinstance(found, str):
            sys.exit(f"the neighbour: {found}")
        usual, slowest = found[len(found) * 95 // 100], found[-1]
        print(f"neighbour: {len(found)} answers, 95 % within {usual * 1000:.1f} ms, all within {slowest * 1000:.1f} ms")
        if usual > USUAL_S or slowest > SLOWEST_S:
            sys.exit("that is too slow")
