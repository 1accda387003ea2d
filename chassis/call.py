"""What a handler knows about the call it answers, and what it may answer with.

Ours and small, so that handlers depend on no host: the same method runs under grpcio, inside Envoy and
in a unit test.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from chassis.errors import Unauthenticated

CONSISTENCY_HEADER = "x-consistency-token"
"""Header of a write's answer: the event that it made. Sent with a read, the read waits for it."""


@dataclass(frozen=True, slots=True)
class Wire:
    """A message in its serialised form, sent as it is."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Identity:
    """A person or machine account proved by an access token."""

    user_id: str
    session_id: str
    roles: frozenset[str]
    """Lower-case role names, as `member` and `admin`."""
    email: str
    expires_at: float
    """Unix time in seconds."""
    token: str = field(repr=False)
    """The access token itself, to be forwarded on calls made for this person."""


@dataclass(slots=True)
class Call:
    """One call in progress."""

    method: str
    """Full method name, as `/fitnesshub.workout.v1.WorkoutService/GetWorkout`."""
    identity: Identity | None = None
    """Who calls; None when nobody is signed in."""
    identity_problem: Unauthenticated | None = None
    """On public RPCs: why the access token that came along wasn't accepted. None without one."""
    caller: str = ""
    """The service that calls in its own name; empty for calls from outside."""
    deadline: float | None = None
    """When the answer is due, on the monotonic clock."""
    request_id: str = ""
    idempotency_key: str = ""
    request_hash: bytes = b""
    """SHA-256 of the request bytes; set when there is an idempotency key."""
    attempt: int = 1
    """Which try of Envoy's this is; above 1 the edge is repeating the call itself."""
    locale: str = "en"
    peer_ip: str = ""
    traceparent: str = ""
    audited: bool = False
    """Whether the contract wants the call in the audit trail; its write session puts it there."""
    audit_recorded: bool = False
    """Whether that has happened."""
    commit: asyncio.Future[None] | None = field(default=None, repr=False)
    """The commit of its write session, which ends even when the call is given up; never fails."""
    failed_with: tuple[int, str] = (0, "")
    """Status code and reason of a failure that is answered as a success, because a dialect of others has its own way
    to tell it. For the audit trail."""
    targets: Mapping[str, str] = field(default_factory=dict)
    """Of an audited call: the ids in its request, by field."""
    recheck: Callable[[], object] = field(default=lambda: None, repr=False)
    """Raises Unauthenticated when the caller's token or session has ended since the call began. For streams, which
    outlive neither by more than a few seconds; they ask between two messages."""
    metadata: Mapping[str, str | bytes] = field(default_factory=dict)
    """What the caller sent beside the message, by lower-case key; the last one wins."""
    response_metadata: dict[str, str] = field(default_factory=dict)
    """Sent as initial metadata, which is response headers over REST."""

    @property
    def user_id(self) -> str:
        """Id of the signed-in user.

        Raises Unauthenticated when nobody is, which the contract's ACCESS_USER already rules out.
        """
        if self.identity is None:
            raise Unauthenticated("UNAUTHENTICATED", "this call needs an access token")
        return self.identity.user_id

    def has_role(self, *roles: str) -> bool:
        """Whether the signed-in user has one of the roles."""
        return self.identity is not None and not self.identity.roles.isdisjoint(roles)

    @property
    def if_match(self) -> str:
        """The etag in the If-Match header (RFC 9110), without quotes; empty without one and for `*`."""
        etag = str(self.metadata.get("if-match", "")).strip().strip('"')
        return "" if etag == "*" else etag

    def time_remaining(self) -> float | None:
        """Seconds until the deadline, at least 0; None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def http_status(self, status: int) -> None:
        """Sets the HTTP status that a REST caller sees on success; gRPC callers see no difference."""
        self.response_metadata["x-http-code"] = str(status)
