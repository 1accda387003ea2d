"""The key that signs must be one that verifiers know."""

from datetime import UTC, datetime
from pathlib import Path

import jwt
import pytest
from google.protobuf.struct_pb2 import Struct

from chassis.tokens import make_secrets, public_keys_by_id
from services.user.api.issuing import SessionIssuer
from services.user.domain.users import new_user

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
USER_ID = "01956b1c-0000-7000-8000-000000000001"


def issuer(secrets: Path) -> SessionIssuer:
    return SessionIssuer(secrets / "access-token.pem", secrets / "access-token-keys.json", "https://issuer", 3600)


def test_tokens_verify_with_the_published_key(tmp_path: Path) -> None:
    make_secrets(tmp_path, ["user"])
    user = new_user(USER_ID, "ada@example.org", Struct(), NOW)
    session = issuer(tmp_path).issue(user, session_id="s", method="password", signed_in_at=NOW, now=NOW)
    header = jwt.get_unverified_header(session.access_token)
    key = public_keys_by_id(tmp_path / "access-token-keys.json")[header["kid"]]
    claims = jwt.decode(session.access_token, key, ["ES256"], audience="authenticated", options={"verify_exp": False})
    assert claims["sub"] == USER_ID
    assert session.expire_time.seconds == claims["exp"] == int(NOW.timestamp()) + 3600
    assert session.user == user


def test_refresh_tokens_never_repeat(tmp_path: Path) -> None:
    make_secrets(tmp_path, ["user"])
    user = new_user(USER_ID, "ada@example.org", Struct(), NOW)
    one, other = (
        issuer(tmp_path).issue(user, session_id="s", method="password", signed_in_at=NOW, now=NOW) for _ in range(2)
    )
    assert one.refresh_token != other.refresh_token


def test_a_key_that_isnt_published_stops_the_service_at_start(tmp_path: Path) -> None:
    make_secrets(tmp_path / "ours", ["user"])
    make_secrets(tmp_path / "others", ["user"])
    (tmp_path / "others" / "access-token-keys.json").replace(tmp_path / "ours" / "access-token-keys.json")
    with pytest.raises(ValueError, match="isn't published"):
        issuer(tmp_path / "ours")
