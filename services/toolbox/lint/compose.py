"""Rules for a stage, on Compose's own model of it: compose.py NAME < MODEL prints what is wrong, and fails then.

Every service is locked down, limited and watched; nothing but the gateway is reachable from outside, and that from this
machine only; no network but the gateway's own leads out of the lab.
"""

import json
import sys

GATEWAY = "gateway"


def service_faults(spec):
    if "ALL" not in (spec.get("cap_drop") or []):
        yield "cap_drop is not [ALL]"
    if not {"no-new-privileges:true", "no-new-privileges"} & set(spec.get("security_opt") or []):
        yield "security_opt has no no-new-privileges:true"
    if spec.get("privileged"):
        yield "is privileged"
    if spec.get("network_mode") == "host":
        yield "is on the host's network"
    limits = ((spec.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    if not (limits.get("memory") or spec.get("mem_limit")):
        yield "has no memory limit"
    if not (limits.get("pids") or spec.get("pids_limit")):
        yield "has no limit of processes (pids)"
    check = spec.get("healthcheck") or {}
    if check.get("disable") or check.get("test") in (None, [], ["NONE"]):
        yield "has no healthcheck"
    options = (spec.get("logging") or {}).get("options") or {}
    if not (options.get("max-size") and options.get("max-file")):
        yield "has no logging limits (max-size, max-file)"


def port_faults(name, spec):
    for port in spec.get("ports") or []:
        what = f"publishes {port.get('published') or 'a port'}"
        if name != GATEWAY:
            yield f"{what}; only {GATEWAY} may"
        elif port.get("host_ip") != "127.0.0.1":
            yield f"{what} not on 127.0.0.1"


def network_faults(model):
    ways_out = [name for name, spec in (model.get("networks") or {}).items() if not (spec or {}).get("internal")]
    for network in ways_out:
        users = [name for name, spec in model["services"].items() if network in (spec.get("networks") or {})]
        if users != [GATEWAY] or len(ways_out) > 1:
            yield f"network {network} is not internal; one may be so, with {GATEWAY} alone on it"


def faults(model):
    if not model.get("services"):
        yield "no services"
        return
    for name, spec in model["services"].items():
        for fault in (*service_faults(spec), *port_faults(name, spec)):
            yield f"{name}: {fault}"
    yield from network_faults(model)


def main(stage):
    found = [f"{stage}: {fault}" for fault in faults(json.load(sys.stdin))]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
