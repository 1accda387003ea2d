"""The database servers of a stack: our own, or those that DATABASE_URL and REDIS_URL name."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from embedded.children import Program, Stopping
from embedded.home import Home
from embedded.postgres import Postgres
from embedded.problems import EmbeddedError
from embedded.valkey import Valkey

POSTGRES_STOPPING = Stopping(("INT", "QUIT"), 20.0)
"""Fast shutdown writes a checkpoint, which takes a while after much writing; an immediate one costs a recovery."""
VALKEY_STOPPING = Stopping(("TERM",), 10.0)
"""It writes what is left of its append-only file."""


@dataclass(frozen=True)
class Server:
    """One server."""

    name: str
    version: str
    """Empty for a server that isn't ours."""
    address: str
    """Without credentials."""
    program: Program | None
    """None for a server that isn't ours."""


@dataclass(frozen=True)
class Servers:
    """What the services store things in."""

    database: Server
    redis: Server
    database_server: str
    """URL without user and password."""
    owner: Postgres | str
    """Who knows the owner's login: our server, or the URL itself."""
    redis_url: str
    """With a password, if the operator's server has one."""

    @property
    def owner_url(self) -> str:
        """The owner's login: for migrations only. Ours is known once the secrets are made."""
        return self.owner if isinstance(self.owner, str) else self.owner.owner_url

    def all(self) -> list[Server]:
        """In the order in which they start."""
        return [self.database, self.redis]


def plan(home: Home, environment: Mapping[str, str]) -> Servers:
    """Which servers a stack uses. Nothing is started or touched. Raises EmbeddedError for what is no address."""
    owner: Postgres | str
    if url := environment.get("DATABASE_URL"):
        owner, database_server = (
            url,
            environment.get("FITNESSHUB_DATABASE_SERVER") or without_login(url, "DATABASE_URL"),
        )
        database = Server("postgresql", "", database_server, None)
    else:
        owner = postgres(home)
        database_server = owner.server_url
        database = Server(
            "postgresql", owner.version, database_server, _program("postgresql", owner, POSTGRES_STOPPING, home)
        )
    if url := environment.get("REDIS_URL"):
        redis_url, redis = url, Server("redis", "", without_login(url, "REDIS_URL"), None)
    else:
        valkey = Valkey(home.data / "valkey", home.sockets)
        redis_url, redis = (
            valkey.url,
            Server("valkey", valkey.version, valkey.url, _program("valkey", valkey, VALKEY_STOPPING, home)),
        )
    return Servers(database, redis, database_server, owner, redis_url)


def postgres(home: Home) -> Postgres:
    """The server of this state folder."""
    return Postgres(home.data / "postgresql", home.sockets, home.secrets)


def _program(name: str, server: Postgres | Valkey, stopping: Stopping, home: Home) -> Program:
    return Program(name, server.command, home.logs / f"{name}.log", stopping, server.is_ready, server.prepare)


def without_login(url: str, name: str) -> str:
    """The URL without user and password. Raises EmbeddedError when it is none."""
    scheme, colon, rest = url.partition("://")
    if not colon or not scheme:
        raise EmbeddedError(f"{name} must be a URL, as postgresql://user@host/database or redis://host:6379")
    place, _, query = rest.partition("?")
    host, slash, path = place.partition("/")
    kept = urlencode([pair for pair in parse_qsl(query) if pair[0] not in ("user", "password")], safe="/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}" + (f"?{kept}" if kept else "")
