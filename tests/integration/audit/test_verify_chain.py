"""VerifyChain on a real chain: nothing done to the tables behind the service's back stays hidden."""

import asyncio

import asyncpg
import pytest
from fitnesshub.audit.v1 import audit_pb2
from fitnesshub.audit.v1.audit_service_pb2 import VerifyChainRequest, VerifyChainResponse
from fitnesshub.workout.v1.events_pb2 import WorkoutCreated
from fitnesshub.workout.v1.workout_pb2 import Workout
from sqlalchemy import text

from chassis.db import Statement
from chassis.errors import InvalidArgument, PermissionDenied
from tests.integration.audit.conftest import World

pytestmark = pytest.mark.xdist_group("audit")


SECOND_RECORD = """
    INSERT INTO audit.records
    SELECT position, record_time + interval '1 s', event_id, source, type, event_time, aggregate_type, aggregate_id,
        aggregate_version, subject_user_id, sealed, payload, hash
    FROM audit.records WHERE position = 4
"""


async def grow(world: World, count: int = 10) -> None:
    """A chain of this many records, in batches of up to four."""
    for number in range(0, count, 4):
        await world.hear(
            *(
                world.event(WorkoutCreated(workout=Workout(title=f"Workout {each}")), subject=f"user-{each % 3}")
                for each in range(number, min(number + 4, count))
            )
        )


async def verify(world: World, first: int = 0) -> VerifyChainResponse:
    return await world.call("VerifyChain", VerifyChainRequest(from_position=first), VerifyChainResponse, "admin")


async def damage(world: World) -> list[tuple[str, int]]:
    found = await verify(world)
    assert found.intact == (not found.problems)
    return [
        (audit_pb2.ChainDamage.Name(each.damage).removeprefix("CHAIN_DAMAGE_"), each.position)
        for each in found.problems
    ]


async def test_an_intact_chain(world: World) -> None:
    assert (await verify(world)).intact
    await grow(world)
    await world.checkpoint()
    await grow(world, 3)
    found = await verify(world)
    assert found.intact
    assert (found.from_position, found.to_position, found.next_position, found.checkpoint_position) == (1, 13, 0, 10)
    assert (await verify(world, 7)).from_position == 7
    with pytest.raises(InvalidArgument):
        await verify(world, 99)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "2999-02-03T04:05:06Z", "9999-12-31T23:59:59.999999999Z"])
async def test_the_chain_takes_events_of_any_time(world: World, time: str) -> None:
    strange = world.event(WorkoutCreated(workout=Workout(title="Another day")), subject="user-1")
    strange.time.FromJsonString(time)
    await grow(world, 2)
    await world.hear(strange)
    await grow(world, 2)
    await world.checkpoint()
    found = await verify(world)
    assert (found.intact, found.to_position, found.checkpoint_position) == (True, 5, 5)


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("UPDATE audit.records SET type = 'x' WHERE position = 4", [("ALTERED", 4)]),
        ("UPDATE audit.records SET payload = '' WHERE position = 4", [("ALTERED", 4)]),
        ("UPDATE audit.records SET subject_user_id = 'eve' WHERE position = 4", [("ALTERED", 4)]),
        (
            "UPDATE audit.records SET hash = decode(repeat('11', 32), 'hex') WHERE position = 4",
            [("ALTERED", 4), ("ALTERED", 5)],
        ),
        ("DELETE FROM audit.records WHERE position = 4", [("REMOVED", 4)]),
        ("DELETE FROM audit.records WHERE position = 10", [("CUT_OFF", 10)]),
        ("DELETE FROM audit.records", [("CUT_OFF", 1)]),
        (
            SECOND_RECORD,
            [("INSERTED", 4)],
        ),
    ],
)
async def test_damage_is_found(world: World, sql: str, found: list[tuple[str, int]]) -> None:
    await grow(world)
    await world.intrude(sql)
    assert await damage(world) == found


async def test_a_chain_that_was_cut_off_with_its_head(world: World) -> None:
    await grow(world)
    await world.checkpoint()
    await world.intrude("DELETE FROM audit.records WHERE position > 6")
    await world.intrude(
        "UPDATE audit.chain_head SET position = 6, hash = (SELECT hash FROM audit.records WHERE position = 6)"
    )
    assert await damage(world) == [("CUT_OFF", 7)]


async def test_a_chain_that_was_written_anew(world: World) -> None:
    await grow(world)
    await world.checkpoint()
    await world.intrude("DELETE FROM audit.records")
    await world.intrude("UPDATE audit.chain_head SET position = 0, hash = decode(repeat('00', 32), 'hex')")
    await grow(world)
    assert await damage(world) == [("REWRITTEN", 10)]


async def test_a_forged_checkpoint(world: World) -> None:
    await grow(world)
    await world.checkpoint()
    (file,) = world.checkpoints.glob("*.jwt")
    head, _, signature = file.read_text().strip().rpartition(".")
    file.write_text(f"{head}.{signature[:-4]}AAAA\n")
    assert ("CHECKPOINT_FORGED", 10) in await damage(world)


async def test_a_forged_checkpoint_hides_no_cut(world: World) -> None:
    await grow(world)
    await world.checkpoint()
    (file,) = world.checkpoints.glob("*.jwt")
    token = file.read_text().strip()
    file.write_text(f"{token}\n{token[:-4]}AAAA\n")
    await world.intrude("DELETE FROM audit.records WHERE position > 6")
    await world.intrude(
        "UPDATE audit.chain_head SET position = 6, hash = (SELECT hash FROM audit.records WHERE position = 6)"
    )
    assert await damage(world) == [("CHECKPOINT_FORGED", 10), ("CUT_OFF", 7)]


async def test_a_checkpoint_that_was_cut_off_is_told_and_the_next_is_whole(world: World) -> None:
    await grow(world, 4)
    await world.checkpoint()
    (file,) = world.checkpoints.glob("*.jwt")
    with file.open("ab") as torn:
        torn.write(file.read_bytes()[:100])
    await grow(world, 4)
    await world.checkpoint()
    assert await damage(world) == [("CHECKPOINT_UNREADABLE", 0)]
    assert (await verify(world)).checkpoint_position == 8


async def test_a_later_checkpoint_does_not_replace_an_earlier_one(world: World) -> None:
    await grow(world)
    await world.checkpoint()
    await world.intrude("DELETE FROM audit.records")
    await world.intrude("UPDATE audit.chain_head SET position = 0, hash = decode(repeat('00', 32), 'hex')")
    await grow(world)
    (worker,) = world.service.workers
    worker.run.__self__._last = 0  # type: ignore[attr-defined]
    await world.checkpoint()
    assert await damage(world) == [("REWRITTEN", 10)]


async def test_the_service_itself_cannot_change_a_record(world: World) -> None:
    await grow(world)
    for statement in ("UPDATE audit.records SET type = 'x'", "DELETE FROM audit.records"):
        with pytest.raises(asyncpg.RaiseError, match="never changed or removed"):
            async with world.db.write() as tx:
                await tx.execute(Statement(text(statement)))
    assert (await verify(world)).intact


async def test_two_appenders_make_one_chain(world: World) -> None:
    await asyncio.gather(*(grow(world, 8) for _ in range(4)))
    found = await verify(world)
    assert (found.intact, found.to_position) == (True, 32)


async def test_it_is_for_administrators(world: World) -> None:
    with pytest.raises(PermissionDenied):
        await world.call("VerifyChain", VerifyChainRequest(), VerifyChainResponse, "moderator")
