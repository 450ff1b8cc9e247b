"""python3 -m measure: runs the measures and writes the table. Settings are environment variables, see README.md."""

import json
import os
import re
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from . import calm, engine, fuzzed, report, speed, stack
from .goals import NotRun

MEASURES = speed.MEASURES + calm.MEASURES + fuzzed.MEASURES


@dataclass
class Settings:
    """How long and how often. A quick run proves that the bench works and judges what must be zero."""

    rounds: int
    seconds: int  # of a round
    chunk_seconds: int  # of a piece of a run that ends by count
    requests: int  # of the runs of 10⁶
    new_requests: int
    held: int  # connections
    quick: bool
    only: str

    @classmethod
    def from_environment(cls):
        quick = os.environ.get("QUICK", "0") != "0"
        return cls(
            rounds=int(os.environ.get("ROUNDS") or (2 if quick else 7)),
            seconds=int(os.environ.get("SECONDS_PER_ROUND") or (1 if quick else 5)),
            chunk_seconds=1 if quick else 5,
            requests=10_000 if quick else 1_000_000,
            new_requests=100 if quick else 1000,
            held=500 if quick else 5000,
            quick=quick,
            only=os.environ.get("ONLY", ""),
        )

    @property
    def name(self):
        """Of the report. What is not the whole is never taken for it."""
        return "bench-quick" if self.quick else "bench-part" if self.only else "bench"

    def say(self, what):
        end = "\r" if sys.stdout.isatty() else "\n"
        print(f"  {what:<76}", end=end, flush=True)


def rows_of(measure, settings):
    try:
        findings = measure.run(settings)
    except (NotRun, engine.Failed) as error:
        reason = " ".join(str(error).split())
        findings = [{"value": None, "note": f"not run: {reason}"} for _ in measure.goals]
    return [
        report.row(goal, finding, judged=not (settings.quick and goal.is_ratio))
        for goal, finding in zip(measure.goals, findings, strict=True)
    ]


def run_all(settings):
    chosen = [measure for measure in MEASURES if re.search(settings.only, measure.name)]
    if not chosen:
        sys.exit(f"error: no measure is called like ONLY={settings.only}; there are: "
                 + ", ".join(measure.name for measure in MEASURES))
    settings.say("starting the containers")
    stack.up()
    return [row for measure in chosen for row in rows_of(measure, settings)]


def main():
    # SIGTERM ends it as Ctrl-C does: by way of the clean-up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings = Settings.from_environment()
    path = Path("results") / f"{settings.name}.json"
    try:
        rows = run_all(settings)
        report.write(path, settings.name, rows)
    except KeyboardInterrupt:
        sys.exit("interrupted: nothing was written")
    except engine.Failed as error:
        sys.exit(f"error: {error}")
    finally:
        stack.down()
    print("\n" + report.text(json.loads(path.read_text(encoding="utf-8"))))
    print(f"\nThe same as JSON: {path}")
    missed = [row["name"] for row in rows if row["ok"] is False]
    if missed:
        sys.exit(f"error: {len(missed)} of {len(rows)} rows missed: " + "; ".join(missed))


main()
