"""From the Compose model to ours: what the labels say, checked."""

import re

from .calls import draw_once, read_call
from .model import BROWSER, Call, End, Mistake, Model, Program, Service

LABELS = ("kind", "note", "programs", "calls", "role", "tier", "virtual-ip", "firewall")
KINDS = ("server", "outside", "hidden")


def lines_of(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


def columns(service, label, line, count):
    cells = [cell.strip() for cell in line.split("|")]
    if len(cells) != count or not all(cells):
        raise Mistake(f"{service}: lab.{label}: not {count} columns divided by |: {line}")
    return cells


def read_programs(service, text):
    programs = {}
    for line in lines_of(text):
        program = Program(*columns(service, "programs", line, 3))
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", program.id):
            raise Mistake(f"{service}: lab.programs: not an id of a-z, 0-9 and -: {line}")
        if program.id in programs:
            raise Mistake(f"{service}: lab.programs: the id is there twice: {line}")
        programs[program.id] = program
    return programs


def read_service(name, spec):
    labels = {}
    for key, value in (spec.get("labels") or {}).items():
        if key.startswith("lab."):
            if key[4:] not in LABELS:
                raise Mistake(f"{name}: {key}: no such label; known are lab.{', lab.'.join(LABELS)}")
            labels[key[4:]] = str(value).strip()
    kind = labels.get("kind", "missing")
    if kind not in KINDS:
        raise Mistake(f"{name}: lab.kind: {kind}; must be one of {', '.join(KINDS)}")
    programs = read_programs(name, labels.get("programs", ""))
    if kind == "server" and not programs:
        raise Mistake(f"{name}: lab.programs: missing; a server is drawn with what runs on it")
    virtual_ip = labels.get("virtual-ip")
    limits = ((spec.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    return Service(
        name=name,
        kind=kind,
        note=labels.get("note", ""),
        role=labels.get("role", ""),
        tier=labels.get("tier", ""),
        firewall=labels.get("firewall", ""),
        memory=int(spec.get("mem_limit") or limits.get("memory") or 0),
        programs=programs,
        addresses={net: (how or {}).get("ipv4_address", "") for net, how in (spec.get("networks") or {}).items()},
        virtual_ip=tuple(columns(name, "virtual-ip", virtual_ip, 2)) if virtual_ip else (),
        ports=spec.get("ports") or [],
        call_lines=lines_of(labels.get("calls", "")),
    )


def read_networks(compose, services):
    networks = {}
    for name, spec in sorted((compose.get("networks") or {}).items()):
        if any(name in service.addresses for service in services.values()):
            pools = ((spec or {}).get("ipam") or {}).get("config") or []
            subnets = [pool["subnet"] for pool in pools if "subnet" in pool]
            networks[name] = (", ".join(subnets), bool((spec or {}).get("internal")))
    return networks


def read_model(compose):
    everything = [read_service(name, spec) for name, spec in sorted((compose.get("services") or {}).items())]
    services = {service.name: service for service in everything if service.kind != "hidden"}
    title = compose.get("x-lab-title") or compose.get("name") or ""
    model = Model(title, read_networks(compose, services), services)
    for service in services.values():
        if service.tier:
            if service.kind != "server" or service.tier in services:
                raise Mistake(f"{service.name}: lab.tier: only for servers, and not a service's name: {service.tier}")
            model.tiers.setdefault(service.tier, []).append(service.name)
    for service in services.values():
        if service.virtual_ip:
            read_virtual_ip(model, service)
    calls = []
    for service in services.values():
        calls += read_ports(service)
        for line in service.call_lines:
            calls += read_call(model, service, line)
    model.calls = draw_once(model, list(dict.fromkeys(calls)))
    return model


def read_virtual_ip(model, service):
    """A virtual IP is drawn in the frame of its tier, so its carriers must be of one."""
    name, address = service.virtual_ip
    if name in model.services or name in model.tiers:
        raise Mistake(f"{service.name}: lab.virtual-ip: a service or tier has that name: {name}")
    if not service.tier:
        raise Mistake(f"{service.name}: lab.virtual-ip: needs a lab.tier, in whose frame it is drawn")
    known, carriers = model.virtual_ips.setdefault(name, (address, []))
    if known != address or any(model.services[other].tier != service.tier for other in carriers):
        raise Mistake(f"{service.name}: lab.virtual-ip: address or tier is not that of {carriers[0]}: {name}")
    carriers.append(service.name)


def read_ports(service):
    """What is published reaches the learner's browser; the engine forwards it, so no network of the lab."""
    ports = []
    for port in service.ports:
        published, target = str(port.get("published") or "?"), str(port["target"])
        name = f"{port.get('protocol', 'tcp').upper()} {published}"
        ports.append(name if published == target else f"{name} to {target}")
    return [Call(End(BROWSER), End(service.name), ", ".join(ports))] if ports else []
