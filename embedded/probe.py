"""Small HTTP questions to our own servers, by the standard library: an HTTP package would cost 0.2 s of start-up."""

import asyncio
import http.client
from urllib.parse import urlsplit

TIMEOUT = 2.0
"""Seconds; everything asked is on this machine."""


def ask(url: str, method: str = "GET", timeout: float = TIMEOUT) -> tuple[int, bytes]:
    """Status and body of the answer; status 0 when there was none."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


async def says_ok(url: str) -> bool:
    """Whether the answer is 200."""
    status, _ = await asyncio.to_thread(ask, url)
    return status == 200
