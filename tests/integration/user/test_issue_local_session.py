"""IssueLocalSession: the operator's shell gets tokens on local profiles, and nowhere else."""

import asyncio

import pytest
from fitnesshub.options.v1.policy_pb2 import ROLE_ADMIN, ROLE_TRAINER, ROLE_UNSPECIFIED, Role
from fitnesshub.user.v1 import auth_service_pb2 as pb
from fitnesshub.user.v1.user_pb2 import Session

from chassis.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from tests.integration.user.world import AUTH, World


async def issue(world: World, email: str, role: Role.ValueType = ROLE_UNSPECIFIED, caller: str = "cli") -> Session:
    request = pb.IssueLocalSessionRequest(email=email, role=role)
    return await world.call(AUTH, "IssueLocalSession", request, Session, caller=caller)


async def test_an_unknown_user_is_made(world: World) -> None:
    session = await issue(world, world.address())
    assert list(session.user.roles) == ["member"]
    assert await world.current_user(session) == session.user
    assert await world.event_types(session.user.id) == ["UserRegistered"]
    assert world.claims(session)["amr"][0]["method"] == "local"


async def test_an_unknown_user_who_must_exist_is_refused_and_not_made(world: World) -> None:
    request = pb.IssueLocalSessionRequest(email=world.address(), must_exist=True)
    for _ in range(2):
        with pytest.raises(NotFound) as refused:
            await world.call(AUTH, "IssueLocalSession", request, Session, caller="cli")
        assert refused.value.reason == "USER_NOT_FOUND"


async def test_a_known_user_is_found(world: World) -> None:
    known = await world.sign_up()
    session = await issue(world, known.user.email)
    assert session.user == known.user
    assert session.id != known.id


async def test_a_role_is_added_and_kept(world: World) -> None:
    email = world.address()
    assert list((await issue(world, email, ROLE_ADMIN)).user.roles) == ["member", "admin"]
    assert list((await issue(world, email, ROLE_TRAINER)).user.roles) == ["member", "admin", "trainer"]
    session = await issue(world, email, ROLE_ADMIN)
    assert list(session.user.roles) == ["member", "admin", "trainer"]
    assert session.user.version == 3
    assert await world.event_types(session.user.id) == ["UserRegistered", "UserRolesChanged", "UserRolesChanged"]
    assert world.claims(session)["app_metadata"]["roles"] == ["member", "admin", "trainer"]


async def test_a_made_user_has_no_password_anybody_knows(world: World) -> None:
    session = await issue(world, world.address())
    with pytest.raises(InvalidArgument):
        await world.sign_in(session.user.email, "")
    with pytest.raises(InvalidArgument):
        await world.sign_in(session.user.email, session.user.email)


async def test_many_at_once_make_one_user(world: World) -> None:
    email = world.address()
    sessions = await asyncio.gather(*(issue(world, email, ROLE_ADMIN) for _ in range(4)))
    assert len({session.user.id for session in sessions}) == 1


async def test_only_the_operators_shell_may_call(world: World) -> None:
    for caller in ("", "workout"):
        with pytest.raises(PermissionDenied) as refused:
            await issue(world, world.address(), caller=caller)
        assert refused.value.reason == "CALLER_NOT_ALLOWED"


async def test_elsewhere_than_on_local_profiles_it_is_off(world: World) -> None:
    with pytest.raises(FailedPrecondition) as refused:
        await issue(world.with_settings(local_tokens="false"), world.address())
    assert refused.value.reason == "LOCAL_TOKENS_DISABLED"
