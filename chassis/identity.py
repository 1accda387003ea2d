"""Who is calling: access tokens of people, service tokens of the mesh, and the list of ended sessions.

Envoy has verified access tokens before; we verify again, so that a service reached directly trusts nobody.
"""

import asyncio
import hashlib
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import jwt
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chassis.call import Identity
from chassis.clock import Clock, SystemClock, is_uuid
from chassis.errors import Unauthenticated
from chassis.telemetry import metrics
from chassis.tokens import ALGORITHM, PublicKey, load_private_key, public_keys_by_id, sign_service_token

log = logging.getLogger(__name__)

T = TypeVar("T")

ACCESS_AUDIENCE = "authenticated"
"""GoTrue's audience of signed-in users."""
SERVICE_AUDIENCE = "fitnesshub-mesh"
SERVICE_TOKEN_LIFE = 60
"""Seconds a service token is good for: long enough to be cached, short enough to need no revocation."""
LEEWAY = 5.0
"""Seconds by which clocks may differ; the same as at the edge."""
CACHED_TOKENS = 10_000
MAX_TOKEN = 8192
"""Characters of a token: more than all headers of a request may have together."""
RELOAD_INTERVAL = 1.0
"""Seconds between two looks at a key file, however many unknown keys are named."""

ENDED_SESSIONS_KEY = "fitnesshub:sessions:ended"
"""Sorted set in Redis: session ids, each with the Unix time until which an access token of it may live."""
REFRESH_INTERVAL = 1.0
"""Seconds between two readings of the ended sessions; five are promised."""
_PAGE = 1000
"""Sessions in one answer of Redis: about 5 ms of parsing."""

_PROBLEMS: tuple[tuple[type[Exception], str], ...] = (
    (jwt.InvalidSignatureError, "has a wrong signature"),
    (jwt.InvalidAlgorithmError, f"isn't signed with {ALGORITHM}"),
    (jwt.InvalidAudienceError, "is meant for somebody else"),
    (jwt.MissingRequiredClaimError, "lacks a claim"),
)


class AccessTokens:
    """Verifies access tokens against the platform's public keys."""

    def __init__(self, keys_file: Path, issuer: str, clock: Clock) -> None:
        self._cache = _Cache[Identity]()
        self._keys = _Keys(keys_file, self._cache.clear)
        self._issuer = issuer
        self._clock = clock

    def verify(self, token: str) -> Identity:
        """Who the token proves to be calling. Raises Unauthenticated; its message holds nothing of the token."""
        now = self._clock.now().timestamp()
        self._keys.refresh()
        digest = hashlib.sha256(token.encode(errors="replace")).digest()
        known = self._cache.get(digest, now)
        if known is not None:
            return known
        claims = _verified_claims(token, "access token", self._keys, ACCESS_AUDIENCE, now)
        if claims["iss"] != self._issuer:
            raise _refused("access token", "is by an issuer that isn't trusted here")
        identity = _identity(claims, token)
        self._cache.put(digest, identity, identity.expires_at)
        return identity


class ServiceTokens:
    """Verifies service tokens against the public keys of the services."""

    def __init__(self, keys_file: Path, clock: Clock | None = None) -> None:
        self._cache = _Cache[str]()
        self._keys = _Keys(keys_file, self._cache.clear)
        self._clock = clock or SystemClock()

    def verify(self, token: str) -> str:
        """Name of the service that the token proves to be calling. Raises Unauthenticated."""
        now = self._clock.now().timestamp()
        self._keys.refresh()
        digest = hashlib.sha256(token.encode(errors="replace")).digest()
        known = self._cache.get(digest, now)
        if known is not None:
            return known
        claims = _verified_claims(token, "service token", self._keys, SERVICE_AUDIENCE, now)
        service = claims["kid"]
        if claims["iss"] != service or claims["sub"] != service:
            raise _refused("service token", "names another service than the one whose key signed it")
        if claims["exp"] - claims["iat"] > SERVICE_TOKEN_LIFE:
            raise _refused("service token", f"is good for more than {SERVICE_TOKEN_LIFE} s")
        self._cache.put(digest, service, claims["exp"])
        return str(service)


class ServiceTokenSource:
    """Proves calls of one service: its token, signed anew when half its life is over."""

    def __init__(self, service: str, key_file: Path, clock: Clock | None = None) -> None:
        self._service = service
        self._key = load_private_key(key_file)
        self._clock = clock or SystemClock()
        self._token = ""
        self._renew_at = -math.inf

    def token(self) -> str:
        """A token that is good for at least another 30 s."""
        now = self._clock.now().timestamp()
        if now >= self._renew_at:
            issued = int(now)
            claims = {"aud": SERVICE_AUDIENCE, "iat": issued, "exp": issued + SERVICE_TOKEN_LIFE}
            self._token = sign_service_token(self._key, self._service, claims)
            self._renew_at = issued + SERVICE_TOKEN_LIFE / 2
        return self._token


