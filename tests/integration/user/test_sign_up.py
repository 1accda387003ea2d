"""SignUp, on a real database."""

import asyncio

import jwt
import pytest

from chassis.errors import AlreadyExists, FailedPrecondition, InvalidArgument
from services.user.domain.users import MAX_METADATA_BYTES
from tests.integration.user.world import ISSUER, PASSWORD, World


async def test_a_person_signs_up_and_is_signed_in(world: World) -> None:
    email = world.address()
    session = await world.sign_up(email.upper(), name="Ada")
    user = session.user
    assert user.email == email
    assert list(user.roles) == ["member"]
    assert user.version == 1
    assert dict(user.user_metadata) == {"name": "Ada"}
    now = world.clock.now()
    for time in (user.create_time, user.update_time, user.last_sign_in_time, user.email_confirm_time):
        assert time.ToDatetime(now.tzinfo) == now
    assert session.expires_in == 3600
    assert session.expire_time.seconds == int(now.timestamp()) + 3600
    assert await world.current_user(session) == user
    assert await world.event_types(user.id) == ["UserRegistered"]


async def test_the_access_token_is_es256_and_verifies_with_a_published_key(world: World) -> None:
    session = await world.sign_up()
    assert jwt.get_unverified_header(session.access_token)["alg"] == "ES256"
    claims = world.claims(session)
    assert claims["iss"] == ISSUER
    assert claims["sub"] == session.user.id
    assert claims["session_id"] == session.id
    assert claims["app_metadata"] == {"provider": "email", "providers": ["email"], "roles": ["member"]}


async def test_an_address_registers_once_whatever_its_case(world: World) -> None:
    email = world.address()
    await world.sign_up(email)
    with pytest.raises(AlreadyExists) as refused:
        await world.sign_up(email.title())
    assert refused.value.reason == "EMAIL_ALREADY_REGISTERED"


async def test_of_many_sign_ups_at_once_one_wins(world: World) -> None:
    email = world.address()
    outcomes = await asyncio.gather(*(world.sign_up(email) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(outcome, AlreadyExists) for outcome in outcomes) == 4
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1


async def test_only_a_hash_of_the_password_is_stored(world: World) -> None:
    stored = await world.stored_hash((await world.sign_up()).user.email)
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored


async def test_a_weak_password_is_refused_with_its_rules(world: World) -> None:
    email = world.address()
    with pytest.raises(InvalidArgument) as refused:
        await world.sign_up(email, "passw0rd")
    assert refused.value.reason == "WEAK_PASSWORD"
    assert refused.value.metadata == {"rules": "tooCommon"}
    assert [violation.field for violation in refused.value.violations] == ["password"]
    await world.sign_up(email)  # nothing was stored


async def test_the_largest_metadata_make_a_token_that_is_accepted(world: World) -> None:
    most = MAX_METADATA_BYTES - len('{"bio":""}')
    session = await world.sign_up(bio="x" * most)
    assert await world.current_user(session) == session.user


@pytest.mark.parametrize("bio", ["x" * MAX_METADATA_BYTES, "💪" * (MAX_METADATA_BYTES // 8)])
async def test_metadata_that_wouldnt_fit_in_a_token_are_refused(world: World, bio: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await world.sign_up(bio=bio)
    assert refused.value.reason == "INVALID_REQUEST"
    assert [violation.field for violation in refused.value.violations] == ["userMetadata"]


async def test_metadata_as_deep_as_the_rules_allow_come_back(world: World) -> None:
    nested: dict[str, object] = {"leaf": 1}
    for _ in range(30):
        nested = {"n": nested}
    session = await world.sign_up(nested=nested)
    assert (await world.current_user(session)).user_metadata == session.user.user_metadata
    assert (await world.sign_in(session.user.email)).user.user_metadata == session.user.user_metadata


async def test_sign_up_can_be_switched_off(world: World) -> None:
    closed = world.with_settings(sign_up_enabled="false")
    with pytest.raises(FailedPrecondition) as refused:
        await closed.sign_up()
    assert refused.value.reason == "SIGN_UP_DISABLED"
