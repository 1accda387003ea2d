"""ListWorkouts."""

import asyncio
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from fitnesshub.workout.v1.workout_pb2 import Workout, WorkoutSet
from google.protobuf.timestamp_pb2 import Timestamp

from tests.integration.workout.world import Athlete, failing, new_workout


async def some(athlete: Athlete, exercise_id: str, count: int, *, together: bool = False) -> list[Workout]:
    """Stored workouts, in the order of the list."""
    workouts = []
    for number in range(count):
        workout = new_workout(exercise_id)
        if not together:
            start = workout.start_time.ToDatetime() + timedelta(minutes=7 * number % 60, microseconds=number)
            workout.start_time.FromDatetime(start)
        workouts.append(workout)
    stored = await asyncio.gather(*(athlete.create(each) for each in workouts))
    return sorted(stored, key=lambda each: (-each.start_time.ToMicroseconds(), each.id))


async def pages(athlete: Athlete, size: int, **filters: Any) -> list[list[Workout]]:
    found = []
    token = ""
    while True:
        page = await athlete.list(size, token, **filters)
        found.append(list(page.workouts))
        token = page.next_page_token
        if not token:
            return found


async def test_a_user_without_workouts_has_one_empty_page(ada: Athlete) -> None:
    page = await ada.list()

    assert (list(page.workouts), page.next_page_token) == ([], "")


async def test_newest_start_first(ada: Athlete, squat: str) -> None:
    workouts = await some(ada, squat, 5)

    assert await pages(ada, 0) == [workouts]


async def test_only_ones_own(ada: Athlete, bob: Athlete, squat: str) -> None:
    own = await some(ada, squat, 2)
    await some(bob, squat, 2)

    assert await pages(ada, 0) == [own]


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(("size", "lengths"), [(3, [3, 3, 1]), (7, [7]), (6, [6, 1]), (1, [1] * 7)])
async def test_pages_join_without_gaps_and_repeats(
    ada: Athlete, squat: str, size: int, lengths: list[int], together: bool
) -> None:
    workouts = await some(ada, squat, 7, together=together)

    found = await pages(ada, size)

    assert [len(page) for page in found] == lengths
    assert [each for page in found for each in page] == workouts


async def test_a_page_size_of_0_is_20_and_above_100_is_100(ada: Athlete, squat: str) -> None:
    workouts = await some(ada, squat, 101)

    assert list((await ada.list(0)).workouts) == workouts[:20]
    assert list((await ada.list(100)).workouts) == workouts[:100]
    assert list((await ada.list(101)).workouts) == workouts[:100]
    assert [len(page) for page in await pages(ada, 2_147_483_647)] == [100, 1]


async def test_a_negative_page_size_is_refused(ada: Athlete) -> None:
    with failing("INVALID_REQUEST") as caught:
        await ada.list(-1)

    assert [each.field for each in caught.value.violations] == ["pageSize"]


async def test_what_comes_and_goes_between_pages_shifts_nothing(ada: Athlete, squat: str) -> None:
    workouts = await some(ada, squat, 6)
    first = await ada.list(3)
    newest = new_workout(squat)
    newest.start_time.FromDatetime(workouts[0].start_time.ToDatetime() + timedelta(days=1))
    await ada.create(newest)
    await ada.delete(workouts[2].id)

    second = await ada.list(3, first.next_page_token)

    assert list(second.workouts) == workouts[3:]


async def test_the_page_size_may_change_between_pages(ada: Athlete, squat: str) -> None:
    workouts = await some(ada, squat, 5)
    first = await ada.list(2)

    assert list((await ada.list(100, first.next_page_token)).workouts) == workouts[2:]


async def test_a_token_of_somebody_else_is_refused(ada: Athlete, bob: Athlete, squat: str) -> None:
    await some(ada, squat, 2)
    token = (await ada.list(1)).next_page_token

    with failing("PAGE_TOKEN_INVALID"):
        await bob.list(1, token)


@pytest.mark.parametrize("damaged", ["{}x", "x{}", "x", "\N{SNOWMAN}"])
async def test_a_damaged_token_is_refused(ada: Athlete, squat: str, damaged: str) -> None:
    await some(ada, squat, 2)
    token = (await ada.list(1)).next_page_token

    with failing("PAGE_TOKEN_INVALID"):
        await ada.list(1, damaged.format(token))


async def test_times_at_the_edges_are_in_their_places(ada: Athlete, squat: str) -> None:
    moments = ["9999-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"]
    for moment in moments:
        workout = new_workout(squat)
        workout.start_time.FromJsonString(moment)
        await ada.create(workout)

    assert [page[0].start_time.ToJsonString() for page in await pages(ada, 1)] == moments


async def test_deleted_workouts_are_not_listed(ada: Athlete, squat: str) -> None:
    workouts = await some(ada, squat, 2)
    await ada.delete(workouts[0].id)

    assert await pages(ada, 0) == [workouts[1:]]


