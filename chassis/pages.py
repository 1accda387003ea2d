"""Page tokens: a cursor that only we can make, good for one method with one set of arguments."""

import base64
import binascii
import hmac
import json
from collections.abc import Sequence

from google.protobuf.message import Message

from chassis.errors import InvalidArgument, Violation

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100
MAX_PAGE_BYTES = 3 << 20
"""gRPC clients take 4 MiB by default, the edge prints 8 MiB of JSON."""

_VERSION = b"\x01"
_MAC = 16
"""Bytes of the HMAC-SHA256 that are sent: 128 bits can't be guessed, and the token stays short."""
_PAGE_FIELDS = ("page_size", "page_token")
"""Request fields that say which page, not of what."""


def page_size(requested: int) -> int:
    """How many elements to return: 20 when none are asked for, at most 100. Raises InvalidArgument below 0."""
    if requested < 0:
        violation = Violation("pageSize", "must be at least 0")
        raise InvalidArgument("INVALID_REQUEST", "the page size must not be negative", violations=[violation])
    return min(requested or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


def page_length(wires: Sequence[bytes], size: int) -> int:
    """How many of the elements make a page: `size` of them, or as many as fit into MAX_PAGE_BYTES, and one at least."""
    total = 0
    for length, wire in enumerate(wires[:size]):
        total += len(wire)
        if total > MAX_PAGE_BYTES and length:
            return length
    return min(len(wires), size)


class PageTokens:
    """Makes and reads page tokens. Every process that serves a method needs the same key.

    A cursor is signed, not encrypted: it holds nothing that the caller hasn't been shown.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < 32:
            raise ValueError("the key of page tokens must have at least 32 bytes")
        self._key = key

    def encode(self, method: str, arguments: Message, cursor: tuple[str, ...]) -> str:
        """A token for the page after the cursor.

        `arguments` is the request; its page size and page token don't count, everything else binds.
        """
        payload = json.dumps(cursor, ensure_ascii=False, separators=(",", ":")).encode()
        token = _VERSION + self._mac(method, arguments, payload) + payload
        return base64.urlsafe_b64encode(token).rstrip(b"=").decode()

    def decode(self, method: str, arguments: Message, token: str) -> tuple[str, ...]:
        """The cursor of a token. Raises InvalidArgument when it isn't ours, or is for another method or request."""
        try:
            data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            raise _invalid() from None
        version, mac, payload = data[:1], data[1 : 1 + _MAC], data[1 + _MAC :]
        if version != _VERSION or not hmac.compare_digest(mac, self._mac(method, arguments, payload)):
            raise _invalid()
        return tuple(json.loads(payload))

    def _mac(self, method: str, arguments: Message, payload: bytes) -> bytes:
        bound = type(arguments)()
        bound.CopyFrom(arguments)
        for field in _PAGE_FIELDS:
            if field in bound.DESCRIPTOR.fields_by_name:
                bound.ClearField(field)
        parts = (_VERSION, method.encode(), bound.SerializeToString(deterministic=True), payload)
        # With their lengths, so that no two lists of parts look alike.
        signed = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._key, signed, "sha256")[:_MAC]


def _invalid() -> InvalidArgument:
    return InvalidArgument(
        "PAGE_TOKEN_INVALID", "the page token isn't one of ours, or belongs to a call with other arguments"
    )
