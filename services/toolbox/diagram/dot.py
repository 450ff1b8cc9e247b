"""The graphviz source: every box a node with a place, every arrow an edge with its corners."""

import re

from .arrows import route
from .layout import FRAME_PAD, LINE_HEIGHT, MARGIN, NAME_HEIGHT, PAD, WORLD, Box, Layout
from .look import (
    BADGES,
    LINE,
    MUTED,
    NETWORK_COLOURS,
    OUTSIDE_FILL,
    OUTSIDE_LINE,
    PAPER,
    PROGRAM_FILL,
    PROGRAM_LINE,
    TIER_FILL,
    TIER_LINE,
    VIRTUAL_FILL,
    VIRTUAL_LINE,
    WALL,
)
from .model import BROWSER, EVERYONE
from .words import BULLET, browser_lines, label_lines, plate_lines, text_width


def slug(*parts):
    return "--".join(re.sub(r"[^a-z0-9]+", "-", str(part).lower()).strip("-") or "all" for part in parts)


def quote(text):
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def label_text(lines):
    return "\\n".join(quote(line)[1:-1] for line in lines)


class Drawing:
    """The graphviz source: every box a node with a place, every arrow an edge with its corners."""

    def __init__(self, model):
        self.model = model
        self.layout = Layout(model)
        self.colours = {
            name: NETWORK_COLOURS[index % len(NETWORK_COLOURS)] for index, name in enumerate(model.networks)
        }
        self.key = self.key_entries()
        self.width = self.layout.width
        self.height = self.layout.height + (20 * (1 + self.key[-1][1]) if self.key else 0)
        self.texts = {}  # id -> (box, "middle" or "start", lines): written into the SVG where we want them
        self.out = []

    def dot(self):
        model, boxes = self.model, self.layout.boxes
        self.out = [
            "digraph lab {",
            'graph [bgcolor="transparent", pad=0, outputorder="nodesfirst"];',
            'node [shape="box", style="rounded,filled", fixedsize=true, margin=0, fontsize=10];',
            'edge [fontsize=10, arrowsize=0.7];',
        ]
        self.box("paper", Box(0, 0, self.width, self.height), "paper", "paper", PAPER, PAPER)
        if WORLD in boxes:
            self.frame(WORLD, "outside-world", OUTSIDE_FILL, OUTSIDE_LINE)
        if BROWSER in boxes:
            lines = [BROWSER] + browser_lines(model)
            self.box(BROWSER, boxes[BROWSER], "node-your-browser", "browser named", PAPER, LINE, lines, dashed=True)
        for tier in model.tiers:
            self.frame(tier, "tier", TIER_FILL, TIER_LINE)
        for name, (address, carriers) in model.virtual_ips.items():
            lines = [address, f"virtual IP {name}"]
            self.box(name, boxes[name], "node-" + slug(name), "virtual-ip named", VIRTUAL_FILL, VIRTUAL_LINE, lines)
            for carrier in carriers:
                self.carries(name, carrier)
        for service in model.services.values():
            self.service(service)
        if EVERYONE in boxes:
            lines = ["every other server", self.watched()]
            self.box(EVERYONE, boxes[EVERYONE], "node-all", "everyone named", PAPER, LINE, lines, dashed=True)
        for call, (points, label) in route(self.layout, model.calls).items():
            self.arrow(call, points, label)
        for index, (x, row, text) in enumerate(self.key):
            place = Box(x, self.layout.height + 20 * row - 6, text_width(text), 14)
            self.text(f"key-{index}", place, "key", [text])
        return "\n".join(self.out + ["}", ""])

    def key_entries(self):
        """The networks, and what the arrows mean where both kinds occur: (x, row, text) of each."""
        texts = [
            " ".join(filter(None, (BULLET, name, subnet, "(internal)" if internal else "")))
            for name, (subnet, internal) in self.model.networks.items()
        ]
        if any(call.tls for call in self.model.calls):
            texts.append("thick arrow: TLS; thin arrow: readable on the wire")
        entries, x, row = [], MARGIN, 0
        for text in texts:
            if x > MARGIN and x + text_width(text) > self.layout.width - MARGIN:
                x, row = MARGIN, row + 1
            entries.append((x, row, text))
            x += text_width(text) + 24
        return entries

    # boxes

    def box(self, name, box, ident, class_, fill, line, lines=(), dashed=False, width=1.2):
        style = "rounded,filled,dashed" if dashed else "rounded,filled"
        look = f'style="{style}", fillcolor="{fill}", color="{line}", penwidth={width}'
        self.node(name, box, ident, class_, look, lines)
        self.texts[ident] = (box, "middle", lines)

    def text(self, ident, box, class_, lines):
        self.node(ident, box, ident, class_, 'shape="plaintext", style=""', lines)
        self.texts[ident] = (box, "start", lines)

    def node(self, name, box, ident, class_, look, lines):
        centre = f"{box.x + box.width / 2},{self.height - box.y - box.height / 2}"
        self.out.append(
            f'{quote(name)} [id="{ident}", class="{class_}", {look}, pos="{centre}", '
            f'width={box.width / 72:.4f}, height={box.height / 72:.4f}, label="{label_text(lines)}"];'
        )

    def frame(self, name, class_, fill, line):
        box, ident = self.layout.boxes[name], "frame-" + slug(name)
        self.box(name, box, ident, class_, fill, line, dashed=name == WORLD)
        self.text(ident + "-title", Box(box.x + FRAME_PAD, box.y + 6, box.width, 16), "frame-title", [name])

    def service(self, service):
        box, ident = self.layout.boxes[service.name], "node-" + slug(service.name)
        lines = [service.name] + plate_lines(service)
        if service.kind == "outside":
            self.box(service.name, box, ident, "outside named", "#ffffff", OUTSIDE_LINE, lines)
            return
        class_, line, width = ("server walled", WALL, 2.2) if service.firewall else ("server", LINE, 1.4)
        self.box(service.name, box, ident, class_, "#ffffff", line, width=width)
        plate = Box(box.x + PAD + 2, box.y + PAD, box.width - 2 * PAD, NAME_HEIGHT + LINE_HEIGHT * (len(lines) - 1))
        self.text(ident + "-plate", plate, "plate named", lines)
        if service.role:
            place = Box(plate.x + text_width(service.name, 14) + 12, plate.y - 1, text_width(service.role) + 14, 17)
            colour = BADGES.get(service.role, MUTED)
            self.box(service.name + " role", place, ident + "-role", "role", colour, colour, [service.role])
        for program in service.programs.values():
            name, own = f"{service.name}/{program.id}", f"{ident}-{program.id}"
            lines = [program.name, program.what]
            self.box(name, self.layout.boxes[name], own, "program named", PROGRAM_FILL, PROGRAM_LINE, lines)

    # arrows

    def watched(self):
        """What is called on every other server, by its name."""
        programs = {call.head.program for call in self.model.calls if call.head.name == EVERYONE}
        everything = [p for service in self.model.services.values() for p in service.programs.values()]
        names = sorted({program.name for program in everything if program.id in programs})
        return ", ".join(names) if names else "each by itself"

    def carries(self, name, carrier):
        pill, server = self.layout.boxes[name], self.layout.boxes[carrier]
        style = "dashed" if self.model.services[carrier].role == "standby" else "solid"
        level = pill.bottom + 12
        points = [(pill.centre, pill.bottom), (pill.centre, level), (server.centre, level), (server.centre, server.y)]
        look = f'dir="none", color="{VIRTUAL_LINE}", style="{style}", penwidth=1.6'
        self.edge(name, carrier, points, f"carries-{slug(name, carrier)}", "carries", look)

    def arrow(self, call, points, label):
        kind = "tls" if call.tls else "plain" if call.network else "local"
        class_ = f"call {kind}" + (f" net-{slug(call.network)}" if call.network else "")
        ident, lines = "edge-" + slug(call.tail, call.head, call.what), label_lines(call)
        look = (
            f'color="{self.colours.get(call.network, MUTED)}", penwidth={2.6 if call.tls else 1.3}, '
            f'dir="{"both" if call.both else "forward"}", lp="{label[0]},{self.height - label[1]}", '
            f'label="{label_text(lines)}"'
        )
        tail, head = (str(end) if str(end) in self.layout.boxes else end.name for end in (call.tail, call.head))
        self.edge(tail, head, points, ident, class_, look, 2 if call.both else 1)
        height = LINE_HEIGHT * len(lines) - 2
        self.texts[ident] = (Box(label[0], label[1] - height // 2, 0, height), "middle", lines)

    def edge(self, tail, head, points, ident, class_, look, heads=0):
        prefix = ""
        # A head's tip stops short of the box by the width of its own line.
        start, finish = pull_back(points[1], points[0], 2), pull_back(points[-2], points[-1], 2)
        if heads:
            prefix, points = f"e,{self.at(finish)} ", points[:-1] + [pull_back(points[-2], finish)]
        if heads == 2:
            prefix, points = prefix + f"s,{self.at(start)} ", [pull_back(points[1], start)] + points[1:]
        spline = " ".join(self.at(point) for point in rounded(points))
        self.out.append(
            f'{quote(tail)} -> {quote(head)} [id="{ident}", class="{class_}", pos="{prefix}{spline}", {look}];'
        )

    def at(self, point):
        return f"{point[0]:g},{self.height - point[1]:g}"


def pull_back(before, tip, length=7):
    """Where the line ends and the arrow's head begins."""
    dx, dy = tip[0] - before[0], tip[1] - before[1]
    distance = max((dx * dx + dy * dy) ** 0.5, length)
    return round(tip[0] - dx * length / distance, 2), round(tip[1] - dy * length / distance, 2)


def rounded(points, radius=8):
    """The Bezier points of a line through these corners."""
    spline = [points[0]]

    def straight(point):
        spline.extend([spline[-1], point, point])

    for before, corner, after in zip(points, points[1:], points[2:]):
        room = min(radius, *(max(abs(a[0] - corner[0]), abs(a[1] - corner[1])) / 2 for a in (before, after)))
        straight(pull_back(before, corner, room) if room else corner)
        spline.extend([corner, corner, pull_back(after, corner, room) if room else corner])
    straight(points[-1])
    return spline
