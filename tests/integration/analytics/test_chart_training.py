"""ChartTraining: training as bars."""

from datetime import UTC, datetime

import pytest
from fitnesshub.analytics.v1 import analytics_pb2 as pb
from fitnesshub.analytics.v1 import analytics_service_pb2 as service_pb
from google.api.httpbody_pb2 import HttpBody

from chassis.errors import InvalidArgument
from tests.integration.analytics.pictures import description, read, title, told
from tests.integration.analytics.world import Athlete, reps


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        (service_pb.CHART_MEASURE_UNSPECIFIED, "Volume by day"),
        (service_pb.CHART_MEASURE_WORKOUTS, "Workouts by day"),
        (service_pb.CHART_MEASURE_SETS, "Sets by day"),
        (service_pb.CHART_MEASURE_DURATION, "Time by day"),
        (service_pb.CHART_MEASURE_DISTANCE, "Distance by day"),
    ],
)
async def test_each_measure(
    ada: Athlete, bench: str, measure: service_pb.ChartMeasure.ValueType, expected: str
) -> None:
    await ada.log(datetime(2026, 2, 25, 18, tzinfo=UTC), reps(bench, 8, 80), minutes=90)
    request = service_pb.ChartTrainingRequest(measure=measure, granularity=pb.GRANULARITY_DAY, from_date="2026-02-24")
    chart = read(await ada.call("ChartTraining", request, HttpBody))
    values = {"Volume": "640 kg", "Workouts": "1 workouts", "Sets": "1 sets", "Time": "1.5 hours", "Distance": "0 km"}
    assert title(chart) == expected
    if expected != "Distance by day":  # nothing to draw
        assert told(chart, "rect")[:2] == [
            f"2026-02-24: 0 {values[expected.split(maxsplit=1)[0]].split()[1]}",
            f"2026-02-25: {values[expected.split(maxsplit=1)[0]]}",
        ]
        assert "most in 2026-02-25" in description(chart)
    assert ada.headers["cache-control"] == "private, no-cache"


async def test_nothing_was_logged(ada: Athlete) -> None:
    chart = read(await ada.call("ChartTraining", service_pb.ChartTrainingRequest(), HttpBody))
    assert description(chart) == "12 weeks, 2025-12-08 to 2026-03-01. Nothing was logged."


async def test_too_many_bars(ada: Athlete) -> None:
    request = service_pb.ChartTrainingRequest(from_date="2010-01-01")
    with pytest.raises(InvalidArgument) as refused:
        await ada.call("ChartTraining", request, HttpBody)
    assert refused.value.reason == "DATE_RANGE_TOO_LONG"
