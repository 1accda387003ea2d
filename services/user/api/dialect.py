"""The shapes of the Supabase Auth (GoTrue) protocol: sessions, users and errors, from and to typed messages."""

import json
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

from fitnesshub.user.v1.user_pb2 import Session, User
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.call import Call
from chassis.errors import Failure
from services.user.domain.claims import AUDIENCE, app_metadata
from services.user.domain.passwords import PasswordRule
from services.user.domain.users import plain

API_VERSION_HEADER = "x-supabase-api-version"
_NAMED_CODES = date(2024, 1, 1)
"""From this API version on, `code` in an error is its name; before, it is the HTTP status."""
_WEAK_PASSWORD_REASONS = {
    PasswordRule.MIN_LENGTH: "length",
    PasswordRule.MAX_LENGTH: "length",
    PasswordRule.TOO_COMMON: "pwned",
    PasswordRule.SAME_AS_EMAIL: "characters",
}
"""GoTrue knows three reasons; ours fall under the one whose advice helps."""


class DialectError(Exception):
    """An answer that isn't a success, in GoTrue's terms."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        more: Mapping[str, Any] = MappingProxyType({}),
        retry_after: str = "",
    ) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message
        self.more = more
        """Further members of the answer."""
        self.retry_after = retry_after
        """Seconds."""


# By the reason of a typed failure: HTTP status, error code, and the text that GoTrue has for it.
_ERRORS = {
    "INVALID_CREDENTIALS": (400, "invalid_credentials", "Invalid login credentials"),
    "EMAIL_ALREADY_REGISTERED": (422, "user_already_exists", "User already registered"),
    "REFRESH_TOKEN_NOT_FOUND": (400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found"),
    "REFRESH_TOKEN_ALREADY_USED": (400, "refresh_token_already_used", "Invalid Refresh Token: Already Used"),
    "SIGN_UP_DISABLED": (422, "signup_disabled", "Signups not allowed for this instance"),
    "USER_SUSPENDED": (403, "user_banned", "User is banned"),
    "USER_NOT_FOUND": (403, "user_not_found", "User from sub claim in JWT does not exist"),
    "SESSION_ENDED": (403, "session_not_found", "Session from session_id claim in JWT does not exist"),
}


def error_of(failure: Failure) -> DialectError:
    """A typed failure in the dialect. Raises the failure itself when it is no client's error: the mesh answers it."""
    if failure.reason in _ERRORS:
        return DialectError(*_ERRORS[failure.reason])
    match failure.reason:
        case "WEAK_PASSWORD":
            rules = [PasswordRule(rule) for rule in failure.metadata["rules"].split(",")]
            reasons = sorted({_WEAK_PASSWORD_REASONS[rule] for rule in rules})
            return DialectError(422, "weak_password", failure.message, more={"weak_password": {"reasons": reasons}})
        case "SIGN_IN_LOCKED":
            seconds = failure.metadata["retryAfterSeconds"]
            return DialectError(429, "over_request_rate_limit", failure.message, retry_after=seconds)
        case "INVALID_REQUEST":
            return DialectError(400, "validation_failed", _violations(failure))
    raise failure


def _violations(failure: Failure) -> str:
    if any(violation.field == "email" for violation in failure.violations):
        return "Unable to validate email address: invalid format"
    return "; ".join(f"{each.field} {each.description}" for each in failure.violations)


def answer(call: Call, content: Mapping[str, Any], status: int = 200, cache_control: str = "no-store") -> HttpBody:
    """A JSON answer."""
    call.http_status(status)
    call.response_metadata["cache-control"] = cache_control
    return HttpBody(content_type="application/json", data=json.dumps(content, ensure_ascii=False).encode())


def error_answer(call: Call, error: DialectError) -> HttpBody:
    """An error in the shape that the caller's API version has."""
    call.response_metadata["x-sb-error-code"] = error.code
    if error.retry_after:
        call.response_metadata["retry-after"] = error.retry_after
    content: dict[str, Any]
    if _wants_named_codes(call):
        call.response_metadata[API_VERSION_HEADER] = _NAMED_CODES.isoformat()
        content = {"code": error.code, "message": error.message}
    else:
        content = {"code": error.status, "error_code": error.code, "msg": error.message}
    return answer(call, {**content, **error.more}, error.status)


def _wants_named_codes(call: Call) -> bool:
    try:
        return date.fromisoformat(str(call.metadata.get(API_VERSION_HEADER, ""))) >= _NAMED_CODES
    except ValueError:
        return False


def session_json(session: Session) -> dict[str, Any]:
    """GoTrue's access token response."""
    return {
        "access_token": session.access_token,
        "token_type": "bearer",
        "expires_in": session.expires_in,
        "expires_at": session.expire_time.seconds,
        "refresh_token": session.refresh_token,
        "user": user_json(session.user),
    }


def user_json(user: User) -> dict[str, Any]:
    """GoTrue's user object. There is one identity a user, the e-mail address; its id is the user's."""
    confirmed = _time(user.email_confirm_time)
    last_sign_in = _time(user.last_sign_in_time)
    created = _time(user.create_time)
    updated = _time(user.update_time)
    identity = {
        "identity_id": user.id,
        "id": user.id,
        "user_id": user.id,
        "identity_data": {
            "email": user.email,
            "email_verified": confirmed is not None,
            "phone_verified": False,
            "sub": user.id,
        },
        "provider": "email",
        "last_sign_in_at": last_sign_in,
        "created_at": created,
        "updated_at": updated,
        "email": user.email,
    }
    return {
        "id": user.id,
        "aud": AUDIENCE,
        "role": AUDIENCE,
        "email": user.email,
        "email_confirmed_at": confirmed,
        "phone": "",
        "confirmed_at": confirmed,
        "last_sign_in_at": last_sign_in,
        "app_metadata": app_metadata(user),
        "user_metadata": plain(user.user_metadata),
        "identities": [identity],
        "created_at": created,
        "updated_at": updated,
        "is_anonymous": False,
    }


def _time(time: Timestamp) -> str | None:
    return time.ToJsonString() if time.ByteSize() else None


def body_of(body: HttpBody) -> dict[str, Any]:
    """The JSON object in a request. Raises DialectError when there is none."""
    try:
        content = json.loads(body.data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise DialectError(400, "bad_json", "Could not parse request body as JSON") from None
    if not isinstance(content, dict):
        raise DialectError(400, "bad_json", "Could not parse request body as JSON: an object is expected")
    return content


def text_in(content: Mapping[str, Any], name: str) -> str:
    """A string member; empty when it is absent or null. Raises DialectError when it is something else."""
    value = content.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or not _is_unicode(value):
        raise DialectError(400, "bad_json", f"Could not parse request body as JSON: {name} must be a string")
    return value


def struct_in(content: Mapping[str, Any], name: str) -> Struct:
    """An object member; empty when it is absent or null. Raises DialectError when it is something else."""
    struct = Struct()
    value = content.get(name)
    try:
        ParseDict({} if value is None else value, struct)
    except (ParseError, ValueError, OverflowError):
        message = f"Could not parse request body as JSON: {name} must be an object of plain values"
        raise DialectError(400, "bad_json", message) from None
    return struct


def _is_unicode(text: str) -> bool:
    """JSON can spell half a surrogate pair; UTF-8, and so protobuf, can't."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} isn't JSON")
