#!/usr/bin/env python3
"""Tests what generate.py prints, read back the way a database reads it. Prints TAP."""

import os
import re
import subprocess
import sys
from pathlib import Path

# The smallest limit on a statement that mysqld's --init-file reader has had.
INIT_FILE_LIMIT = 44000

ROW = re.compile(
    r"^\((\d+), '((?:[^']|'')*)', '((?:[^']|'')*)', '((?:[^']|'')*)', '((?:[^']|'')*)', (\d+), (\d+)\)[,;]?$"
)


def generate(**environment):
    script = Path(__file__).with_name("generate.py")
    return subprocess.run(
        [sys.executable, str(script)], check=True, stdout=subprocess.PIPE, env={**os.environ, **environment}
    ).stdout


def is_utf8(data):
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def unquote(text):
    return text.replace("''", "'").replace("\\\\", "\\")


def main():
    output = generate()
    text = output.decode("utf-8", errors="replace")
    lines = [line for line in text.splitlines() if line.startswith("(")]
    rows = [match.groups() for match in map(ROW.match, lines) if match]
    names = [unquote(row[2]) for row in rows]
    prices = [int(row[5]) for row in rows]
    stocks = [int(row[6]) for row in rows]
    statements = re.split(r";\n", text)

    checks = [
        ("every row is well-formed SQL", len(rows) == len(lines)),
        ("there are 1,000 products, numbered from 1", [int(row[0]) for row in rows] == list(range(1, 1001))),
        ("product 1 is the one the documentation quotes", names[:1] == ["Enamel Mug, 350 ml, Forest Green"]),
        ("names are unique, not empty and at most 120 characters",
         len(set(names)) == 1000 and all(0 < len(name) <= 120 for name in names)),
        ("stock numbers are unique and at most 16 characters",
         len({row[1] for row in rows}) == 1000 and all(0 < len(row[1]) <= 16 for row in rows)),
        ("there are 8 to 10 categories, at most 40 characters each",
         8 <= len({row[3] for row in rows}) <= 10 and all(0 < len(row[3]) <= 40 for row in rows)),
        ("descriptions are sentences of at most 1,000 characters",
         all(len(unquote(row[4])) <= 1000 and re.match(r"[A-Z“].*[.?!]$", row[4]) for row in rows)),
        ("prices are above 0 and end in .00, .50, .90 or .95",
         all(price > 0 and price % 100 in (0, 50, 90, 95) for price in prices)),
        ("stock is 0 to 200, and 1 to 9 percent are sold out",
         all(0 <= stock <= 200 for stock in stocks) and 10 <= stocks.count(0) <= 90),
        ("the output is UTF-8", is_utf8(output)),
        ("names hold what HTML must escape, and letters beyond ASCII",
         all(any(character in name for name in names) for character in "&'\"éüø日")),
        ("every statement fits mysqld's --init-file reader",
         all(len(statement.encode("utf-8")) < INIT_FILE_LIMIT for statement in statements)),
        ("a second run, in another locale and hash order, prints the same bytes",
         generate(LC_ALL="C", PYTHONUTF8="0", PYTHONHASHSEED="7") == output),
    ]
    print(f"1..{len(checks)}")
    for number, (what, good) in enumerate(checks, start=1):
        print(f"{'ok' if good else 'not ok'} {number} - catalogue: {what}")
    sys.exit(0 if all(good for _, good in checks) else 1)


if __name__ == "__main__":
    main()
