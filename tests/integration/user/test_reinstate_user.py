"""ReinstateUser: the person may sign in again, and what ended stays ended."""

from datetime import timedelta

from fitnesshub.user.v1.events_pb2 import UserReinstated

from tests.integration.user import people
from tests.integration.user.people import Person, failing
from tests.integration.user.world import World


async def test_the_person_signs_in_again_and_old_sessions_stay_ended(world: World, admin: Person, ada: Person) -> None:
    suspended = await admin.suspend(ada.id)

    reinstated = await admin.reinstate(ada.id)

    assert not reinstated.HasField("suspension")
    assert reinstated.version == suspended.version + 1
    said = UserReinstated()
    [event] = [event for event in await world.events(ada.id) if event.data.Unpack(said)]
    assert (said.user, event.aggregate_version) == (reinstated, reinstated.version)
    assert await world.reason(world.refresh(ada.session.refresh_token)) == "REFRESH_TOKEN_NOT_FOUND"
    with failing("SESSION_ENDED"):
        await ada.me()
    again = await world.sign_in(ada.email)
    assert await world.current_user(again) == again.user


async def test_of_somebody_who_isnt_suspended_it_changes_nothing(world: World, admin: Person, ada: Person) -> None:
    assert await admin.reinstate(ada.id) == ada.session.user
    await admin.suspend(ada.id, until=world.clock.now() + timedelta(seconds=1))
    world.advance(1)
    over = await admin.reinstate(ada.id)
    assert not over.HasField("suspension")
    assert "UserReinstated" not in await world.event_types(ada.id)


async def test_moderators_may_and_members_may_not(world: World, admin: Person, ada: Person, bob: Person) -> None:
    await admin.suspend(ada.id)
    with failing("ROLE_REQUIRED"):
        await bob.reinstate(ada.id)
    moderator = await people.moderator(world)
    assert not (await moderator.reinstate(ada.id)).HasField("suspension")


async def test_an_unknown_user_is_not_found(admin: Person) -> None:
    with failing("USER_NOT_FOUND"):
        await admin.reinstate("01956b1c-0000-7000-8000-000000000001")
