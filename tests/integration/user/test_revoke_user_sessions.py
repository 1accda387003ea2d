"""RevokeUserSessions: all devices of a person are signed out, and nobody else's."""

from fitnesshub.user.v1.events_pb2 import SESSION_END_CAUSE_REVOKED_BY_ADMIN

from tests.integration.user import people
from tests.integration.user.people import Person, failing
from tests.integration.user.world import World


async def test_all_sessions_of_the_person_end(world: World, admin: Person, ada: Person, bob: Person) -> None:
    other = await world.sign_in(ada.email)

    assert await admin.revoke_sessions(ada.id) == 2

    for session in (ada.session, other):
        assert await world.is_announced(session.id)
        assert await world.reason(world.refresh(session.refresh_token)) == "REFRESH_TOKEN_NOT_FOUND"
    assert await bob.me() == bob.session.user
    [(_, ended)] = await world.sessions_ended(ada.id)
    assert ended.cause == SESSION_END_CAUSE_REVOKED_BY_ADMIN
    assert await world.reason(world.sign_in(ada.email)) == ""


async def test_a_second_time_there_is_nothing_to_end(admin: Person, ada: Person) -> None:
    await admin.revoke_sessions(ada.id)
    assert await admin.revoke_sessions(ada.id) == 0


async def test_an_unknown_user_is_not_found(admin: Person) -> None:
    with failing("USER_NOT_FOUND"):
        await admin.revoke_sessions("01956b1c-0000-7000-8000-000000000001")


async def test_only_admins_may(world: World, ada: Person, bob: Person) -> None:
    for actor in (ada, await people.moderator(world)):
        with failing("ROLE_REQUIRED"):
            await actor.revoke_sessions(bob.id)
