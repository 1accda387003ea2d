"""Calls to the edge as one signed-in person makes them, tried again where the edge says that it helps."""

import hashlib
import json
import secrets
import time
from typing import Any, Self

import httpx

TIMEOUT = 65.0
"""Seconds for an answer: the slowest RPCs have 60."""
ATTEMPTS = 8
"""Tries of a call: two minutes in all."""
LONGEST_WAIT = 60.0
"""Seconds between two tries at most; the rate limit's window is a minute."""
TRY_AGAIN = frozenset({"RATE_LIMITED", "WRITE_CONFLICT", "IDEMPOTENCY_KEY_IN_FLIGHT"})
"""Reasons that pass by themselves; so does every 503."""


class EdgeError(Exception):
    """The edge can't be reached, or refused a call; the text is a sentence for the person at the terminal."""

    def __init__(self, text: str, reason: str = "", message: str = "", metadata: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.reason = reason
        """Of the contract; empty when there was no answer in its form."""
        self.message = message
        self.metadata = metadata or {}


class Edge:
    """The edge, for one person."""

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx.Client(base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=TIMEOUT)
        # A later run must be done, not answered with what this one was told.
        self._run = secrets.token_bytes(16)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, **parameters: str | int) -> Any:
        """The answer to a read. Raises EdgeError."""
        return self._send("GET", path, {}, b"", parameters)

    def post(self, path: str, body: Any) -> Any:
        """The answer to a write, which is done once however often it has to be sent. Raises EdgeError."""
        content = json.dumps(body).encode()
        key = hashlib.sha256(self._run + path.encode() + content).hexdigest()
        return self._send("POST", path, {"content-type": "application/json", "idempotency-key": key}, content, {})

    def _send(
        self, method: str, path: str, headers: dict[str, str], content: bytes, parameters: dict[str, str | int]
    ) -> Any:
        failure = EdgeError("")
        for attempt in range(ATTEMPTS):
            try:
                response = self._client.request(method, path, headers=headers, content=content, params=parameters)
            except httpx.TransportError as error:
                raise EdgeError(f"the edge at {self._client.base_url} can't be reached: {error}") from None
            if response.is_success:
                return _json(response)
            failure = _failure(response)
            if failure.reason not in TRY_AGAIN and response.status_code != 503:
                raise failure
            if attempt + 1 < ATTEMPTS:
                time.sleep(_retry_after(response, 2.0**attempt))
        raise EdgeError(f"{failure}, {ATTEMPTS} times", failure.reason, failure.message)


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        raise EdgeError(f"{response.url} didn't answer as FitnessHub's edge does") from None


def _failure(response: httpx.Response) -> EdgeError:
    try:
        status = response.json()
        message = str(status["message"])
        info: dict[str, Any] = next(
            (each for each in status.get("details", ()) if str(each.get("@type", "")).endswith("ErrorInfo")), {}
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        message, info = response.reason_phrase, {}
    text = f"the edge answered {response.status_code}, {message}"
    return EdgeError(text, str(info.get("reason", "")), message, info.get("metadata"))


def _retry_after(response: httpx.Response, otherwise: float) -> float:
    seconds = response.headers.get("retry-after", "")
    return min(float(seconds) if seconds.isdecimal() else otherwise, LONGEST_WAIT)
