"""The check that runs after every session must find what it is there for."""

from datetime import UTC, datetime

import pytest
from fitnesshub.user.v1.profile_pb2 import PROFILE_VISIBILITY_PUBLIC, Preferences, Profile
from fitnesshub.user.v1.stats_service_pb2 import UpdateStatsRequest, UpdateStatsResponse, WorkoutContribution
from sqlalchemy import text

from chassis.db import Statement
from services.user.store import consistency
from tests.integration.user.people import STATS, Person
from tests.integration.user.world import World

_OF = "FROM {table} AS other WHERE other.{key} = CAST(:other_id AS uuid) AND mine.{key} = CAST(:user_id AS uuid)"
THE_OTHERS_USER = 'UPDATE "user".users AS mine SET wire = other.wire ' + _OF.format(table='"user".users', key="id")
THE_OTHERS_PROFILE = 'UPDATE "user".profiles AS mine SET wire = other.wire ' + _OF.format(
    table='"user".profiles', key="user_id"
)


def users(change: str) -> str:
    return f'UPDATE "user".users SET {change} WHERE id = CAST(:user_id AS uuid)'


def rows(table: str, change: str) -> str:
    return f'UPDATE "user".{table} SET {change} WHERE user_id = CAST(:user_id AS uuid)'


DAMAGE = [
    ("user", "id", THE_OTHERS_USER),
    ("user", "email", users("email = 'x' || email")),
    ("user", "spelling of email", users("email = upper(email)")),
    ("user", "version", users("version = version + 1")),
    ("user", "roles", users("roles = '{trainer}'")),
    ("user", "suspended_at", users("suspended_at = now()")),
    ("user", "suspended_until", users("suspended_until = now()")),
    ("profile", "user_id", THE_OTHERS_PROFILE),
    ("profile", "username", rows("profiles", "username = NULL")),
    ("profile", "is_public", rows("profiles", "is_public = NOT is_public")),
    ("profile", "etag", rows("profiles", "version = version + 1")),
    ("profile", "update_time", rows("profiles", "updated_at = now()")),
    # Field 3, the shown name, is said again: with blanks around it.
    ("profile", "derived fields", rows("profiles", r"wire = wire || '\x1a03204120'::bytea")),
    ("profile", "public form", rows("profiles", "public_wire = ''")),
    ("profile", "search keys", 'DELETE FROM "user".search_keys WHERE user_id = CAST(:user_id AS uuid)'),
    ("preferences", "etag", rows("preferences", "version = version + 1")),
    ("preferences", "update_time", rows("preferences", "updated_at = now()")),
    *(("stats", name, rows("stats", f"{name} = {name} + 1")) for name in consistency._TOTALS),
    ("stats", "reps", rows("contributions", "reps = reps + 1")),
    ("stats", "wire", rows("stats", "wire = ''")),
    ("stats", "wire", rows("contributions", "start_time = now()")),
]


async def whole(person: Person, world: World) -> None:
    """Gives somebody a row in each table."""
    name = f"n{person.id.replace('-', '')}"[:30]
    await person.update_profile(Profile(username=name, display_name="Ada", visibility=PROFILE_VISIBILITY_PUBLIC))
    await person.update_preferences(Preferences(language="de"))
    made = WorkoutContribution(sets=1, reps=5)
    made.start_time.FromDatetime(datetime(2026, 2, 2, tzinfo=UTC))
    request = UpdateStatsRequest(user_id=person.id, workout_id=person.id, version=1, contribution=made)
    await world.call(STATS, "UpdateStats", request, UpdateStatsResponse, caller="workout")


@pytest.mark.parametrize(("kind", "what", "sql"), DAMAGE, ids=[f"{kind}: {sql[:70]}" for kind, _, sql in DAMAGE])
async def test_damage_is_found(world: World, ada: Person, bob: Person, kind: str, what: str, sql: str) -> None:
    for person in (ada, bob):
        await whole(person, world)
    assert await consistency.differences(world.db) == []

    statement = Statement(text(sql))
    values = {"user_id": ada.id, "other_id": bob.id}
    async with world.db.write() as tx:
        assert await tx.execute(statement, **{name: values[name] for name in statement.parameters})
    found = await consistency.differences(world.db)

    assert any(problem.startswith(f"{kind} {ada.id}: {what} is ") for problem in found), found
    assert all(ada.id in problem for problem in found)
    await world.delete_user(ada.id)
