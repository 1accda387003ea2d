"""Every RPC as everybody: nobody, bad tokens, a stranger, each role, other services.

Each RPC first succeeds as its owner; then the same request is sent by the others and must fare as the
contract says. What the contract doesn't grant is denied.
"""

import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from fitnesshub.options.v1 import policy_pb2
from google.protobuf.message_factory import GetMessageClass
from grpc import aio

from chassis.contract import Method, load_contract
from chassis.identity import ServiceTokenSource
from chassis.rule_values import rules_of
from chassis.tokens import make_secrets, sign_access_token
from tests.e2e.doorway import channel_from, fresh_address
from tests.e2e.people import Good, Person, World
from tests.e2e.requests import GOOD
from tests.e2e.stack import Stack

METHODS = load_contract().methods
ROLES = ("member", "trainer", "moderator", "admin", "service")
PROFILES = ("embedded", "split")
DENIED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
Metadata = tuple[tuple[str, str], ...]
Send = Callable[[Good, Metadata], Any]


@pytest.fixture
async def edge(edge_url: str) -> AsyncIterator[aio.Channel]:
    host, _, port = edge_url.removeprefix("http://").partition(":")
    async with channel_from(fresh_address(), host, int(port)) as channel:
        yield channel


@pytest.fixture
def world(edge: aio.Channel, token: Callable[..., str]) -> World:
    def operator(role: str) -> Person:
        # Somebody of this process alone: signing out elsewhere is among the calls.
        access_token = token(role, f"{role}-{os.getpid()}@matrix.fitnesshub.dev")
        claims = jwt.decode(access_token, options={"verify_signature": False})
        return Person(claims["email"], claims["sub"], access_token, "")

    return World(edge, operator)


def sender(channel: aio.Channel, method: Method) -> Send:
    """Sends a request; returns the status code it ended with."""
    answer = GetMessageClass(method.descriptor.output_type)
    is_stream = method.descriptor.server_streaming
    make = channel.unary_stream if is_stream else channel.unary_unary
    call: Any = make(method.path, response_deserializer=answer.FromString)

    async def send(good: Good, metadata: Metadata) -> grpc.StatusCode:
        try:
            # A stream whose caller has nothing to be told says nothing, however long one waits.
            answering = call(good.request.SerializeToString(), metadata=metadata, timeout=3 if is_stream else 10)
            if not is_stream:
                await answering
            elif await answering.read() is aio.EOF:
                return await answering.code()  # type: ignore[no-any-return]
            else:
                answering.cancel()
        except aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    return send


def bearer(token: str) -> Metadata:
    return (("authorization", f"Bearer {token}"),)


def bad_tokens(good: str, stack: Stack, folder: Path) -> dict[str, str]:
    """Tokens that prove nothing, made from a good one."""
    claims = jwt.decode(good, options={"verify_signature": False})
    real_key = stack.home / "secrets" / "access-token.pem"
    make_secrets(folder, ["user"])
    now = int(time.time())
    return {
        "expired": sign_access_token(real_key, claims | {"iat": now - 7200, "exp": now - 3600}),
        "forged": sign_access_token(folder / "access-token.pem", claims),
        "another audience": sign_access_token(real_key, claims | {"aud": "somebody"}),
        "another issuer": sign_access_token(real_key, claims | {"iss": "https://elsewhere.example"}),
        "unsigned": jwt.encode(claims, "", algorithm="none"),
        "garbage": "not.a.token",
    }


@pytest.mark.parametrize("profile", PROFILES, indirect=True, scope="session")
@pytest.mark.parametrize("path", METHODS)
async def test_access(path: str, world: World, edge: aio.Channel, mesh: Any, stack: Stack, tmp_path: Path) -> None:
    method = METHODS[path]
    make = GOOD[path]
    if method.policy.access == policy_pb2.ACCESS_SERVICE:
        await check_service_method(method, await make(world), edge, mesh, stack, world)
        return
    send = sender(edge, method)
    assert await send(good := await make(world), good.person.metadata if good.person else ()) is grpc.StatusCode.OK

    good = await make(world)
    holder = good.person or await world.person()
    for name, bad in ({"none": ""} | bad_tokens(holder.access_token, stack, tmp_path / "keys")).items():
        code = await send(good, bearer(bad) if bad else ())
        if method.policy.access == policy_pb2.ACCESS_PUBLIC:
            assert code not in DENIED, f"{name}: {code}"
        else:
            assert code is grpc.StatusCode.UNAUTHENTICATED, f"{name}: {code}"

    is_owned = names_an_id(method) if good.is_owned is None else good.is_owned
    code = await send(good, (await world.person()).metadata)
    if method.policy.access == policy_pb2.ACCESS_ROLE:
        assert code is grpc.StatusCode.PERMISSION_DENIED
    elif is_owned:
        assert code is grpc.StatusCode.NOT_FOUND, "somebody else's must look as if it weren't there"
    else:
        assert code not in DENIED

    for role in ROLES:
        code = await send(await make(world), world.operator(role).metadata)
        granted = method.policy.access != policy_pb2.ACCESS_ROLE or role in method.roles
        assert (code not in DENIED) == granted, f"{role}: {code}"
    if is_owned:
        assert await send(good, holder.metadata) is grpc.StatusCode.OK, "refused calls changed it"


def names_an_id(method: Method) -> bool:
    """Whether an RPC for every user is about one thing, named by its id."""
    fields = method.descriptor.input_type.fields
    has_id = any(field.name.endswith("_id") and rules_of(field).required for field in fields)
    return has_id and method.policy.access == policy_pb2.ACCESS_USER


async def check_service_method(
    method: Method, good: Good, edge: aio.Channel, mesh: Any, stack: Stack, world: World
) -> None:
    """Unreachable from outside for everybody; over the mesh, only for the services in its list."""
    outside = sender(edge, method)
    for metadata in ((), world.operator("admin").metadata, world.operator("service").metadata):
        assert await outside(good, metadata) is not grpc.StatusCode.OK
    proof = ServiceTokenSource("cli", stack.home / "secrets" / "service-cli.pem").token()
    assert await outside(good, (("x-fitnesshub-caller", proof),)) is not grpc.StatusCode.OK
    inside = sender(mesh(method.host or "workout"), method)
    assert await inside(good, ()) is grpc.StatusCode.PERMISSION_DENIED
    for name in ("cli", "user", "workout", "gateway"):
        proof = ServiceTokenSource(name, stack.home / "secrets" / f"service-{name}.pem").token()
        code = await inside(good, (("x-fitnesshub-caller", proof),))
        assert (code is grpc.StatusCode.OK) == (name in method.policy.callers), f"{name}: {code}"
    forged = ServiceTokenSource("cli", stack.home / "secrets" / "service-workout.pem").token()
    assert await inside(good, (("x-fitnesshub-caller", forged),)) is grpc.StatusCode.UNAUTHENTICATED


def test_every_rpc_has_a_good_request() -> None:
    assert set(GOOD) == set(METHODS)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/fitnesshub.workout.v1.WorkoutService/UndeleteWorkout", True),
        ("/fitnesshub.user.v1.SessionService/RevokeSession", True),
        # An id that only filters, an id in an RPC for everybody, one for administrators.
        ("/fitnesshub.workout.v1.WorkoutService/ListWorkouts", False),
        ("/fitnesshub.workout.v1.ExerciseService/GetExercise", False),
        ("/fitnesshub.user.v1.UserAdminService/GetUser", False),
    ],
)
def test_ownership_is_read_from_the_contract(path: str, *, expected: bool) -> None:
    assert names_an_id(METHODS[path]) == expected
