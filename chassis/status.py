"""The one mapping between our failures and `google.rpc.Status`, in both directions.

A client adapter raises the class that the callee raised, so that code doesn't care where a callee runs.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import TypeVar

from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status

from chassis.errors import FAILURES, Failure, Internal, Violation

M = TypeVar("M", bound=Message)

DOMAIN = "fitnesshub.dev"
DETAILS_KEY = "grpc-status-details-bin"
"""Trailer in which gRPC sends a serialised `google.rpc.Status`."""

# A status travels in HTTP/2 trailers (details in base64, the message percent-encoded), and gRPC refuses
# trailers above 8 KiB. These bounds keep the worst case under 7 KiB. Lengths are in bytes.
MAX_MESSAGE = 500
MAX_METADATA_VALUE = 200
MAX_VIOLATIONS = 2000
MAX_FIELD = 200
MAX_DESCRIPTION = 300

_REASONS_WITHOUT_DETAILS = {
    4: "DEADLINE_EXCEEDED",
    12: "NOT_IMPLEMENTED",
    14: "DEPENDENCY_UNAVAILABLE",
    16: "UNAUTHENTICATED",
}
"""Reason of a status that isn't ours, as one by Envoy or by gRPC itself, by code; INTERNAL for all others."""
WORDS_FOR_STRANGERS = "the call to another service failed"
REASONS_OF_STRANGERS = frozenset({*_REASONS_WITHOUT_DETAILS.values(), "INTERNAL"})
"""Reasons of failures whose words may be Envoy's or gRPC's, who name addresses."""


def to_status(failure: Failure, request_id: str) -> tuple[int, str, bytes]:
    """Code, message and serialised `google.rpc.Status` of a failure.

    The details are one ErrorInfo, BadRequest when there are violations, RetryInfo when it says when to
    try again, RequestInfo when the call has an id. What is too long for trailers is cut; violations that
    don't fit are counted in a last one.
    """
    message = _clip(failure.message, MAX_MESSAGE)
    status = Status(code=failure.code, message=message)
    metadata = {key: _clip(value, MAX_METADATA_VALUE) for key, value in failure.metadata.items()}
    status.details.add().Pack(ErrorInfo(reason=failure.reason, domain=DOMAIN, metadata=metadata))
    if failure.violations:
        status.details.add().Pack(_bad_request(failure.violations))
    if failure.retry_after is not None:
        retry = RetryInfo()
        retry.retry_delay.FromTimedelta(failure.retry_after)
        status.details.add().Pack(retry)
    if request_id:
        status.details.add().Pack(RequestInfo(request_id=_clip(request_id, MAX_METADATA_VALUE)))
    return failure.code, message, status.SerializeToString()


def from_status(code: int, message: str, details: bytes) -> Failure:
    """The failure that a callee raised. Without details of ours: the code's class, with a reason by code.

    The words are then gRPC's or Envoy's, with addresses in them: they go into a note, which only logs show.
    """
    failure = FAILURES.get(code, Internal)(_REASONS_WITHOUT_DETAILS.get(code, "INTERNAL"), WORDS_FOR_STRANGERS)
    try:
        packed = Status.FromString(details).details
        info = _unpack(packed, ErrorInfo())
        if info is None or info.domain != DOMAIN:
            failure.add_note(message)
            return failure
        failure.reason = info.reason
        failure.message = message
        failure.args = (info.reason, message)
        failure.metadata = dict(info.metadata)
        bad = _unpack(packed, BadRequest())
        retry = _unpack(packed, RetryInfo())
    except DecodeError:
        return failure
    if bad is not None:
        failure.violations = tuple(Violation(each.field, each.description) for each in bad.field_violations)
    if retry is not None:
        failure.retry_after = timedelta(seconds=retry.retry_delay.seconds, microseconds=retry.retry_delay.nanos // 1000)
    return failure


def _bad_request(violations: tuple[Violation, ...]) -> BadRequest:
    bad = BadRequest()
    size = 0
    for position, violation in enumerate(violations):
        field, description = _clip(violation.field, MAX_FIELD), _clip(violation.description, MAX_DESCRIPTION)
        size += len(field.encode()) + len(description.encode()) + 8  # 8: tags and lengths around them
        if size > MAX_VIOLATIONS:
            bad.field_violations.add(description=f"and {len(violations) - position} more violations")
            break
        bad.field_violations.add(field=field, description=description)
    return bad


def _unpack(packed: Iterable[Any], kind: M) -> M | None:
    """The first detail of a kind, or None. Raises DecodeError when it isn't what it says it is."""
    return next((kind for detail in packed if detail.Unpack(kind)), None)


def _clip(text: object, most: int) -> str:
    """Text of at most so many bytes in UTF-8. Takes anything: to fail here would hide the failure itself."""
    data = str(text).encode(errors="replace")
    return data.decode() if len(data) <= most else data[: most - 3].decode(errors="ignore") + "…"
