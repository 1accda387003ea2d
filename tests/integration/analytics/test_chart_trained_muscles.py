"""ChartTrainedMuscles: training by muscle as bars."""

from datetime import UTC, datetime

from fitnesshub.analytics.v1 import analytics_service_pb2 as service_pb
from google.api.httpbody_pb2 import HttpBody

from tests.integration.analytics.pictures import description, read, title, told
from tests.integration.analytics.world import Athlete, World, reps


async def test_a_bar_a_muscle(world: World, ada: Athlete, bench: str) -> None:
    await ada.log(datetime(2026, 2, 25, 18, tzinfo=UTC), *[reps(bench, 8, 80)] * 3, reps(world.new_id(), 5))
    chart = read(await ada.call("ChartTrainedMuscles", service_pb.ChartTrainedMusclesRequest(), HttpBody))
    assert title(chart) == "Sets by muscle"
    assert told(chart, "rect") == ["Chest: 3 sets", "Shoulders: 1.5 sets", "Triceps: 1.5 sets", "Unknown: 1 sets"]
    assert description(chart).startswith("Chest 3, Shoulders 1.5, Triceps 1.5, Unknown 1.")
    request = service_pb.ChartTrainedMusclesRequest(measure=service_pb.MUSCLE_MEASURE_VOLUME)
    assert "Chest: 1,920 kg" in told(read(await ada.call("ChartTrainedMuscles", request, HttpBody)), "rect")


async def test_nothing_was_logged(ada: Athlete) -> None:
    chart = read(await ada.call("ChartTrainedMuscles", service_pb.ChartTrainedMusclesRequest(), HttpBody))
    assert description(chart) == "Nothing was logged."
