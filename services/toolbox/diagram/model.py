"""What a stage is made of, as far as it is drawn."""

from dataclasses import dataclass, field

BROWSER = "your browser"
EVERYONE = "*"


class Mistake(Exception):
    """Something in the model that cannot be drawn truthfully."""


@dataclass
class Program:
    id: str
    name: str
    what: str


@dataclass
class Service:
    name: str
    kind: str
    note: str
    role: str
    tier: str
    firewall: str
    memory: int  # bytes, 0 for no limit
    programs: dict  # id -> Program
    addresses: dict  # network -> IPv4 address, "" where the engine chooses
    virtual_ip: tuple  # (name, address), or () for none
    ports: list
    call_lines: list


@dataclass(frozen=True, order=True)
class End:
    """One end of an arrow. The name is a service's, a tier's, a virtual IP's, EVERYONE or BROWSER."""

    name: str
    program: str = ""

    def __str__(self):
        return self.name + ("/" + self.program if self.program else "")


@dataclass(frozen=True)
class Call:
    tail: End
    head: End
    what: str
    tls: bool = False
    both: bool = False
    network: str = ""  # "" inside one machine

    def __str__(self):
        return f"{self.tail} {'<->' if self.both else '->'} {self.head}: {self.what}{' over TLS' if self.tls else ''}"


@dataclass
class Model:
    title: str
    networks: dict  # name -> (subnet, internal)
    services: dict  # name -> Service, without the hidden ones
    tiers: dict = field(default_factory=dict)  # name -> [service name]
    virtual_ips: dict = field(default_factory=dict)  # name -> (address, [service name])
    calls: list = field(default_factory=list)
