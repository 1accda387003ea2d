"""Where things listen: the half of an Envoy configuration that the contract doesn't know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class TopologyError(Exception):
    """The topology doesn't fit the contract."""


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int


@dataclass(frozen=True)
class Topology:
    """One Envoy with its listeners and the processes behind it."""

    profile: str
    """Name of the profile; becomes Envoy's node id."""
    edge: Address
    """REST, gRPC and gRPC-Web from outside."""
    mesh: Address
    """gRPC between services."""
    admin: Address
    clusters: Mapping[str, Sequence[Address]]
    """Addresses by service. Services that share a process have the same ones."""
    descriptor: Path
    """The FileDescriptorSet that Envoy reads. Envoy reads it again only when its listener changes, so a
    live folder has its content hash in the name (`files.stage_descriptor`)."""
    allowed_origins: Sequence[str]
    """Origins of browsers that may call, as `http://localhost:3000`."""
    issuer: str
    """`iss` of the access tokens."""
    lua: Path | None = None
    """Where Envoy reads the Lua filter's source from. None: it stands in the bootstrap itself."""
    routes_folder: Path | None = None
    """Where Envoy reads the files of routes and clusters from and watches them, so that policies and processes change
    without a restart. None: all stands in the bootstrap itself."""
    access_log: Path | None = None
    """None: standard output."""
    otlp: Address | None = None
    """Collector of traces (OTLP over gRPC). None: trace ids are made, nothing is exported."""
    envoys: int = 1
    """Envoys that share the load of the edge. Local rate limits are divided by it."""
    trusted_proxies: int = 0
    """Proxies in front of the edge whose `x-forwarded-for` is believed."""
