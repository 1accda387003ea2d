"""Keys, and the tokens signed with them: ES256 (RFC 7518) on P-256, public halves as JSON Web Key Sets.

Also makes the secrets folder of an installation that brings none of its own.
"""

import base64
import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

ALGORITHM = "ES256"
PrivateKey = ec.EllipticCurvePrivateKey
PublicKey = ec.EllipticCurvePublicKey
Jwk = dict[str, str]
"""A public key as RFC 7517 writes it."""

ACCESS_KEY = "access-token.pem"
ACCESS_KEY_SET = "access-token-keys.json"
SERVICE_KEY_SET = "service-keys.json"
OPERATOR = "cli"
"""Calls in its own name like a service does: the command line on the operator's machine."""

_COORDINATE = 32
"""Bytes of a coordinate on P-256."""


# --- keys --------------------------------------------------------------------------------------


def load_private_key(path: Path) -> PrivateKey:
    """A private key from a PEM file. Raises ValueError when it isn't one of P-256."""
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError(f"{path.name} isn't a P-256 private key")  # noqa: TRY004 - the file is wrong, not a type
    return key


def thumbprint(key: PublicKey) -> str:
    """SHA-256 of the key by RFC 7638: a key id that any party can compute."""
    members = {"crv": "P-256", "kty": "EC"} | _coordinates(key)
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return _base64url(hashlib.sha256(canonical.encode()).digest())


def public_jwk(key: PublicKey, kid: str) -> Jwk:
    """The key in the form that Envoy and supabase-js read."""
    return {"kty": "EC", "crv": "P-256", "alg": ALGORITHM, "use": "sig", "kid": kid} | _coordinates(key)


def read_public_keys(path: Path) -> list[Jwk]:
    """The keys of a JSON Web Key Set file, public members only.

    Raises ValueError when the file isn't such a set, FileNotFoundError when it isn't there.
    """
    try:
        keys = json.loads(path.read_bytes())["keys"]
        return [public_jwk(_public_key(each), _text(each["kid"])) for each in keys]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} isn't a JSON Web Key Set of P-256 keys: {error!r}") from None


def public_keys_by_id(path: Path) -> dict[str, PublicKey]:
    """The keys of a JSON Web Key Set file, ready to verify with. Raises as read_public_keys does."""
    return {each["kid"]: _public_key(each) for each in read_public_keys(path)}


def _public_key(jwk: Mapping[str, Any]) -> PublicKey:
    if (jwk["kty"], jwk["crv"]) != ("EC", "P-256"):
        raise ValueError("a key isn't of P-256")
    x, y = (int.from_bytes(base64.urlsafe_b64decode(_text(jwk[axis]) + "=="), "big") for axis in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a member of a key isn't a string")
    return value


def _coordinates(key: PublicKey) -> Jwk:
    numbers = key.public_numbers()
    return {axis: _base64url(getattr(numbers, axis).to_bytes(_COORDINATE, "big")) for axis in ("x", "y")}


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# --- signing -----------------------------------------------------------------------------------


def sign_access_token(key: PrivateKey | Path, claims: Mapping[str, Any]) -> str:
    """A signed access token with these claims; its key id is the key's thumbprint."""
    if isinstance(key, Path):
        key = load_private_key(key)
    return jwt.encode(dict(claims), key, ALGORITHM, headers={"kid": _key_id(key)})


@lru_cache(maxsize=8)
def _key_id(key: PrivateKey) -> str:
    return thumbprint(key.public_key())


def sign_service_token(key: PrivateKey, service: str, claims: Mapping[str, Any]) -> str:
    """A signed token that proves which service calls; its key id is the service's name."""
    return jwt.encode({"iss": service, "sub": service, **claims}, key, ALGORITHM, headers={"kid": service})


# --- the secrets folder ------------------------------------------------------------------------


def make_secrets(folder: Path, services: Iterable[str]) -> None:
    """Makes whatever is missing in a secrets folder; what is there stays as it is.

    Passwords and keys of the services, the platform's signing key, key sets, the keys of page tokens and of the
    event store. Each
    file appears whole and readable by its owner only; several processes may do this at once. Key sets keep
    keys they already hold, so that a key put aside goes on verifying what it signed.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    names = sorted(set(services))
    with _locked(folder):
        for name in ("owner", *names):
            _make(folder / f"database-{name}", _password)
        for name in ("page-tokens", "audit-master-key"):
            _make(folder / name, lambda: base64.b64encode(secrets.token_bytes(32)))
        _make(folder / ACCESS_KEY, _new_private_key)
        for name in (*names, OPERATOR):
            _make(folder / f"service-{name}.pem", _new_private_key)
        access = load_private_key(folder / ACCESS_KEY).public_key()
        _publish(folder / ACCESS_KEY_SET, [public_jwk(access, thumbprint(access))])
        keys = {name: load_private_key(folder / f"service-{name}.pem").public_key() for name in (*names, OPERATOR)}
        _publish(folder / SERVICE_KEY_SET, [public_jwk(key, name) for name, key in keys.items()])


def _password() -> bytes:
    return secrets.token_urlsafe(32).encode()


def _new_private_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _make(path: Path, content: Callable[[], bytes]) -> None:
    if not path.exists():
        _write(path, content())


def _publish(path: Path, keys: list[Jwk]) -> None:
    """Puts keys into a key set, replacing those of the same id; a set that has them all isn't touched."""
    there = read_public_keys(path) if path.exists() else []
    ids = {key["kid"] for key in keys}
    wanted = sorted([*keys, *(key for key in there if key["kid"] not in ids)], key=lambda key: key["kid"])
    if wanted != there:
        _write(path, json.dumps({"keys": wanted}, indent=2).encode())


def _write(path: Path, data: bytes) -> None:
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)  # of a process that died here; we hold the lock
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Alone in the folder, until the end or until the process dies."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
