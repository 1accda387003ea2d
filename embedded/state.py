"""What runs, as the supervisor last wrote it down for `fitnesshub status` and everybody else who asks."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from embedded.home import Home, running_pid, written


@dataclass
class Part:
    """One service in one process, or one server."""

    name: str
    address: str
    """Where it listens: host:port, or a URL without credentials."""
    state: str = "starting"
    """`starting`, `up`, `restarting`, `stopped`; `external` for a server that isn't ours."""
    version: str = ""
    pid: int | None = None
    process: str = ""
    """Name of the child, which its log file has too."""
    restarts: int = 0


@dataclass
class ServicePart(Part):
    """A service in one role."""

    role: str = "serve"
    metrics: str = ""
    """URL of its metrics."""


@dataclass
class State:
    """A whole stack."""

    profile: str
    pid: int
    edge_url: str
    mesh: str
    """host:port of Envoy's mesh listener."""
    admin: str
    """URL of Envoy's admin interface."""
    database: str
    """URL of the database without credentials."""
    redis: str
    version: str
    started: float
    """Unix time."""
    ready: bool = False
    seconds: float = 0.0
    """How long the start took."""
    services: list[ServicePart] = field(default_factory=list)
    servers: list[Part] = field(default_factory=list)

    def save(self, home: Home) -> None:
        """Writes it to the state folder, whole or not at all."""
        with written(home.state_file) as file:
            json.dump(asdict(self), file, indent=2)
            file.write("\n")


def load(home: Home) -> State | None:
    """What runs in this state folder; None when nothing does, or when it hasn't got that far."""
    pid = running_pid(home)
    if pid is None:
        return None
    try:
        found: dict[str, Any] = json.loads(home.state_file.read_text())
    except FileNotFoundError:
        return None
    if found["pid"] != pid:
        return None
    services = [ServicePart(**each) for each in found.pop("services")]
    servers = [Part(**each) for each in found.pop("servers")]
    return State(**found, services=services, servers=servers)
