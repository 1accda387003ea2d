"""What has to hold when everything has come to rest: each check returns what is wrong, a sentence each."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg
import httpx

from chassis.events.redis_bus import RedisBus
from chassis.tokens import SERVICE_KEY_SET
from services.audit.clients.checkpoints import FileCheckpoints
from tests.e2e.chaos.journal import Json, Promised
from tests.e2e.consistency import differences
from tests.e2e.stack import Stack

PROJECTIONS: tuple[str, ...] = ()
"""Services whose projections must equal their rebuild: what `fitnesshub events verify-projection` takes."""


@dataclass
class Aftermath:
    """What the checks look at."""

    stack: Stack
    owner: asyncpg.Connection
    """The database, as its owner sees it."""
    bus: RedisBus
    admin: httpx.AsyncClient
    """The API, as an administrator sees it."""
    promised: Mapping[str, Promised]
    """What was acknowledged, by the workout's id."""
    listed: Mapping[str, Sequence[Json]]
    """What each user's list has."""
    figures: Json = field(default_factory=dict)
    """What happened, in numbers."""

    async def is_at_rest(self) -> bool:
        """Whether everything is published and recorded, and a checkpoint protects it."""
        for service in await self.services():
            if await self.owner.fetchval(f'SELECT count(*) FROM "{service}".outbox WHERE published_at IS NULL'):
                return False
            if any(each.waiting or each.unacknowledged for each in await self.bus.lag(service)):
                return False
        return not await self.unprotected()

    async def unprotected(self) -> int:
        """Records that no checkpoint protects."""
        checkpoints = FileCheckpoints(
            self.stack.home / "checkpoints",
            self.stack.home / "secrets/service-audit.pem",
            self.stack.home / "secrets" / SERVICE_KEY_SET,
        )
        newest = max((each.position for each in checkpoints.all().values()), default=0)
        return int(await self.owner.fetchval("SELECT position FROM audit.chain_head")) - newest

    async def services(self) -> list[str]:
        """The schemas with an outbox."""
        rows = await self.owner.fetch(
            "SELECT table_schema AS name FROM information_schema.tables WHERE table_name = 'outbox'"
        )
        return sorted(row["name"] for row in rows)


async def nothing_is_lost_or_altered(after: Aftermath) -> list[str]:
    """Through the API: every acknowledged workout is there once, in its last acknowledged state."""
    found = [workout for workouts in after.listed.values() for workout in workouts]
    times = Counter(workout["id"] for workout in found)
    by_id = {workout["id"]: workout for workout in found}
    problems = [f"{workout_id} is listed {count} times" for workout_id, count in times.items() if count > 1]
    for workout_id, promised in after.promised.items():
        if promised.workout is None and workout_id in by_id:
            problems.append(f"{workout_id} was deleted and is there")
        elif promised.workout is not None and workout_id not in by_id:
            problems.append(f"{workout_id} was acknowledged and is lost")
        elif promised.workout is not None and by_id[workout_id] != promised.workout:
            problems.append(f"{workout_id} was acknowledged as {promised.workout} and is {by_id[workout_id]}")
    return problems


async def nothing_is_there_that_was_not_written(after: Aftermath) -> list[str]:
    """In the tables: nothing besides what was acknowledged, and no change of it took place twice."""
    rows = await after.owner.fetch(
        "SELECT id::text, user_id::text, version, wire IS NULL AS deleted FROM workout.workouts"
    )
    problems = []
    for row in rows:
        promised = after.promised.get(row["id"])
        if promised is None:
            problems.append(f"{row['id']} is there and nobody was told")
        elif (row["user_id"], row["version"], row["deleted"]) != (
            promised.user,
            promised.version,
            promised.workout is None,
        ):
            problems.append(f"{row['id']} is {dict(row)} and was acknowledged as version {promised.version}")
    problems += [f"{workout_id} has no row" for workout_id in after.promised.keys() - {row["id"] for row in rows}]
    return problems


