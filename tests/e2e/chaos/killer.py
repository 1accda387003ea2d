"""Kills a running stack part by part, in an order that its seed decides."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from embedded.home import Home
from embedded.state import Part, load
from tests.e2e.chaos.journal import Pulse
from tests.e2e.stack import Stack

PARTS = ("serve", "work", "valkey", "postgresql", "envoy")
"""`work`: relays, consumers and the appender of the event store are its workers."""
GUARDED = ("valkey", "postgresql", "envoy")
LIFE = 10.0
"""Seconds a part lives before it is killed again: five that live for less end the stack, and rightly so."""
CUT = "cut"
"""Valkey hangs, and goes on."""
CUT_SECONDS = 2.0
"""Longer than a call waits for it, shorter than relay and consumers do."""
BACK = 30.0
"""Seconds for a killed part to be up again on a slow machine."""


@dataclass(frozen=True)
class Blow:
    """What was hit, and what came of it."""

    part: str
    recovered: float
    """When something that was sent after the blow was acknowledged, in Unix time."""
    seconds: float
    """How long that took."""


class Killer:
    """Goes on until told to stop, and longer: until every part was killed `rounds` times."""

    def __init__(self, stack: Stack, seed: int, pulse: Pulse, rounds: int) -> None:
        self.kills: Counter[str] = Counter()
        self.guards = 0
        """Kills that hit the guard of a part, which takes the part along."""
        self.cuts = 0
        self.blows: list[Blow] = []
        self._stack = stack
        self._random = random.Random(seed)
        self._pulse = pulse
        self._rounds = rounds
        self._hit: dict[str, float] = {}
        """When each was last killed, in monotonic time."""

    async def run(self, stop: asyncio.Event) -> None:
        """Kills; each time, something that was sent since the last time has been acknowledged."""
        for part in self._plan(stop):
            # A little of life between two blows, and not always the same moment of it.
            await asyncio.sleep(self._random.uniform(0, 0.5))
            if part == CUT:
                await self._cut()
            else:
                await self._kill(part)
            struck = time.monotonic()
            await self._pulse.after(struck)
            self.blows.append(Blow(part, time.time(), time.monotonic() - struck))

    def _plan(self, stop: asyncio.Event) -> Iterator[str]:
        done = 0
        while done < self._rounds or not stop.is_set():
            for part in self._random.sample([*PARTS, CUT], len(PARTS) + 1):
                if done < self._rounds or not stop.is_set():
                    yield part
            done += 1

    async def _kill(self, name: str) -> None:
        part = await self._alive(name)
        assert part.pid is not None
        guard = name in GUARDED and self._random.random() < 0.4
        os.kill(_parent(part.pid) if guard else part.pid, signal.SIGKILL)
        self._hit[name] = time.monotonic()
        self.kills[name] += 1
        self.guards += guard

    async def _cut(self) -> None:
        part = await self._alive("valkey")
        assert part.pid is not None
        os.kill(part.pid, signal.SIGSTOP)
        await asyncio.sleep(CUT_SECONDS)
        os.kill(part.pid, signal.SIGCONT)
        self.cuts += 1

    async def _alive(self, name: str) -> Part:
        """The part, when it is up and has lived for long enough."""
        async with asyncio.timeout(BACK):
            while True:
                part = self._part(name)
                ripe = time.monotonic() - self._hit.get(name, 0.0) >= LIFE
                # Of the stack: what has died and is not yet noticed may have left its number to somebody else.
                if ripe and part.state == "up" and part.pid in self._stack.processes():
                    return part
                await asyncio.sleep(0.05)

    def _part(self, name: str) -> Part:
        return next(part for part in parts(Home(self._stack.home)) if part.process == name)


def parts(home: Home) -> list[Part]:
    """Every part of a running stack. Fails when it ended: nothing that we do may end it."""
    state = load(home)
    assert state is not None, f"the stack ended: {home.supervisor_log.read_text()[-2000:]}"
    return [*state.services, *state.servers]


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
