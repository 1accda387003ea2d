"""RefreshSession: rotation, the reuse window and what a copy of a token leads to."""

import asyncio

import pytest
from fitnesshub.user.v1.user_pb2 import Session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.errors import Failure, InvalidArgument
from services.user.store.sessions import GET_TOKEN_LEFT_AT, _sha256
from tests.integration.user.world import World


async def test_a_refresh_keeps_the_session_and_changes_both_tokens(world: World) -> None:
    first = await world.sign_up()
    world.advance(3000)
    second = await world.refresh(first.refresh_token)
    assert second.id == first.id
    assert second.user == first.user
    assert second.access_token != first.access_token
    assert second.refresh_token != first.refresh_token
    assert second.expire_time.seconds - first.expire_time.seconds == 3000
    assert await world.current_user(second) == first.user


async def test_a_session_lives_through_many_refreshes(world: World) -> None:
    session = await world.sign_up()
    for _ in range(10):
        world.advance(3600)
        session = await world.refresh(session.refresh_token)
    assert await world.current_user(session) == session.user


async def test_only_the_hash_of_a_token_is_stored(world: World) -> None:
    session = await world.sign_up()
    assert len(session.refresh_token) == 43  # 256 bits in base64
    row = await world.db.row(GET_TOKEN_LEFT_AT, token_hash=_sha256(session.refresh_token))
    assert row is not None
    assert await world.db.row(GET_TOKEN_LEFT_AT, token_hash=session.refresh_token.encode()) is None


async def test_an_unknown_token_is_not_found(world: World) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await world.refresh("nobody-has-this")
    assert refused.value.reason == "REFRESH_TOKEN_NOT_FOUND"


async def test_a_repeat_within_ten_seconds_gets_a_token_that_works(world: World) -> None:
    first = await world.sign_up()
    lost = await world.refresh(first.refresh_token)
    world.advance(10)
    repeated = await world.refresh(first.refresh_token)
    assert repeated.id == lost.id
    assert repeated.refresh_token != lost.refresh_token
    world.advance(3600)
    assert await world.reason(world.refresh(repeated.refresh_token)) == ""


async def test_reuse_after_the_window_ends_the_session(world: World) -> None:
    first = await world.sign_up()
    second = await world.refresh(first.refresh_token)
    world.advance(10.001)
    with pytest.raises(InvalidArgument) as refused:
        await world.refresh(first.refresh_token)
    assert refused.value.reason == "REFRESH_TOKEN_ALREADY_USED"
    assert await world.reason(world.refresh(second.refresh_token)) == "REFRESH_TOKEN_NOT_FOUND"
    assert await world.reason(world.refresh(first.refresh_token)) == "REFRESH_TOKEN_NOT_FOUND"
    with pytest.raises(Failure) as ended:
        await world.current_user(second)
    assert ended.value.reason == "SESSION_ENDED"
    assert await world.event_types(first.user.id) == ["UserRegistered", "SessionsEnded"]
    assert await world.is_announced(first.id)


async def test_reuse_ends_that_session_only(world: World) -> None:
    stolen = await world.sign_up()
    other = await world.sign_in(stolen.user.email)
    await world.refresh(stolen.refresh_token)
    world.advance(11)
    assert await world.reason(world.refresh(stolen.refresh_token)) == "REFRESH_TOKEN_ALREADY_USED"
    assert await world.reason(world.refresh(other.refresh_token)) == ""


async def test_of_two_siblings_the_one_that_comes_late_ends_the_session(world: World) -> None:
    """A thief who raced the owner inside the window holds a sibling; it doesn't live beside the owner's for long."""
    first = await world.sign_up()
    owners, thiefs = await world.refresh(first.refresh_token), await world.refresh(first.refresh_token)
    world.advance(3600)
    assert await world.reason(world.refresh(owners.refresh_token)) == ""
    world.advance(60)
    assert await world.reason(world.refresh(thiefs.refresh_token)) == "REFRESH_TOKEN_ALREADY_USED"


@given(
    tabs=st.integers(min_value=2, max_value=5),
    gap=st.floats(min_value=0, max_value=10),
    later=st.integers(min_value=0, max_value=7200),
    winner=st.integers(min_value=0, max_value=4),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_refreshes_at_once_all_succeed_and_any_answer_goes_on(
    world: World, somebody: str, tabs: int, gap: float, later: int, winner: int
) -> None:
    """However many tabs race, each gets a session that works; whichever answer is kept, the session goes on."""
    first = await world.sign_in(somebody)
    world.advance(3600)
    answers: list[Session] = await asyncio.gather(*(world.refresh(first.refresh_token) for _ in range(tabs)))
    world.advance(gap)
    answers.append(await world.refresh(first.refresh_token))
    assert len({answer.refresh_token for answer in answers}) == tabs + 1
    for answer in answers:
        assert (await world.current_user(answer)).id == first.user.id
    world.advance(later)
    kept = await world.refresh(answers[winner % len(answers)].refresh_token)
    world.advance(3600)
    assert await world.reason(world.refresh(kept.refresh_token)) == ""


@given(st.lists(st.tuples(st.integers(min_value=0, max_value=20), st.integers(min_value=0)), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_order_of_tokens_follows_the_model(world: World, somebody: str, steps: list[tuple[int, int]]) -> None:
    """Presents any token ever issued at any time, and compares with a model that knows every token's fate."""
    first = await world.sign_in(somebody)
    issued = [(first.refresh_token, 0)]
    left: dict[int, float] = {}
    generation, now = 0, 0.0
    for gap, choice in steps:
        world.advance(gap)
        now += gap
        token, of = issued[choice % len(issued)]
        if of == generation:
            expected, generation = "", generation + 1
            left[of] = now
        else:
            expected = "" if now - left[of] <= 10 else "REFRESH_TOKEN_ALREADY_USED"
        if expected:
            assert await world.reason(world.refresh(token)) == expected
            for each, _ in issued:
                assert await world.reason(world.refresh(each)) == "REFRESH_TOKEN_NOT_FOUND"
            return
        issued.append(((await world.refresh(token)).refresh_token, generation))
