"""UpdateRoles: what a person may do afterwards, and that no token with the old roles lives on."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from fitnesshub.options.v1.policy_pb2 import ROLE_ADMIN, ROLE_MEMBER, ROLE_MODERATOR, ROLE_SERVICE, ROLE_TRAINER, Role
from fitnesshub.user.v1.events_pb2 import SESSION_END_CAUSE_ROLES_CHANGED, UserRolesChanged
from fitnesshub.user.v1.user_pb2 import User

from chassis.errors import Failure
from tests.integration.user import people
from tests.integration.user.people import Person, failing
from tests.integration.user.world import World


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([ROLE_TRAINER], ["member", "trainer"]),
        ([ROLE_SERVICE, ROLE_ADMIN, ROLE_MEMBER, ROLE_MODERATOR], ["member", "moderator", "admin", "service"]),
    ],
)
async def test_member_stays_and_the_rest_is_replaced(
    world: World, admin: Person, ada: Person, sent: list[Role.ValueType], expected: list[str]
) -> None:
    changed = await admin.set_roles(ada.id, *sent)
    assert list(changed.roles) == expected
    assert await admin.user(ada.id) == changed
    assert world.claims(await world.sign_in(ada.email))["app_metadata"]["roles"] == expected
    assert list((await admin.set_roles(ada.id)).roles) == ["member"]


async def test_the_persons_sessions_end_and_an_event_says_what_changed(
    world: World, admin: Person, ada: Person
) -> None:
    bystander = await world.sign_up()
    changed = await admin.set_roles(ada.id, ROLE_TRAINER)

    with failing("SESSION_ENDED"):
        await ada.me()
    assert await world.is_announced(ada.session.id)
    assert not await world.is_announced(bystander.id)
    assert await world.reason(world.refresh(ada.session.refresh_token)) == "REFRESH_TOKEN_NOT_FOUND"
    [(_, ended)] = await world.sessions_ended(ada.id)
    assert (list(ended.session_ids), ended.cause) == ([ada.session.id], SESSION_END_CAUSE_ROLES_CHANGED)
    said = UserRolesChanged()
    [event] = [event for event in await world.events(ada.id) if event.data.Unpack(said)]
    assert (said.user, event.aggregate_version) == (changed, ada.session.user.version + 1)


async def test_a_change_of_nothing_ends_nothing(world: World, admin: Person) -> None:
    trainer = await people.with_role(world, ROLE_TRAINER)
    assert await admin.set_roles(trainer.id, ROLE_TRAINER, ROLE_MEMBER) == trainer.session.user
    assert await trainer.me() == trainer.session.user


async def test_roles_of_somebody_who_never_signs_in_again_are_changed_too(world: World, admin: Person) -> None:
    ada = await people.member(world)
    await admin.suspend(ada.id)
    changed = await admin.set_roles(ada.id, ROLE_TRAINER)
    assert changed.HasField("suspension")


async def only_these_admins(world: World, number: int) -> list[Person]:
    """New administrators, after which nobody else is one."""
    made = [await people.admin(world) for _ in range(number)]
    token = ""
    found: list[str] = []
    while True:
        page = await made[0].users(role=ROLE_ADMIN, page_size=100, page_token=token)
        found += [user.id for user in page.users]
        token = page.next_page_token
        if not token:
            break
    for user_id in set(found) - {person.id for person in made}:
        await made[0].set_roles(user_id)
    return made


async def test_the_last_admin_stays_one(world: World) -> None:
    [last] = await only_these_admins(world, 1)
    with failing("LAST_ADMIN"):
        await last.set_roles(last.id)
    assert list((await last.me()).roles) == ["member", "admin"]
    assert list((await last.set_roles(last.id, ROLE_ADMIN, ROLE_TRAINER)).roles) == ["member", "trainer", "admin"]


async def test_an_admin_who_is_suspended_doesnt_count(world: World) -> None:
    last, other = await only_these_admins(world, 2)
    await last.suspend(other.id)
    with failing("LAST_ADMIN"):
        await last.set_roles(last.id)
    await last.set_roles(other.id)
    await last.reinstate(other.id)
    with failing("LAST_ADMIN"):
        await last.set_roles(last.id)


@pytest.mark.parametrize("how", [Person.set_roles, Person.suspend])
async def test_admins_who_remove_each_other_at_once_leave_one(
    world: World, how: Callable[[Person, str], Awaitable[User]]
) -> None:
    for _ in range(3):
        first, second = await only_these_admins(world, 2)
        outcomes = await asyncio.gather(how(first, second.id), how(second, first.id), return_exceptions=True)
        assert [each.reason for each in outcomes if isinstance(each, Failure)] == ["LAST_ADMIN"]


@pytest.mark.parametrize(
    ("sent", "field"), [([ROLE_TRAINER, ROLE_TRAINER], "roles[1]"), ([0], "roles[0]"), ([99], "roles[0]")]
)
async def test_roles_must_be_known_and_said_once(admin: Person, ada: Person, sent: list[int], field: str) -> None:
    with failing("INVALID_REQUEST") as caught:
        await admin.set_roles(ada.id, *sent)  # type: ignore[arg-type]
    assert [each.field for each in caught.value.violations] == [field]


async def test_an_unknown_user_is_not_found(admin: Person) -> None:
    with failing("USER_NOT_FOUND"):
        await admin.set_roles("01956b1c-0000-7000-8000-000000000001", ROLE_TRAINER)


async def test_only_admins_may(world: World, ada: Person) -> None:
    for actor in (ada, await people.moderator(world)):
        with failing("ROLE_REQUIRED"):
            await actor.set_roles(actor.id, ROLE_ADMIN)
