"""The table: as JSON, as text, as Markdown."""

import json
from datetime import UTC, datetime
from pathlib import Path

from . import engine


def row(goal, finding, judged):
    """A row of the report; judged: whether the goal decides in this run."""
    return {
        "name": goal.name,
        "value": finding.get("value"),
        "unit": goal.unit,
        "bound": goal.bound,
        "at": "least" if goal.least is not None else "most" if goal.most is not None else None,
        "ok": goal.met_by(finding) if judged else None,
        "n": finding.get("n", 0),
        **{key: finding[key] for key in ("low", "high", "rate", "cpu_us", "tiers", "note") if key in finding},
    }


def write(path, what, rows):
    report = {"what": what, "when": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "host": engine.host(), "rows": rows}
    path = Path(path)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


# --- Cells ------------------------------------------------------------------------------------------------------


def number(value):
    """Three digits that count; whole numbers whole."""
    if value is None:
        return "not run"
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def with_unit(value, unit):
    return number(value) if value is None or not unit else f"{number(value)} {unit}"


def interval(row):
    return f"{number(row['low'])} – {number(row['high'])}" if "low" in row else ""


def goal(row):
    return "" if row["bound"] is None else f"{'≥' if row['at'] == 'least' else '≤'} {with_unit(row['bound'], row['unit'])}"


def verdict(row):
    return {True: "met", False: "missed", None: ""}[row["ok"]]


def pair(row, key):
    return f"{number(round(row[key]['ours'], 1))} / {number(round(row[key]['theirs'], 1))}" if key in row else ""


# --- Tables -----------------------------------------------------------------------------------------------------


def text(report):
    """Goals and what was reached in columns; under a row what else there is to say of it."""
    columns = [[row["name"], with_unit(row["value"], row["unit"]), interval(row), goal(row), verdict(row)]
               for row in report["rows"]]
    widths = [max(map(len, column)) for column in zip(*columns, strict=True)]
    lines = []
    for row, line in zip(report["rows"], columns, strict=True):
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        lines.extend(f"    {remark}" for remark in remarks(row))
    return "\n".join(lines)


def remarks(row):
    for key, words in (("rate", "requests/s"), ("cpu_us", "CPU µs per request")):
        if key in row:
            yield f"{words}, ours / theirs: {pair(row, key)}"
    if "note" in row:
        yield row["note"]


def markdown(report):
    host = report["host"]
    headings = ["", "reached", "95 % interval", "goal", "", "requests/s, ours / theirs", "CPU µs, ours / theirs", "n"]
    lines = ["| " + " | ".join(headings) + " |", "|---" * len(headings) + "|"]
    for row in report["rows"]:
        name = f"{row['name']}<br><sub>{row['note']}</sub>" if "note" in row else row["name"]
        cells = [name, with_unit(row["value"], row["unit"]), interval(row), goal(row), verdict(row), pair(row, "rate"),
                 pair(row, "cpu_us"), number(row["n"])]
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("")
    lines.append(f"{report['when'][:10]}, {host['cores']} cores, Docker {host['engine']}, Linux {host['kernel']}.")
    return "\n".join(lines) + "\n"
