"""A service can't reach what isn't its own, even by mistake."""

import asyncpg
import pytest
from sqlalchemy import text

from chassis.db import Database, Statement
from tests.stack.databases import TestDatabase


async def refused(db: Database, sql: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.write() as tx:
            await tx.execute(Statement(text(sql)))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM annex.notes",
        "SELECT count(*) FROM annex.outbox",
        "SELECT count(*) FROM annex.alembic_version",
        "INSERT INTO annex.notes VALUES (gen_random_uuid(), 'x')",
        "CREATE TABLE depot.mine (id int)",
        "CREATE TABLE public.mine (id int)",
        "CREATE TABLE annex.mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "DROP TABLE depot.parts",
        "ALTER TABLE depot.items ADD COLUMN mine int",
        "TRUNCATE depot.parts",
        "CREATE INDEX mine ON depot.items (stock)",
        "UPDATE depot.alembic_version SET version_num = '0001'",
        "DELETE FROM depot.alembic_version",
        "SELECT rolpassword FROM pg_authid",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY depot.items TO PROGRAM 'cat'",
        "SET ROLE fitnesshub_annex",
        "SET ROLE fitnesshub_owner",
    ],
)
async def test_what_a_service_must_not_do(depot: Database, sql: str) -> None:
    await refused(depot, sql)


async def test_it_may_use_what_later_scripts_make(depot: Database, depot_database: TestDatabase) -> None:
    """Default rights: no grant in any script."""
    await depot_database.owner_value("CREATE TABLE depot.later (id bigserial PRIMARY KEY, name text)")
    try:
        async with depot.write() as tx:
            add = Statement(text("INSERT INTO depot.later (name) VALUES (:name)"))
            assert await tx.execute(add, name="a") == 1
    finally:
        await depot_database.owner_value("DROP TABLE depot.later")


@pytest.mark.parametrize("service", ["depot", "annex"])
async def test_no_role_logs_in_with_the_password_of_another(depot_database: TestDatabase, service: str) -> None:
    other = {"depot": "annex", "annex": "depot"}[service]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            depot_database.server_url, user=f"fitnesshub_{service}", password=depot_database.password(other)
        )


async def test_roles_have_no_powers(depot_database: TestDatabase) -> None:
    powers = await depot_database.owner_value(
        "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'fitnesshub\\_%' AND rolname <> 'fitnesshub_owner'"
        " AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)"
    )
    assert powers == 0
