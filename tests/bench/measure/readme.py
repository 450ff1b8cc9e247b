"""readme.py README: puts the table of results/bench.json between its markers; no figure there is typed by hand.

The long run of the fuzzer is made once, on one machine. Where the table's own run has no report of it, the row of the
table before stays: it has its date.
"""

import json
import re
import sys
from pathlib import Path

from . import fuzzed, report

REPORT = Path("results/bench.json")
BLOCK = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", re.DOTALL)
MADE_ONCE = [f"| {goal.name}" for measure in fuzzed.MEASURES for goal in measure.goals]
NOT_RUN = f"| {report.number(None)} |"


def keep_what_was_made_once(new, old):
    """The new table, with the old one's rows of MADE_ONCE where the new one has none."""
    kept = {start: line for line in old.splitlines() for start in MADE_ONCE
            if line.startswith(start) and NOT_RUN not in line}
    lines = []
    for line in new.splitlines():
        start = next((start for start in MADE_ONCE if line.startswith(start)), None)
        lines.append(kept.get(start, line) if NOT_RUN in line else line)
    return "\n".join(lines) + "\n"


def main(readme):
    if not REPORT.is_file():
        sys.exit(f"error: {REPORT} is missing; run: make bench")
    table = report.markdown(json.loads(REPORT.read_text(encoding="utf-8")))
    text, count = BLOCK.subn(lambda match: f"{match[1]}\n{keep_what_was_made_once(table, match[0])}{match[2]}",
                             readme.read_text(encoding="utf-8"))
    if count != 1:
        sys.exit(f"error: {readme} has {count} places for the table of the bench, not 1")
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
