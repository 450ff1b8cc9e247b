"""Where every arrow runs: its corners, and the middle of its label."""

from .layout import CALL_GAP, PAD, ROW_GAP, TRACK, WORLD
from .model import EVERYONE
from .words import label_lines, text_width


def route(layout, calls):
    """The corners of every arrow, and the middle of its label: {call: ([(x, y), ...], (x, y))}."""
    routes, falling, level = {}, {}, {}
    watching = [call for call in layout.watching() if call.head.name != call.tail.name]
    routes.update(watch(layout, watching))
    for call in calls:
        if call in routes:
            continue
        tail, head = layout.box(call.tail), layout.box(call.head)
        rows = [layout.row_of(end.name) for end in (call.tail, call.head)]
        if call.tail.name == call.head.name:
            routes[call] = local_route(tail, head, call)
        elif call.head.name == EVERYONE:
            start = layout.boxes[call.tail.name]
            label = beside(start.centre, (start.bottom + head.y) // 2 - 2, call)
            routes[call] = ([(start.centre, start.bottom), (head.centre, head.y)], label)
        elif rows[0] == rows[1] is not None and neighbours(layout, call, rows[0]):
            level.setdefault((min(call.tail, call.head), max(call.tail, call.head)), []).append(call)
        elif rows[0] is not None and (rows[1] == rows[0] + 1 if rows[1] is not None else rows[0] == 0):
            falling.setdefault(rows[0], []).append(call)
        else:
            falling.setdefault("far", []).append(call)
    for pair in level.values():
        for index, call in enumerate(pair):
            routes[call] = level_route(layout, call, (2 * index - len(pair) + 1) * 9)
    for row, some in falling.items():
        if row != "far":
            routes.update(fall(layout, row, some))
    for index, call in enumerate(falling.get("far", [])):
        routes[call] = far_route(layout, call, index)
    return {call: (points, label) for (call, (points, _)), label in zip(routes.items(), apart(routes))}


def apart(routes):
    """The labels, in the same order; one that would cover another moves up along its arrow, above that."""
    boxes = []
    for call, (_, (x, y)) in routes.items():
        lines = label_lines(call)
        box = [x, y, max(map(text_width, lines)) // 2 + 2, 7 * len(lines)]
        while covered := [other for other in boxes if cover(box, other)]:
            box[1] = min(other[1] - other[3] for other in covered) - box[3]
        boxes.append(box)
    return [(x, y) for x, y, _, _ in boxes]


def cover(one, other):
    """Boxes are the middle, half the width and half the height."""
    return all(abs(one[axis] - other[axis]) < one[axis + 2] + other[axis + 2] for axis in (0, 1))


def beside(x, y, call):
    return x + 8 + max(text_width(line) for line in label_lines(call)) // 2, y


def local_route(tail, head, call):
    down = tail.y < head.y
    upper, lower = (tail, head) if down else (head, tail)
    if lower.y - upper.bottom <= CALL_GAP:
        x = min(tail.centre, head.centre)
        points = [(x, upper.bottom), (x, lower.y)]
        return points if down else points[::-1], beside(x, (upper.bottom + lower.y) // 2 - 1, call)
    # Past a program in between: along the right edge of the box.
    x = max(tail.right, head.right) + 7
    points = [(tail.right, tail.middle), (x, tail.middle), (x, head.middle), (head.right, head.middle)]
    return points, (x, (upper.bottom + lower.y) // 2)


def neighbours(layout, call, row):
    order = [name for group in layout.rows[row] for name in group.services]
    places = [order.index(end.name) if end.name in order else -9 for end in (call.tail, call.head)]
    return abs(places[0] - places[1]) == 1


def level_route(layout, call, offset):
    tail, head = layout.box(call.tail), layout.box(call.head)
    ahead = tail.x < head.x
    start = (tail.right if ahead else tail.x, tail.middle + offset)
    finish = (head.x if ahead else head.right, (head.middle if call.head.program else tail.middle) + offset)
    lines = len(label_lines(call))
    if start[1] == finish[1]:
        return [start, finish], ((start[0] + finish[0]) // 2, start[1] - 4 - 7 * lines)
    # On a slope two arrows may cross in the middle: the label stays above the caller's end.
    aside = PAD + 12 + max(text_width(line) for line in label_lines(call)) // 2
    return [start, finish], (start[0] + (aside if ahead else -aside), start[1] + 2 - 7 * lines)


def fall(layout, row, calls):
    """Arrows from one row down to the next: straight where they can be, else down, level and down."""
    above = max(layout.boxes[group.name].bottom for group in layout.rows[row])
    if row == 0 and WORLD in layout.boxes:
        above = layout.boxes[WORLD].bottom
    spans = {}
    for call in calls:
        tail, low0, high0 = layout.reach(call.tail, True)
        head, low1, high1 = layout.reach(call.head, False)
        low, high = max(low0, low1), min(high0, high1)
        if low <= high:
            x = (low + high) // 2
            spans[call] = [x, x]
        else:
            spans[call] = [high0 if high0 < low1 else low0, low1 if high0 < low1 else high1]
    spread(layout, spans, calls)
    uncross(layout, spans, calls)
    following = layout.rows[row + 1] if row + 1 < len(layout.rows) else []
    below = min((layout.boxes[group.name].y for group in following), default=above + ROW_GAP)
    tracks, routes = {}, {}
    for call in sorted(calls, key=lambda c: (abs(spans[c][0] - spans[c][1]), c.tail, c.head, c.what)):
        tail, head = layout.box(call.tail), layout.box(call.head)
        (x0, x1), y0, y1 = spans[call], tail.bottom, head.y
        label = beside(x1, below - 4 - 7 * len(label_lines(call)), call)
        if x0 == x1:
            routes[call] = ([(x0, y0), (x1, y1)], label)
            continue
        level = above + 12 + TRACK * tracks.setdefault(call.tail, len(tracks))
        routes[call] = ([(x0, y0), (x0, level), (x1, level), (x1, y1)], label)
    return routes


def spread(layout, spans, calls):
    """Moves arrows apart that would touch the same place: by their labels at the target, closer at the source."""
    for side in (0, 1):
        at = {}
        for call in calls:
            at.setdefault((call.head, call.tail)[1 - side], []).append(call)
        for end, some in at.items():
            if len(some) < 2:
                continue
            some.sort(key=lambda call: (spans[call][1 - side], call.what))
            _, low, high = layout.reach(end, side == 0)
            widest = max(layout.label_width([call]) for call in some) + 18 if side else 16
            places = [spans[call][side] for call in some]
            if all(right - left >= widest for left, right in zip(places, places[1:])):
                continue
            step = min(widest, (high - low) // (len(some) - 1))
            start = sum(places) // len(some) - step * (len(some) - 1) // 2
            start = min(max(start, low), high - step * (len(some) - 1))
            for index, call in enumerate(some):
                straight = spans[call][0] == spans[call][1]
                x = start + index * step
                _, low0, high0 = layout.reach((call.head, call.tail)[side], side == 1)
                spans[call][side] = x
                if straight and low0 <= x <= high0:
                    spans[call][1 - side] = x


def uncross(layout, spans, calls):
    """Of arrows from one box, those that bend leave on the side of the straight ones that they go to."""
    for call in calls:
        for other in calls:
            (x0, x1), (straight, foot) = spans[call], spans[other]
            if call.tail != other.tail or straight != foot or x0 == x1:
                continue
            if (x1 < straight) != (x0 < straight):
                _, low, high = layout.reach(call.tail, True)
                spans[call][0] = min(max(straight + (-16 if x1 < straight else 16), low), high)


def watch(layout, calls):
    """From what stands beside the rows: out to the left, up or down, and into the row from its right."""
    if not calls:
        return {}
    ends = {call: watched_at(layout, call) for call in calls}
    # What goes furthest runs nearest to the machine: then none crosses another's way in.
    starts = {}
    for call in calls:
        starts.setdefault(call.tail, []).append(call)
    order = sorted(calls, key=lambda call: abs(ends[call][1] - layout.box(call.tail).middle))
    routes = {}
    for call in calls:
        box, same = layout.box(call.tail), sorted(starts[call.tail], key=lambda other: ends[other][1])
        y0 = box.y + box.height * (1 + same.index(call)) // (1 + len(same))
        x = layout.boxes[call.tail.name].x - 8 - TRACK * (len(calls) - order.index(call))
        x1, y1, above = ends[call]
        lines = label_lines(call)
        y1 = y0 if abs(y1 - y0) < TRACK else y1
        points = [(box.x, y0), (x, y0), (x, y1), (x1, y1)] + ([] if above is None else [(x1, above)])
        if above is None:
            edge = max(layout.boxes[group.name].right for group in layout.rows[layout.row_of(call.head.name)])
            label = (edge + 12 + max(map(text_width, lines)) // 2, y1 - 4 - 7 * len(lines))
        elif above < y1:
            label = beside(x1, (y1 + above) // 2, call)
        else:
            label = (x1 - 8 - max(map(text_width, lines)) // 2, above - 4 - 7 * len(lines))
        routes[call] = (points, label)
    return routes


def watched_at(layout, call):
    """Where such an arrow comes in: place and height, and for one from above or below where it ends."""
    row = layout.row_of(call.head.name)
    head, _, right = layout.reach(call.head, False)
    groups = layout.rows[row]
    if row == 0:
        level = layout.boxes[WORLD].bottom if WORLD in layout.boxes else head.bottom
        return right - 8, level + 14, head.bottom
    last = groups[-1]
    if call.head.name in (last.name, *last.services) or call.head.name in layout.model.virtual_ips:
        return head.right, head.middle, None
    # Above the labels of what comes from the row above.
    top = min(layout.boxes[group.name].y for group in groups)
    return head.centre, top - ROW_GAP + 14, head.y


def far_route(layout, call, index):
    """Round the outside: down, left to the margin, along it, and in from above the target's row."""
    tail, low0, high0 = layout.reach(call.tail, True)
    head, low1, high1 = layout.reach(call.head, False)
    rows = [layout.row_of(end.name) for end in (call.tail, call.head)]
    bottoms = [max(layout.boxes[group.name].bottom for group in row) for row in layout.rows]
    leave = bottoms[rows[0]] if rows[0] is not None else layout.boxes[call.tail.name].bottom
    enter = min(layout.boxes[group.name].y for group in layout.rows[rows[1]]) if rows[1] is not None else head.y
    leave, enter, x = leave + 10 + TRACK * index, enter - 10 - TRACK * index, 14 + TRACK * index
    points = [(high0, tail.bottom), (high0, leave), (x, leave), (x, enter), (low1, enter), (low1, head.y)]
    return points, beside(x, (leave + enter) // 2, call)
