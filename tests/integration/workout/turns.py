"""Whether long work lets others have their turn: how often its functions run between two turns of another task.

Counted, not timed: the numbers are the same on every machine.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from typing import Any, TypeVar

import pytest

T = TypeVar("T")


class Turns:
    """Counts calls of the watched functions while something else wants its turn all the time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._now: Counter[str] = Counter()
        self.most: dict[str, int] = {}
        """The most calls between two turns of the others, by the name of the function."""

    def watch(self, owner: object, name: str) -> None:
        """Counts calls of a function where `owner`, a module or class, has it."""
        real = getattr(owner, name)
        self.most[name] = 0

        def counted(*positional: Any, **named: Any) -> Any:
            self._now[name] += 1
            self.most[name] = max(self.most[name], self._now[name])
            return real(*positional, **named)

        self._monkeypatch.setattr(owner, name, counted)

    async def during(self, work: Awaitable[T]) -> T:
        """Waits for the work while the other task takes its turns."""
        other = asyncio.create_task(self._take_turns())
        try:
            return await work
        finally:
            other.cancel()

    async def _take_turns(self) -> None:
        while True:
            self._now.clear()
            await asyncio.sleep(0)
