"""Where every box is.

Graphviz renders, but the places are ours. That keeps a figure alike from stage to stage, and the same on every machine,
whatever fonts it has. Units are pixels, y grows downwards.
"""

from dataclasses import dataclass

from .model import BROWSER, EVERYONE, End
from .rows import make_rows
from .words import browser_lines, label_lines, plate_lines, text_width

WORLD = "the outside world"

PAD, LINE_HEIGHT, NAME_HEIGHT = 12, 14, 20
PROGRAM_WIDTH, PROGRAM_HEIGHT = 176, 38
GAP, CALL_GAP = 8, 44  # between two programs of a server; with an arrow between them
ROW_GAP, TRACK = 78, 11  # between rows; between arrows that run side by side
FRAME_PAD, FRAME_HEAD, PILL_HEIGHT = 16, 26, 38
LANE = 34  # the free strip right of a server's header, for arrows
WIDE, WIDE_PROGRAM = 420, 320  # a server that has a row to itself
MARGIN = 24


@dataclass
class Box:
    x: int = 0
    y: int = 0
    width: int = 0
    height: int = 0

    @property
    def right(self):
        return self.x + self.width

    @property
    def bottom(self):
        return self.y + self.height

    @property
    def centre(self):
        return self.x + self.width // 2

    @property
    def middle(self):
        return self.y + self.height // 2

    def move(self, x, y):
        self.x, self.y = self.x + x, self.y + y


