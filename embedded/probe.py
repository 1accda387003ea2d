"""Small questions to our own servers, by the standard library: an HTTP package would cost 0.2 s of start-up."""

import asyncio
import http.client
import socket
from pathlib import Path
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


def answers(path: Path, question: bytes, timeout: float = TIMEOUT) -> bool:
    """Whether the server on a unix socket says anything to this within `timeout` seconds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(path))
            connection.sendall(question)
            return connection.recv(1) != b""
        except OSError:
            return False
