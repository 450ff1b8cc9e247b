"""The long run of the fuzzer, made once by tests/bench/fuzz: this only reads what it wrote."""

import json
from pathlib import Path

from .goals import Goal, Measure, NotRun

REPORT = Path("results/fuzz.json")


def fuzzed(_settings):
    if not REPORT.is_file():
        raise NotRun("no long run yet; it takes half an hour: tests/bench/fuzz")
    report = json.loads(REPORT.read_text(encoding="utf-8"))
    row = report["rows"][0]
    return [{"value": row["value"], "n": row["n"], "note": f"run on {report['when'][:10]}"}]


MEASURES = [
    Measure("fuzzed", [Goal("decoder fuzzed with sanitizers: executions without a finding", "", least=1e8)], fuzzed),
]
