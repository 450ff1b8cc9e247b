"""What stands in which row: what calls stands above what it calls, machines of a tier side by side."""

from dataclasses import dataclass, field

from .model import BROWSER, EVERYONE


@dataclass
class Group:
    """A tier in its frame, or a server or outside service by itself: what stands in a row."""

    name: str
    services: list
    framed: bool
    boxes: list = field(default_factory=list)  # the names of all boxes that move with it


def make_rows(model):
    """The rows, the groups beside them (they watch everything), and whether the first row is the outside world."""
    first, groups = first_row(model), server_groups(model)
    aside = [group for group in groups if watches(model, group, groups, first)]
    waiting = [group for group in groups if group not in aside]
    if aside:
        first.reverse()  # then what goes in by the gateway is on the side of what stands beside the rows
    return ([first] if first else []) + follow(model, first, waiting), aside, bool(first)


def watches(model, group, groups, first):
    """It calls everybody: in one call, or each of the others, which stand in several rows."""
    if group.framed:
        return False
    if any(call.tail.name in group.services and call.head.name == EVERYONE for call in model.calls):
        return True
    others = [other for other in groups if other is not group]
    return len(follow(model, first, others)) > 1 and all(called(model, other, group.services) for other in others)


def follow(model, first, waiting):
    """The rows below the first one: who is called from the row above."""
    rows = []
    reached = {name for group in first for name in group.services}
    while waiting:
        row = [group for group in waiting if called(model, group, reached)] or waiting
        rows.append(row)
        waiting = [group for group in waiting if group not in row]
        reached = {name for group in row for name in (group.name, *group.services)}
    return rows


def servers_of(model):
    return {name for name, service in model.services.items() if service.kind == "server"}


def first_row(model):
    """The outside world: what the browser reaches first, then those who visit, then the rest."""
    outside = [service.name for service in model.services.values() if service.kind == "outside"]
    published = {call.head.name for call in model.calls if call.tail.name == BROWSER}
    servers = servers_of(model) | set(model.tiers) | set(model.virtual_ips)
    visitors = {call.tail.name for call in model.calls if call.head.name in servers}
    outside.sort(key=lambda name: (name not in published, name not in visitors, name))
    return [Group(name, [name], False) for name in ([BROWSER] if published else []) + outside]


def server_groups(model):
    groups = [Group(tier, names, True) for tier, names in model.tiers.items()]
    single = [name for name in model.services if name in servers_of(model) and not model.services[name].tier]
    groups += [Group(name, [name], False) for name in single]
    return sorted(groups, key=lambda group: group.services[0])


def called(model, group, callers):
    names = {group.name, *group.services}
    names |= {name for name, (_, carriers) in model.virtual_ips.items() if carriers[0] in group.services}
    return any(call.tail.name in callers and call.head.name in names for call in model.calls)
