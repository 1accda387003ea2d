"""SignInWithPassword, on a real database."""

import asyncio

import pytest
from argon2 import PasswordHasher

from chassis.errors import Failure, InvalidArgument, ResourceExhausted
from services.user.domain.lockout import FAILURES_ALLOWED
from services.user.store.users import REPLACE_HASH
from tests.integration.user.world import PASSWORD, World

WRONG = "wrong horse battery"


async def test_the_right_password_begins_another_session(world: World) -> None:
    first = await world.sign_up()
    world.advance(60)
    second = await world.sign_in(first.user.email.upper())
    assert second.id != first.id
    assert second.user.id == first.user.id
    assert second.user.version == 2
    assert second.user.last_sign_in_time.seconds - first.user.last_sign_in_time.seconds == 60
    assert second.user.create_time == first.user.create_time
    assert await world.current_user(first) == await world.current_user(second) == second.user
    assert await world.event_types(first.user.id) == ["UserRegistered", "UserSignedIn"]


async def test_sign_ins_at_once_all_succeed_and_lose_no_version(world: World) -> None:
    email = (await world.sign_up()).user.email
    sessions = await asyncio.gather(*(world.sign_in(email) for _ in range(6)))
    assert sorted(session.user.version for session in sessions) == [2, 3, 4, 5, 6, 7]


async def test_a_wrong_password_and_an_unknown_address_look_the_same(world: World) -> None:
    email = (await world.sign_up()).user.email
    with pytest.raises(InvalidArgument) as wrong:
        await world.sign_in(email, WRONG)
    with pytest.raises(InvalidArgument) as unknown:
        await world.sign_in(world.address(), WRONG)
    assert wrong.value.reason == unknown.value.reason == "INVALID_CREDENTIALS"
    assert (wrong.value.message, wrong.value.metadata) == (unknown.value.message, unknown.value.metadata)


@pytest.mark.parametrize("registered", [True, False])
async def test_ten_failures_lock_the_address_for_fifteen_minutes(world: World, registered: bool) -> None:
    email = (await world.sign_up()).user.email if registered else world.address()
    for _ in range(FAILURES_ALLOWED):
        assert await world.reason(world.sign_in(email, WRONG)) == "INVALID_CREDENTIALS"
    with pytest.raises(ResourceExhausted) as refused:
        await world.sign_in(email, PASSWORD)
    assert refused.value.reason == "SIGN_IN_LOCKED"
    assert refused.value.metadata == {"retryAfterSeconds": "900"}
    assert refused.value.retry_after is not None
    world.advance(899)
    assert await world.reason(world.sign_in(email, PASSWORD)) == "SIGN_IN_LOCKED"
    world.advance(1)
    assert await world.reason(world.sign_in(email, PASSWORD)) == ("" if registered else "INVALID_CREDENTIALS")


async def test_a_success_forgets_the_failures_before_it(world: World) -> None:
    email = (await world.sign_up()).user.email
    for _ in range(2):
        for _ in range(FAILURES_ALLOWED - 1):
            assert await world.reason(world.sign_in(email, WRONG)) == "INVALID_CREDENTIALS"
        assert await world.reason(world.sign_in(email, PASSWORD)) == ""


async def test_guesses_at_once_cant_outrun_the_limit(world: World) -> None:
    email = (await world.sign_up()).user.email
    guesses = [world.sign_in(email, WRONG) for _ in range(15)]
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    reasons = [outcome.reason for outcome in outcomes if isinstance(outcome, Failure)]
    assert reasons.count("INVALID_CREDENTIALS") == FAILURES_ALLOWED
    assert reasons.count("SIGN_IN_LOCKED") == 5


async def test_a_lock_leaves_running_sessions_alone(world: World) -> None:
    session = await world.sign_up()
    for _ in range(FAILURES_ALLOWED):
        await world.reason(world.sign_in(session.user.email, WRONG))
    assert await world.reason(world.sign_in(session.user.email, PASSWORD)) == "SIGN_IN_LOCKED"
    assert await world.reason(world.refresh(session.refresh_token)) == ""


async def test_a_hash_with_older_parameters_is_replaced(world: World) -> None:
    session = await world.sign_up()
    email = session.user.email
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    current = await world.stored_hash(email)
    async with world.db.write() as tx:
        now = world.clock.now()
        await tx.execute(REPLACE_HASH, user_id=session.user.id, verified=current, hash=old, updated_at=now)
    assert await world.reason(world.sign_in(email, WRONG)) == "INVALID_CREDENTIALS"
    assert await world.stored_hash(email) == old
    await world.sign_in(email)
    replaced = await world.stored_hash(email)
    assert replaced.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await world.sign_in(email)
    assert await world.stored_hash(email) == replaced
