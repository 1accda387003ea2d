"""Errors that Envoy answers itself, in the one error shape: `google.rpc.Status` with ErrorInfo.

Reasons and messages are ours and fixed, so that clients don't depend on Envoy's internals. REST gets JSON
with RequestInfo; native gRPC gets the same status code, message and details in its own headers.
"""

from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from chassis.edge.envoy_types import Json, extension
from chassis.errors import (
    DeadlineExceeded,
    Failure,
    Internal,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from chassis.status import DOMAIN, to_status

EXPLAINED = "x-fitnesshub-refused"
"""Marks an answer for the Lua filter, which takes the header away."""
GRPC_CODE = "x-fitnesshub-code"
"""The status code of an answer to a gRPC call. Over gRPC-Web Envoy's filter guesses `grpc-status` from the HTTP status,
and is put right by the outermost filter."""
_DETAIL = "type.googleapis.com/google.rpc."
_BAD_TOKEN = "the access token is missing, malformed, forged or expired"  # noqa: S105 - a text for people


@dataclass(frozen=True)
class EdgeFailure:
    """One kind of answer, and when it is given."""

    statuses: tuple[int, int]
    """HTTP statuses it is for, first and last."""
    failure: Failure
    """What it says."""
    flag: str = ""
    """Response flag that must be set."""
    details: str = ""
    """What Envoy's response code details must contain."""
    becomes: int = 0
    """HTTP status to answer with instead. 0: the same."""
    grpc: Failure | None = None
    """What it says over native gRPC, where that differs."""
    explained: bool = False
    """Over REST the Lua filter may find more to say (requests.lua); this is what is left when it doesn't."""


FAILURES = (
    EdgeFailure(
        (401, 403),
        Unavailable("UPSTREAM_UNAVAILABLE", "access tokens can't be verified right now; try again"),
        details="jwt_authn_access_denied{Jwks_remote_fetch",
        becomes=503,
    ),
    EdgeFailure(
        (403, 403),
        Unauthenticated("UNAUTHENTICATED", _BAD_TOKEN),
        details="jwt_authn_access_denied",  # of another audience
        becomes=401,
    ),
    EdgeFailure((401, 401), Unauthenticated("UNAUTHENTICATED", _BAD_TOKEN)),
    EdgeFailure((403, 403), PermissionDenied("ROLE_REQUIRED", "your roles don't allow this call")),
    EdgeFailure(
        (404, 404),
        NotFound("ROUTE_NOT_FOUND", "no such path"),
        grpc=Unimplemented("NOT_IMPLEMENTED", "the server doesn't offer this method"),
        explained=True,
    ),
    EdgeFailure((408, 408), DeadlineExceeded("DEADLINE_EXCEEDED", "the request wasn't complete in time"), becomes=504),
    EdgeFailure((504, 504), DeadlineExceeded("DEADLINE_EXCEEDED", "the time for the call ran out")),
    EdgeFailure(
        (413, 413), ResourceExhausted("REQUEST_TOO_LARGE", "the request is larger than the call allows"), explained=True
    ),
    EdgeFailure((431, 431), ResourceExhausted("REQUEST_TOO_LARGE", "the request headers are too large")),
    EdgeFailure((429, 429), ResourceExhausted("RATE_LIMITED", "too many calls; wait for the time in retry-after")),
    EdgeFailure(
        (400, 400),
        InvalidArgument("MALFORMED_REQUEST", "the path, the query or the body can't be read; is it all UTF-8?"),
        details="grpc_json_transcode_failure",
        explained=True,
    ),
    EdgeFailure(
        (503, 503), Unavailable("OVERLOADED", "the service has more calls than it takes; try again"), flag="UO"
    ),
    EdgeFailure((502, 503), Unavailable("UPSTREAM_UNAVAILABLE", "the service can't be reached right now; try again")),
    EdgeFailure((501, 501), Unimplemented("NOT_IMPLEMENTED", "the server doesn't offer this")),
    EdgeFailure((500, 599), Internal("INTERNAL", "something went wrong; the log has the cause under the request id")),
    EdgeFailure((400, 499), InvalidArgument("MALFORMED_REQUEST", "the request isn't valid HTTP for this server")),
)
"""All of them; the first that fits answers."""


def local_reply_config() -> Json:
    """For the edge's connection manager. Answers of services are left alone."""
    # No catch-all body_format: it would rewrite successes that Envoy answers itself as well.
    return {"mappers": [_by_lua(), *(_grpc(each) for each in FAILURES), *(_rest(each) for each in FAILURES)]}


def _by_lua() -> Json:
    """What the Lua filter answers is as it should be."""
    text = {"text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"}, "content_type": "application/json"}
    return {"filter": _details("lua_response"), "body_format_override": text}


