"""What the stack acknowledged, as its clients wrote it down: on their own disk, synced, before they went on."""

import asyncio
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One acknowledged write."""

    kind: str
    """`create`, `update`, `delete` or `undelete`."""
    user: str
    workout: Json
    """As it was answered; of a deletion, as it last was."""


class Journal:
    """The file of one client."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._opened = file.open("ab")

    async def record(self, entry: Entry) -> None:
        """Returns when it is on disk."""
        self._opened.write(json.dumps(vars(entry)).encode() + b"\n")
        self._opened.flush()
        await asyncio.to_thread(os.fsync, self._opened.fileno())

    def close(self) -> None:
        """Nothing more will be recorded."""
        self._opened.close()


@dataclass
class Promised:
    """What has to be there, for a workout that was ever acknowledged."""

    user: str
    workout: Json | None
    """None: deleted."""
    version: int
    """One for its creation and one for each change, its deletion included."""


def read(files: Iterable[Path]) -> dict[str, Promised]:
    """The last acknowledged state of every workout by its id."""
    found: dict[str, Promised] = {}
    for file in files:
        for line in file.read_text().splitlines():
            entry = Entry(**json.loads(line))
            workout_id = entry.workout["id"]
            version = found[workout_id].version + 1 if entry.kind != "create" else 1
            assert entry.kind != "create" or workout_id not in found, f"{workout_id} was created twice"
            found[workout_id] = Promised(entry.user, None if entry.kind == "delete" else entry.workout, version)
    return found


class Pulse:
    """When the stack acknowledged something, as its client tells."""

    def __init__(self) -> None:
        self.count = 0
        self.longest = 0.0
        """Seconds: the longest time without any acknowledgement."""
        self._last = time.monotonic()
        self._sent = 0.0
        """When the youngest request that was acknowledged was sent."""
        self._beat = asyncio.Condition()

    async def beat(self, sent: float) -> None:
        """Something was acknowledged that was sent then (monotonic time)."""
        now = time.monotonic()
        self.longest = max(self.longest, now - self._last)
        self._last = now
        self._sent = max(self._sent, sent)
        self.count += 1
        async with self._beat:
            self._beat.notify_all()

    async def after(self, moment: float) -> None:
        """Returns when something was acknowledged that was sent after a moment."""
        async with self._beat:
            await self._beat.wait_for(lambda: self._sent > moment)

    async def at_least(self, count: int) -> None:
        """Returns when this many writes were acknowledged."""
        async with self._beat:
            await self._beat.wait_for(lambda: self.count >= count)
