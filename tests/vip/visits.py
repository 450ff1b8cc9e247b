"""A visitor who counts: visits.py ADDRESS INTERVAL_MS FILE

Asks ADDRESS for a page every INTERVAL_MS, each time over a new connection, whether or not the last answer is there: who
waits for answers does not ask while there are none, and misses the outage. A line for each visit goes to FILE: begin
and end in milliseconds, which balancer, status. No answer: balancer "-" and status 0. Ends when FILE.enough is there;
to FILE.late goes by how many milliseconds the visitor came too late at worst, as its own machine had no time for it.
"""

import asyncio
import sys
import time
from pathlib import Path

TIMEOUT_S = 3


def now_ms():
    return time.time() * 1000


async def ask(address):
    reader, writer = await asyncio.open_connection(address, 80)
    try:
        writer.write(b"GET /visit HTTP/1.0\r\nHost: www.foobar.com\r\n\r\n")
        header = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").lower()
    finally:
        writer.close()
    fields = dict(line.split(": ", 1) for line in header.split("\r\n")[1:] if line)
    return fields["x-lb"], int(header.split()[1])


async def visit(address, log):
    begin = now_ms()
    try:
        balancer, status = await asyncio.wait_for(ask(address), TIMEOUT_S)
    except (OSError, EOFError, asyncio.TimeoutError):
        balancer, status = "-", 0
    print(f"{begin:.0f} {now_ms():.0f} {balancer} {status}", file=log, flush=True)


async def main(address, interval_ms, file):
    visits, late = set(), 0
    start = time.monotonic()
    enough = Path(file + ".enough")
    with Path(file).open("w", encoding="ascii") as log:
        while not enough.exists():
            task = asyncio.create_task(visit(address, log))
            visits.add(task)
            task.add_done_callback(visits.discard)
            due = start + interval_ms / 1000 * (1 + (time.monotonic() - start) * 1000 // interval_ms)
            await asyncio.sleep(max(0, due - time.monotonic()))
            late = max(late, time.monotonic() - due)
        await asyncio.gather(*visits)
    Path(file + ".late").write_text(f"{late * 1000:.0f}", encoding="ascii")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
