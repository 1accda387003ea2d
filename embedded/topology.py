"""Which processes host which services in a profile, and where they listen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class ServiceProcess:
    """One process of our own."""

    name: str
    """Of the child and of its log file."""
    role: str
    """`serve` or `work`."""
    services: tuple[str, ...]
    port: int
    """gRPC; 0 in the role `work`."""
    metrics_port: int
    sharers: int
    """How many processes of the stack have a connection pool of the same services, this one included."""

    def arguments(self) -> list[str]:
        """What follows `python -m services`."""
        services = [word for name in self.services for word in ("--service", name)]
        ports = ["--metrics-port", str(self.metrics_port)]
        if self.port:
            ports += ["--port", str(self.port)]
        # Envoy is drained before any service stops, so nobody needs time to notice.
        return [self.role, *services, *ports, "--processes", str(self.sharers), "--probe-period", "0"]


def service_names() -> list[str]:
    """The services there are: the folders with a bootstrap."""
    found = files("services").iterdir()
    return sorted(folder.name for folder in found if folder.joinpath("bootstrap.py").is_file())


def processes(
    profile: str, services: Sequence[str], workers: int, free_port: Callable[[], int]
) -> list[ServiceProcess]:
    """The processes of a profile, with so many `workers` to answer the calls of each service.

    Each has ports of its own, so that Envoy balances calls and sees who is down.
    """
    # The pools of different services share the server too: the budget is divided by all processes.
    groups = {f"{name}-": (name,) for name in services} if profile == "split" else {"": tuple(services)}
    sharers = len(groups) * (workers + 1)
    serving = ("serve", *(f"serve-{number}" for number in range(2, workers + 1)))
    return [
        process
        for prefix, hosted in groups.items()
        for process in (
            *(ServiceProcess(prefix + name, "serve", hosted, free_port(), free_port(), sharers) for name in serving),
            ServiceProcess(f"{prefix}work", "work", hosted, 0, free_port(), sharers),
        )
    ]
