"""SignOut: which sessions end, who hears of it, and that their tokens die."""

import asyncio

import pytest
from fitnesshub.user.v1 import auth_service_pb2 as pb
from fitnesshub.user.v1.events_pb2 import SESSION_END_CAUSE_SIGNED_OUT
from fitnesshub.user.v1.user_pb2 import Session

from chassis.errors import Failure, Unauthenticated
from tests.integration.user.world import World


async def three_sessions(world: World) -> list[Session]:
    first = await world.sign_up()
    return [first, await world.sign_in(first.user.email), await world.sign_in(first.user.email)]


async def alive(world: World, sessions: list[Session]) -> list[bool]:
    """Which of the sessions can still be refreshed."""
    reasons = [await world.reason(world.refresh(session.refresh_token)) for session in sessions]
    assert set(reasons) <= {"", "REFRESH_TOKEN_NOT_FOUND"}
    return [not reason for reason in reasons]


@pytest.mark.parametrize(
    ("scope", "survivors"),
    [
        (pb.SIGN_OUT_SCOPE_UNSPECIFIED, [False, False, False]),
        (pb.SIGN_OUT_SCOPE_GLOBAL, [False, False, False]),
        (pb.SIGN_OUT_SCOPE_LOCAL, [False, True, True]),
        (pb.SIGN_OUT_SCOPE_OTHERS, [True, False, False]),
    ],
)
async def test_a_scope_ends_its_sessions_and_no_others(
    world: World, scope: pb.SignOutScope.ValueType, survivors: list[bool]
) -> None:
    bystander = await world.sign_up()
    sessions = await three_sessions(world)
    await world.sign_out(sessions[0], scope)
    assert [not await world.is_announced(session.id) for session in sessions] == survivors
    assert await alive(world, sessions) == survivors
    assert await alive(world, [bystander]) == [True]
    [(_, event)] = await world.sessions_ended(sessions[0].user.id)
    assert event.cause == SESSION_END_CAUSE_SIGNED_OUT
    assert set(event.session_ids) == {s.id for s, lives in zip(sessions, survivors, strict=True) if not lives}


async def test_access_tokens_of_an_ended_session_are_refused(world: World) -> None:
    session = await world.sign_up()
    await world.sign_out(session)
    with pytest.raises(Unauthenticated) as refused:
        await world.current_user(session)
    assert refused.value.reason == "SESSION_ENDED"
    # Every other service goes by the list that the pipeline reads from Redis.
    await world.ended.refresh()
    assert world.ended.contains(session.id)


async def test_signing_out_twice_says_so_once(world: World) -> None:
    session = await world.sign_up()
    await asyncio.gather(*(world.sign_out(session) for _ in range(4)))
    assert (await world.event_types(session.user.id)).count("SessionsEnded") == 1


async def test_versions_of_ended_sessions_rise(world: World) -> None:
    sessions = await three_sessions(world)
    await world.sign_out(sessions[0], pb.SIGN_OUT_SCOPE_LOCAL)
    await world.sign_out(sessions[1], pb.SIGN_OUT_SCOPE_LOCAL)
    assert [version for version, _ in await world.sessions_ended(sessions[0].user.id)] == [1, 2]


async def test_refreshes_and_sign_outs_at_once_leave_nothing_alive(world: World) -> None:
    sessions = await three_sessions(world)
    calls = [*(world.refresh(each.refresh_token) for each in sessions), *(world.sign_out(each) for each in sessions)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    refreshed = [outcome for outcome in outcomes if isinstance(outcome, Session)]
    assert await alive(world, [*sessions, *refreshed]) == [False] * (3 + len(refreshed))
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert all(isinstance(each, Failure) and each.reason == "REFRESH_TOKEN_NOT_FOUND" for each in failures)


async def test_redis_down_doesnt_keep_anybody_from_signing_out(world: World) -> None:
    cut_off = world.without_redis()
    session = await cut_off.sign_up()
    await cut_off.sign_out(session)
    assert await alive(world, [session]) == [False]
    assert not await world.is_announced(session.id)
    await world.upkeep.republish()
    assert await world.is_announced(session.id)


async def test_signing_out_needs_a_token(world: World) -> None:
    with pytest.raises(Unauthenticated) as refused:
        await world.sign_out(Session(access_token="none"))
    assert refused.value.reason == "UNAUTHENTICATED"
