"""UUIDv7 (RFC 9562 section 5.7): the standard library has it only from Python 3.14 on."""

import os
import time
import uuid


def make(milliseconds: int | None = None) -> uuid.UUID:
    """A new UUIDv7: 48 bits of Unix time in milliseconds, then 74 random bits."""
    stamp = time.time_ns() // 1_000_000 if milliseconds is None else milliseconds
    rest = int.from_bytes(os.urandom(10), "big")
    high = (stamp & 0xFFFF_FFFF_FFFF) << 16 | 0x7 << 12 | rest >> 68 & 0xFFF
    low = 0b10 << 62 | rest & (1 << 62) - 1
    return uuid.UUID(int=high << 64 | low)


def lowest(milliseconds: int) -> uuid.UUID:
    """Below every UUIDv7 made at this Unix time or later, above every one made before."""
    return uuid.UUID(int=(milliseconds & 0xFFFF_FFFF_FFFF) << 80)
