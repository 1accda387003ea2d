"""Failures as google.rpc.Status, and back."""

import base64
from datetime import timedelta
from urllib.parse import quote

import pytest
from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status

from chassis.errors import FAILURES, Aborted, Failure, Internal, InvalidArgument, NotFound, Unavailable, Violation
from chassis.status import DOMAIN, from_status, to_status


def details(packed: bytes) -> list[str]:
    return [each.TypeName().rpartition(".")[2] for each in Status.FromString(packed).details]


@pytest.mark.parametrize("kind", FAILURES.values())
def test_every_class_survives_the_way_there_and_back(kind: type[Failure]) -> None:
    failure = kind(
        "SOME_REASON",
        "text with ümläuts",
        violations=[Violation("a.b[2]", "is wrong"), Violation('m["k"]', "is too")],
        retry_after=timedelta(seconds=1.5),
        workoutId="x",
        etag="y",
    )
    code, message, packed = to_status(failure, "request-1")
    again = from_status(code, message, packed)
    assert type(again) is kind
    assert str(again) == str(failure) == "SOME_REASON: text with ümläuts"
    assert (again.reason, again.message, again.args) == (failure.reason, failure.message, failure.args)
    assert again.metadata == {"workoutId": "x", "etag": "y"}
    assert again.violations == failure.violations
    assert again.retry_after == failure.retry_after


def test_a_bare_failure_has_one_error_info_and_nothing_else() -> None:
    code, message, packed = to_status(NotFound("WORKOUT_NOT_FOUND", "no such workout", workoutId="x"), "")
    assert (code, message) == (5, "no such workout")
    status = Status.FromString(packed)
    assert (status.code, status.message) == (5, "no such workout")
    assert details(packed) == ["ErrorInfo"]
    info = ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info == ErrorInfo(reason="WORKOUT_NOT_FOUND", domain="fitnesshub.dev", metadata={"workoutId": "x"})
    again = from_status(code, message, packed)
    assert (again.violations, again.retry_after) == ((), None)


def test_all_details() -> None:
    failure = Aborted("R", "m", violations=[Violation("f", "d")], retry_after=timedelta(milliseconds=250))
    packed = to_status(failure, "id-7")[2]
    assert details(packed) == ["ErrorInfo", "BadRequest", "RetryInfo", "RequestInfo"]
    bad, retry, request = BadRequest(), RetryInfo(), RequestInfo()
    found = Status.FromString(packed).details
    assert found[1].Unpack(bad)
    assert found[2].Unpack(retry)
    assert found[3].Unpack(request)
    assert [(each.field, each.description) for each in bad.field_violations] == [("f", "d")]
    assert retry.retry_delay.ToMilliseconds() == 250
    assert request.request_id == "id-7"


def test_a_status_fits_into_trailers_whatever_the_failure_holds() -> None:
    failure = InvalidArgument(
        "R" * 60,
        "€" * 5000,
        violations=[Violation(f"sets[{n}].{'é' * 500}", "ü" * 1000) for n in range(2500)],
        path="ß" * 5000,
        other="x" * 5000,
    )
    code, message, packed = to_status(failure, "i" * 9000)
    assert len(base64.b64encode(packed)) + len(quote(message)) < 7 * 1024
    again = from_status(code, message, packed)
    assert isinstance(again, InvalidArgument)
    assert again.message.endswith("…")
    shown = again.violations[:-1]
    assert shown
    assert again.violations[-1] == Violation("", f"and {2500 - len(shown)} more violations")


def test_a_failure_that_was_made_carelessly_is_still_told() -> None:
    careless = NotFound("R", "half a character: \ud83d", count=3, none=None)  # type: ignore[arg-type]
    again = from_status(*to_status(careless, ""))
    assert (again.message, again.metadata) == ("half a character: ?", {"count": "3", "none": "None"})


def test_many_short_violations_are_all_there() -> None:
    violations = [Violation(f"sets[{n}].reps", "is required") for n in range(50)]
    assert from_status(*to_status(InvalidArgument("R", "m", violations=violations), "")).violations == tuple(violations)


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        (4, FAILURES[4], "DEADLINE_EXCEEDED"),
        (5, NotFound, "INTERNAL"),
        (12, FAILURES[12], "NOT_IMPLEMENTED"),
        (13, Internal, "INTERNAL"),
        (14, Unavailable, "DEPENDENCY_UNAVAILABLE"),
        (16, FAILURES[16], "UNAUTHENTICATED"),
        (2, Internal, "INTERNAL"),
        (11, Internal, "INTERNAL"),
        (15, Internal, "INTERNAL"),
        (99, Internal, "INTERNAL"),
    ],
)
def test_without_details_the_code_decides(code: int, kind: type[Failure], reason: str) -> None:
    failure = from_status(code, "upstream connect error", b"")
    assert type(failure) is kind
    assert (failure.reason, failure.message) == (reason, "the call to another service failed")
    assert failure.__notes__ == ["upstream connect error"], "for logs: it may name addresses"


def test_foreign_or_broken_details_are_as_none() -> None:
    foreign = Status(code=14)
    foreign.details.add().Pack(ErrorInfo(reason="STOCKOUT", domain="compute.googleapis.com"))
    broken = Status(code=14, details=[Any(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\xff\xff")])
    for packed in (foreign.SerializeToString(), broken.SerializeToString(), b"\xff\xff", b"garbage"):
        assert from_status(14, "m", packed).reason == "DEPENDENCY_UNAVAILABLE"


def test_metadata_named_like_our_parameters_does_no_harm() -> None:
    status = Status(code=5)
    hostile = {"reason": "a", "message": "b", "violations": "c", "retry_after": "d", "self": "e"}
    status.details.add().Pack(ErrorInfo(reason="R", domain=DOMAIN, metadata=hostile))
    failure = from_status(5, "m", status.SerializeToString())
    assert (failure.reason, failure.message, failure.metadata) == ("R", "m", hostile)
