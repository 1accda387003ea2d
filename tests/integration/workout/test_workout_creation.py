"""The saga that follows each change of a workout: the owner's totals come out right, and the workout always stays."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from fitnesshub.event.v1.event_pb2 import Event
from fitnesshub.user.v1.stats_service_pb2 import Stats
from fitnesshub.workout.v1.workout_pb2 import Workout, WorkoutSet
from sqlalchemy import text

from chassis.clock import SystemIds
from chassis.db import Statement
from chassis.errors import NotFound, Unavailable
from chassis.events.consumer import read_event
from chassis.sagas.model import Status
from chassis.sagas.runner import SagaRunner
from tests.integration.workout.world import Athlete, World, new_workout

SAGAS_OF = Statement(text("SELECT * FROM workout.sagas WHERE subject_user_id = :user_id ORDER BY created_at, id"))
CLEAR = Statement(text("DELETE FROM workout.sagas"))


@pytest.fixture(autouse=True)
async def no_sagas(world: World) -> None:
    """None but the test's own, which the runner would have to do first."""
    async with world.db.write() as tx:
        await tx.execute(CLEAR)


async def hear(world: World, events: Sequence[Event]) -> None:
    """Lets the service hear events, each in its own batch."""
    (subscription,) = world.service.subscriptions
    for event in events:
        async with world.db.write() as tx:
            await subscription.handlers[event.type](tx, [read_event(event.SerializeToString())])


async def run(world: World) -> None:
    """Lets the sagas run for as long as one is due."""
    runner = SagaRunner(world.db, SystemIds(), world.service.sagas)
    while await runner.step():
        pass


async def sagas(world: World, person: Athlete) -> list[Any]:
    return list(await world.db.rows(SAGAS_OF, user_id=person.user_id))


def totals(person: Athlete) -> Stats:
    return person.world.totals.of(person.user_id)


async def test_a_created_workout_is_in_the_totals(world: World, ada: Athlete, squat: str) -> None:
    made = await ada.create(new_workout(squat))
    await hear(world, await world.events(made.id))
    await run(world)
    (saga,) = await sagas(world, ada)
    assert (saga["kind"], saga["key"], saga["status"]) == ("workout_creation", f"{made.id}/1", Status.DONE)
    assert saga["data"]["statsState"] == "updated"
    found = totals(ada)
    assert (found.workouts, found.sets, found.reps, found.volume_kg) == (1, 3, 15, 5 * (100 + 101 + 102))


@pytest.mark.parametrize("seed", range(5))
async def test_every_change_counts_in_whatever_order_and_however_often(
    world: World, ada: Athlete, squat: str, seed: int
) -> None:
    kept, gone = await ada.create(new_workout(squat)), await ada.create(new_workout(squat))
    await ada.update(kept.id, Workout(sets=[WorkoutSet(exercise_id=squat, reps=2, weight=10)]))
    await ada.update(kept.id, Workout(title="Legs"))
    await ada.delete(gone.id)
    events = [*await world.events(kept.id), *await world.events(gone.id)]
    assert len(events) == 5
    chance = random.Random(seed)
    await hear(world, chance.sample(events * 2, k=10))
    await run(world)
    assert [saga["status"] for saga in await sagas(world, ada)] == [Status.DONE] * 5
    found = totals(ada)
    assert (found.workouts, found.sets, found.reps, found.volume_kg) == (1, 1, 2, 20)


async def test_a_user_service_that_is_away_is_waited_for(world: World, ada: Athlete, squat: str) -> None:
    made = await ada.create(new_workout(squat))
    await hear(world, await world.events(made.id))
    world.totals.fail = [Unavailable("DEPENDENCY_UNAVAILABLE", "later") for _ in range(40)]
    for _ in range(60):
        await run(world)
        world.clock.time += timedelta(minutes=2)
    (saga,) = await sagas(world, ada)
    assert (saga["status"], world.totals.fail) == (Status.DONE, [])
    assert totals(ada).workouts == 1


async def test_a_workout_stays_when_a_step_fails_for_good(
    world: World, ada: Athlete, squat: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = await ada.create(new_workout(squat))
    await hear(world, await world.events(made.id))
    world.totals.fail = [NotFound("USER_NOT_FOUND", "there is no such user")]
    await run(world)
    (saga,) = await sagas(world, ada)
    assert saga["status"] == Status.COMPENSATED
    assert saga["problem"] == "update stats: USER_NOT_FOUND: there is no such user"
    assert saga["data"]["statsState"] == "pending"
    assert f"lack the workout {made.id}/1: mend the cause and retry saga {saga['id']}" in caplog.text
    assert (await ada.get(made.id)).title == made.title


async def test_what_a_saga_keeps_names_nothing_personal(world: World, ada: Athlete, squat: str) -> None:
    made = await ada.create(new_workout(squat, notes="my left knee", title="Secret day"))
    await hear(world, await world.events(made.id))
    (saga,) = await sagas(world, ada)
    assert saga["data"].keys() == {"stats"}
    assert saga["data"]["stats"].keys() == {"userId", "workoutId", "version", "contribution"}
    assert "knee" not in str(dict(saga))
    assert "Secret" not in str(dict(saga))
