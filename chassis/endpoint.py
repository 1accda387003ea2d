"""What is between a host and the pipeline: bytes, metadata and a deadline go in, bytes or a status come out."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from chassis.call import Call
from chassis.contract import Method


class StatusError(Exception):
    """How a call ended, ready to be sent by any host."""

    def __init__(self, code: int, message: str, details: bytes, metadata: Mapping[str, str]) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.details = details
        """Serialised `google.rpc.Status`."""
        self.metadata = metadata
        """Response headers that go with the error."""


@dataclass(slots=True)
class Incoming:
    """What a host knows about a call when it comes in."""

    metadata: Mapping[str, str | bytes]
    """By lower-case key."""
    deadline: float | None = None
    """On the monotonic clock; None when the caller set none."""
    caller: str = ""
    """The calling service when the host itself knows it (a channel in this process); never from the wire."""
    peer: str = ""
    """Address of the other end, without its port."""
    response_metadata: dict[str, str] = field(default_factory=dict)
    """Filled while the call runs: initial metadata of the answer."""
    targets: Mapping[str, str] = field(default_factory=dict)
    """Of an audited method: the ids in the request."""
    call: Call | None = None
    """Filled when the call begins."""


Payload = bytes | AsyncIterator[bytes]
Unary = Callable[[Payload, Incoming], Awaitable[bytes]]
Stream = Callable[[Payload, Incoming], AsyncGenerator[bytes, None]]


@dataclass(frozen=True)
class Endpoint:
    """A compiled method. Exactly one of `unary` and `stream` is set, by what the answer is."""

    method: Method
    unary: Unary | None
    stream: Stream | None
