"""readme.py README: puts the table of results/bench.json between its markers, so that no figure there is typed by hand."""

import json
import re
import sys
from pathlib import Path

from . import report

REPORT = Path("results/bench.json")
BLOCK = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", re.DOTALL)


def main(readme):
    if not REPORT.is_file():
        sys.exit(f"error: {REPORT} is missing; run: make bench")
    table = report.markdown(json.loads(REPORT.read_text(encoding="utf-8")))
    text, count = BLOCK.subn(lambda match: f"{match[1]}\n{table}{match[2]}", readme.read_text(encoding="utf-8"))
    if count != 1:
        sys.exit(f"error: {readme} has {count} places for the table of the bench, not 1")
    readme.write_text(text, encoding="utf-8")


main(Path(sys.argv[1]))
