"""What has to hold when everything has come to rest: each check returns what is wrong, a sentence each."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg
import httpx

from chassis.events.redis_bus import RedisBus
from chassis.sagas.model import OPEN, Status
from chassis.tokens import SERVICE_KEY_SET
from services.audit.clients.checkpoints import FileCheckpoints
from tests.e2e.chaos.journal import Json, Promised
from tests.e2e.chaos.writers import WORKOUTS
from tests.e2e.consistency import differences
from tests.e2e.stack import Stack

EFFECTS = {
    "audit": (
        "SELECT event_id::text FROM audit.inbox WHERE consumer_group = $1",
        "SELECT event_id::text FROM audit.records",
    ),
    "workout-saga": (
        """
        SELECT o.aggregate_id || '/' || o.aggregate_version FROM workout.inbox
        JOIN workout.outbox AS o ON o.id = event_id
        WHERE consumer_group = $1 AND o.aggregate_type = 'workout'
        """,
        "SELECT key FROM workout.sagas WHERE kind = 'workout_creation'",
    ),
}
"""By group: what it heard, by its inbox, and what came of it, in the same words."""
PROJECTIONS = ("analytics",)
"""Services whose projections must equal their rebuild from the event store."""
COUNTED = ('"user".contributions', "analytics.workouts")
"""Tables that hold what each workout adds to something, with the version they have it from."""
PERIODS = """
SELECT user_id::text, kind, sum(workouts)::bigint AS workouts, sum(duration_seconds)::bigint AS "durationSeconds",
    sum(sets)::bigint AS sets, sum(reps)::bigint AS reps, sum(volume_kg) AS "volumeKg"