async def every_version_is_recorded_once(after: Aftermath) -> list[str]:
    """In the event store: each version of each workout once, without a gap, and none besides."""
    rows = await after.owner.fetch(
        "SELECT aggregate_id, array_agg(aggregate_version ORDER BY aggregate_version) AS versions"
        " FROM audit.records WHERE aggregate_type = 'workout' GROUP BY aggregate_id"
    )
    recorded = {row["aggregate_id"]: list(row["versions"]) for row in rows}
    wanted = {workout_id: list(range(1, promised.version + 1)) for workout_id, promised in after.promised.items()}
    return [
        f"{workout_id}: versions {recorded.get(workout_id)} are recorded, {wanted.get(workout_id)} were made"
        for workout_id in recorded.keys() | wanted.keys()
        if recorded.get(workout_id) != wanted.get(workout_id)
    ]


async def every_event_is_recorded_once(after: Aftermath) -> list[str]:
    """What committed in the outboxes and what is in the event store are the same events, each once."""
    recorded = Counter(str(row["event_id"]) for row in await after.owner.fetch("SELECT event_id FROM audit.records"))
    problems = [f"event {event_id} is recorded {count} times" for event_id, count in recorded.items() if count > 1]
    committed: set[str] = set()
    for service in await after.services():
        rows = await after.owner.fetch(f'SELECT id::text, published_at FROM "{service}".outbox')
        committed |= {row["id"] for row in rows}
        problems += [f"event {row['id']} of {service} isn't published" for row in rows if row["published_at"] is None]
    problems += [f"event {event_id} was committed and isn't recorded" for event_id in committed - recorded.keys()]
    problems += [f"event {event_id} is recorded and was never committed" for event_id in recorded.keys() - committed]
    return problems


async def inbox_and_effects_agree(after: Aftermath) -> list[str]:
    """What the event store says it heard is what it holds."""
    heard = await after.owner.fetch("SELECT event_id::text FROM audit.inbox WHERE consumer_group = 'audit'")
    held = await after.owner.fetch("SELECT event_id::text FROM audit.records")
    different = {row["event_id"] for row in heard} ^ {row["event_id"] for row in held}
    return [f"event {event_id} is in one of inbox and store only" for event_id in different]


async def nothing_was_given_up(after: Aftermath) -> list[str]:
    """No dead letters, and no group with anything before it."""
    problems = [f"{group} has {n} dead letters" for group, n in (await after.bus.groups_with_dead_letters()).items()]
    for service in await after.services():
        lags = await after.bus.lag(service)
        problems += [
            f"{each.group} is behind {service}: {each}" for each in lags if each.waiting or each.unacknowledged
        ]
    return problems


async def the_chain_is_intact(after: Aftermath) -> list[str]:
    """VerifyChain finds nothing, and a checkpoint protects the records."""
    answer = await after.admin.post("/api/v1/audit/records:verify", json={})
    answer.raise_for_status()
    result = answer.json()
    problems = [] if result.get("intact") else [f"the chain isn't intact: {json.dumps(result)}"]
    records = await after.owner.fetchval("SELECT count(*) FROM audit.records")
    problems += [
        f"{records} records, and {field} is {result.get(field, 0)}"
        for field in ("toPosition", "checkpointPosition")
        if int(result.get(field, 0)) < records
    ]
    return problems


async def columns_and_wire_agree(after: Aftermath) -> list[str]:
    """Of every table that has both."""
    return await differences(after.stack.home)


async def projections_equal_their_rebuild(after: Aftermath) -> list[str]:
    """Of every service that has projections."""
    problems = []
    for service in PROJECTIONS:
        done = after.stack.run("events", "verify-projection", service)
        if done.returncode:
            problems.append(f"{service}: {done.stdout}{done.stderr}")
    return problems


Check = Callable[[Aftermath], Awaitable[list[str]]]
CHECKS: tuple[Check, ...] = (
    nothing_is_lost_or_altered,
    nothing_is_there_that_was_not_written,
    every_version_is_recorded_once,
    every_event_is_recorded_once,
    inbox_and_effects_agree,
    nothing_was_given_up,
    the_chain_is_intact,
    columns_and_wire_agree,
    projections_equal_their_rebuild,
)


async def findings(after: Aftermath) -> dict[str, list[str]]:
    """What the checks found, by check; those that found nothing are left out."""
    found = {check.__name__: await check(after) for check in CHECKS}
    return {name: problems for name, problems in found.items() if problems}
