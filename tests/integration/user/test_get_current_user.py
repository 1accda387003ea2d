"""GetCurrentUser: the resource untouched, and nobody's."""

import pytest
from fitnesshub.user.v1.user_pb2 import Session

from chassis.errors import Failure, NotFound, Unauthenticated
from chassis.identity import LEEWAY
from tests.integration.user.world import World


async def test_everybody_gets_themselves(world: World) -> None:
    ada, bob = await world.sign_up(), await world.sign_up()
    assert await world.current_user(ada) == ada.user
    assert await world.current_user(bob) == bob.user


@pytest.mark.parametrize("token", ["", "not.a.token"])
async def test_strangers_are_refused(world: World, token: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        await world.current_user(Session(access_token=token))
    assert refused.value.reason == "UNAUTHENTICATED"


async def test_an_expired_token_is_refused_and_a_refreshed_one_isnt(world: World) -> None:
    session = await world.sign_up()
    world.advance(3600 + LEEWAY)
    with pytest.raises(Unauthenticated):
        await world.current_user(session)
    assert await world.current_user(await world.refresh(session.refresh_token)) == session.user


async def test_a_user_who_is_gone_is_not_found(world: World) -> None:
    session = await world.sign_up()
    await world.delete_user(session.user.id)
    with pytest.raises(NotFound) as refused:
        await world.current_user(session)
    assert refused.value.reason == "USER_NOT_FOUND"
    with pytest.raises(Failure) as gone:
        await world.refresh(session.refresh_token)
    assert gone.value.reason == "REFRESH_TOKEN_NOT_FOUND"
