"""The user service behind its real pipeline, on real servers, with a clock that tests move."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import jwt
from fitnesshub.event.v1.event_pb2 import Event
from fitnesshub.user.v1 import auth_service_pb2 as pb
from fitnesshub.user.v1.events_pb2 import SessionsEnded
from fitnesshub.user.v1.user_pb2 import Session, User
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from redis.asyncio import Redis
from sqlalchemy import bindparam, delete, func, literal_column, select

from chassis.channel import Channel
from chassis.clock import FixedClock, SystemIds
from chassis.contract import load_contract
from chassis.db import Database, Statement
from chassis.endpoint import Incoming, StatusError
from chassis.errors import Failure
from chassis.identity import ENDED_SESSIONS_KEY, AccessTokens, EndedSessions, ServiceTokens
from chassis.pipeline import Guards, Pipeline
from chassis.redis_client import connect
from chassis.service import Runtime
from chassis.settings import ProcessSettings
from chassis.status import from_status
from chassis.tokens import public_keys_by_id
from services.user.api.upkeep import Upkeep
from services.user.bootstrap import build
from services.user.clients.ended_sessions import EndedSessionsFeed
from services.user.store import tables
from services.user.store.users import GET_CREDENTIALS

T = TypeVar("T", bound=Message)
ISSUER = "http://localhost:8080/auth/v1"
PASSWORD = "correct horse battery"
AUTH = "fitnesshub.user.v1.AuthService"
GOTRUE = "fitnesshub.user.v1.GoTrueService"

LIST_EVENTS = Statement(
    select(tables.outbox.c.event)
    .where(
        tables.outbox.c.subject_user_id == bindparam("user_id"),
        tables.outbox.c.aggregate_type != literal_column("'rpc'"),
    )
    # By version before the id: ids of one millisecond are in no order.
    .order_by(tables.outbox.c.created_at, tables.outbox.c.aggregate_version, tables.outbox.c.id)
)
DELETE_USER = Statement(delete(tables.users).where(tables.users.c.id == bindparam("user_id")))
COUNT_SESSIONS = Statement(
    select(func.count()).select_from(tables.sessions).where(tables.sessions.c.user_id == bindparam("user_id"))
)
COUNT_REFRESH_TOKENS = Statement(
    select(func.count())
    .select_from(tables.refresh_tokens.join(tables.sessions))
    .where(tables.sessions.c.user_id == bindparam("user_id"))
)
COUNT_FAILURES = Statement(select(func.count()).select_from(tables.sign_in_failures))


def bearer(session: Session) -> str:
    """The header that proves who calls."""
    return f"Bearer {session.access_token}"


@dataclass
class Answer:
    """What a REST client would see of a dialect call."""

    status: int
    headers: Mapping[str, str]
    content: Any


@dataclass(frozen=True)
class Resources:
    """What a process would open for the service (`chassis.service.Resources`)."""

    db: Database
    client: Redis

    def database(self, service: str) -> Database:
        assert service == "user"
        return self.db

    def redis(self, service: str) -> Redis:
        assert service == "user"
        return self.client

    def channel(self, owner: str, service: str) -> Channel:
        raise AssertionError(f"{owner} calls {service}")


@dataclass(frozen=True)
class World:
    """The service and what it stands on."""

    db: Database
    redis: Redis
    clock: FixedClock
    secrets: Path
    ended: EndedSessions
    """The list as the pipelines of all services read it."""
    pipeline: Pipeline
    upkeep: Upkeep
    workers: Mapping[str, Callable[[], Awaitable[None]]]
    """By name; each runs until it is cancelled."""

    def with_settings(self, **settings: str) -> "World":
        """Another process of the service, with other settings."""
        return make_world(self.db, self.redis, self.clock, self.secrets, settings)

    def without_redis(self) -> "World":
        """Another process of the service, which can't reach Redis."""
        return make_world(self.db, connect("redis://127.0.0.1:1"), self.clock, self.secrets, {})

    def address(self) -> str:
        """An e-mail address that nobody has."""
        return f"{SystemIds().new()}@example.org"

    def advance(self, seconds: float) -> None:
        """Moves the service's time."""
        self.clock.time += timedelta(seconds=seconds)

    async def call(self, service: str, rpc: str, request: Message, answer: type[T], **headers: str) -> T:
        """The answer of an RPC, through the pipeline. Raises the Failure that a caller gets."""
        return answer.FromString((await self._call(service, rpc, request, headers))[0])

    async def _call(
        self, service: str, rpc: str, request: Message, headers: Mapping[str, str]
    ) -> tuple[bytes, dict[str, str]]:
        metadata: dict[str, str | bytes] = {name.replace("_", "-"): value for name, value in headers.items()}
        incoming = Incoming(metadata, caller=str(metadata.pop("caller", "")))
        unary = self.pipeline.endpoints[f"/{service}/{rpc}"].unary
        assert unary is not None
        try:
            return await unary(request.SerializeToString(), incoming), incoming.response_metadata
        except StatusError as status:
            raise from_status(status.code, status.message, status.details) from None

    async def sign_up(self, email: str = "", password: str = PASSWORD, **metadata: Any) -> Session:
        """A new person, signed in."""
        request = pb.SignUpRequest(email=email or self.address(), password=password)
        request.user_metadata.update(metadata)
        return await self.call(AUTH, "SignUp", request, Session)

    async def sign_in(self, email: str, password: str = PASSWORD) -> Session:
        """A session by password."""
        request = pb.SignInWithPasswordRequest(email=email, password=password)
        return await self.call(AUTH, "SignInWithPassword", request, Session)

    async def refresh(self, refresh_token: str) -> Session:
        """The session's next tokens."""
        request = pb.RefreshSessionRequest(refresh_token=refresh_token)
        return await self.call(AUTH, "RefreshSession", request, Session)

    async def sign_out(self, session: Session, scope: "pb.SignOutScope.ValueType" = pb.SIGN_OUT_SCOPE_GLOBAL) -> None:
        """Ends sessions."""
        await self.call(AUTH, "SignOut", pb.SignOutRequest(scope=scope), Empty, authorization=bearer(session))

    async def current_user(self, session: Session) -> User:
        """Whom an access token is for."""
        return await self.call(AUTH, "GetCurrentUser", pb.GetCurrentUserRequest(), User, authorization=bearer(session))

    async def gotrue(self, rpc: str, request: Message, **headers: str) -> Answer:
        """A call in the dialect, as REST shows it."""
        answer, answer_headers = await self._call(GOTRUE, rpc, request, headers)
        body = HttpBody.FromString(answer)
        content = json.loads(body.data) if body.data else None
        return Answer(int(answer_headers["x-http-code"]), answer_headers, content)

    async def reason(self, call: Awaitable[object]) -> str:
        """Why a call fails; empty when it doesn't."""
        try:
            await call
        except Failure as failure:
            return failure.reason
        return ""

    def claims(self, session: Session) -> dict[str, Any]:
        """What the access token says, verified with the published keys."""
        kid = jwt.get_unverified_header(session.access_token)["kid"]
        key = public_keys_by_id(self.secrets / "access-token-keys.json")[kid]
        return jwt.decode(
            session.access_token,
            key,
            ["ES256"],
            audience="authenticated",
            options={"verify_exp": False, "verify_iat": False},
        )

    async def is_announced(self, session_id: str) -> bool:
        """Whether Redis says that the session has ended."""
        return await self.redis.zscore(ENDED_SESSIONS_KEY, session_id) is not None

    async def events(self, user_id: str) -> list[Event]:
        """The events about a user, oldest first."""
        return [Event.FromString(row["event"]) for row in await self.db.rows(LIST_EVENTS, user_id=user_id)]

    async def event_types(self, user_id: str) -> list[str]:
        """Their types, without the package."""
        return [event.type.rpartition(".")[2] for event in await self.events(user_id)]

    async def sessions_ended(self, user_id: str) -> list[tuple[int, SessionsEnded]]:
        """What was said of ended sessions, with the version."""
        found = []
        for event in await self.events(user_id):
            message = SessionsEnded()
            if event.data.Unpack(message):
                assert (event.aggregate_type, event.aggregate_id) == ("user_sessions", user_id)
                found.append((event.aggregate_version, message))
        return found

    async def stored_hash(self, email: str) -> str:
        """What is stored of a password."""
        row = await self.db.row(GET_CREDENTIALS, email=email)
        assert row is not None
        return str(row["hash"])

    async def delete_user(self, user_id: str) -> None:
        """Erases a person behind the service's back."""
        async with self.db.write() as tx:
            await tx.execute(DELETE_USER, user_id=user_id)

    async def count_rows(self, user_id: str) -> tuple[int, int]:
        """How many sessions and refresh tokens are stored for a person, ended and used ones included."""
        sessions = await self.db.value(COUNT_SESSIONS, user_id=user_id)
        return sessions, await self.db.value(COUNT_REFRESH_TOKENS, user_id=user_id)

    async def count_failures(self) -> int:
        """For how many addresses failures are stored."""
        return int(await self.db.value(COUNT_FAILURES))


def make_world(db: Database, redis: Redis, clock: FixedClock, secrets: Path, settings: Mapping[str, str]) -> World:
    """The service as its bootstrap builds it. `settings` by field name, as the environment would give them."""
    process = ProcessSettings(
        secrets=secrets, database_server="postgresql:///", redis_url="", mesh="", issuer=ISSUER, environment="local"
    )
    contract = load_contract()
    runtime = Runtime(
        service="user",
        process=process,
        environment={f"FITNESSHUB_USER_{name.upper()}": value for name, value in settings.items()},
        clock=clock,
        ids=SystemIds(),
        contract=contract,
        hosted=["user"],
        resources=Resources(db, redis),
    )
    access_tokens = AccessTokens(secrets / "access-token-keys.json", ISSUER, clock)
    ended = EndedSessions(redis, clock)
    pipeline = Pipeline(
        contract, Guards(access_tokens, ServiceTokens(secrets / "service-keys.json", clock), ended), db.record_call
    )
    service = build(runtime)
    for descriptor, api in service.apis.items():
        pipeline.add(descriptor, api)
    workers = {worker.name: worker.run for worker in service.workers}
    return World(db, redis, clock, secrets, ended, pipeline, Upkeep(db, EndedSessionsFeed(redis), clock), workers)
