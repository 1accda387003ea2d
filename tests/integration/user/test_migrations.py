"""From 0001 on: what was there stays and is filled in, and the version before goes on writing."""

import shutil
from pathlib import Path

import asyncpg
from fitnesshub.user.v1.user_pb2 import User

from chassis.clock import SystemIds
from services.user.store.consistency import differences
from services.user.store.users import LIST_USERS
from tests.stack.databases import TestDatabase

VERSIONS = Path(__file__).parents[3] / "services/user/migrations/versions"
# As the version of 0001 writes them.
INSERT_USER = """
    INSERT INTO "user".users (id, email, version, sessions_version, wire) VALUES ($1, $2, $3, 0, $4)
"""
INSERT_SESSION = """
    INSERT INTO "user".sessions (id, user_id, method, created_at, access_expires_at)
    VALUES ($1, $2, 'password', now(), now())
"""


async def insert(owner: asyncpg.Connection, *roles: str) -> User:
    user_id = SystemIds().new()
    user = User(id=user_id, email=f"{user_id}@example.org", roles=["member", *roles], version=1)
    await owner.execute(INSERT_USER, user.id, user.email, user.version, user.SerializeToString())
    await owner.execute(INSERT_SESSION, SystemIds().new(), user.id)
    return user


async def test_roles_are_filled_in_and_old_writers_go_on(database: TestDatabase, tmp_path: Path) -> None:
    before = tmp_path / "user/migrations/versions"
    before.mkdir(parents=True)
    shutil.copy(VERSIONS / "0001_users_and_sessions.py", before)
    mine = TestDatabase(database.postgres, f"{database.name}_migrations")
    await mine.create()
    await mine.migrate(["user"], root=tmp_path)
    owner = await asyncpg.connect(mine.owner_url)
    users = [await insert(owner), await insert(owner, "trainer", "admin"), await insert(owner, "moderator")]

    await mine.migrate(["user"])
    users.append(await insert(owner))

    db = mine.connect("user")
    rows = await owner.fetch('SELECT id, roles, suspended_at FROM "user".users ORDER BY id')
    assert [(str(row["id"]), row["roles"], row["suspended_at"]) for row in rows] == [
        (user.id, list(user.roles), None) for user in sorted(users, key=lambda user: user.id)
    ]
    last = "ffffffff-ffff-ffff-ffff-ffffffffffff"
    now = await owner.fetchval("SELECT now()")
    listed = await db.rows(LIST_USERS["admin", False, False], after=last, limit=9, now=now)
    assert [str(row["id"]) for row in listed] == [users[1].id]
    sessions = await owner.fetch('SELECT user_agent, ip_address, refreshed_at FROM "user".sessions')
    assert {tuple(row) for row in sessions} == {("", "", None)}
    assert await differences(db) == []
    await db.close()
    await owner.close()
    await mine.close()
