"""Answers of operations: the success, and every way to fail, by HTTP status."""

from dataclasses import dataclass, field
from http import HTTPStatus

from chassis.contract import Contract, HttpBinding, Method, Reason
from chassis.edge.envoy_types import Json
from chassis.edge.limits import rate_class
from chassis.openapi.bodies import Bodies
from chassis.openapi.error_shapes import reason_comment
from chassis.openapi.failures import failures_of, is_shared
from chassis.openapi.media import JSON, media_of

_NO_CONTENT = (204, 205, 304)


def _header(description: str, schema: Json) -> Json:
    return {"description": description, "schema": schema}


_COUNT: Json = {"type": "integer", "minimum": 0}
HEADERS: dict[str, Json] = {
    "X-Request-Id": _header("Id of this request; the log knows it.", {"type": "string"}),
    "X-RateLimit-Limit": _header("Calls in a row that the limit nearest to its end allows, as `600`.", _COUNT),
    "X-RateLimit-Remaining": _header("Calls of them that are left.", _COUNT),
    "X-RateLimit-Reset": _header("Seconds until calls are added.", _COUNT),
    "Retry-After": _header("Seconds to wait before the next try.", _COUNT),
    "Idempotency-Replayed": _header(
        "`true` when this is the kept answer to an earlier call with the same Idempotency-Key.",
        {"type": "string", "const": "true"},
    ),
    "ETag": _header("Names this state of the content; for `If-None-Match`.", {"type": "string"}),
    "WWW-Authenticate": _header("How to prove who you are: `Bearer`.", {"type": "string"}),
}
"""Response headers, by name."""


@dataclass
class Responses:
    """Describes answers, and keeps those that many operations share."""

    contract: Contract
    bodies: Bodies
    components: dict[str, Json] = field(default_factory=dict)

    def of(self, method: Method, binding: HttpBinding) -> Json:
        """All answers of an operation."""
        status = method.policy.success_status or 200
        found: Json = {str(status): self._success(method, status)}
        if media_of(method.descriptor).conditional:
            found["304"] = {"description": "Nothing has changed.", "headers": _headers("ETag", "X-Request-Id")}
        failures = failures_of(self.contract, method, binding)
        dialect = self.bodies.dialect_error(method)
        if dialect:
            failures = {code: reasons for code, reasons in failures.items() if code >= 500}
            found["4XX"] = {
                "description": "The request can't be answered; what the edge refuses has the shape of all other paths.",
                "headers": _headers("X-Request-Id"),
                "content": dialect,
            }
        limited = bool(rate_class(method))
        found |= {str(code): self._failure(code, reasons, limited) for code, reasons in failures.items()}
        for code in media_of(method.descriptor).answer_statuses:
            found[str(code)] = self._answer_or_failure(method, self._describe(code, failures[code], limited))
        return found

    def _success(self, method: Method, status: int) -> Json:
        names = ["X-Request-Id", *_limits(limited=bool(rate_class(method)))]
        if method.takes_idempotency_key:
            names.append("Idempotency-Replayed")
        if media_of(method.descriptor).conditional:
            names.append("ETag")
        answer: Json = {"description": f"{HTTPStatus(status).phrase}.", "headers": _headers(*names)}
        if status not in _NO_CONTENT and (content := self.bodies.answer(method)):
            answer["content"] = content
        return answer

    def _failure(self, status: int, reasons: list[Reason], limited: bool) -> Json:  # noqa: FBT001 - a plain fact
        answer = self._describe(status, reasons, limited)
        if not all(map(is_shared, reasons)):
            return answer
        name = "-".join([str(status), *(reason.name for reason in reasons), *([] if limited else ["exempt"])])
        self.components[name] = answer
        return {"$ref": f"#/components/responses/{name}"}

    def _answer_or_failure(self, method: Method, failure: Json) -> Json:
        failed = failure["content"][JSON]
        either = {"anyOf": [self.bodies.answer(method)[JSON]["schema"], failed["schema"]]}
        description = f"The answer, or a failure:\n\n{failure['description']}"
        return failure | {"description": description, "content": {JSON: failed | {"schema": either}}}

    def _describe(self, status: int, reasons: list[Reason], limited: bool) -> Json:  # noqa: FBT001
        comments = self.bodies.schemas.comments
        listed = [f"- `{reason.name}`: {reason_comment(reason, comments)}" for reason in reasons]
        names = ["X-Request-Id", *_limits(limited=limited)]
        if status in (429, 503):
            names.append("Retry-After")
        if status == 401:
            names.append("WWW-Authenticate")
        return {
            "description": "\n".join(listed),
            "headers": _headers(*names),
            "content": {
                JSON: {
                    "schema": {"$ref": "#/components/schemas/Status"},
                    "examples": {each.name: {"$ref": f"#/components/examples/{each.name}"} for each in reasons},
                }
            },
        }


def _limits(*, limited: bool) -> list[str]:
    return ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"] if limited else []


def _headers(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
