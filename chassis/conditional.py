"""Conditional reads over REST (RFC 9110): an ETag on the answer, and 304 to who has that answer already."""

import hashlib

from chassis.call import Call

NOT_MODIFIED = 304


def strong_etag(content: bytes) -> str:
    """The ETag of a representation, with its quotes: 96 bits of its SHA-256."""
    return f'"{hashlib.sha256(content).hexdigest()[:24]}"'


def is_unchanged(call: Call, etag: str) -> bool:
    """Puts the ETag on the answer; whether the caller has it already, and the answer is an empty 304.

    Compares weakly, as If-None-Match asks: an edge that compresses makes a strong ETag weak.
    """
    call.response_metadata["etag"] = etag
    sent = [each.strip().removeprefix("W/") for each in str(call.metadata.get("if-none-match", "")).split(",")]
    if "*" not in sent and etag.removeprefix("W/") not in sent:
        return False
    call.http_status(NOT_MODIFIED)
    return True
