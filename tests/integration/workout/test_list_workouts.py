"""ListWorkouts."""

import asyncio
from datetime import timedelta

import pytest
from fitnesshub.workout.v1.workout_pb2 import Workout

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


async def pages(athlete: Athlete, size: int) -> list[list[Workout]]:
    found = []
    token = ""
    while True:
        page = await athlete.list(size, token)
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
