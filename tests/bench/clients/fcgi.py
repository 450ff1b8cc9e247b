#!/usr/bin/env python3
"""fcgi.py COMMAND SOCKET…: a FastCGI client that misbehaves on purpose. Prints one line of JSON.

  fcgi.py silent SOCKET                      connects and says nothing
  fcgi.py idle   SOCKET KEPT NEW SECONDS     keeps KEPT connections after a request each, quiet from then on; then makes
                                             NEW requests, each on a connection of its own that has SECONDS to answer
  fcgi.py hold   SOCKET HELD ACTIVE SECONDS  keeps HELD connections; ACTIVE of them at a time, ever others, have a
                                             request in flight, for SECONDS

What is held stays open until standard input ends, so that whoever asked can look at the server meanwhile.
"""
import asyncio
import json
import random
import struct
import sys
import time

BEGIN_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6
RESPONDER, KEEP_CONN = 1, 1
HEADER = struct.Struct(">BBHHBx")
CONNECTS_AT_ONCE = 64
NEW_AT_ONCE = 16


def record(kind, content=b""):
    return HEADER.pack(1, kind, 1, len(content), 0) + content


def pair(name, value):
    return bytes([len(name), len(value)]) + name + value


def request(flags):
    params = pair(b"REQUEST_METHOD", b"GET") + pair(b"REQUEST_URI", b"/livez") + pair(b"SERVER_PROTOCOL", b"HTTP/1.1")
    begin = struct.pack(">HB5x", RESPONDER, flags)
    return record(BEGIN_REQUEST, begin) + record(PARAMS, params) + record(PARAMS) + record(STDIN)


KEPT, CLOSED = request(KEEP_CONN), request(0)


async def exchange(reader, writer, what):
    """Sends a request and reads its answer. True: it is the page of /livez."""
    writer.write(what)
    content = b""
    while True:
        _, kind, _, length, padding = HEADER.unpack(await reader.readexactly(HEADER.size))
        body = await reader.readexactly(length + padding)
        if kind == STDOUT:
            content += body[:length]
        elif kind == END_REQUEST:
            return content.startswith(b"Status: 200 ") and content.endswith(b"\r\n\r\nalive\n")


async def connect(path):
    # A Unix socket whose backlog is full refuses at once where TCP would wait.
    while True:
        try:
            return await asyncio.open_unix_connection(path)
        except BlockingIOError:
            await asyncio.sleep(0.01)


async def in_turns(limit, jobs):
    turns = asyncio.Semaphore(limit)

    async def one(job):
        async with turns:
            return await job

    return await asyncio.gather(*(one(job) for job in jobs))


async def asked_once(path, seconds, what):
    """Connects and makes a request. The connection and "answered", "hung" or "failed"."""
    connection = None
    try:
        async with asyncio.timeout(seconds):
            connection = await connect(path)
            return connection, "answered" if await exchange(*connection, what) else "failed"
    except TimeoutError:
        return connection, "hung"
    except (OSError, EOFError):
        return connection, "failed"


async def asked_and_closed(path, seconds):
    connection, outcome = await asked_once(path, seconds, CLOSED)
    if connection is not None:
        connection[1].close()
    return outcome


async def idle(path, kept, new, seconds):
    connections = await in_turns(kept, [asked_once(path, seconds, KEPT) for _ in range(kept)])
    outcomes = await in_turns(NEW_AT_ONCE, [asked_and_closed(path, seconds) for _ in range(new)])
    return connections, {
        "kept": sum(outcome == "answered" for _, outcome in connections),
        "asked": new,
        **{name: outcomes.count(name) for name in ("answered", "hung", "failed")},
    }


async def use(connections, end, counts):
    """Takes a random connection that nobody uses, makes a request, puts it back, until the time is over."""
    while time.monotonic() < end:
        at = random.randrange(len(connections))
        connections[at], connections[-1] = connections[-1], connections[at]
        connection = connections.pop()
        try:
            async with asyncio.timeout(5):
                right = await exchange(*connection, KEPT)
        except (TimeoutError, OSError, EOFError):
            right = False
        counts["requests"] += 1
        counts["failed"] += not right
        if right:
            connections.append(connection)


async def hold(path, held, active, seconds):
    opened = await in_turns(CONNECTS_AT_ONCE, [asked_once(path, 10, KEPT) for _ in range(held)])
    counts = {"requests": held, "failed": sum(outcome != "answered" for _, outcome in opened)}
    usable = [connection for connection, outcome in opened if outcome == "answered"]
    counts["held"] = len(usable)
    end = time.monotonic() + seconds
    if len(usable) > active:
        await asyncio.gather(*(use(usable, end, counts) for _ in range(active)))
    return opened, counts


async def silent(path):
    return await connect(path), {"silent": 1}


async def main():
    command, path, *numbers = sys.argv[1:]
    commands = {"silent": silent, "idle": idle, "hold": hold}
    held, report = await commands[command](path, *map(int, numbers))
    print(json.dumps(report), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    del held


asyncio.run(main())
