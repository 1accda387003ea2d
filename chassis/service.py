"""What a service is to its process, and what a process gives to a service.

`services/<name>/bootstrap.py` has one function, `build(runtime) -> Service`: the composition root, the
only place that knows concrete adapters.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from google.protobuf.descriptor import ServiceDescriptor
from redis.asyncio import Redis

from chassis.channel import Channel
from chassis.clock import Clock, Ids
from chassis.contract import Contract
from chassis.db import Database
from chassis.erasure import Erase
from chassis.events.consumer import Subscription
from chassis.events.rebuild import Projection
from chassis.pages import PageTokens
from chassis.readiness import Check
from chassis.sagas.model import Saga
from chassis.settings import ProcessSettings, ServiceSettings, load_settings

S = TypeVar("S", bound=ServiceSettings)


@dataclass(frozen=True)
class Worker:
    """Background work of a service, run in the `work` role until it is cancelled.

    A worker that raises is started again with back-off; its trouble is logged, and others go on.
    """

    name: str
    run: Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Service:
    """A service, built and ready to be hosted."""

    name: str
    apis: Mapping[ServiceDescriptor, object]
    """Which object answers for which proto service."""
    workers: tuple[Worker, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    """Events it hears; the `work` role runs a consumer for each. Needs a database."""
    sagas: tuple[Saga, ...] = ()
    """Kinds of sagas that it begins; the `work` role runs them. Needs a database."""
    projection: Projection | None = None
    """Tables that can be made anew from the event store; None when there are none."""
    erase: Erase | None = None
    """Deletes what it holds of a person who is erased; None when it has no data of its own about persons."""
    prepare: Callable[[], Awaitable[None]] | None = None
    """Looks at the start of the process whether its secrets fit what is stored. Raises SettingsError, which ends the
    process, and Unavailable, which doesn't."""
    checks: tuple[Check, ...] = ()
    """Servers it needs besides the database and Redis that the runtime handed out."""


class Resources(Protocol):
    """What a process opens at start and closes at stop, made on demand for a service."""

    def database(self, service: str) -> Database:
        """The service's own database session maker."""
        ...

    def redis(self, service: str) -> "Redis":
        """The process's Redis client."""
        ...

    def channel(self, owner: str, service: str) -> Channel:
        """A channel from a service of this process to any service."""
        ...


@dataclass(frozen=True)
class Runtime:
    """What a bootstrap builds its service from."""

    service: str
    process: ProcessSettings
    environment: Mapping[str, str] = field(repr=False)
    clock: Clock
    ids: Ids
    contract: Contract
    hosted: Collection[str]
    """Names of the services in this process."""
    resources: Resources = field(repr=False)

    def settings(self, kind: type[S]) -> S:
        """The service's own settings. Raises SettingsError naming what is wrong."""
        return load_settings(kind, self.service, self.environment)

    def database(self) -> Database:
        """The service's database; opened before the first call, closed after the last."""
        return self.resources.database(self.service)

    def redis(self) -> "Redis":
        """The process's Redis client; whoever uses it survives its being down."""
        return self.resources.redis(self.service)

    def channel(self, service: str) -> Any:
        """A channel for a generated stub. Any: ours offers what stubs use of grpc's, not its whole class."""
        return self.resources.channel(self.service, service)

    def secret_file(self, name: str) -> Path:
        """Path of a secret. Raises FileNotFoundError when it isn't there."""
        path = self.process.secrets / name
        if not path.is_file():
            raise FileNotFoundError(f"the secret {name} is missing from the secrets folder")
        return path

    def page_tokens(self) -> PageTokens:
        """Signs and reads page tokens; the key is shared by all processes."""
        return PageTokens(self.secret_file("page-tokens").read_bytes())
