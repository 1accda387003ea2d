"""The audit service on a database of its own for the session, with an empty chain for each test."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from fitnesshub.event.v1.event_pb2 import Event
from google.protobuf.message import Message

from chassis.clock import FixedClock, SystemClock, SystemIds
from chassis.contract import load_contract
from chassis.db import Database
from chassis.endpoint import Incoming, StatusError
from chassis.events.consumer import Received
from chassis.identity import AccessTokens, EndedSessions, ServiceTokens
from chassis.outbox import make_event
from chassis.pipeline import Guards, Pipeline
from chassis.redis_client import connect
from chassis.service import Runtime, Service
from chassis.settings import load_process_settings
from chassis.status import from_status
from chassis.tokens import load_private_key, make_secrets, sign_access_token
from services.audit import bootstrap
from tests.stack.databases import TestDatabase

ISSUER = "http://localhost/auth/v1"
START = datetime(2026, 3, 1, 18, 30, 0, 123456, tzinfo=UTC)
T = TypeVar("T", bound=Message)


@dataclass
class Resources:
    """What the service asks its process for."""

    db: Database

    def database(self, service: str) -> Database:
        return self.db

    def redis(self, service: str) -> Any:
        raise AssertionError("the audit service needs no Redis")

    def channel(self, owner: str, service: str) -> Any:
        raise AssertionError("the audit service calls no other")


@dataclass
class World:
    """The service, its database and its time."""

    database: TestDatabase
    db: Database
    clock: FixedClock
    service: Service
    pipeline: Pipeline
    checkpoints: Path
    environment: Mapping[str, str]
    """Of a process of the service."""

    def new_id(self) -> str:
        return SystemIds().new()

    def event(self, data: Message, *, subject: str = "", aggregate_id: str = "w1", version: int = 1) -> Event:
        """An event as a service would publish it."""
        return make_event(
            event_id=self.new_id(),
            source="workout",
            time=self.clock.now(),
            aggregate=("workout", aggregate_id, version),
            data=data,
            subject_user_id=subject,
            traceparent="",
        )

    async def hear(self, *events: Event) -> None:
        """Lets the service hear events, in one batch."""
        (subscription,) = self.service.subscriptions
        received: Sequence[Received] = [Received(event, event.data) for event in events]
        async with self.db.write() as tx:
            await subscription.handlers["*"](tx, received)
        self.clock.time += timedelta(seconds=1)

    async def checkpoint(self) -> None:
        """Makes a checkpoint now."""
        (worker,) = self.service.workers
        await worker.run.__self__.checkpoint()  # type: ignore[attr-defined]

    def token(self, user_id: str, *roles: str) -> str:
        """An access token."""
        now = SystemClock().now()
        claims = {
            "iss": ISSUER,
            "aud": "authenticated",
            "sub": user_id,
            "iat": int(now.timestamp()),
            "exp": int(now.timestamp()) + 3600,
            "email": "ada@example.org",
            "session_id": self.new_id(),
            "app_metadata": {"roles": ["member", *roles]},
        }
        return sign_access_token(load_private_key(self.database.secrets / "access-token.pem"), claims)

    async def call(self, rpc: str, request: Message, answer: type[T], *roles: str, user_id: str = "") -> T:
        """The answer of an RPC. Raises the Failure that a caller gets."""
        token = self.token(user_id or self.new_id(), *roles)
        unary = self.pipeline.endpoints[f"/fitnesshub.audit.v1.AuditService/{rpc}"].unary
        assert unary is not None
        try:
            return answer.FromString(
                await unary(request.SerializeToString(), Incoming({"authorization": f"Bearer {token}"}))
            )
        except StatusError as status:
            raise from_status(status.code, status.message, status.details) from None

    async def stream(self, rpc: str, request: Message, answer: type[T], *roles: str, caller: str = "") -> list[T]:
        """The answers of a streaming RPC."""
        headers: dict[str, str | bytes] = {}
        if not caller:
            headers["authorization"] = f"Bearer {self.token(self.new_id(), *roles)}"
        stream = self.pipeline.endpoints[f"/fitnesshub.audit.v1.AuditService/{rpc}"].stream
        assert stream is not None
        return [
            answer.FromString(each)
            async for each in stream(request.SerializeToString(), Incoming(headers, caller=caller))
        ]

    async def intrude(self, sql: str, *arguments: Any) -> None:
        """Does as the owner of the database what the service can't: without the triggers."""
        await self.database.owner_value("ALTER TABLE audit.records DISABLE TRIGGER USER")
        try:
            await self.database.owner_value(sql, *arguments)
        finally:
            await self.database.owner_value("ALTER TABLE audit.records ENABLE TRIGGER USER")


@pytest.fixture
async def world(database: TestDatabase, tmp_path: Path) -> AsyncIterator[World]:
    """The running service with an empty chain."""
    make_secrets(database.secrets, ["audit"])
    await database.migrate(["audit"])
    for table in ("records", "subject_keys", "outbox", "inbox"):
        await database.owner_value(f"TRUNCATE audit.{table}")
    await database.owner_value("UPDATE audit.chain_head SET position = 0, hash = decode(repeat('00', 32), 'hex')")
    environment = {
        "FITNESSHUB_SECRETS": str(database.secrets),
        "FITNESSHUB_DATABASE_SERVER": database.server_url,
        "FITNESSHUB_MESH": "127.0.0.1:1",
        "FITNESSHUB_ISSUER": ISSUER,
        "REDIS_URL": "redis://127.0.0.1:1",
    }
    clock = FixedClock(START)
    db = database.connect("audit", clock=clock)
    await db.open()
    contract = load_contract()
    service = bootstrap.build(
        Runtime(
            service="audit",
            process=load_process_settings(environment),
            environment={"FITNESSHUB_AUDIT_CHECKPOINTS": str(tmp_path / "checkpoints")},
            clock=clock,
            ids=SystemIds(),
            contract=contract,
            hosted=["audit"],
            resources=Resources(db),
        )
    )
    guards = Guards(
        AccessTokens(database.secrets / "access-token-keys.json", ISSUER, SystemClock()),
        ServiceTokens(database.secrets / "service-keys.json"),
        EndedSessions(connect("redis://127.0.0.1:1")),
    )
    pipeline = Pipeline(contract, guards, db.record_call)
    for descriptor, api in service.apis.items():
        pipeline.add(descriptor, api)
    yield World(database, db, clock, service, pipeline, tmp_path / "checkpoints", environment)
    await db.close()