def _rest(case: EdgeFailure) -> Json:
    failure = case.failure
    details: list[Json] = [
        {"@type": f"{_DETAIL}ErrorInfo", "reason": failure.reason, "domain": DOMAIN},
        {"@type": f"{_DETAIL}RequestInfo", "requestId": "%REQ(X-REQUEST-ID)%"},
    ]
    if failure.reason == "RATE_LIMITED":
        details.append({"@type": f"{_DETAIL}RetryInfo", "retryDelay": "%RESP(RETRY-AFTER)%s"})
    body = {"code": failure.code, "message": failure.message, "details": details}
    # What is no valid HTTP has no id: without this it would be null.
    form = {"json_format": body, "omit_empty_values": True}
    return _mapper(case, _conditions(case), form, [_set(EXPLAINED, "1")] if case.explained else [])


def _grpc(case: EdgeFailure) -> Json:
    failure = case.grpc or case.failure
    headers = [_set("grpc-status", str(failure.code)), _set(GRPC_CODE, str(failure.code))]
    packed = to_status(failure, request_id="")[2]
    headers.append(_set("grpc-status-details-bin", b64encode(packed).decode().rstrip("=")))
    text = {"text_format_source": {"inline_string": failure.message}}
    return _mapper(case, [*_native_grpc(), *_conditions(case)], text, headers)


def _mapper(case: EdgeFailure, conditions: list[Json], body: Json, headers: list[Json]) -> Json:
    mapper: Json = {"filter": _all(conditions), "body_format_override": body}
    if case.failure.code == Unauthenticated.code:
        # Envoy's own names the full URL with its query.
        headers = [*headers, _set("www-authenticate", "Bearer")]
    if case.becomes:
        mapper["status_code"] = case.becomes
    if headers:
        mapper["headers_to_add"] = headers
    return mapper


def _conditions(case: EdgeFailure) -> list[Json]:
    first, last = case.statuses
    conditions = [_status("GE", first), _status("LE", last)] if first != last else [_status("EQ", first)]
    if case.flag:
        conditions.append({"response_flag_filter": {"flags": [case.flag]}})
    if case.details:
        conditions.append(_details(case.details))
    return conditions


def _details(part: str) -> Json:
    """Envoy's response code details contain this."""
    return {
        "extension_filter": extension(
            "envoy.access_loggers.extension_filters.cel",
            "extensions.access_loggers.filters.cel.v3.ExpressionFilter",
            expression=f"response.code_details.contains('{part}')",
        )
    }


def _native_grpc() -> list[Json]:
    """Of content type application/grpc, and not so because the transcoder made it so."""
    content_type: Json = {"name": "content-type", "string_match": {"prefix": "application/grpc"}}
    transcoded: Json = {"name": "x-envoy-original-path", "present_match": True, "invert_match": True}
    return [{"header_filter": {"header": content_type}}, {"header_filter": {"header": transcoded}}]


def _all(conditions: list[Json]) -> Json:
    return conditions[0] if len(conditions) == 1 else {"and_filter": {"filters": conditions}}


def _status(operator: str, status: int) -> Json:
    # Envoy insists on a runtime key; nothing sets it.
    value = {"default_value": status, "runtime_key": "fitnesshub.status"}
    return {"status_code_filter": {"comparison": {"op": operator, "value": value}}}


def _set(name: str, value: Any) -> Json:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
