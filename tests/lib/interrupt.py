#!/usr/bin/env python3
"""interrupt.py WHEN COMMAND...: runs COMMAND as at a terminal and presses Ctrl-C as soon as WHEN succeeds.

WHEN is a shell command. Ctrl-C at a terminal is SIGINT to every process of the foreground group, so COMMAND gets a
group of its own. Exit 0: it ended by the interrupt; 1: it ended before WHEN succeeded; 2: it was still there two
minutes after.
"""
import os
import signal
import subprocess
import sys
import time


def main():
    when, command = sys.argv[1], sys.argv[2:]
    process = subprocess.Popen(
        command, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    while subprocess.run(["sh", "-c", when], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        if process.poll() is not None:
            print(f"the command ended with {process.returncode} before: {when}", file=sys.stderr)
            return 1
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return 2
    return 0


sys.exit(main())
