"""Migrations: from nothing, again, at once, and into what the code doesn't know."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import create_async_engine

from chassis import migrate, tables
from chassis.db import Database
from chassis.migrate import MigrationError, at_head, revisions
from embedded.postgres import Postgres
from tests.integration.chassis.conftest import SERVICES
from tests.stack.databases import TestDatabase
from tests.stack.private import private_postgres

BOTH = ["depot", "annex"]


@pytest.fixture
async def empty(postgres: Postgres, worker_id: str) -> TestDatabase:
    """A database in which nothing was ever migrated."""
    made = TestDatabase(postgres, f"empty_{worker_id}")
    await made.create()
    return made


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A copy of the test services, to be changed."""
    return Path(shutil.copytree(SERVICES, tmp_path / "services"))


@asynccontextmanager
async def closing(db: Database) -> AsyncIterator[Database]:
    yield db
    await db.close()


async def versions(database: TestDatabase) -> dict[str, str]:
    return {
        service: await database.owner_value(f'SELECT version_num FROM "{service}".alembic_version') for service in BOTH
    }


async def test_from_nothing_and_again(empty: TestDatabase) -> None:
    assert await empty.migrate([*BOTH, "gateway"], root=SERVICES) == ["depot: nothing → 0002", "annex: nothing → 0001"]
    assert await versions(empty) == {"depot": "0002", "annex": "0001"}
    assert await empty.migrate([*BOTH, "gateway"], root=SERVICES) == ["the database is current"]


async def test_services_without_scripts_need_no_database(tmp_path: Path) -> None:
    await migrate.run("postgresql://nobody@127.0.0.1:1/none", ["gateway"], tmp_path, print, root=SERVICES)


async def test_only_what_is_new_is_run(empty: TestDatabase, code: Path) -> None:
    second = code / "depot/migrations/versions/0002_parts.py"
    later = second.rename(code / "later")
    await empty.migrate(BOTH, root=code)
    later.rename(second)
    assert await empty.migrate(BOTH, root=code) == ["depot: 0001 → 0002"]


async def test_two_runs_at_once(empty: TestDatabase) -> None:
    await empty.migrate(["annex"], root=SERVICES)
    reported: list[str] = []
    empty._make_password("depot")
    await asyncio.gather(
        *(migrate.run(empty.owner_url, BOTH, empty.secrets, reported.append, root=SERVICES) for _ in range(3))
    )
    assert [line for line in reported if "→" in line] == ["depot: nothing → 0002"]
    assert reported.count("another process is migrating the database; waiting for it") == 2
    assert await versions(empty) == {"depot": "0002", "annex": "0001"}