class Layout:
    """Where every box is. Boxes are named as ends of arrows are: "lb-1", "lb-1/haproxy", "web"."""

    def __init__(self, model):
        self.model = model
        self.boxes = {}
        self.rows, self.aside, self.outside = make_rows(model)
        self.header_right = {}  # where the text of a server's header ends
        self.place()

    def label_width(self, calls):
        return max((text_width(part) for call in calls for part in label_lines(call)), default=0)

    def between(self, one, other):
        """The calls drawn between two services that stand side by side."""
        return [c for c in self.model.calls if {c.tail.name, c.head.name} == {one, other}]

    # sizes

    def size_named(self, name, title, lines):
        width = max([text_width(title, 14)] + [text_width(line) for line in lines]) + 2 * PAD
        self.boxes[name] = Box(0, 0, max(130, width), 2 * PAD + 14 + LINE_HEIGHT * len(lines))

    def size_server(self, service):
        lines = plate_lines(service)
        title = text_width(service.name, 14) + (text_width(service.role) + 30 if service.role else 0)
        head = max([title] + [text_width(line) for line in lines])
        width = max(PROGRAM_WIDTH, head + LANE) + 2 * PAD
        alone = any(len(row) == 1 and row[0].name == service.name for row in self.rows)
        inset = 0
        if alone:
            width = max(WIDE, width)
            inset = (width - WIDE_PROGRAM) // 2 - PAD
        y = PAD + NAME_HEIGHT + LINE_HEIGHT * len(lines) + 6
        self.header_right[service.name] = PAD + head
        previous = None
        for program in service.programs.values():
            end = End(service.name, program.id)
            if previous:
                calls = {(call.tail, call.head) for call in self.model.calls}
                y += CALL_GAP if (previous, end) in calls or (end, previous) in calls else GAP
            narrow = LANE if self.passed(service, program) else 0
            self.boxes[str(end)] = Box(PAD + inset, y, width - 2 * (PAD + inset) - narrow, PROGRAM_HEIGHT)
            y += PROGRAM_HEIGHT
            previous = end
        self.boxes[service.name] = Box(0, 0, width, y + PAD)

    def passed(self, service, program):
        """Whether an arrow from above to a program below this one, or down from one above, passes it."""
        order = list(service.programs)
        place = order.index(program.id)
        for call in self.model.calls:
            rows = [self.row_of(end.name) for end in (call.tail, call.head)]
            if None in rows or rows[0] == rows[1]:
                continue
            if call.head.name == service.name and call.head.program and place < order.index(call.head.program):
                return True
            if call.tail.name == service.name and call.tail.program and place > order.index(call.tail.program):
                return True
        return False

    def watching(self):
        """The calls of what stands beside the rows to what is in them."""
        names = {name for group in self.aside for name in group.services}
        calls = [call for call in self.model.calls if call.tail.name in names]
        return [call for call in calls if self.row_of(call.head.name) is not None]

    def row_of(self, name):
        """The row a service, tier or virtual IP is in; None for what stands beside the rows."""
        if name in self.model.virtual_ips:
            name = self.model.virtual_ips[name][1][0]
        for index, row in enumerate(self.rows):
            if any(name == group.name or name in group.services for group in row):
                return index
        return None

    def box(self, end):
        """Where an arrow ends: the program's box if it has one of its own, else that of the whole."""
        return self.boxes.get(str(end)) or self.boxes[end.name]

    # places

    def place(self):
        for service in self.model.services.values():
            if service.kind == "outside":
                self.size_named(service.name, service.name, plate_lines(service))
            else:
                self.size_server(service)
        if self.row_of(BROWSER) is not None:
            self.size_named(BROWSER, BROWSER, browser_lines(self.model))
        for group in sum(self.rows, []) + self.aside:
            self.arrange(group)

        y, widths = MARGIN, []
        for index, row in enumerate(self.rows):
            world = self.outside and index == 0
            y += FRAME_HEAD if world else 0
            if world:
                for group in row:
                    self.boxes[group.name].height = max(self.boxes[other.name].height for other in row)
            widths.append(self.line_up(row, y))
            y += max(self.boxes[group.name].height for group in row) + ROW_GAP + (FRAME_PAD if world else 0)
        self.height = y - ROW_GAP + MARGIN
        self.centre_rows(widths)
        if self.outside:
            inner = [self.boxes[group.name] for group in self.rows[0]]
            left, right = inner[0].x - FRAME_PAD, inner[-1].right + FRAME_PAD
            self.boxes[WORLD] = Box(left, MARGIN, right - left, max(box.bottom for box in inner) + FRAME_PAD - MARGIN)

    def centre_rows(self, widths):
        """Rows are centred, what watches everything stands at their right, where they are narrow."""
        watching = self.watching()
        lane = self.label_width(watching) + 24 + TRACK * len(watching) if watching else 0
        beside = max((self.boxes[group.name].width + 2 * FRAME_PAD + lane for group in self.aside), default=0)
        # Whose arrows come in from the right keep all rows to their left; else the last row may reach below.
        narrow = max(widths[1:] if watching else widths[1:-1] or widths, default=0)
        width = max([narrow + beside] + widths)
        for index, (row, own) in enumerate(zip(self.rows, widths)):
            room = width - beside if index and (watching or own <= width - beside) else width
            for group in row:
                self.shift(group, MARGIN + FRAME_PAD + (room - own) // 2, 0)
        y = self.boxes[self.rows[1][0].name].y if len(self.rows) > 1 else MARGIN
        for group in self.aside:
            box = self.boxes[group.name]
            self.shift(group, MARGIN + FRAME_PAD + width - box.width, y)
            y = box.bottom
            if any(call.head.name == EVERYONE for call in self.model.calls):
                self.boxes[EVERYONE] = Box(box.x, box.bottom + 64, box.width, PILL_HEIGHT)
                y = self.boxes[EVERYONE].bottom
            self.height = max(self.height, y + MARGIN)
            y += ROW_GAP
        self.width = width + 2 * (MARGIN + FRAME_PAD)

    def gap(self, one, other):
        calls = self.between(one, other)
        return max(30, self.label_width(calls) + 34) if calls else 30

    def arrange(self, group):
        """Puts the servers of a group side by side, from 0,0, in their frame if they have one."""
        x = y = 0
        if group.framed:
            x, y = FRAME_PAD, FRAME_HEAD
            for name, (address, carriers) in self.model.virtual_ips.items():
                if carriers[0] in group.services:
                    self.boxes[name] = Box(0, FRAME_PAD, max(200, text_width(name + " virtual IP") + 60), PILL_HEIGHT)
                    group.boxes.append(name)
                    y = FRAME_PAD + PILL_HEIGHT + 28
        for index, name in enumerate(group.services):
            own = [key for key in self.boxes if key == name or key.startswith(name + "/")]
            for key in own:
                self.boxes[key].move(x, y)
            group.boxes += own
            following = group.services[index + 1 : index + 2]
            x += self.boxes[name].width + (self.gap(name, following[0]) if following else 0)
        if group.framed:
            bottom = max(self.boxes[name].bottom for name in group.services)
            self.boxes[group.name] = Box(0, 0, x + FRAME_PAD, bottom + FRAME_PAD)
            group.boxes.append(group.name)
            for name in self.model.virtual_ips:
                if name in group.boxes:
                    self.boxes[name].x = (x + FRAME_PAD - self.boxes[name].width) // 2

    def line_up(self, row, y):
        x = 0
        for index, group in enumerate(row):
            self.shift(group, x, y)
            following = row[index + 1 : index + 2]
            x += self.boxes[group.name].width
            if following:
                x += self.gap(group.services[-1], following[0].services[0])
        return x

    def shift(self, group, x, y):
        for name in group.boxes:
            self.boxes[name].move(x, y)

    # arrows

    def reach(self, end, leaving):
        """The box an arrow touches, and from where to where along its edge it may do so."""
        box = self.box(end)
        server = self.model.services.get(end.name)
        if server and server.kind == "server" and end.program:
            low = box.x if leaving else self.boxes[end.name].x + self.header_right[end.name]
            programs = [self.boxes[f"{end.name}/{ident}"] for ident in server.programs]
            passed = [other for other in programs if (other.y > box.y if leaving else other.y < box.y)]
            low = max([low + 8, box.x + 14] + [other.right + 8 for other in passed if other.right < box.right])
            return box, low, box.right - 12
        if end.name in self.model.virtual_ips:
            return box, box.x + 20, box.right - 20
        return box, box.x + 14, box.right - 14
