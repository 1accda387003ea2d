"""What an access token says about its bearer: the claims of the Supabase Auth protocol."""

from datetime import datetime
from typing import Any

from fitnesshub.user.v1.user_pb2 import User

from services.user.domain.users import plain

AUDIENCE = "authenticated"


def access_claims(
    user: User, *, session_id: str, method: str, signed_in_at: datetime, issuer: str, now: datetime, seconds: int
) -> dict[str, Any]:
    """The claims of a token issued now that lives `seconds`. Whole seconds, as JWT libraries expect them."""
    issued_at = int(now.timestamp())
    return {
        "iss": issuer,
        "sub": user.id,
        "aud": AUDIENCE,
        "iat": issued_at,
        "exp": issued_at + seconds,
        "email": user.email,
        "role": AUDIENCE,
        "aal": "aal1",
        "amr": [{"method": method, "timestamp": int(signed_in_at.timestamp())}],
        "session_id": session_id,
        "is_anonymous": False,
        "app_metadata": app_metadata(user),
        "user_metadata": plain(user.user_metadata),
    }


def app_metadata(user: User) -> dict[str, Any]:
    """What the platform says about a user. Access is decided by this, never by `user_metadata`."""
    return {"provider": "email", "providers": ["email"], "roles": list(user.roles)}
