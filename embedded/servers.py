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
    url: str
    """What services are given: of PostgreSQL without a login, of Redis with its password, if it has one."""
    address: str
    """What is shown: without credentials."""
    version: str = ""
    """Empty for a server that isn't ours."""
    program: Program | None = None
    """None for a server that isn't ours."""


@dataclass(frozen=True)
class Servers:
    """What the services store things in."""

    database: Server
    redis: Server
    owner: Postgres | str
    """Who knows the owner's login: our server, or the URL itself."""

    @property
    def owner_url(self) -> str:
        """The owner's login: for migrations only. Ours is known once the secrets are made."""
        return self.owner if isinstance(self.owner, str) else self.owner.owner_url

    def all(self) -> list[Server]:
        """In the order in which they start."""
        return [self.database, self.redis]


def plan(home: Home, environment: Mapping[str, str]) -> Servers:
    """Which servers a stack uses. Nothing is started or touched. Raises EmbeddedError for what is no address."""
    owner = environment.get("DATABASE_URL") or Postgres(home.data / "postgresql", home.sockets, home.secrets)
    return Servers(_database(owner, home, environment), _redis(home, environment), owner)


def _database(owner: Postgres | str, home: Home, environment: Mapping[str, str]) -> Server:
    if isinstance(owner, str):
        address = environment.get("FITNESSHUB_DATABASE_SERVER") or without_login(owner, "DATABASE_URL")
        return Server("postgresql", address, address)
    program = _program("postgresql", owner, POSTGRES_STOPPING, home)
    return Server("postgresql", owner.server_url, owner.server_url, owner.version, program)


def _redis(home: Home, environment: Mapping[str, str]) -> Server:
    if url := environment.get("REDIS_URL"):
        return Server("redis", url, without_login(url, "REDIS_URL"))
    valkey = Valkey(home.data / "valkey", home.sockets)
    return Server("valkey", valkey.url, valkey.url, valkey.version, _program("valkey", valkey, VALKEY_STOPPING, home))


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
