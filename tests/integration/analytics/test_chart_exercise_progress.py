"""ChartExerciseProgress: the estimated maximum as a line."""

from datetime import UTC, datetime

from fitnesshub.analytics.v1 import analytics_service_pb2 as service_pb
from fitnesshub.workout.v1.events_pb2 import ExerciseCreated
from fitnesshub.workout.v1.exercise_pb2 import Exercise
from google.api.httpbody_pb2 import HttpBody

from tests.integration.analytics.pictures import description, read, title, told
from tests.integration.analytics.world import Athlete, World, reps


async def test_a_point_a_day(ada: Athlete, bench: str) -> None:
    await ada.log(datetime(2026, 2, 2, tzinfo=UTC), reps(bench, 6, 100))
    await ada.log(datetime(2026, 2, 9, tzinfo=UTC), reps(bench, 1, 125))
    request = service_pb.ChartExerciseProgressRequest(exercise_id=bench)
    chart = read(await ada.call("ChartExerciseProgress", request, HttpBody))
    assert title(chart) == "Bench press: estimated one-repetition maximum"
    assert told(chart, "circle") == ["2026-02-02: 120 kg", "2026-02-09: 125 kg"]
    assert "highest 125 kg on 2026-02-09" in description(chart)


async def test_a_name_that_isnt_harmless(world: World, ada: Athlete, bob: Athlete) -> None:
    own = Exercise(id=world.new_id(), name='<script>alert("\x08&")</script>', owner_id=ada.user_id)
    await world.hear(world.event("exercise", own.id, 1, ExerciseCreated(exercise=own), ada.user_id))
    request = service_pb.ChartExerciseProgressRequest(exercise_id=own.id)
    answer = await ada.call("ChartExerciseProgress", request, HttpBody)
    assert title(read(answer)).startswith('<script>alert("\ufffd&")</script>')
    assert b"<script" not in answer.data
    # Somebody else's exercise has no name.
    assert title(read(await bob.call("ChartExerciseProgress", request, HttpBody))).startswith("Exercise:")
