"""GetExerciseBests: the best sets, and when they were first reached."""

from datetime import UTC, datetime, timedelta

from fitnesshub.analytics.v1.analytics_service_pb2 import GetExerciseBestsRequest, GetExerciseBestsResponse
from fitnesshub.workout.v1.workout_pb2 import SET_TYPE_WARMUP

from tests.integration.analytics.world import Athlete, World, reps

EVENING = datetime(2026, 2, 25, 18, 0, tzinfo=UTC)
DAY = timedelta(days=1)


async def bests(athlete: Athlete, exercise_id: str) -> GetExerciseBestsResponse:
    request = GetExerciseBestsRequest(exercise_id=exercise_id)
    return await athlete.call("GetExerciseBests", request, GetExerciseBestsResponse)


async def test_each_kind_of_best(ada: Athlete, bench: str) -> None:
    light = await ada.log(EVENING - DAY, reps(bench, 12, 60), reps(bench, 20))
    heavy = await ada.log(EVENING, reps(bench, 1, 110), reps(bench, 3, 105), reps(bench, 1, 500, SET_TYPE_WARMUP))

    found = await bests(ada, bench)

    assert (found.name, found.heaviest.value_kg, found.heaviest.reps) == ("Bench press", 110, 1)
    assert (found.heaviest.workout_id, found.heaviest.workout_time.ToDatetime(UTC)) == (heavy.id, EVENING)
    assert (found.largest_set.value_kg, found.largest_set.weight_kg, found.largest_set.reps) == (720, 60, 12)
    assert found.largest_set.workout_id == light.id
    assert (found.e1rm.value_kg, found.e1rm.weight_kg, found.e1rm.reps) == (105 * (1 + 3 / 30), 105, 3)
    assert [(each.value_kg, each.reps) for each in found.most_reps] == [(110, 1), (105, 3), (60, 12), (0, 20)]


async def test_the_first_of_equals(ada: Athlete, bench: str) -> None:
    later = await ada.log(EVENING, reps(bench, 5, 100))
    first = await ada.log(EVENING - DAY, reps(bench, 5, 100))
    found = await bests(ada, bench)
    assert {found.heaviest.workout_id, found.e1rm.workout_id, found.most_reps[0].workout_id} == {first.id} != {later.id}


async def test_a_best_that_is_deleted_or_corrected_is_none(world: World, ada: Athlete, bench: str) -> None:
    await ada.log(EVENING - DAY, reps(bench, 5, 100))
    typo = await ada.log(EVENING, reps(bench, 5, 1000))
    assert (await bests(ada, bench)).heaviest.value_kg == 1000
    typo.sets[0].CopyFrom(reps(bench, 5, 101))
    await world.hear(ada.told(typo))
    assert (await bests(ada, bench)).heaviest.value_kg == 101
    await world.hear(ada.told(typo, "WorkoutDeleted"))
    assert (await bests(ada, bench)).heaviest.value_kg == 100


async def test_at_most_a_hundred_weights(ada: Athlete, bench: str) -> None:
    await ada.log(EVENING, *(reps(bench, 1, kg) for kg in range(1, 121)))
    found = (await bests(ada, bench)).most_reps
    assert [each.value_kg for each in found] == list(range(120, 20, -1))


async def test_what_was_never_done(ada: Athlete, bob: Athlete, bench: str) -> None:
    await bob.log(EVENING, reps(bench, 5, 100))
    found = await bests(ada, bench)
    assert (found.name, found.HasField("heaviest"), len(found.most_reps)) == ("Bench press", False, 0)
