"""ListSessions and RevokeSession: a person sees where they are signed in, and signs out there."""

from datetime import UTC, timedelta

import pytest
from fitnesshub.user.v1 import auth_service_pb2 as pb
from fitnesshub.user.v1.events_pb2 import SESSION_END_CAUSE_REVOKED
from fitnesshub.user.v1.user_pb2 import Session

from chassis.endpoint import Incoming
from services.user.domain.devices import MAX_USER_AGENT
from tests.integration.user.people import Person, failing
from tests.integration.user.world import AUTH, PASSWORD, World

PHONE = "Mozilla/5.0 (Linux; Android 16) Firefox/150.0"


async def sign_in_from(world: World, email: str, **headers: str) -> Session:
    request = pb.SignInWithPasswordRequest(email=email, password=PASSWORD)
    return await world.call(AUTH, "SignInWithPassword", request, Session, **headers)


async def test_each_device_is_listed_with_what_it_said_newest_first(world: World, ada: Person) -> None:
    world.advance(60)
    signed_in_at = world.clock.now()
    phone = await sign_in_from(world, ada.email, user_agent=PHONE, x_envoy_external_address="203.0.113.7")
    world.advance(60)
    await world.refresh(phone.refresh_token)

    found = (await ada.sessions()).sessions

    assert [each.id for each in found] == [phone.id, ada.session.id]
    assert [each.current for each in found] == [False, True]
    assert (found[0].user_agent, found[0].ip_address, found[0].method) == (PHONE, "203.0.113.7", "password")
    assert found[0].create_time.ToDatetime(UTC) == signed_in_at
    assert found[0].refresh_time.ToDatetime(UTC) - signed_in_at == timedelta(minutes=1)
    assert (found[1].user_agent, found[1].ip_address) == ("", "")
    assert found[1].refresh_time == found[1].create_time


async def test_without_the_edge_the_other_end_is_the_address(world: World) -> None:
    request = pb.SignUpRequest(email=world.address(), password=PASSWORD)
    unary = world.pipeline.endpoints[f"/{AUTH}/SignUp"].unary
    assert unary is not None
    answer = await unary(request.SerializeToString(), Incoming({}, peer="198.51.100.9"))
    ada = Person(world, Session.FromString(answer))
    assert [each.ip_address for each in (await ada.sessions()).sessions] == ["198.51.100.9"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("x" * 5000, "x" * MAX_USER_AGENT), ("a\tb\x00c\u202e", "abc"), ("   ", ""), ("café", "café")],
)
async def test_what_a_client_calls_itself_is_bounded_and_printable(
    world: World, ada: Person, sent: str, kept: str
) -> None:
    await sign_in_from(world, ada.email, user_agent=sent)
    assert (await ada.sessions()).sessions[0].user_agent == kept


async def test_sessions_of_others_and_ended_ones_arent_listed(world: World, ada: Person, bob: Person) -> None:
    ended = await world.sign_in(ada.email)
    await world.sign_out(ended, pb.SIGN_OUT_SCOPE_LOCAL)
    assert [each.id for each in (await ada.sessions()).sessions] == [ada.session.id]
    assert [each.id for each in (await bob.sessions()).sessions] == [bob.session.id]


async def test_pages(world: World, ada: Person, bob: Person) -> None:
    ids = [ada.session.id, *[(await world.sign_in(ada.email)).id for _ in range(4)]]
    first = await ada.sessions(page_size=3)
    second = await ada.sessions(page_size=3, page_token=first.next_page_token)
    assert [each.id for each in (*first.sessions, *second.sessions)] == sorted(ids, reverse=True)
    assert (len(first.sessions), second.next_page_token) == (3, "")
    with failing("PAGE_TOKEN_INVALID"):
        await bob.sessions(page_token=first.next_page_token)


async def test_one_session_is_ended_and_the_others_live(world: World, ada: Person) -> None:
    phone, laptop = await world.sign_in(ada.email), await world.sign_in(ada.email)

    await ada.revoke(phone.id)

    assert await world.is_announced(phone.id)
    with failing("SESSION_ENDED"):
        await world.current_user(phone)
    assert await world.reason(world.refresh(phone.refresh_token)) == "REFRESH_TOKEN_NOT_FOUND"
    assert await world.reason(world.refresh(laptop.refresh_token)) == ""
    assert {each.id for each in (await ada.sessions()).sessions} == {ada.session.id, laptop.id}
    [(_, event)] = await world.sessions_ended(ada.id)
    assert (list(event.session_ids), event.cause) == ([phone.id], SESSION_END_CAUSE_REVOKED)


async def test_the_session_that_asks_can_end_itself(world: World, ada: Person) -> None:
    await ada.revoke(ada.session.id)
    with failing("SESSION_ENDED"):
        await ada.me()


async def test_ended_unknown_and_foreign_sessions_look_the_same(world: World, ada: Person, bob: Person) -> None:
    phone = await world.sign_in(ada.email)
    await ada.revoke(phone.id)
    for session_id in (phone.id, bob.session.id, "01956b1c-0000-7000-8000-000000000001"):
        with failing("SESSION_NOT_FOUND") as caught:
            await ada.revoke(session_id)
        assert caught.value.metadata == {"sessionId": session_id}
    assert await bob.me() == bob.session.user


async def test_with_the_same_key_ending_it_again_is_the_same_success(world: World, ada: Person) -> None:
    phone = await world.sign_in(ada.email)
    await ada.revoke(phone.id, idempotency_key="revoke-1")
    await ada.revoke(phone.id, idempotency_key="revoke-1")
    assert len(await world.sessions_ended(ada.id)) == 1
