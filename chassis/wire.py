"""Serialised messages put together by hand, so that stored wire forms are joined and never parsed.

Only length-delimited fields (messages, strings): that is all an answer made of stored bytes needs.
"""

from collections.abc import Iterable

_LENGTH_DELIMITED = 2
"""Wire type of strings, bytes and messages."""


def repeated_field(number: int, items: Iterable[bytes]) -> bytes:
    """A repeated message field out of its elements' serialised forms."""
    tag = _varint(number << 3 | _LENGTH_DELIMITED)
    parts: list[bytes] = []
    for item in items:
        parts += (tag, _varint(len(item)), item)
    return b"".join(parts)


def string_field(number: int, text: str) -> bytes:
    """A string field; nothing when the text is empty, as proto3 serialises it."""
    return repeated_field(number, [text.encode()]) if text else b""


def _varint(value: int) -> bytes:
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
