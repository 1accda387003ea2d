"""Audited calls are told of in the outbox: with what they did, or by themselves when they did nothing."""

import json

import pytest
from fitnesshub.event.v1.event_pb2 import Event
from fitnesshub.event.v1.rpc_audited_pb2 import RpcAudited
from fitnesshub.user.v1.auth_service_pb2 import SignInWithPasswordRequest, SignOutRequest
from fitnesshub.user.v1.gotrue_service_pb2 import GoTrueLogoutRequest, GoTrueTokenRequest
from fitnesshub.user.v1.user_pb2 import Session
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from sqlalchemy import text

from chassis.db import Statement
from chassis.errors import InvalidArgument, Unauthenticated
from tests.integration.user.world import AUTH, World

TRAIL = Statement(
    # By transaction: ids of one millisecond are in no order.
    text("""
    SELECT event, xmin FROM "user".outbox WHERE aggregate_type = 'rpc' ORDER BY CAST(CAST(xmin AS text) AS bigint)
    """)
)
CLEAR = Statement(text("""DELETE FROM "user".outbox"""))
OTHERS = Statement(text("""SELECT xmin FROM "user".outbox WHERE aggregate_type <> 'rpc' ORDER BY id DESC LIMIT 1"""))


@pytest.fixture(autouse=True)
async def empty(world: World) -> None:
    async with world.db.write() as tx:
        await tx.execute(CLEAR)


async def trail(world: World) -> list[RpcAudited]:
    found = []
    for row in await world.db.rows(TRAIL):
        message = RpcAudited()
        assert Event.FromString(row["event"]).data.Unpack(message)
        found.append(message)
    return found


async def test_a_call_that_changes_something_tells_of_it_in_the_same_transaction(world: World) -> None:
    session = await world.sign_up()
    (told,) = await trail(world)
    assert (told.rpc, told.code, told.reason) == ("fitnesshub.user.v1.AuthService.SignUp", 0, "")
    assert (await world.db.rows(TRAIL))[0]["xmin"] == await world.db.value(OTHERS)

    await world.sign_out(session)
    _, told = await trail(world)
    assert told.rpc == "fitnesshub.user.v1.AuthService.SignOut"
    assert (told.user_id, told.session_id, list(told.roles)) == (session.user.id, session.id, ["member"])
    assert (await world.db.rows(TRAIL))[1]["xmin"] == await world.db.value(OTHERS)


async def test_refused_and_failed_calls_are_told_of(world: World) -> None:
    session = await world.sign_up()
    with pytest.raises(InvalidArgument):
        await world.sign_in(session.user.email, "wrong password")
    with pytest.raises(Unauthenticated):
        await world.call(AUTH, "SignOut", SignOutRequest(), Empty, authorization="Bearer nonsense", x_request_id="r1")
    with pytest.raises(InvalidArgument):
        await world.call(AUTH, "SignInWithPassword", SignInWithPasswordRequest(email="x"), Session)
    outcomes = [(told.rpc.rpartition(".")[2], told.code, told.reason) for told in (await trail(world))[1:]]
    assert outcomes == [
        ("SignInWithPassword", 3, "INVALID_CREDENTIALS"),
        ("SignOut", 16, "UNAUTHENTICATED"),
        ("SignInWithPassword", 3, "INVALID_REQUEST"),
    ]
    assert (await trail(world))[2].request_id == "r1"


async def test_what_the_dialect_answers_is_told_of_as_what_it_was(world: World) -> None:
    session = await world.sign_up()
    for content in ({"email": session.user.email, "password": "not the password"}, {"phone": "+1"}):
        body = HttpBody(content_type="application/json", data=json.dumps(content).encode())
        answer = await world.gotrue("GoTrueToken", GoTrueTokenRequest(grant_type="password", body=body))
        assert answer.status in (400, 422)
    assert (await world.gotrue("GoTrueLogout", GoTrueLogoutRequest())).status == 401
    signed_out = GoTrueLogoutRequest()
    await world.gotrue("GoTrueLogout", signed_out, authorization=f"Bearer {session.access_token}")
    outcomes = [(told.rpc.rpartition(".")[2], told.code, told.reason) for told in (await trail(world))[1:]]
    assert outcomes == [
        ("GoTrueToken", 3, "INVALID_CREDENTIALS"),
        ("GoTrueToken", 3, "PHONE_PROVIDER_DISABLED"),
        ("GoTrueLogout", 16, "NO_AUTHORIZATION"),
        ("GoTrueLogout", 0, ""),
    ]


async def test_other_calls_are_not(world: World) -> None:
    session = await world.sign_up()
    await world.current_user(session)
    await world.refresh(session.refresh_token)
    assert len(await trail(world)) == 1
