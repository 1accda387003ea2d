"""WatchWorkoutChanges."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta

import pytest
from fitnesshub.workout.v1.workout_pb2 import Workout
from fitnesshub.workout.v1.workout_service_pb2 import WatchWorkoutChangesResponse, WorkoutChange
from redis.asyncio import Redis

from chassis.clock import FixedClock, SystemClock
from chassis.errors import Unauthenticated
from chassis.identity import ENDED_SESSIONS_KEY, EndedSessions
from services.workout.api import workout_changes
from tests.integration.workout.world import Athlete, World, failing, new_workout


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks for changes are made as often as can be."""
    monkeypatch.setattr(workout_changes, "POLL_SECONDS", 0.001)


async def first(stream: AsyncIterator[WatchWorkoutChangesResponse], count: int) -> list[WatchWorkoutChangesResponse]:
    """So many messages."""
    return [await anext(stream) for _ in range(count)]


async def test_what_is_there_comes_first_and_then_what_happens(ada: Athlete, squat: str) -> None:
    one, two = [await ada.create(new_workout(squat)) for _ in range(2)]

    async with aclosing(ada.watch()) as stream:
        assert [each.change for each in await first(stream, 2)] == [WorkoutChange(upserted=each) for each in (one, two)]
        three = await ada.create(new_workout(squat))
        assert (await anext(stream)).change.upserted == three
        one = await ada.update(one.id, Workout(title="Leg day"))
        assert (await anext(stream)).change.upserted == one
        await ada.delete(two.id)
        assert (await anext(stream)).change.deleted.workout_id == two.id
        back = await ada.undelete(two.id)
        assert (await anext(stream)).change.upserted == back


async def test_a_stream_that_waits_is_told_of_its_owners_changes_only(ada: Athlete, bob: Athlete, squat: str) -> None:
    async with aclosing(ada.watch()) as stream:
        message = asyncio.create_task(anext(stream))
        await bob.create(new_workout(squat))
        created = await ada.create(new_workout(squat))

        assert (await message).change.upserted == created


async def test_every_message_says_where_to_go_on(ada: Athlete, squat: str) -> None:
    workouts = [await ada.create(new_workout(squat)) for _ in range(3)]

    async with aclosing(ada.watch()) as stream:
        messages = await first(stream, 3)

    async with aclosing(ada.watch(messages[0].next_cursor)) as stream:
        assert [each.change.upserted for each in await first(stream, 2)] == workouts[1:]
    listed = await ada.changes(messages[1].next_cursor)
    assert [each.upserted for each in listed.changes] == workouts[2:]
    async with aclosing(ada.watch(listed.next_cursor)) as stream:
        last = await ada.create(new_workout(squat))
        assert (await anext(stream)).change.upserted == last


async def test_more_than_one_look_finds_is_sent_too(ada: Athlete, squat: str) -> None:
    for _ in range(2):
        await ada.batch([new_workout(squat)] * 75)

    async with aclosing(ada.watch()) as stream:
        found = [each.change.upserted.id for each in await first(stream, 150)]

    assert len(set(found)) == 150


async def test_garbled_cursors_and_those_of_others_are_refused(ada: Athlete, bob: Athlete, squat: str) -> None:
    await bob.create(new_workout(squat))
    for cursor in ("x", (await bob.changes()).next_cursor):
        with failing("CURSOR_INVALID"):
            await anext(ada.watch(cursor))


async def test_the_stream_ends_with_its_access_token(world: World, squat: str) -> None:
    clock = FixedClock(SystemClock().now())
    ada = Athlete(world, pipeline=world.guarded(clock, EndedSessions(world.no_redis)))
    await ada.create(new_workout(squat))

    async with aclosing(ada.watch()) as stream:
        await anext(stream)
        clock.time += timedelta(hours=1, minutes=1)
        with pytest.raises(Unauthenticated) as caught:
            await anext(stream)

    assert caught.value.reason == "UNAUTHENTICATED"


async def test_the_stream_ends_with_its_session(world: World, squat: str, redis: Redis) -> None:
    ended = EndedSessions(redis)
    ada = Athlete(world, pipeline=world.guarded(SystemClock(), ended))
    await ada.create(new_workout(squat))

    async with aclosing(ada.watch()) as stream:
        await anext(stream)
        await redis.zadd(ENDED_SESSIONS_KEY, {ada.session_id: time.time() + 3600})
        await ended.refresh()
        with failing("SESSION_ENDED"):
            await anext(stream)
