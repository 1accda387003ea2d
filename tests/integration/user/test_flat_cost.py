"""Reads cost the same among 2,000 people and among 20,000: pages read under the plan that serves every parameter."""

import json
import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from chassis.db import Statement
from services.user.store import profiles, sessions, stats, users
from tests.stack.databases import TestDatabase

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"
FIRST_ID = "00000000-0000-0000-0000-000000000000"
FEW, MANY = 2_000, 20_000
MORE = 1.3
"""Of what the few cost; and MARGIN pages for levels that indexes grow by, one in each of the indexes of a plan."""
MARGIN = 6
SAMPLE = 20
"""Every so many-th is an administrator, and every so many-th is suspended: a page of them is 21 rows in either case."""

# People made by SQL, as their wire forms don't matter here. Ids rise with the number.
FILL = f"""
    INSERT INTO "user".users (id, email, version, sessions_version, wire, roles, suspended_at)
    SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid), 'ann' || lpad(CAST(n AS text), 6, '0') || '@example.org', 1, 0,
        convert_to(repeat('x', 150), 'UTF8'),
        CASE WHEN n % {SAMPLE} = 0 THEN CAST('{{member,admin}}' AS text[]) ELSE '{{member}}' END,
        CASE WHEN n % {SAMPLE} = 1 THEN now() END
    FROM generate_series(CAST($1 AS int), $2) AS n;
"""
FILL_REST = (
    """
    INSERT INTO "user".profiles (user_id, username, is_public, version, wire, public_wire, updated_at)
    SELECT id, split_part(email, '@', 1), true, 1, wire, wire, now() FROM "user".users ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO "user".search_keys (kind, key, user_id, covered)
    SELECT kind, CASE kind WHEN 0 THEN username ELSE 'smith ' || username END, user_id, 0
    FROM "user".profiles, generate_series(0, 1) AS kind ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO "user".sessions (id, user_id, method, created_at, access_expires_at)
    SELECT id, id, 'password', now(), now() FROM "user".users ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO "user".stats (user_id, workouts, duration_seconds, sets, reps, volume_kg, distance_meters, wire)
    SELECT id, 0, 0, 0, 0, 0, 0, wire FROM "user".users ON CONFLICT DO NOTHING
    """,
    # All of one person, of whom the other statements know nothing special.
    """
    INSERT INTO "user".contributions
    SELECT (SELECT min(CAST(id AS text))::uuid FROM "user".users), id, 1, now() + n * interval '1 h', 0, 0, 0, 0, 0
    FROM (SELECT id, row_number() OVER () AS n FROM "user".users) AS u ON CONFLICT DO NOTHING
    """,
    "VACUUM ANALYZE",
)

PAGE = {"limit": 21, "now": NOW}
BY_ID = {"after": LAST_ID, **PAGE}
BY_EMAIL = {"prefix": "ann", "end": "ann\U0010ffff", "after": "", **PAGE}
SOMEBODY = "00000000-0000-0000-0000-000000000001"


def searched(kind: int, text: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "last_key": text,
        "last_id": FIRST_ID,
        "query_end": f"{text}\U0010ffff",
        "length": len(text),
        "username": text if kind else "",
        "username_end": f"{text}\U0010ffff" if kind else "",
        **PAGE,
    }


READS: dict[str, tuple[Statement, dict[str, Any]]] = {
    "profile": (profiles.GET_PROFILE, {"user_id": SOMEBODY}),
    "public profile": (profiles.GET_PUBLIC_PROFILE, {"user_id": SOMEBODY, "now": NOW}),
    "preferences": (profiles.READ_PREFERENCES, {"user_id": SOMEBODY}),
    "stats": (stats.GET_STATS, {"user_id": SOMEBODY}),
    "first and last workout": (stats.GET_FIRST_AND_LAST, {"user_id": SOMEBODY}),
    "sessions": (sessions.LIST_SESSIONS, {"user_id": SOMEBODY, "after": LAST_ID, "limit": 21}),
    "search usernames": (profiles.SEARCH_PROFILES, searched(0, "an")),
    "search names": (profiles.SEARCH_PROFILES, searched(1, "sm")),
    "search the last": (profiles.SEARCH_PROFILES, searched(0, "zz")),
    "search in vain": (profiles.SEARCH_PROFILES, searched(1, "nobody")),
    "user": (users.GET_USER, {"user_id": SOMEBODY, "now": NOW}),
    "users": (users.LIST_USERS["", None, False], BY_ID),
    "users not suspended": (users.LIST_USERS["", False, False], BY_ID),
    "users suspended": (users.LIST_USERS["", True, False], BY_ID),
    "admins": (users.LIST_USERS["admin", None, False], BY_ID),
    "trainers": (users.LIST_USERS["trainer", None, False], BY_ID),
    "users by address": (users.LIST_USERS["", None, True], BY_EMAIL),
    "users by address not suspended": (users.LIST_USERS["", False, True], BY_EMAIL),
}


@pytest.fixture(scope="module")
async def costs(database: TestDatabase) -> AsyncIterator[dict[str, tuple[int, int]]]:
    """Pages that each read touches, among few people and among many."""
    mine = TestDatabase(database.postgres, f"{database.name}_flat")
    await mine.create()
    await mine.migrate(["user"])
    owner = await asyncpg.connect(mine.owner_url)
    await owner.execute("SET plan_cache_mode = force_generic_plan")
    found = []
    for first, last in ((1, FEW), (FEW + 1, MANY)):
        await owner.execute(FILL.replace("$1", str(first)).replace("$2", str(last)))
        for statement in FILL_REST:
            await owner.execute(statement)
        found.append({name: await pages(owner, *read) for name, read in READS.items()})
    yield {name: (found[0][name], found[1][name]) for name in READS}
    await owner.close()
    await mine.close()


async def pages(owner: asyncpg.Connection, statement: Statement, values: dict[str, Any]) -> int:
    """How many pages a statement touches when it is run from a plan made without knowing its parameters."""
    arguments = ", ".join(f"'{value}'" for value in statement.arguments(values))
    await owner.execute(f"PREPARE read AS {statement.sql}")
    execute = f"EXECUTE read({arguments})"
    await owner.execute(execute)  # the first run looks at catalogues, too
    [row] = await owner.fetch(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {execute}")
    await owner.execute("DEALLOCATE read")
    plan = json.loads(row[0])[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@pytest.mark.parametrize("read", READS)
async def test_ten_times_as_many_people_cost_no_more(costs: dict[str, tuple[int, int]], read: str) -> None:
    few, many = costs[read]
    assert many <= math.ceil(few * MORE) + MARGIN, costs[read]
