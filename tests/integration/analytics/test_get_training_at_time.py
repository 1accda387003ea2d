"""GetTrainingAtTime: totals as they were known, from the event store."""

from datetime import UTC, datetime, timedelta

import pytest
from fitnesshub.analytics.v1.analytics_pb2 import TrainingTotals
from fitnesshub.analytics.v1.analytics_service_pb2 import GetTrainingAtTimeRequest, GetTrainingAtTimeResponse

from chassis.errors import InvalidArgument
from tests.integration.analytics.world import START, Athlete, World, reps


async def known(athlete: Athlete, time: datetime) -> GetTrainingAtTimeResponse:
    request = GetTrainingAtTimeRequest()
    request.time.FromDatetime(time)
    return await athlete.call("GetTrainingAtTime", request, GetTrainingAtTimeResponse)


async def test_what_was_known_when(world: World, ada: Athlete, bob: Athlete, bench: str) -> None:
    workout, hour = ada.workout(START - timedelta(days=1), reps(bench, 8, 80)), timedelta(hours=1)
    for number, (athlete, change) in enumerate(
        [(ada, ""), (ada, "WorkoutUpdated"), (bob, ""), (ada, "WorkoutDeleted")]
    ):
        world.clock.time = START + number * hour
        if change == "WorkoutUpdated":
            workout.sets[0].reps = 10
        made = workout if athlete is ada else bob.workout(START, reps(bench, 1, 1))
        world.history.events.append(athlete.told(made, change))
    world.clock.time = START + 9 * hour

    assert await known(ada, START) == GetTrainingAtTimeResponse(totals=TrainingTotals())
    found = await known(ada, START + hour / 2)
    assert (found.totals.workouts, found.totals.volume_kg) == (1, 640)
    assert found.last_workout_time.ToDatetime(UTC) == START - timedelta(days=1)
    assert (await known(ada, START + 1.5 * hour)).totals.volume_kg == 800
    assert (await known(ada, START + 9 * hour)).totals == TrainingTotals()
    world.clock.time = START


async def test_the_future_is_refused(world: World, ada: Athlete) -> None:
    assert await known(ada, START) == GetTrainingAtTimeResponse(totals=TrainingTotals())
    with pytest.raises(InvalidArgument) as refused:
        await known(ada, START + timedelta(microseconds=1))
    assert (refused.value.reason, [each.field for each in refused.value.violations]) == ("INVALID_REQUEST", ["time"])
