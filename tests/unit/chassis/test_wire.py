"""Hand-joined bytes must be what protobuf itself writes and reads."""

import pytest
from fitnesshub.workout.v1.workout_pb2 import Workout
from fitnesshub.workout.v1.workout_service_pb2 import ListWorkoutsResponse
from hypothesis import given
from hypothesis import strategies as st

from chassis.wire import repeated_field, string_field

WORKOUTS = ListWorkoutsResponse.WORKOUTS_FIELD_NUMBER
TOKEN = ListWorkoutsResponse.NEXT_PAGE_TOKEN_FIELD_NUMBER


@given(st.lists(st.text(max_size=300), max_size=5), st.text(max_size=20))
def test_joined_bytes_are_what_protobuf_writes(titles: list[str], token: str) -> None:
    response = ListWorkoutsResponse(workouts=[Workout(title=title) for title in titles], next_page_token=token)

    joined = repeated_field(WORKOUTS, [Workout(title=title).SerializeToString() for title in titles])
    joined += string_field(TOKEN, token)

    assert joined == response.SerializeToString()


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16_383, 16_384, 3_000_000])
def test_lengths_at_the_edges_of_a_varint_byte(length: int) -> None:
    item = Workout(notes="x" * length)

    parsed = ListWorkoutsResponse.FromString(repeated_field(WORKOUTS, [item.SerializeToString()] * 2))

    assert list(parsed.workouts) == [item, item]


@pytest.mark.parametrize("number", [15, 16, 2047, 2048, 536_870_911])
def test_field_numbers_at_the_edges_of_a_varint_byte(number: int) -> None:
    field = string_field(number, "abc")

    # Workout knows none of these fields, and protobuf gives unknown fields back as they came.
    assert Workout.FromString(field).SerializeToString() == field


def test_an_empty_list_and_an_empty_text_are_no_bytes() -> None:
    assert repeated_field(WORKOUTS, []) == b""
    assert string_field(TOKEN, "") == b""
