"""Page tokens and page sizes."""

import base64

import pytest
from fitnesshub.workout.v1.exercise_service_pb2 import ListExercisesRequest
from fitnesshub.workout.v1.workout_service_pb2 import GetWorkoutRequest, ListWorkoutsRequest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import InvalidArgument
from chassis.pages import PageTokens, page_length, page_size

METHOD = "/fitnesshub.workout.v1.WorkoutService/ListWorkouts"
KEY = bytes(range(32))
CURSOR = ("2026-01-02T03:04:05+00:00", "018f3c9e-7b1a-7c3e-9d2f-0123456789ab")
TOKENS = PageTokens(KEY)


def refused(token: str, *, method: str = METHOD, arguments: object = None, tokens: PageTokens = TOKENS) -> bool:
    with pytest.raises(InvalidArgument) as caught:
        tokens.decode(method, arguments or ListWorkoutsRequest(), token)  # type: ignore[arg-type]
    return caught.value.reason == "PAGE_TOKEN_INVALID"


@given(st.lists(st.text(max_size=30), max_size=4).map(tuple))
def test_a_cursor_comes_back(cursor: tuple[str, ...]) -> None:
    token = TOKENS.encode(METHOD, ListWorkoutsRequest(), cursor)
    assert TOKENS.decode(METHOD, ListWorkoutsRequest(), token) == cursor
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_usual_token_is_short() -> None:
    assert len(TOKENS.encode(METHOD, ListWorkoutsRequest(), CURSOR)) < 130


def test_page_fields_do_not_bind() -> None:
    first = ListWorkoutsRequest(page_size=10)
    token = TOKENS.encode(METHOD, first, CURSOR)
    assert TOKENS.decode(METHOD, ListWorkoutsRequest(page_size=50, page_token=token), token) == CURSOR
    assert first == ListWorkoutsRequest(page_size=10)  # the request itself stays as it is


def test_another_method_is_refused() -> None:
    token = TOKENS.encode(METHOD, ListWorkoutsRequest(), CURSOR)
    other = "/fitnesshub.workout.v1.ExerciseService/ListExercises"
    assert refused(token, method=other, arguments=ListExercisesRequest())


def test_other_arguments_are_refused() -> None:
    token = TOKENS.encode(METHOD, GetWorkoutRequest(workout_id="a"), CURSOR)
    assert TOKENS.decode(METHOD, GetWorkoutRequest(workout_id="a"), token) == CURSOR
    assert refused(token, arguments=GetWorkoutRequest(workout_id="b"))
    assert refused(token, arguments=GetWorkoutRequest())


def test_another_key_is_refused() -> None:
    assert refused(PageTokens(b"x" * 32).encode(METHOD, ListWorkoutsRequest(), CURSOR))


def test_every_changed_byte_is_refused() -> None:
    data = base64.urlsafe_b64decode(TOKENS.encode(METHOD, ListWorkoutsRequest(), CURSOR) + "==")
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1
        assert refused(base64.urlsafe_b64encode(bytes(changed)).rstrip(b"=").decode())
    for cut in range(len(data)):
        assert refused(base64.urlsafe_b64encode(data[:cut]).rstrip(b"=").decode())


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_garbage_is_refused(token: str) -> None:
    assert refused(token)


def test_parts_cannot_be_moved_between_method_and_arguments() -> None:
    arguments = GetWorkoutRequest(workout_id="bc")
    token = TOKENS.encode("/a", arguments, CURSOR)
    assert refused(token, method=f"/a{arguments.SerializeToString().decode()}", arguments=GetWorkoutRequest())


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        PageTokens(b"short")


@pytest.mark.parametrize(("requested", "granted"), [(0, 20), (1, 1), (100, 100), (101, 100), (2**31 - 1, 100)])
def test_page_sizes(requested: int, granted: int) -> None:
    assert page_size(requested) == granted


def test_a_negative_page_size_is_refused() -> None:
    with pytest.raises(InvalidArgument) as caught:
        page_size(-1)
    assert [each.field for each in caught.value.violations] == ["pageSize"]


def test_a_page_ends_at_its_size_or_its_bytes_and_has_one_element_at_least() -> None:
    assert page_length([b"x"] * 21, 20) == 20
    assert page_length([b"x"] * 5, 20) == 5
    assert page_length([], 20) == 0
    megabyte = bytes(1 << 20)
    assert page_length([megabyte] * 20, 20) == 3
    assert page_length([megabyte * 9, b"x"], 20) == 1
