"""Charts: round numbers at the axis, and documents that hold for any text and any value."""

import itertools
from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.domain.charts import (
    LABEL_WIDTH,
    MOST_TICKS,
    WIDTH,
    Text,
    bars,
    line,
    number_text,
    rows,
    ticks_for,
)

TEXT = Text("Volume by week", "Twelve weeks.", "kg", "Nothing was logged")
VALUES = st.floats(0, 1e12)
ANY = st.text(max_size=40)


def elements(document: str, kind: str) -> list[ET.Element]:
    root = ET.fromstring(document)
    return [each for each in root.iter() if each.tag.endswith(f"}}{kind}")]


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9), st.booleans())
def test_the_axis_holds_all_values(low: float, height: float, whole: bool) -> None:
    ticks = ticks_for(low, low + height, whole=whole)
    slack = 1e-6 * (ticks[-1] - ticks[0])
    assert ticks[0] - slack <= low
    assert ticks[-1] + slack >= low + height
    assert 2 <= len(ticks) <= MOST_TICKS + 2


def test_round_numbers() -> None:
    assert ticks_for(0, 12_345) == [0, 2500, 5000, 7500, 10_000, 12_500]
    assert ticks_for(0, 3, whole=True) == [0, 1, 2, 3]
    assert [number_text(each) for each in (12_500, 0.25, 3.0, 1e12)] == ["12,500", "0.25", "3", "1e+12"]


@given(st.lists(st.tuples(ANY, VALUES), max_size=30), ANY)
def test_bars_and_rows_are_documents_whatever_they_are_called(values: list[tuple[str, float]], heading: str) -> None:
    text = Text(heading, heading, "kg", "Nothing")
    for document in (bars(text, values), rows(text, values)):
        drawn = [each for each in elements(document, "rect") if each.get("class") == "bar"]
        assert len(drawn) == (len(values) if any(value for _, value in values) else 0)
        assert all(float(each.get("height", "")) >= 0 and float(each.get("width", "")) >= 0 for each in drawn)


@given(st.lists(st.tuples(st.integers(0, 5000), VALUES), max_size=30, unique_by=lambda each: each[0]))
def test_lines_go_through_all_points_inside_the_picture(values: list[tuple[int, float]]) -> None:
    points = [(date(2020, 1, 1) + timedelta(days=number), value) for number, value in sorted(values)]
    drawn = elements(line(TEXT, points), "circle")
    assert len(drawn) == len(points)
    assert all(0 <= float(each.get("cx", "")) <= 720 and 0 <= float(each.get("cy", "")) <= 320 for each in drawn)


@pytest.mark.parametrize("count", range(1, 401))
def test_names_below_bars_stand_apart_and_inside(count: int) -> None:
    days = [(date(2025, 1, 1) + timedelta(days=number)).isoformat() for number in range(count)]
    names = [each for each in elements(bars(TEXT, [(day, 1.0) for day in days]), "text") if each.text in days]
    places = [float(each.get("x", "")) for each in names]
    assert names[0].text == days[0]
    # Places are drawn in tenths of a pixel.
    assert all(after - before >= LABEL_WIDTH - 0.11 for before, after in itertools.pairwise(places))
    assert max(places) <= WIDTH - LABEL_WIDTH / 2


def test_the_highest_bar_is_the_highest_value() -> None:
    low, high = elements(bars(TEXT, [("a", 1), ("b", 2)]), "rect")[1:]
    assert float(high.get("height", "")) == 2 * float(low.get("height", ""))


def test_values_that_differ_by_nothing_to_speak_of() -> None:
    for low, high in ((0.0, 5e-324), (96.0, 96.00000000000001), (-20.0, -20.0), (1e-9, 1e-8)):
        ticks = ticks_for(low, high)
        assert ticks[0] <= low < ticks[-1]
        assert elements(line(TEXT, [(date(2026, 3, 1), low), (date(2026, 3, 2), high)]), "circle")