class EndedSessions:
    """Sessions that have ended before their access tokens expire, as last read from Redis.

    While Redis is down the last list stays: a session that ended since is refused when its token expires.
    """

    def __init__(self, redis: Redis, clock: Clock | None = None) -> None:
        self._redis = redis
        self._clock = clock or SystemClock()
        self._ended: frozenset[str] = frozenset()
        self._read_at = time.monotonic()
        self._is_down = False

    def contains(self, session_id: str) -> bool:
        """Whether the session has ended."""
        return session_id in self._ended

    async def run(self) -> None:
        """Keeps the list fresh until it is cancelled."""
        metrics.watch(
            "ended_sessions_age_seconds",
            "Seconds since the list of ended sessions was last read; over 5 sessions end late",
            lambda: time.monotonic() - self._read_at,
        )
        while True:
            await self.refresh()
            await asyncio.sleep(REFRESH_INTERVAL)

    async def refresh(self) -> None:
        """Reads the list once; when Redis can't be reached the last one stays."""
        try:
            self._ended = await self._read()
        except (RedisError, OSError) as error:
            if not self._is_down:
                log.warning("ended sessions can't be read; sessions that end now are noticed late: %s", error)
            self._is_down = True
            return
        if self._is_down:
            log.info("ended sessions are read again")
        self._is_down = False
        self._read_at = time.monotonic()

    async def _read(self) -> frozenset[str]:
        # From the highest time down: what expires meanwhile is at the low end, and what is added meanwhile
        # shifts the rest to where it is read twice.
        now = self._clock.now().timestamp() - LEEWAY  # as long as an expired token is still accepted
        ended: set[str] = set()
        offset = 0
        while True:
            page = await self._redis.zrevrangebyscore(ENDED_SESSIONS_KEY, "+inf", now, start=offset, num=_PAGE)
            ended.update(m.decode(errors="replace") if isinstance(m, bytes) else str(m) for m in page)
            offset += len(page)
            if len(page) < _PAGE:
                return frozenset(ended)


class _Cache(Generic[T]):
    """What tokens proved, by the SHA-256 of the token, until they expire; the oldest go first."""

    def __init__(self) -> None:
        self._entries: OrderedDict[bytes, tuple[float, T]] = OrderedDict()

    def get(self, digest: bytes, now: float) -> T | None:
        entry = self._entries.get(digest)
        return entry[1] if entry is not None and now < entry[0] else None

    def clear(self) -> None:
        self._entries.clear()

    def put(self, digest: bytes, proved: T, expires_at: float) -> None:
        self._entries[digest] = (expires_at, proved)
        if len(self._entries) > CACHED_TOKENS:
            self._entries.popitem(last=False)


class _Keys:
    """Public keys of a key set file, which is read again when it changes: new keys come, withdrawn ones go."""

    def __init__(self, path: Path, on_change: Callable[[], None]) -> None:
        """on_change: told when the keys changed, so that nothing proved by a withdrawn key is kept."""
        self._path = path
        self._on_change = on_change
        self._version = self._stat()
        self._keys = public_keys_by_id(path)
        self._looked_at = -math.inf
        self._missed_at = -math.inf

    def get(self, kid: object) -> PublicKey | None:
        """The key with this id, or None."""
        if not isinstance(kid, str):
            return None
        if kid not in self._keys and time.monotonic() - self._missed_at >= RELOAD_INTERVAL:
            self._missed_at = time.monotonic()
            self._reload()
        return self._keys.get(kid)

    def refresh(self) -> None:
        """Looks at the file, at most once in RELOAD_INTERVAL."""
        if time.monotonic() - self._looked_at >= RELOAD_INTERVAL:
            self._looked_at = time.monotonic()
            self._reload()

    def _reload(self) -> None:
        try:
            version = self._stat()
            if version != self._version:
                self._keys = public_keys_by_id(self._path)
                self._version = version
                self._on_change()
        except (OSError, ValueError) as error:
            log.error("public keys can't be read again; the last ones stay: %s", error)  # noqa: TRY400 - no trace needed

    def _stat(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_ino


def _verified_claims(token: str, kind: str, keys: _Keys, audience: str, now: float) -> dict[str, Any]:
    """Claims of a token whose signature, audience and times are right, with its key's id as `kid`."""
    if len(token) > MAX_TOKEN:
        raise _refused(kind, "is too long")
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        key = keys.get(kid)
        if key is None:
            raise _refused(kind, "is signed with an unknown key")
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=audience,
            options={
                "require": ["iss", "aud", "sub", "exp", "iat"],
                "strict_aud": True,
                # Times are checked below, against our clock.
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        # What these say may quote the token.
        words = next((words for cause, words in _PROBLEMS if isinstance(error, cause)), "isn't a JSON Web Token")
        raise _refused(kind, words) from None
    _check_times(claims, kind, now)
    return claims | {"kid": kid}


def _check_times(claims: Mapping[str, Any], kind: str, now: float) -> None:
    times: dict[str, Any] = {name: claims[name] for name in ("exp", "iat", "nbf") if name in claims}
    if not all(type(value) in (int, float) and math.isfinite(value) for value in times.values()):
        raise _refused(kind, "has a time that isn't a number")
    if now >= times["exp"] + LEEWAY:
        raise _refused(kind, "has expired")
    if now < max(times["iat"], times.get("nbf", -math.inf)) - LEEWAY:
        raise _refused(kind, "isn't valid yet")


def _identity(claims: Mapping[str, Any], token: str) -> Identity:
    user_id, session_id = claims["sub"], claims.get("session_id")
    if not isinstance(user_id, str) or not is_uuid(user_id):
        raise _refused("access token", "names no user")
    if not isinstance(session_id, str) or not session_id:
        raise _refused("access token", "names no session")
    email = claims.get("email")
    return Identity(
        user_id=user_id,
        session_id=session_id,
        roles=_roles(claims.get("app_metadata")),
        email=email if isinstance(email, str) else "",
        expires_at=float(claims["exp"]),
        token=token,
    )


def _roles(app_metadata: object) -> frozenset[str]:
    """Roles that the platform gave; what a person writes into their own `user_metadata` never counts."""
    roles = app_metadata.get("roles") if isinstance(app_metadata, dict) else None
    return frozenset(role for role in roles if isinstance(role, str)) if isinstance(roles, list) else frozenset()


def _refused(kind: str, problem: str) -> Unauthenticated:
    return Unauthenticated("UNAUTHENTICATED", f"the {kind} {problem}")
