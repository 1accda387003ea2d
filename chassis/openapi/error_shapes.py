"""The one error shape, `google.rpc.Status` with its details, as schemas; and an example of each reason."""

import re
from collections.abc import Iterator

from chassis.contract import Reason
from chassis.edge.envoy_types import Json
from chassis.openapi.comments import Comments
from chassis.openapi.examples import Examples
from chassis.openapi.schemas import SCHEMAS
from chassis.status import DOMAIN

_TYPE = "type.googleapis.com/google.rpc."
_METADATA = re.compile(r"Metadata: (.*?)(?:\.(?:\s|$)|$)", re.DOTALL)
_KEY = re.compile(r"`(\w+)`")
_REQUEST_ID = "7d3c1f0e-5b8a-4c7e-9f21-3a6d0e4b8c15"


def _detail(name: str, description: str, properties: Json, required: list[str]) -> Json:
    kind = {"type": "string", "const": f"{_TYPE}{name}", "description": "Tells which detail this is."}
    return {
        "type": "object",
        "description": description,
        "properties": {"@type": kind, **properties},
        "required": ["@type", *required],
    }


SHAPES: dict[str, Json] = {
    "Status": {
        "type": "object",
        "description": "How a call failed. Go by the reason in ErrorInfo: it is stable, the message isn't.",
        "properties": {
            "code": {
                "type": "integer",
                "format": "int32",
                "description": "The gRPC status code by its number, as 5 for NOT_FOUND.",
            },
            "message": {"type": "string", "description": "What happened, in English, for developers."},
            "details": {
                "type": "array",
                "description": "Exactly one ErrorInfo, and what else is known.",
                "items": {
                    "anyOf": [
                        {"$ref": SCHEMAS + name} for name in ("ErrorInfo", "BadRequest", "RetryInfo", "RequestInfo")
                    ]
                },
            },
        },
        "required": ["code", "message", "details"],
    },
    "ErrorInfo": _detail(
        "ErrorInfo",
        "Why the call failed.",
        {
            "reason": {"type": "string", "description": "The reason; each operation lists its own."},
            "domain": {"type": "string", "const": DOMAIN, "description": "Whose reasons these are."},
            "metadata": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "The values that the message speaks of.",
            },
        },
        ["reason", "domain"],
    ),
    "BadRequest": _detail(
        "BadRequest",
        "What is wrong with the request, all of it at once.",
        {
            "fieldViolations": {
                "type": "array",
                "description": "One for each thing that is wrong.",
                "items": {
                    "type": "object",
                    "properties": {
                        "field": {"type": "string", "description": "Path of the field, as `items[2].name`."},
                        "description": {"type": "string", "description": "What is wrong with it."},
                    },
                },
            }
        },
        ["fieldViolations"],
    ),
    "RetryInfo": _detail(
        "RetryInfo",
        "When to try again.",
        {"retryDelay": {"type": "string", "description": "How long to wait, in seconds, as `7s`."}},
        ["retryDelay"],
    ),
    "RequestInfo": _detail(
        "RequestInfo",
        "Which request this was.",
        {
            "requestId": {
                "type": "string",
                "description": "The id that `X-Request-Id` has too; the log knows it. Absent when the request was no "
                "valid HTTP, or its headers were too large or incomplete.",
            }
        },
        [],
    ),
}
"""Schemas of the error shape, by component name."""


def metadata_keys(comment: str) -> list[str]:
    """The keys that the comment of a reason says are in its metadata."""
    found = _METADATA.search(comment)
    return _KEY.findall(found[1]) if found else []


def reason_comment(reason: Reason, comments: Comments) -> str:
    """The comment that stands on a reason."""
    return comments.of(f"{reason.enum}.{reason.name}")


def error_example(reason: Reason, comments: Comments, examples: Examples) -> Json:
    """An answer with this reason."""
    message = comments.summary(f"{reason.enum}.{reason.name}")[0]
    return {
        "code": reason.code,
        "message": message[:1].lower() + message[1:],
        "details": list(_details(reason, reason_comment(reason, comments), examples)),
    }


def _details(reason: Reason, comment: str, examples: Examples) -> Iterator[Json]:
    metadata = {key: examples.text(key) for key in metadata_keys(comment)}
    info: Json = {"@type": f"{_TYPE}ErrorInfo", "reason": reason.name, "domain": DOMAIN}
    yield info | ({"metadata": metadata} if metadata else {})
    if violation := examples.violations.get(reason.name):
        yield {"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation]}
    if "Retry-After" in comment:
        yield {"@type": f"{_TYPE}RetryInfo", "retryDelay": "7s"}
    yield {"@type": f"{_TYPE}RequestInfo", "requestId": _REQUEST_ID}
