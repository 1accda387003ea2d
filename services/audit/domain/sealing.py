"""Sealing: what is about a person is encrypted with the person's own key, and gone when the key is.

AES-256-GCM (NIST SP 800-38D). The keys themselves are stored wrapped with the installation's master key.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12


def seal(key: bytes, nonce: bytes, event_id: str, payload: bytes) -> bytes:
    """The nonce and the encrypted payload, bound to its event."""
    return nonce + AESGCM(key).encrypt(nonce, payload, event_id.encode())


def unseal(key: bytes, event_id: str, sealed: bytes) -> bytes | None:
    """The payload; None when this isn't what the key has sealed for this event."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], event_id.encode())
    except (InvalidTag, ValueError):
        return None


def wrap(master: bytes, nonce: bytes, user_id: str, key: bytes) -> bytes:
    """A person's key as it is stored."""
    return seal(master, nonce, user_id, key)


def unwrap(master: bytes, user_id: str, wrapped: bytes) -> bytes | None:
    """A person's key; None when it was wrapped with another master key."""
    return unseal(master, user_id, wrapped)
