"""What the event store gives out, to whom, and what is left of a person who was erased."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from fitnesshub.audit.v1.audit_service_pb2 import (
    EraseSubjectRequest,
    EraseSubjectResponse,
    ExportAuditRecordsRequest,
    ListAuditRecordsRequest,
    ListAuditRecordsResponse,
    ListOwnAuditRecordsRequest,
    ListOwnAuditRecordsResponse,
    ReplayEventsRequest,
    ReplayEventsResponse,
    VerifyChainRequest,
    VerifyChainResponse,
)
from fitnesshub.event.v1.event_pb2 import Event
from fitnesshub.workout.v1.events_pb2 import ExerciseImported, WorkoutCreated
from fitnesshub.workout.v1.exercise_pb2 import Exercise
from fitnesshub.workout.v1.workout_pb2 import Workout
from google.api.httpbody_pb2 import HttpBody
from sqlalchemy import text

from chassis.db import Statement
from chassis.errors import NotFound
from tests.integration.audit.conftest import START, World

pytestmark = pytest.mark.xdist_group("audit")
CANARY = "canary-7f3a"


async def list_records(world: World, **fields: object) -> ListAuditRecordsResponse:
    request = ListAuditRecordsRequest(**fields)  # type: ignore[arg-type]
    return await world.call("ListAuditRecords", request, ListAuditRecordsResponse, "admin")


async def test_records_newest_first_with_filters(world: World) -> None:
    ada, bob = world.new_id(), world.new_id()
    workout = WorkoutCreated(workout=Workout(title="Push day"))
    await world.hear(world.event(workout, subject=ada, aggregate_id="a"))
    await world.hear(world.event(workout, subject=bob, aggregate_id="b"))
    await world.hear(world.event(ExerciseImported(exercise=Exercise(name="Squat")), aggregate_id="b"))

    everything = (await list_records(world)).records
    assert [each.position for each in everything] == [3, 2, 1]
    unpacked = WorkoutCreated()
    assert everything[2].data.Unpack(unpacked)
    assert unpacked == workout
    assert (everything[2].subject_user_id, everything[2].source, everything[2].aggregate_id) == (ada, "workout", "a")

    async def positions(**fields: object) -> list[int]:
        return [each.position for each in (await list_records(world, **fields)).records]

    assert await positions(subject_user_id=bob) == [2]
    assert await positions(type="fitnesshub.workout.v1.ExerciseImported") == [3]
    assert await positions(aggregate_type="workout", aggregate_id="b") == [3, 2]
    request = ListAuditRecordsRequest()
    request.record_time_from.FromDatetime(START + timedelta(seconds=1))
    request.record_time_before.FromDatetime(START + timedelta(seconds=2))
    found = await world.call("ListAuditRecords", request, ListAuditRecordsResponse, "admin")
    assert [each.position for each in found.records] == [2]


async def test_pages(world: World) -> None:
    await world.hear(*(world.event(ExerciseImported()) for _ in range(5)))
    first = await list_records(world, page_size=2)
    second = await list_records(world, page_size=2, page_token=first.next_page_token)
    third = await list_records(world, page_size=2, page_token=second.next_page_token)
    pages = [[each.position for each in page.records] for page in (first, second, third)]
    assert (pages, third.next_page_token) == ([[5, 4], [3, 2], [1]], "")


async def test_people_see_their_own(world: World) -> None:
    ada = world.new_id()
    await world.hear(world.event(ExerciseImported()), world.event(ExerciseImported(), subject=ada))
    answer = await world.call(
        "ListOwnAuditRecords", ListOwnAuditRecordsRequest(), ListOwnAuditRecordsResponse, user_id=ada
    )
    assert [each.position for each in answer.records] == [2]


async def test_a_new_month_has_its_partition(world: World) -> None:
    for _ in range(3):
        await world.hear(world.event(ExerciseImported()))
        world.clock.time += timedelta(days=31)
    count = await world.database.owner_value("SELECT count(DISTINCT tableoid) FROM audit.records")
    assert count == 3
    assert (await world.call("VerifyChain", VerifyChainRequest(), VerifyChainResponse, "admin")).intact


async def test_a_month_is_there_before_it_begins(world: World) -> None:
    world.clock.time = datetime(2031, 5, 27, 12, tzinfo=UTC)
    await world.hear(world.event(ExerciseImported()))
    assert await world.database.owner_value("SELECT to_regclass('audit.records_2031_06')") is not None
    assert await world.database.owner_value("SELECT to_regclass('audit.records_2031_07')") is None


async def test_a_batch_that_fails_does_not_take_the_month_with_it(world: World) -> None:
    world.clock.time = datetime(2032, 5, 5, tzinfo=UTC)
    good, bad = world.event(ExerciseImported()), world.event(ExerciseImported())
    bad.id = "no uuid"
    with pytest.raises(asyncpg.DataError):
        await world.hear(good, bad)
    assert await world.database.owner_value("SELECT to_regclass('audit.records_2032_05')") is None
    await world.hear(good)
    assert [each.position for each in (await list_records(world)).records] == [1]


async def test_a_reader_does_not_hold_a_new_month_up(world: World) -> None:
    await world.hear(world.event(ExerciseImported()))
    reader = await asyncpg.connect(world.database.owner_url)
    async with reader.transaction():
        await reader.fetch("SELECT * FROM audit.records")
        world.clock.time = datetime(2033, 5, 5, tzinfo=UTC)
        async with asyncio.timeout(5):
            await world.hear(world.event(ExerciseImported()))
    await reader.close()
    assert await world.database.owner_value("SELECT count(*) FROM audit.records_2033_05") == 1


async def test_a_new_month_is_kept_like_the_others(world: World) -> None:
    world.clock.time = datetime(2034, 5, 5, tzinfo=UTC)
    await world.hear(world.event(ExerciseImported()))
    for statement in ("UPDATE audit.records_2034_05 SET type = 'x'", "DELETE FROM audit.records_2034_05"):
        with pytest.raises(asyncpg.RaiseError, match="never changed or removed"):
            async with world.db.write() as tx:
                await tx.execute(Statement(text(statement)))


async def test_an_erased_person(world: World) -> None:
    ada, bob = world.new_id(), world.new_id()
    secret = WorkoutCreated(workout=Workout(title=CANARY))
    await world.hear(world.event(secret, subject=ada), world.event(secret, subject=bob))
    await world.checkpoint()
    answer = await world.call("EraseSubject", EraseSubjectRequest(user_id=ada), EraseSubjectResponse, "admin")
    assert answer.records == 1
    await world.hear(world.event(secret, subject=ada))

    records = (await list_records(world)).records
    assert [each.HasField("data") for each in records] == [False, True, False]
    assert (await world.call("VerifyChain", VerifyChainRequest(), VerifyChainResponse, "admin")).intact
    again = await world.call("EraseSubject", EraseSubjectRequest(user_id=ada), EraseSubjectResponse, "admin")
    assert again.erase_time == answer.erase_time
    with pytest.raises(NotFound):
        await world.call("EraseSubject", EraseSubjectRequest(user_id=world.new_id()), EraseSubjectResponse, "admin")


async def test_nothing_about_a_person_is_stored_in_the_clear(world: World) -> None:
    await world.hear(world.event(WorkoutCreated(workout=Workout(title=CANARY)), subject=world.new_id()))
    hidden = await world.database.owner_value(
        "SELECT position(convert_to($1, 'UTF8') IN payload) FROM audit.records", CANARY
    )
    assert hidden == 0


async def test_export(world: World) -> None:
    await world.hear(*(world.event(ExerciseImported()) for _ in range(3)))
    bodies = await world.stream("ExportAuditRecords", ExportAuditRecordsRequest(from_position=2), HttpBody, "admin")
    lines = [json.loads(line) for body in bodies for line in body.data.decode().splitlines()]
    assert [line["position"] for line in lines] == [2, 3]
    assert len(lines[0]["hash"]) == 64


async def test_replay_gives_the_events_as_they_were(world: World) -> None:
    ada = world.new_id()
    events = [
        world.event(ExerciseImported(exercise=Exercise(name="Squat"))),
        world.event(WorkoutCreated(workout=Workout(title="Push day")), subject=ada, version=7),
    ]
    await world.hear(*events)
    request = ReplayEventsRequest()
    (answer,) = await world.stream("ReplayEvents", request, ReplayEventsResponse, caller="analytics")
    assert [Event.FromString(each) for each in answer.events] == events
    assert answer.position == 2
    request = ReplayEventsRequest(types=["fitnesshub.workout.v1.WorkoutCreated"], after_position=1)
    (answer,) = await world.stream("ReplayEvents", request, ReplayEventsResponse, caller="analytics")
    assert [Event.FromString(each).id for each in answer.events] == [events[1].id]
    await world.call("EraseSubject", EraseSubjectRequest(user_id=ada), EraseSubjectResponse, "admin")
    (answer,) = await world.stream("ReplayEvents", ReplayEventsRequest(), ReplayEventsResponse, caller="analytics")
    assert [Event.FromString(each).id for each in answer.events] == [events[0].id]
