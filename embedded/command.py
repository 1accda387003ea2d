"""How a server is started: what a supervisor needs to know, and nothing about how it supervises."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from embedded.problems import EmbeddedError


@dataclass(frozen=True)
class Command:
    """A server that runs in the foreground, logs to stderr and ends on a signal."""

    argv: list[str]
    cwd: Path
    """To be entered *before* changing to `uid`: that user may not be able to reach it by its path."""
    env: dict[str, str]
    """The whole environment; nothing else is inherited."""
    uid: int | None = None
    """User to become, with no supplementary groups; None to stay as we are."""
    gid: int | None = None


async def wait_until(is_ready: Callable[[], Awaitable[bool]], timeout: float, name: str) -> None:
    """Returns when `is_ready` says so. timeout: seconds. Raises EmbeddedError when they are over."""
    end = time.monotonic() + timeout
    while not await is_ready():
        if time.monotonic() > end:
            raise EmbeddedError(f"{name} isn't up after {timeout:.0f} s: see its log")
        await asyncio.sleep(0.02)
