"""What is written in the boxes and on the arrows, and how much room it takes."""

BULLET = "\u25cf"


def text_width(text, size=10):
    return round(len(text) * size * 0.57)


def label_lines(call):
    lines = [part.strip() for part in call.what.split(",")]
    return lines + ["TLS"] if call.tls else lines


def plate_lines(service):
    lines = [service.note] if service.note else []
    if service.kind == "outside":
        lines += [f"{program.name}, {program.what}" for program in service.programs.values()]
    lines += [f"{BULLET} {network} {address}".strip() for network, address in service.addresses.items()]
    if service.kind == "server" and service.memory:
        lines.append(f"memory: {service.memory // 2**20} MiB")
    if service.firewall:
        lines.append(f"firewall: {service.firewall}")
    return lines


def browser_lines(model):
    ports = [port for service in model.services.values() for port in service.ports]
    return ["on the host"] + [f"{port.get('host_ip') or '*'}:{port.get('published')}" for port in ports]
