"""Who calls whom: the lines of the label lab.calls, and which of them are one arrow."""

import re
from dataclasses import replace

from .model import EVERYONE, Call, End, Mistake

CALL = re.compile(
    r"(?:(?P<tail>\S+)\s+)?(?P<arrow><->|->)\s*(?P<head>\S+)\s+:\s+"
    r"(?P<what>\S.*?)(?P<tls>\s+tls)?(?:\s+via\s+(?P<via>\S+))?"
)


def read_call(model, service, line):
    """The calls of one line, from program to program; to every other server it stays one call."""

    def wrong(reason):
        return Mistake(f"{service.name}: lab.calls: {reason}: {line}")

    match = CALL.fullmatch(line)
    if not match:
        raise wrong("not [PROGRAM] -> TARGET : WHAT [tls] [via NETWORK]")
    if match["tail"] and match["tail"] not in service.programs:
        raise wrong(f"no program {match['tail']} on {service.name}")
    tail, both = End(service.name, match["tail"] or ""), match["arrow"] == "<->"

    calls = []
    for head in find_heads(model, service, match["head"], wrong):
        network = ""
        if head.name != service.name:
            network = find_network(model, service, head, match["via"], wrong)
        ends = sorted((tail, head)) if both else (tail, head)
        calls.append(Call(*ends, match["what"], bool(match["tls"]), both, network))
    if match["head"].split("/")[0] == EVERYONE:
        if len({call.network for call in calls}) > 1:
            raise wrong("not one network for all, say which with via")
        everyone = End(EVERYONE, calls[0].head.program)
        return [Call(tail, everyone, match["what"], bool(match["tls"]), both, calls[0].network)]
    return calls


def find_heads(model, service, target, wrong):
    name, _, program = target.partition("/")
    if not program and name in service.programs:
        return [End(service.name, name)]
    if name in model.virtual_ips and not program:
        return [End(name)]
    if name == EVERYONE:
        names = [other.name for other in model.services.values() if other.kind == "server"]
    else:
        names = model.tiers.get(name) or [name]
    for other in names:
        if other not in model.services:
            raise wrong(f"no service, tier, virtual IP or program of its own is named {name}")
        if program and program not in model.services[other].programs and other != service.name:
            raise wrong(f"no program {program} on {other}")
    heads = [End(other, program) for other in names if other != service.name]
    if not heads:
        raise wrong("calls itself")
    return heads


def find_network(model, service, head, via, wrong):
    """The network a call travels on: the smallest that both ends are on is the one made for them."""
    names = model.virtual_ips[head.name][1] if head.name in model.virtual_ips else [head.name]
    shared = set(service.addresses).intersection(*(model.services[name].addresses for name in names))
    if via and via not in shared:
        raise wrong(f"{service.name} and {head.name} are not both on network {via}")
    if not shared:
        raise wrong(f"{service.name} and {head.name} share no network")

    def size(net):
        return sum(net in other.addresses for other in model.services.values()), net

    return via or min(shared, key=size)


def draw_once(model, calls):
    """Calls that all servers of a tier make alike become one, from the frame; likewise calls to all of them."""

    def gather(calls, side, other):
        alike = {}
        for call in calls:
            end = getattr(call, side)
            tier = model.services[end.name].tier if end.name in model.services else ""
            if tier and not call.both and getattr(call, other).name not in model.tiers[tier]:
                key = (tier, getattr(call, other), call.what, call.tls, call.network)
                alike.setdefault(key, {}).setdefault(end.name, []).append(call)
        merged = {}
        for (tier, *_), by_server in alike.items():
            if len(model.tiers[tier]) > 1 and len(by_server) == len(model.tiers[tier]):
                for call in sum(by_server.values(), []):
                    merged[call] = replace(call, **{side: End(tier)})
        return list(dict.fromkeys(merged.get(call, call) for call in calls))

    return gather(gather(calls, "head", "tail"), "tail", "head")