FROM analytics.training_periods GROUP BY user_id, kind
"""


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
    people: Mapping[str, httpx.AsyncClient]
    """The API, as each of those who wrote sees it."""
    figures: Json = field(default_factory=dict)
    """What happened, in numbers."""

    async def is_at_rest(self) -> bool:
        """Whether everything is published and recorded, and a checkpoint protects it."""
        for service in await self.services():
            if await self.owner.fetchval(f'SELECT count(*) FROM "{service}".outbox WHERE published_at IS NULL'):
                return False
            if await self.owner.fetchval(f'SELECT count(*) FROM "{service}".sagas WHERE status = ANY($1)', OPEN):
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
        newest = checkpoints.reading().newest()
        head = int(await self.owner.fetchval("SELECT position FROM audit.chain_head"))
        return head - (newest.position if newest else 0)

    async def get(self, user: str, path: str, **parameters: str | int) -> Json:
        """What the API answers to one of those who wrote."""
        answer = await self.people[user].get(path, params=parameters)
        answer.raise_for_status()
        return dict(answer.json())

    def workouts_of(self, user: str) -> list[Json]:
        """The workouts somebody was promised."""
        return [each.workout for each in self.promised.values() if each.user == user and each.workout is not None]

    async def services(self) -> list[str]:
        """The schemas with an outbox."""
        rows = await self.owner.fetch(
            "SELECT table_schema AS name FROM information_schema.tables WHERE table_name = 'outbox'"
        )
        return sorted(row["name"] for row in rows)


async def nothing_is_lost_or_altered(after: Aftermath) -> list[str]:
    """Through the API: every acknowledged workout is there once, in its last acknowledged state."""
    found = [workout for user in after.people for workout in await _listed(after, user)]
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


async def _listed(after: Aftermath, user: str) -> list[Json]:
    page = await after.get(user, WORKOUTS, pageSize=100)
    found: list[Json] = page.get("workouts", [])
    while token := page.get("nextPageToken"):
        page = await after.get(user, WORKOUTS, pageSize=100, pageToken=token)
        found += page.get("workouts", [])
    return found


async def the_feed_of_changes_is_exact(after: Aftermath) -> list[str]:
    """Who follows it from the beginning has what was acknowledged, and knows of every deletion."""
    problems = []
    for user in after.people:
        heard: dict[str, Json | None] = {}
        page: Json = {"hasMore": True, "nextCursor": ""}
        while page.get("hasMore"):
            page = await after.get(user, f"{WORKOUTS}:changes", pageSize=100, cursor=page["nextCursor"])
            for change in page.get("changes", []):
                if "upserted" in change:
                    heard[change["upserted"]["id"]] = change["upserted"]
                else:
                    heard[change["deleted"]["workoutId"]] = None
        wanted = {workout_id: each.workout for workout_id, each in after.promised.items() if each.user == user}
        problems += [
            f"{workout_id} was acknowledged as {wanted.get(workout_id, 'nothing')} and the feed has "
            f"{heard.get(workout_id, 'nothing')}"
            for workout_id in heard.keys() | wanted.keys()
            if heard.get(workout_id, "nothing") != wanted.get(workout_id, "nothing")
        ]
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


async def every_group_heard_everything_once(after: Aftermath) -> list[str]:
    """By the inboxes: each group had each event of the services that it hears."""
    committed = {
        service: {row["id"] for row in await after.owner.fetch(f'SELECT id FROM "{service}".outbox')}
        for service in await after.services()
    }
    wanted: dict[str, set[UUID]] = {}
    for service, ids in committed.items():
        for each in await after.bus.lag(service):
            wanted[each.group] = wanted.get(each.group, set()) | ids
    heard: dict[str, list[UUID]] = {}
    for service in committed:
        for row in await after.owner.fetch(f'SELECT consumer_group, event_id FROM "{service}".inbox'):
            heard.setdefault(row["consumer_group"], []).append(row["event_id"])
    return [
        f"{group} should have had {len(wanted.get(group, ()))} events and had {len(heard.get(group, ()))}"
        for group in wanted.keys() | heard.keys()
        if sorted(wanted.get(group, ())) != sorted(heard.get(group, ()))
    ]


async def inbox_and_effects_agree(after: Aftermath) -> list[str]:
    """What each group says it heard is what there is of its effects, and all that it should have heard."""
    problems = []
    for group, (heard, held) in EFFECTS.items():
        inbox = Counter(row[0] for row in await after.owner.fetch(heard, group))
        effects = Counter(row[0] for row in await after.owner.fetch(held))
        problems += [
            f"{group}: {what} is {inbox[what]} times in the inbox and had {effects[what]} effects"
            for what in inbox.keys() | effects.keys()
            if inbox[what] != 1 or effects[what] != 1
        ]
    return problems


async def every_version_had_one_saga(after: Aftermath) -> list[str]:
    """And every saga has ended, none of them undone."""
    problems = []
    for service in await after.services():
        rows = await after.owner.fetch(
            f'SELECT kind, key, status, problem FROM "{service}".sagas WHERE status <> $1', Status.DONE
        )
        problems += [
            f"saga {row['kind']} {row['key']} is {Status(row['status']).name}: {row['problem']}" for row in rows
        ]
    begun = Counter(
        row["key"] for row in await after.owner.fetch("SELECT key FROM workout.sagas WHERE kind = 'workout_creation'")
    )
    wanted = {f"{id_}/{number}" for id_, each in after.promised.items() for number in range(1, each.version + 1)}
    return problems + [
        f"{key} has {begun[key]} sagas" for key in begun.keys() | wanted if begun[key] != 1 or key not in wanted
    ]


async def totals_are_those_of_the_workouts(after: Aftermath) -> list[str]:
    """What the user service says of each person is what their acknowledged workouts add up to, by our own count."""
    problems = []
    for user in after.people:
        stats = await after.get(user, "/api/v1/users/me/stats")
        stats.pop("updateTime", None)
        wanted = totals(user, after.workouts_of(user))
        if stats != wanted:
            problems.append(f"the totals of {user} are {stats}; the workouts make {wanted}")
    return problems


async def every_workout_counts_in_its_last_version(after: Aftermath) -> list[str]:
    """Wherever workouts are added up."""
    problems = []
    wanted = {workout_id: each.version for workout_id, each in after.promised.items()}
    for table in COUNTED:
        rows = await after.owner.fetch(f"SELECT workout_id::text AS id, version FROM {table}")
        counted = {row["id"]: row["version"] for row in rows}
        problems += [
            f"{workout_id} counts in {table} as version {counted.get(workout_id)} and is {wanted.get(workout_id)}"
            for workout_id in counted.keys() | wanted.keys()
            if counted.get(workout_id) != wanted.get(workout_id)
        ]
    return problems


async def periods_add_up(after: Aftermath) -> list[str]:
    """In analytics the days, weeks, months and years of each person each add up to all of their workouts."""
    problems = []
    rows = await after.owner.fetch(PERIODS)
    for user in after.people:
        wanted = totals(user, after.workouts_of(user))
        found = [row for row in rows if row["user_id"] == user]
        problems += [f"{user} has {len(found)} kinds of periods"] if len(found) != 4 else []
        problems += [
            f"{name} of {user} is {row[name]} in the periods of kind {row['kind']}, and {wanted[name]} in the workouts"
            for row in found
            for name in set(row.keys()) - {"user_id", "kind"}
            if row[name] != float(wanted[name])
        ]
    return problems


def totals(user: str, workouts: Sequence[Json]) -> Json:
    """What somebody's workouts add up to, as `GET /api/v1/users/me/stats` says it; nobody measured a distance."""
    sets = [each for workout in workouts for each in workout.get("sets", []) if each["setType"] != "SET_TYPE_WARMUP"]
    lasted = [_moment(workout["endTime"]) - _moment(workout["startTime"]) for workout in workouts]
    starts = [workout["startTime"] for workout in workouts]
    found: Json = {
        "userId": user,
        "workouts": str(len(workouts)),
        "durationSeconds": str(sum(int(each.total_seconds()) for each in lasted)),
        "sets": str(len(sets)),
        "reps": str(sum(each["reps"] for each in sets)),
        "volumeKg": sum(each["weightKg"] * each["reps"] for each in sets),
        "distanceMeters": 0,
    }
    return found | ({"firstWorkoutTime": min(starts), "lastWorkoutTime": max(starts)} if starts else {})


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


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
    answer = await after.admin.get("/api/v1/audit/records:verify")
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
        done = await asyncio.to_thread(after.stack.run, "events", "rebuild", service, "--check")
        if done.returncode:
            problems.append(f"{service}: {done.stdout}{done.stderr}")
    return problems


Check = Callable[[Aftermath], Awaitable[list[str]]]
CHECKS: tuple[Check, ...] = (
    nothing_is_lost_or_altered,
    the_feed_of_changes_is_exact,
    nothing_is_there_that_was_not_written,
    every_version_is_recorded_once,
    every_event_is_recorded_once,
    every_version_had_one_saga,
    totals_are_those_of_the_workouts,
    every_workout_counts_in_its_last_version,
    periods_add_up,
    every_group_heard_everything_once,
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