async def test_a_current_database_is_seen_by_one_query_and_without_alembic(empty: TestDatabase) -> None:
    await empty.migrate(BOTH, root=SERVICES)
    program = """
import asyncio, sys, asyncpg
from pathlib import Path
from chassis import migrate
queries = []
connect = asyncpg.connect
async def watched(*arguments, **options):
    connection = await connect(*arguments, **options)
    connection.add_query_logger(lambda query: queries.append(query.query))
    return connection
asyncpg.connect = watched
asyncio.run(migrate.run(sys.argv[1], ["depot", "annex"], Path(sys.argv[2]), print, root=Path(sys.argv[3])))
print(len(queries), sorted({"alembic", "sqlalchemy"} & sys.modules.keys()))
"""
    arguments = [sys.executable, "-c", program, empty.owner_url, str(empty.secrets), str(SERVICES)]
    done = await asyncio.to_thread(subprocess.run, arguments, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["the database is current", "1 []"], done.stderr


async def test_a_new_password_is_put_in_force(tmp_path: Path) -> None:
    # On a server of its own: roles and their passwords are common to all workers of the run.
    with private_postgres(tmp_path) as server:
        await server.start()
        database = TestDatabase(server.postgres, "fitnesshub")
        await database.migrate(BOTH, root=SERVICES)
        (database.secrets / "database-annex").write_text("another one\n")
        assert await database.migrate(BOTH, root=SERVICES) == []
        async with closing(database.connect("annex")) as db:
            await db.ping()


async def test_a_database_ahead_of_the_code_is_left_alone(empty: TestDatabase, code: Path) -> None:
    await empty.migrate(BOTH, root=SERVICES)
    (code / "depot/migrations/versions/0002_parts.py").unlink()
    with pytest.raises(MigrationError, match="depot is at 0002, which this code doesn't know"):
        await empty.migrate(BOTH, root=code)


async def test_a_script_that_fails_says_so_and_leaves_what_was_done_before(empty: TestDatabase, code: Path) -> None:
    script = code / "depot/migrations/versions/0002_parts.py"
    script.write_text(script.read_text().replace("depot.items", "depot.nothing"))
    with pytest.raises(MigrationError, match=r'depot failed: .*relation "depot.nothing" does not exist'):
        await empty.migrate(BOTH, root=code)
    assert await empty.owner_value("SELECT version_num FROM depot.alembic_version") == "0001"
    assert await empty.migrate(BOTH, root=SERVICES) == ["depot: 0001 → 0002", "annex: nothing → 0001"]


async def test_a_service_can_ask_whether_its_schema_is_there(
    empty: TestDatabase, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "files", lambda _: code)
    await empty.migrate(["annex"], root=SERVICES)
    async with closing(empty.connect("annex")) as annex:
        assert await at_head(annex, "annex")
        assert not await at_head(annex, "depot"), "no such schema"
        (code / "annex/migrations/versions/0002_more.py").write_text('revision = "0002"\ndown_revision = "0001"\n')
        assert not await at_head(annex, "annex"), "the code is ahead"
        (code / "annex/migrations/versions/0002_more.py").unlink()
        await empty.owner_value("UPDATE annex.alembic_version SET version_num = '0002'")
        assert await at_head(annex, "annex"), "the database is ahead: the previous version goes on running"


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("0003_x.py", 'revision = "0003"\ndown_revision = "0001"\n', "must follow 0002, and follows 0001"),
        ("0003_x.py", 'revision = "0003"\ndown_revision = None\n', "must follow 0002, and follows None"),
        ("0003_x.py", 'revision = "0004"\ndown_revision = "0002"\n', "must be NNNN_name.py"),
        ("x.py", 'revision = "0003"\ndown_revision = "0002"\n', "must be NNNN_name.py"),
        ("0003_x.py", "", "must be NNNN_name.py"),
    ],
)
def test_scripts_are_one_line(code: Path, name: str, content: str, problem: str) -> None:
    folder = code / "depot/migrations/versions"
    assert revisions(folder) == ["0001", "0002"]
    (folder / name).write_text(content)
    with pytest.raises(MigrationError, match=problem):
        revisions(folder)


async def test_what_is_missing_is_named(empty: TestDatabase, code: Path, tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="password of depot"):
        await migrate.run(empty.owner_url, ["depot"], tmp_path, print, root=code)
    with pytest.raises(MigrationError, match="can't log in"):
        await migrate.run(f"postgresql:///none?host={tmp_path}", ["depot"], empty.secrets, print, root=code)
    for file in (code / "depot/migrations/versions").glob("*.py"):
        file.unlink()
    with pytest.raises(MigrationError, match="no script"):
        await migrate.run(empty.owner_url, ["depot"], empty.secrets, print, root=code)
    with pytest.raises(MigrationError, match="no name of a service"):
        await migrate.run(empty.owner_url, ['depot"; DROP'], empty.secrets, print, root=code)


async def test_chassis_tables_are_as_the_code_sees_them(depot_database: TestDatabase) -> None:
    """The DDL of the script and the tables that statements are made of, side by side."""
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(depot_database.owner_url)
    )
    there = MetaData(schema="depot")
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: there.reflect(sync, only=["outbox", "idempotency_records"]))
    await engine.dispose()
    here = MetaData(schema="depot")
    tables.outbox(here)
    tables.idempotency_records(here)
    for name, table in here.tables.items():
        described = [
            [(c.name, str(c.type.as_generic()), c.nullable, c.primary_key) for c in each.columns]
            for each in (table, there.tables[name])
        ]
        assert described[0] == described[1]
        assert {index.name for index in table.indexes} == {index.name for index in there.tables[name].indexes}


async def test_passwords_do_not_reach_the_server_log(empty: TestDatabase) -> None:
    """The server stores what we computed, and it lets the password in."""
    await empty.migrate(BOTH, root=SERVICES)
    stored = await empty.owner_value("SELECT rolpassword FROM pg_authid WHERE rolname = 'fitnesshub_depot'")
    assert stored.startswith("SCRAM-SHA-256$4096:")
