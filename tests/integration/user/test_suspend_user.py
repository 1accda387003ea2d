"""SuspendUser and what follows from it: who is refused where, for how long, and what nobody learns."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from fitnesshub.options.v1.policy_pb2 import ROLE_ADMIN, ROLE_MODERATOR, ROLE_TRAINER, Role
from fitnesshub.user.v1 import gotrue_service_pb2
from fitnesshub.user.v1.auth_service_pb2 import IssueLocalSessionRequest
from fitnesshub.user.v1.events_pb2 import SESSION_END_CAUSE_SUSPENDED, UserSuspended
from fitnesshub.user.v1.user_pb2 import Session
from google.api.httpbody_pb2 import HttpBody

from chassis.errors import PermissionDenied, Unauthenticated
from tests.integration.user import people
from tests.integration.user.people import Person, failing
from tests.integration.user.world import AUTH, PASSWORD, World

HOUR = timedelta(hours=1)


async def test_it_is_in_the_answer_the_account_and_the_event(world: World, admin: Person, ada: Person) -> None:
    until = world.clock.now() + HOUR

    suspended = await admin.suspend(ada.id, "spam in comments", until)

    assert suspended.suspension.reason == "spam in comments"
    assert suspended.suspension.start_time.ToDatetime(UTC) == world.clock.now()
    assert suspended.suspension.until.ToDatetime(UTC) == until
    assert suspended.version == ada.session.user.version + 1
    assert await admin.user(ada.id) == suspended
    said = UserSuspended()
    [event] = [event for event in await world.events(ada.id) if event.data.Unpack(said)]
    assert said.user == suspended
    assert (event.aggregate_type, event.aggregate_id, event.aggregate_version) == ("user", ada.id, suspended.version)


async def test_all_sessions_end_and_every_service_hears_of_it(world: World, admin: Person, ada: Person) -> None:
    other = await world.sign_in(ada.email)
    bystander = await world.sign_up()

    await admin.suspend(ada.id)

    for session in (ada.session, other):
        assert await world.is_announced(session.id)
        with failing("SESSION_ENDED"):
            await world.current_user(session)
    await world.ended.refresh()
    assert world.ended.contains(other.id)
    assert not await world.is_announced(bystander.id)
    [(_, ended)] = await world.sessions_ended(ada.id)
    assert ended.cause == SESSION_END_CAUSE_SUSPENDED
    assert set(ended.session_ids) == {ada.session.id, other.id}


async def test_sign_in_refresh_and_local_sessions_are_refused_with_the_reason(
    world: World, admin: Person, ada: Person
) -> None:
    until = world.clock.now() + HOUR
    await admin.suspend(ada.id, "spam", until)
    local = IssueLocalSessionRequest(email=ada.email)
    refused = [
        world.sign_in(ada.email),
        world.refresh(ada.session.refresh_token),
        world.call(AUTH, "IssueLocalSession", local, Session, caller="cli"),
    ]
    for call in refused:
        with pytest.raises(PermissionDenied) as caught:
            await call
        assert caught.value.reason == "USER_SUSPENDED"
        told = datetime.fromisoformat(caught.value.metadata.pop("until"))
        assert told == until
        assert caught.value.metadata == {"why": "spam"}
    assert (await world.count_rows(ada.id))[0] == 1


async def test_without_an_end_none_is_told(world: World, admin: Person, ada: Person) -> None:
    await admin.suspend(ada.id, "spam")
    with failing("USER_SUSPENDED") as caught:
        await world.sign_in(ada.email)
    assert caught.value.metadata == {"why": "spam"}


async def test_a_wrong_password_learns_nothing(world: World, admin: Person, ada: Person, bob: Person) -> None:
    await admin.suspend(ada.id)
    answers = []
    for email in (ada.email, bob.email, world.address()):
        with failing("INVALID_CREDENTIALS") as caught:
            await world.sign_in(email, "wrong horse battery")
        answers.append((type(caught.value), caught.value.message, caught.value.metadata))
    assert answers[0] == answers[1] == answers[2]


async def test_a_refresh_token_that_nobody_knows_learns_nothing(world: World, admin: Person, ada: Person) -> None:
    await world.sign_out(ada.session)
    await admin.suspend(ada.id)
    assert await world.reason(world.refresh(ada.session.refresh_token)) == "REFRESH_TOKEN_NOT_FOUND"
    assert await world.reason(world.refresh("nobody-has-this")) == "REFRESH_TOKEN_NOT_FOUND"


async def test_in_the_dialect_the_user_is_banned(world: World, admin: Person, ada: Person) -> None:
    await admin.suspend(ada.id)
    bodies = {
        "password": f'{{"email": "{ada.email}", "password": "{PASSWORD}"}}',
        "refresh_token": f'{{"refresh_token": "{ada.session.refresh_token}"}}',
    }
    for grant_type, content in bodies.items():
        body = HttpBody(content_type="application/json", data=content.encode())
        request = gotrue_service_pb2.GoTrueTokenRequest(grant_type=grant_type, body=body)
        answer = await world.gotrue("GoTrueToken", request)
        assert answer.status == 403
        assert answer.content == {"code": 403, "error_code": "user_banned", "msg": "User is banned"}
        assert answer.headers["x-sb-error-code"] == "user_banned"


async def test_it_ends_by_itself_to_the_microsecond(world: World, admin: Person, ada: Person) -> None:
    suspended = await admin.suspend(ada.id, until=world.clock.now() + HOUR)
    world.advance(3600 - 1e-6)
    assert await world.reason(world.sign_in(ada.email)) == "USER_SUSPENDED"
    assert (await admin.user(ada.id)).HasField("suspension")
    world.advance(1e-6)
    admin = await people.admin(world)

    assert not (await admin.user(ada.id)).HasField("suspension")
    assert await world.reason(world.refresh(ada.session.refresh_token)) == "REFRESH_TOKEN_NOT_FOUND"
    again = await world.sign_in(ada.email)
    assert not again.user.HasField("suspension")
    assert again.user.version == suspended.version + 1
    assert await world.current_user(again) == again.user


async def test_the_current_user_shows_no_suspension_that_is_over(world: World, admin: Person, ada: Person) -> None:
    """Nobody writes when it ends, so what is stored still has it."""
    later = await people.with_role(world, ROLE_TRAINER, email=ada.email)
    await admin.suspend(ada.id, until=world.clock.now() + HOUR)
    world.advance(3600)
    local = await people.with_role(world, email=later.email)
    assert not (await local.me()).HasField("suspension")


async def test_suspending_again_replaces_reason_and_end_and_keeps_the_start(
    world: World, admin: Person, ada: Person
) -> None:
    first = await admin.suspend(ada.id, "spam")
    world.advance(60)
    second = await admin.suspend(ada.id, "insults", world.clock.now() + HOUR)
    assert second.suspension.start_time == first.suspension.start_time
    assert second.suspension.reason == "insults"
    third = await admin.suspend(ada.id, "insults")
    assert not third.suspension.HasField("until")
    assert third.version == first.version + 2


async def test_repeating_it_changes_nothing(world: World, admin: Person, ada: Person) -> None:
    first = await admin.suspend(ada.id)
    assert await admin.suspend(ada.id) == first
    assert (await world.event_types(ada.id)).count("UserSuspended") == 1


async def test_the_same_key_gives_the_same_answer_once(world: World, admin: Person, ada: Person) -> None:
    first = await admin.suspend(ada.id, idempotency_key="suspend-1")
    await admin.reinstate(ada.id)
    assert await admin.suspend(ada.id, idempotency_key="suspend-1") == first
    assert not (await admin.user(ada.id)).HasField("suspension")


@pytest.mark.parametrize("seconds", [0, -1])
async def test_it_cannot_end_in_the_past(world: World, admin: Person, ada: Person, seconds: int) -> None:
    with failing("SUSPENSION_TIME_INVALID") as caught:
        await admin.suspend(ada.id, until=world.clock.now() + timedelta(seconds=seconds))
    assert [each.field for each in caught.value.violations] == ["until"]
    assert not (await ada.me()).HasField("suspension")


async def test_the_last_microsecond_of_the_calendar_is_an_end(world: World, admin: Person, ada: Person) -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    suspended = await admin.suspend(ada.id, until=last)
    assert await admin.user(ada.id) == suspended
    assert suspended in (await admin.users(suspended=True)).users


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
async def test_a_reason_is_needed(admin: Person, ada: Person, reason: str) -> None:
    with failing("INVALID_REQUEST"):
        await admin.suspend(ada.id, reason)


async def test_an_unknown_user_is_not_found(world: World, admin: Person) -> None:
    with failing("USER_NOT_FOUND"):
        await admin.suspend("01956b1c-0000-7000-8000-000000000001")


async def test_nobody_suspends_themselves(admin: Person) -> None:
    with failing("SUSPENSION_NOT_ALLOWED"):
        await admin.suspend(admin.id)
    with failing("SUSPENSION_NOT_ALLOWED"):
        await admin.reinstate(admin.id)


@pytest.mark.parametrize(("role", "allowed"), [(ROLE_TRAINER, True), (ROLE_MODERATOR, False), (ROLE_ADMIN, False)])
async def test_moderators_do_it_to_others_only(world: World, role: Role.ValueType, allowed: bool) -> None:
    actor, person = await people.moderator(world), await people.with_role(world, role)
    assert await world.reason(actor.suspend(person.id)) == ("" if allowed else "SUSPENSION_NOT_ALLOWED")
    assert await world.reason(actor.reinstate(person.id)) == ("" if allowed else "SUSPENSION_NOT_ALLOWED")
    boss = await people.admin(world)
    assert await world.reason(boss.suspend(person.id)) == ""


async def test_members_may_not(ada: Person, bob: Person) -> None:
    with failing("ROLE_REQUIRED"):
        await ada.suspend(bob.id)


async def test_redis_down_keeps_nobody_from_suspending(world: World, admin: Person, ada: Person) -> None:
    await Person(world.without_redis(), admin.session).suspend(ada.id)
    with pytest.raises(Unauthenticated):
        await ada.me()
    assert not await world.is_announced(ada.session.id)
    await world.upkeep.republish()
    assert await world.is_announced(ada.session.id)


async def test_signing_in_and_refreshing_meanwhile_leaves_no_session_alive(world: World, admin: Person) -> None:
    for _ in range(5):
        ada = await people.member(world)
        calls = [
            *(world.sign_in(ada.email) for _ in range(3)),
            world.refresh(ada.session.refresh_token),
            admin.suspend(ada.id),
            *(world.sign_in(ada.email) for _ in range(3)),
        ]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        begun = [each for each in outcomes if isinstance(each, Session)]
        reasons = {getattr(each, "reason", "") for each in outcomes if isinstance(each, BaseException)}
        assert reasons <= {"USER_SUSPENDED"}
        for session in (ada.session, *begun):
            assert await world.reason(world.current_user(session)) == "SESSION_ENDED"
            assert await world.is_announced(session.id)
        await admin.reinstate(ada.id)
