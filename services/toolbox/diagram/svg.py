"""From graphviz's SVG to ours: our own text, a title, a description, one style sheet."""

import re
import subprocess
from html import escape

from .dot import Drawing, slug
from .layout import LINE_HEIGHT
from .look import FONTS, INK, MUTED, PAPER, WALL
from .model import Mistake
from .words import BULLET

STYLE = f"""text {{ font-size: 10px; fill: {MUTED}; }}
.named text:first-of-type {{ font-size: 14px; font-weight: bold; fill: {INK}; }}
.program text:first-of-type, .virtual-ip text:first-of-type, .everyone text:first-of-type {{ font-size: 12px; }}
.frame-title text {{ font-size: 12px; }}
.role text {{ fill: #ffffff; }}
.firewall {{ fill: {WALL}; }}
.call text {{ fill: {INK}; stroke: {PAPER}; stroke-width: 3px; stroke-linejoin: round; paint-order: stroke; }}
.call .secure {{ font-weight: bold; }}"""


def describe(model):
    parts = []
    for service in model.services.values():
        where = ", ".join(f"{network} {address}".strip() for network, address in service.addresses.items())
        runs = ", ".join(program.name for program in service.programs.values())
        parts.append(service.name + (f" ({where})" if where else "") + (f" runs {runs}." if runs else "."))
    return " ".join(parts + [f"{call}." for call in model.calls])


def write_text(drawing, ident):
    """The lines of a box or an arrow. Graphviz places text by the fonts it finds; here it is always alike."""
    box, anchor, lines = drawing.texts[ident]
    y = box.y + box.height / 2 - LINE_HEIGHT * len(lines) / 2
    x = box.centre if anchor == "middle" else box.x
    out = []
    for line in lines:
        y += LINE_HEIGHT
        text, class_ = escape(line), ""
        if line.startswith(BULLET):
            network = line.split()[1]
            text = f'<tspan class="net-{slug(network)}" fill="{drawing.colours[network]}">{BULLET}</tspan>' + text[1:]
        elif line.startswith("firewall: "):
            class_ = ' class="firewall"'
        elif line == "TLS":
            class_ = ' class="secure"'
        out.append(f'<text{class_} text-anchor="{anchor}" x="{x:g}" y="{y - 3.5 - drawing.height:g}">{text}</text>\n')
    return "".join(out)


def to_svg(model):
    drawing = Drawing(model)
    command = ["dot", "-q", "-Kneato", "-n2", "-Tsvg"]  # neato -n2 is the engine that keeps given places
    result = subprocess.run(command, input=drawing.dot(), capture_output=True, encoding="utf-8", check=False)
    if result.returncode:
        raise Mistake("dot: " + result.stderr.strip())
    body = re.sub(r"<!--.*?-->\n?|<text.*?</text>\n", "", result.stdout[result.stdout.index("<g ") :], flags=re.S)
    body = body.replace("<title>lab</title>\n", "", 1).replace("&#45;", "-")
    for ident, (_, _, lines) in drawing.texts.items():
        if lines:
            end = body.index("</g>", body.index(f'<g id="{ident}" '))
            body = body[:end] + write_text(drawing, ident) + body[end:]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{drawing.width}" height="{drawing.height}" '
        f'viewBox="0 0 {drawing.width} {drawing.height}" role="img" aria-labelledby="title desc" '
        f'font-family="{FONTS}">\n'
        f'<title id="title">{escape(model.title)}</title>\n<desc id="desc">{escape(describe(model))}</desc>\n'
        f"<style>\n{STYLE}\n</style>\n{body}"
    )
