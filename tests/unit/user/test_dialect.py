"""The shapes of the Supabase Auth protocol, as `supabase-js` reads them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fitnesshub.user.v1.user_pb2 import Session, User
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from chassis.call import Call
from chassis.errors import (
    AlreadyExists,
    FailedPrecondition,
    Failure,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Violation,
)
from services.user.api import dialect
from services.user.api.dialect import DialectError
from services.user.domain.users import new_user

NOW = datetime(2025, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
USER_ID = "01956b1c-0000-7000-8000-000000000001"


def ada() -> User:
    metadata = Struct()
    metadata.update({"name": "Ada"})
    return new_user(USER_ID, "ada@example.org", metadata, NOW)


def call(**headers: str) -> Call:
    return Call(method="/test", metadata={name.replace("_", "-"): value for name, value in headers.items()})


def content(body: HttpBody) -> Any:
    assert body.content_type == "application/json"
    return json.loads(body.data)


def test_a_user_has_every_member_that_clients_read() -> None:
    assert dialect.user_json(ada()) == {
        "id": USER_ID,
        "aud": "authenticated",
        "role": "authenticated",
        "email": "ada@example.org",
        "email_confirmed_at": "2025-03-01T12:00:00.250Z",
        "phone": "",
        "confirmed_at": "2025-03-01T12:00:00.250Z",
        "last_sign_in_at": "2025-03-01T12:00:00.250Z",
        "app_metadata": {"provider": "email", "providers": ["email"], "roles": ["member"]},
        "user_metadata": {"name": "Ada"},
        "identities": [
            {
                "identity_id": USER_ID,
                "id": USER_ID,
                "user_id": USER_ID,
                "identity_data": {
                    "email": "ada@example.org",
                    "email_verified": True,
                    "phone_verified": False,
                    "sub": USER_ID,
                },
                "provider": "email",
                "last_sign_in_at": "2025-03-01T12:00:00.250Z",
                "created_at": "2025-03-01T12:00:00.250Z",
                "updated_at": "2025-03-01T12:00:00.250Z",
                "email": "ada@example.org",
            }
        ],
        "created_at": "2025-03-01T12:00:00.250Z",
        "updated_at": "2025-03-01T12:00:00.250Z",
        "is_anonymous": False,
    }


def test_times_that_arent_known_are_null() -> None:
    user = ada()
    user.ClearField("last_sign_in_time")
    user.ClearField("email_confirm_time")
    shown = dialect.user_json(user)
    assert shown["last_sign_in_at"] is None
    assert shown["email_confirmed_at"] is None
    assert shown["identities"][0]["identity_data"]["email_verified"] is False


def test_a_session_is_an_access_token_response() -> None:
    session = Session(id="s", access_token="a.b.c", refresh_token="opaque", expires_in=3600, user=ada())
    session.expire_time.FromDatetime(NOW + timedelta(hours=1))
    shown = dialect.session_json(session)
    assert shown.pop("user") == dialect.user_json(ada())
    assert shown == {
        "access_token": "a.b.c",
        "token_type": "bearer",
        "expires_in": 3600,
        "expires_at": int(NOW.timestamp()) + 3600,
        "refresh_token": "opaque",
    }


FAILURES: list[tuple[Failure, int, str]] = [
    (InvalidArgument("INVALID_CREDENTIALS", "…"), 400, "invalid_credentials"),
    (AlreadyExists("EMAIL_ALREADY_REGISTERED", "…"), 422, "user_already_exists"),
    (InvalidArgument("REFRESH_TOKEN_NOT_FOUND", "…"), 400, "refresh_token_not_found"),
    (InvalidArgument("REFRESH_TOKEN_ALREADY_USED", "…"), 400, "refresh_token_already_used"),
    (FailedPrecondition("SIGN_UP_DISABLED", "…"), 422, "signup_disabled"),
    (NotFound("USER_NOT_FOUND", "…"), 403, "user_not_found"),
    (Unauthenticated("SESSION_ENDED", "…"), 403, "session_not_found"),
    (InvalidArgument("WEAK_PASSWORD", "…", rules="minLength"), 422, "weak_password"),
    (ResourceExhausted("SIGN_IN_LOCKED", "…", retryAfterSeconds="900"), 429, "over_request_rate_limit"),
    (InvalidArgument("INVALID_REQUEST", "…", violations=[Violation("email", "…")]), 400, "validation_failed"),
]


@pytest.mark.parametrize(("failure", "status", "code"), FAILURES)
def test_client_errors_have_gotrues_status_and_code(failure: Failure, status: int, code: str) -> None:
    to = call()
    shown = content(dialect.error_answer(to, dialect.error_of(failure)))
    assert shown.pop("msg")
    shown.pop("weak_password", None)
    assert shown == {"code": status, "error_code": code}
    assert to.response_metadata["x-http-code"] == str(status)
    assert to.response_metadata["x-sb-error-code"] == code
    assert "x-supabase-api-version" not in to.response_metadata


@pytest.mark.parametrize(("failure", "status", "code"), FAILURES)
def test_the_documentation_lists_them(failure: Failure, status: int, code: str) -> None:
    page = Path(__file__).parents[3] / "docs" / "supabase-auth.md"
    assert f"| `{failure.reason}` | {status} | `{code}` |" in page.read_text()


@pytest.mark.parametrize(("failure", "status", "code"), FAILURES)
def test_the_api_version_of_2024_names_the_code(failure: Failure, status: int, code: str) -> None:
    to = call(x_supabase_api_version="2024-01-01")
    shown = content(dialect.error_answer(to, dialect.error_of(failure)))
    assert shown.pop("message")
    shown.pop("weak_password", None)
    assert shown == {"code": code}
    assert to.response_metadata["x-http-code"] == str(status)
    assert to.response_metadata["x-supabase-api-version"] == "2024-01-01"


@pytest.mark.parametrize("version", ["2023-12-31", "", "soon", "2024-1-1"])
def test_other_api_versions_get_the_first_shape(version: str) -> None:
    to = call(x_supabase_api_version=version)
    shown = content(dialect.error_answer(to, dialect.error_of(InvalidArgument("INVALID_CREDENTIALS", "…"))))
    assert shown == {"code": 400, "error_code": "invalid_credentials", "msg": "Invalid login credentials"}


@pytest.mark.parametrize(
    ("rules", "reasons"),
    [
        ("minLength", ["length"]),
        ("maxLength", ["length"]),
        ("tooCommon", ["pwned"]),
        ("sameAsEmail", ["characters"]),
        ("minLength,sameAsEmail", ["characters", "length"]),
    ],
)
@pytest.mark.parametrize("version", ["", "2024-01-01"])
def test_a_weak_password_says_why(rules: str, reasons: list[str], version: str) -> None:
    error = dialect.error_of(InvalidArgument("WEAK_PASSWORD", "…", rules=rules))
    shown = content(dialect.error_answer(call(x_supabase_api_version=version), error))
    assert shown["weak_password"] == {"reasons": reasons}


def test_a_lock_says_when_to_come_back() -> None:
    to = call()
    dialect.error_answer(to, dialect.error_of(ResourceExhausted("SIGN_IN_LOCKED", "…", retryAfterSeconds="871")))
    assert to.response_metadata["retry-after"] == "871"


def test_what_isnt_the_clients_fault_is_the_meshs_to_answer() -> None:
    failure = Unavailable("DEPENDENCY_UNAVAILABLE", "…")
    with pytest.raises(Unavailable) as passed:
        dialect.error_of(failure)
    assert passed.value is failure


def test_answers_are_never_cached_by_default() -> None:
    to = call()
    dialect.answer(to, {})
    assert to.response_metadata["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b'"text"', b"null", b"\xff\xfe{}", b'{"a": NaN}', b"[" * 100_000, b'{"a": %s}' % (b"9" * 5000)],
)
def test_a_body_that_is_no_json_object_is_bad_json(data: bytes) -> None:
    with pytest.raises(DialectError) as refused:
        dialect.body_of(HttpBody(data=data))
    assert (refused.value.status, refused.value.code) == (400, "bad_json")


def test_members_may_be_absent_or_null() -> None:
    assert dialect.text_in({}, "email") == ""
    assert dialect.text_in({"email": None}, "email") == ""
    assert MessageToDict(dialect.struct_in({"data": None}, "data")) == {}
    assert MessageToDict(dialect.struct_in({"data": {"name": "Ada"}}, "data")) == {"name": "Ada"}


@pytest.mark.parametrize("value", [7, True, ["a"], {}, "\ud800"])
def test_a_text_of_another_type_is_bad_json(value: object) -> None:
    with pytest.raises(DialectError) as refused:
        dialect.text_in({"email": value}, "email")
    assert refused.value.code == "bad_json"


@pytest.mark.parametrize("value", [7, "text", [], {"a": "\ud800"}, {"\udfff": 1}, {"a": 10**400}])
def test_an_object_of_another_type_is_bad_json(value: object) -> None:
    with pytest.raises(DialectError) as refused:
        dialect.struct_in({"data": value}, "data")
    assert refused.value.code == "bad_json"