def at(moment: str) -> Timestamp:
    stamp = Timestamp()
    stamp.FromJsonString(moment)
    return stamp


async def test_from_is_inclusive_and_before_is_not(ada: Athlete, squat: str) -> None:
    for minute in range(5):
        await ada.create(new_workout(squat, start_time=at(f"2026-03-01T17:0{minute}:00.000001Z")))

    async def minutes(**filters: Timestamp) -> list[str]:
        return [each.start_time.ToJsonString()[15:16] for page in await pages(ada, 2, **filters) for each in page]

    assert await minutes(start_time_from=at("2026-03-01T17:03:00.000001Z")) == ["4", "3"]
    assert await minutes(start_time_before=at("2026-03-01T17:02:00.000001Z")) == ["1", "0"]
    between = {"start_time_from": at("2026-03-01T17:01:00Z"), "start_time_before": at("2026-03-01T17:04:00Z")}
    assert await minutes(**between) == ["3", "2", "1"]
    assert (
        await minutes(start_time_from=between["start_time_before"], start_time_before=between["start_time_from"]) == []
    )


async def test_the_edges_of_time_can_be_asked_for(ada: Athlete, squat: str) -> None:
    moments = ["9999-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"]
    last, middle, first = [await ada.create(new_workout(squat, start_time=at(each))) for each in moments]

    assert await pages(ada, 9, start_time_from=last.start_time) == [[last]]
    assert await pages(ada, 9, start_time_before=last.start_time) == [[middle, first]]
    assert await pages(ada, 9, start_time_from=first.start_time) == [[last, middle, first]]
    assert await pages(ada, 9, start_time_before=first.start_time) == [[]]


async def test_an_exercise_finds_each_workout_with_it_once(ada: Athlete, bob: Athlete, squat: str, bench: str) -> None:
    both = new_workout(squat)
    both.sets.add(exercise_id=bench, reps=1)
    both.sets.add(exercise_id=squat, reps=1)
    with_both = await ada.create(both)
    await some(ada, squat, 1)
    await some(bob, bench, 1)

    assert await pages(ada, 0, exercise_id=bench) == [[with_both]]
    assert with_both in (await pages(ada, 0, exercise_id=squat))[0]


async def test_every_filter_with_every_other_on_every_page(ada: Athlete, squat: str, bench: str) -> None:
    for number in range(24):
        minute = number // 2  # two start together
        workout = new_workout(squat if number % 3 else bench, start_time=at(f"2026-03-01T17:{minute:02}:00Z"))
        await ada.create(workout)
    [everything] = await pages(ada, 100)
    start, end = at("2026-03-01T17:02:00Z"), at("2026-03-01T17:09:00Z")

    for with_start, with_end, exercise_id in product((False, True), (False, True), ("", squat, bench)):
        expected = [
            each
            for each in everything
            if (not with_start or each.start_time.seconds >= start.seconds)
            and (not with_end or each.start_time.seconds < end.seconds)
            and exercise_id in ("", each.sets[0].exercise_id)
        ]
        filters: dict[str, Any] = {"exercise_id": exercise_id}
        filters |= {"start_time_from": start} if with_start else {}
        filters |= {"start_time_before": end} if with_end else {}
        for size in (1, 3, 100):
            assert [each for page in await pages(ada, size, **filters) for each in page] == expected, (filters, size)


async def test_a_token_is_good_for_its_filters_only(ada: Athlete, squat: str) -> None:
    await some(ada, squat, 3)
    token = (await ada.list(1, exercise_id=squat)).next_page_token

    assert (await ada.list(1, token, exercise_id=squat)).workouts
    for filters in (
        {},
        {"exercise_id": ada.user_id},
        {"exercise_id": squat, "start_time_from": at("2026-01-01T00:00:00Z")},
    ):
        with failing("PAGE_TOKEN_INVALID"):
            await ada.list(1, token, **filters)


async def test_changes_of_a_workout_move_it_in_the_list_of_an_exercise(ada: Athlete, squat: str, bench: str) -> None:
    one, two = await some(ada, squat, 2)
    later = one.start_time.ToDatetime() + timedelta(days=1)
    change = Workout()
    change.start_time.FromDatetime(later)

    two = await ada.update(two.id, change)
    assert await pages(ada, 0, exercise_id=squat) == [[two, one]]
    one = await ada.update(one.id, Workout(sets=[WorkoutSet(exercise_id=bench, reps=1)]))
    assert await pages(ada, 0, exercise_id=squat) == [[two]]
    assert await pages(ada, 0, exercise_id=bench) == [[one]]
    await ada.delete(two.id)
    assert await pages(ada, 0, exercise_id=squat) == [[]]
    two = await ada.undelete(two.id)
    assert await pages(ada, 0, exercise_id=squat) == [[two]]


async def test_an_id_that_is_no_uuid_is_refused(ada: Athlete) -> None:
    with failing("INVALID_REQUEST") as caught:
        await ada.list(exercise_id="squat")

    assert [each.field for each in caught.value.violations] == ["exerciseId"]
