from datetime import UTC, datetime, timedelta

from google.protobuf.struct_pb2 import Struct

from services.user.domain.claims import access_claims
from services.user.domain.roles import grant
from services.user.domain.users import new_user

NOW = datetime(2025, 3, 1, 12, 0, 0, 900_000, tzinfo=UTC)


def test_the_claims_are_those_of_the_protocol() -> None:
    metadata = Struct()
    metadata.update({"name": "Ada", "roles": ["admin"], "age": 36})
    user = new_user("01956b1c-0000-7000-8000-000000000001", "ada@example.org", metadata, NOW)
    claims = access_claims(
        user,
        session_id="01956b1c-0000-7000-8000-000000000002",
        method="password",
        signed_in_at=NOW - timedelta(hours=2),
        issuer="http://localhost:8080/auth/v1",
        now=NOW,
        seconds=3600,
    )
    now = int(NOW.timestamp())
    assert claims == {
        "iss": "http://localhost:8080/auth/v1",
        "sub": "01956b1c-0000-7000-8000-000000000001",
        "aud": "authenticated",
        "iat": now,
        "exp": now + 3600,
        "email": "ada@example.org",
        "role": "authenticated",
        "aal": "aal1",
        "amr": [{"method": "password", "timestamp": now - 7200}],
        "session_id": "01956b1c-0000-7000-8000-000000000002",
        "is_anonymous": False,
        "app_metadata": {"provider": "email", "providers": ["email"], "roles": ["member"]},
        "user_metadata": {"name": "Ada", "roles": ["admin"], "age": 36},
    }
    # Compared as text, because 36 == 36.0.
    assert repr(claims["user_metadata"]["age"]) == "36"


def test_a_granted_role_is_kept_beside_member_and_granted_once() -> None:
    user = new_user("01956b1c-0000-7000-8000-000000000001", "ada@example.org", Struct(), NOW)
    assert grant(user, "trainer")
    assert not grant(user, "trainer")
    assert not grant(user, "member")
    assert list(user.roles) == ["member", "trainer"]
