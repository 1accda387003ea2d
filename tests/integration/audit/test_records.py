"""What the event store gives out, to whom, and what is left of a person who was erased."""

import asyncio
import base64
import json
import os
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import text

from chassis.db import Statement
from chassis.endpoint import StatusError
from chassis.errors import FailedPrecondition, InvalidArgument, Unavailable
from chassis.events.consumer import Received
from chassis.settings import SettingsError
from services.audit.domain.sealing import KEY_BYTES
from services.audit.events.on_any_event import Appender
from services.audit.store.keys import SubjectKeys
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


async def test_who_is_erased_before_being_heard_of_is_erased(world: World) -> None:
    ada = world.new_id()
    answer = await world.call("EraseSubject", EraseSubjectRequest(user_id=ada), EraseSubjectResponse, "admin")
    assert answer.records == 0
    await world.hear(world.event(WorkoutCreated(workout=Workout(title=CANARY)), subject=ada))
    (record,) = (await list_records(world)).records
    assert not record.HasField("data")


async def test_who_was_erased_before_a_backup_came_back_without_keys_is_erased_again(world: World) -> None:
    ada = world.new_id()
    await world.hear(world.event(WorkoutCreated(workout=Workout(title=CANARY)), subject=ada))
    await world.database.owner_value("TRUNCATE audit.subject_keys")
    answer = await world.call("EraseSubject", EraseSubjectRequest(user_id=ada), EraseSubjectResponse, "admin")
    assert answer.records == 1
    told = "SELECT count(*) FROM audit.outbox WHERE position('SubjectErased'::bytea IN event) > 0"
    assert await world.database.owner_value(told) == 1


async def test_administrators_do_not_erase_themselves(world: World) -> None:
    ada = world.new_id()
    with pytest.raises(FailedPrecondition, match="ERASES_THEMSELVES"):
        await world.call("EraseSubject", EraseSubjectRequest(user_id=ada), EraseSubjectResponse, "admin", user_id=ada)
    assert await world.database.owner_value("SELECT count(*) FROM audit.subject_keys") == 0


@pytest.mark.parametrize(
    ("given", "missing"), [({"aggregate_type": "workout"}, "aggregateId"), ({"aggregate_id": "w1"}, "aggregateType")]
)
async def test_half_a_filter_is_refused(world: World, given: dict[str, str], missing: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await list_records(world, **given)
    assert [each.field for each in refused.value.violations] == [missing]


async def test_an_event_that_is_handed_over_again_is_recorded_once(world: World) -> None:
    first, second, third = (world.event(ExerciseImported()) for _ in range(3))
    await world.hear(first)
    await world.hear(second, first, third, third)
    await world.hear(first)
    ids = [each.event_id for each in (await list_records(world)).records]
    assert ids == [third.id, second.id, first.id]
    assert (await world.call("VerifyChain", VerifyChainRequest(), VerifyChainResponse, "admin")).intact


async def test_with_another_master_key_events_wait_and_nothing_is_lost(world: World) -> None:
    ada, bob = world.new_id(), world.new_id()
    secret = WorkoutCreated(workout=Workout(title=CANARY))
    await world.hear(world.event(secret, subject=ada))
    wrong = SubjectKeys(os.urandom(KEY_BYTES))
    with pytest.raises(SettingsError, match="audit-master-key"):
        await wrong.check(world.db)
    appender = Appender(world.clock, wrong)
    for who in (ada, bob):
        event = world.event(secret, subject=who)
        with pytest.raises(Unavailable):
            async with world.db.write() as tx:
                await appender.append(tx, [Received(event, event.data)])
    assert [each.position for each in (await list_records(world)).records] == [1]
    assert await world.database.owner_value("SELECT count(*) FROM audit.subject_keys") == 1
    with pytest.raises(Unavailable):
        await wrong.read(world.db, [ada])


async def test_the_service_looks_at_its_master_key_when_it_starts(world: World) -> None:
    assert world.service.prepare is not None
    await world.service.prepare()
    await world.hear(world.event(ExerciseImported(), subject=world.new_id()))
    await world.service.prepare()
    await world.database.owner_value("UPDATE audit.subject_keys SET wrapped_key = set_byte(wrapped_key, 20, 1)")
    await world.database.owner_value("UPDATE audit.subject_keys SET wrapped_key = wrapped_key || 'x'::bytea")
    with pytest.raises(SettingsError, match="audit-master-key"):
        await world.service.prepare()


async def test_a_process_with_another_master_key_does_not_start(world: World, tmp_path: Path) -> None:
    await world.hear(world.event(ExerciseImported(), subject=world.new_id()))
    secrets = shutil.copytree(world.database.secrets, tmp_path / "secrets")
    (secrets / "audit-master-key").write_bytes(base64.b64encode(os.urandom(KEY_BYTES)))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services", "work", "--service", "audit"),
        env=os.environ | world.environment | {"FITNESSHUB_SECRETS": str(secrets)},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(30):
            _, said = await process.communicate()
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode == 1
    assert "can't start audit: the secret audit-master-key isn't the one" in said.decode()


async def test_exports_and_replays_are_in_the_trail(world: World) -> None:
    trail = "SELECT count(*) FROM audit.outbox WHERE position(convert_to($1, 'UTF8') IN event) > 0"
    await world.stream("ExportAuditRecords", ExportAuditRecordsRequest(), HttpBody, "admin")
    assert await world.database.owner_value(trail, "AuditService.ExportAuditRecords") == 1
    await world.stream("ReplayEvents", ReplayEventsRequest(), ReplayEventsResponse, caller="analytics")
    request = ReplayEventsRequest(subject_user_id=world.new_id())
    await world.stream("ReplayEvents", request, ReplayEventsResponse, caller="analytics")
    assert await world.database.owner_value(trail, "AuditService.ReplayEvents") == 1
    with pytest.raises(StatusError):
        await world.stream("ReplayEvents", ReplayEventsRequest(), ReplayEventsResponse, caller="workout")


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


async def test_a_replay_can_be_narrowed(world: World) -> None:
    ada = world.new_id()
    workout, exercise = WorkoutCreated(workout=Workout(title="Push day")), ExerciseImported()
    events = [world.event(workout, subject=ada), world.event(exercise), world.event(workout), world.event(exercise)]
    events[3].source = "user"
    events[2].time.FromDatetime(START - timedelta(days=1))
    await world.hear(*events)
    ids = [event.id for event in events]

    async def replayed(**fields: object) -> tuple[list[str], list[str], int]:
        request = ReplayEventsRequest(**fields)  # type: ignore[arg-type]
        (answer,) = await world.stream("ReplayEvents", request, ReplayEventsResponse, caller="analytics")
        found = [Event.FromString(data).id for data in answer.events]
        return found, list(answer.left_out_event_ids), answer.position

    types = ["fitnesshub.workout.v1.WorkoutCreated"]
    assert await replayed(types=types) == ([ids[0], ids[2]], [ids[1], ids[3]], 4)
    assert await replayed(types=types, sources=["workout"]) == ([ids[0], ids[2]], [ids[1]], 4)
    assert await replayed(subject_user_id=ada) == ([ids[0]], [], 4)
    before = Timestamp()
    before.FromDatetime(START)
    assert await replayed(event_time_before=before) == ([ids[2]], [], 4)
    await world.call("EraseSubject", EraseSubjectRequest(user_id=ada), EraseSubjectResponse, "admin")
    assert await replayed(sources=["workout"], types=types) == ([ids[2]], [ids[0], ids[1]], 4)
