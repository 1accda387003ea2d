"""Makes the two tokens of a session: a signed access token and an opaque refresh token."""

import secrets
from datetime import datetime
from pathlib import Path

from fitnesshub.user.v1.user_pb2 import Session, User

from chassis.tokens import load_private_key, public_keys_by_id, sign_access_token, thumbprint
from services.user.domain.claims import access_claims


class SessionIssuer:
    """Issues sessions that are signed with the platform's key."""

    def __init__(self, key_file: Path, keys_file: Path, issuer: str, access_token_seconds: int) -> None:
        """Raises ValueError when the signing key isn't among the published ones: nobody would accept its tokens."""
        self._key = load_private_key(key_file)
        if thumbprint(self._key.public_key()) not in public_keys_by_id(keys_file):
            raise ValueError(f"the key in {key_file.name} isn't published in {keys_file.name}")
        self._issuer = issuer
        self._seconds = access_token_seconds

    def issue(self, user: User, *, session_id: str, method: str, signed_in_at: datetime, now: datetime) -> Session:
        """A session with fresh tokens; storing the refresh token is the caller's part."""
        claims = access_claims(
            user,
            session_id=session_id,
            method=method,
            signed_in_at=signed_in_at,
            issuer=self._issuer,
            now=now,
            seconds=self._seconds,
        )
        session = Session(
            id=session_id,
            access_token=sign_access_token(self._key, claims),
            refresh_token=secrets.token_urlsafe(32),
            expires_in=self._seconds,
            user=user,
        )
        session.expire_time.FromSeconds(claims["exp"])
        return session
