"""Kills a running stack part by part, in an order that its seed decides."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chassis import redis_client
from embedded.children import GUARD
from embedded.home import Home
from embedded.state import Part, load
from tests.e2e.chaos.journal import Pulse
from tests.e2e.stack import Stack

GUARDED = ("valkey", "postgresql", "envoy")
LIFE = 10.5
"""Seconds a part lives before it is killed again: five that live for less than 10 end the stack, and rightly so."""
CUT = "cut"
"""Valkey is cut off: nothing gets through to it, and then all connections are broken."""
CUT_SECONDS = 2.0
"""Longer than a call waits for it."""
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
        self.parts: Sequence[str] = sorted({part.process for part in parts(Home(stack.home))})
        """What is killed, by process. `work`: relays, consumers, sagas and the appender of the event store."""
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
            struck = await (self._cut() if part == CUT else self._kill(part))
            await self._pulse.after(struck)
            self.blows.append(Blow(part, time.time(), time.monotonic() - struck))

    def _plan(self, stop: asyncio.Event) -> Iterator[str]:
        done = 0
        while done < self._rounds or not stop.is_set():
            for part in self._random.sample([*self.parts, CUT], len(self.parts) + 1):
                if done < self._rounds or not stop.is_set():
                    yield part
            done += 1

    async def _kill(self, name: str) -> float:
        part = await self._alive(name, LIFE)
        assert part.pid is not None
        guard = _guard(part.pid) if name in GUARDED and self._random.random() < 0.4 else None
        os.kill(guard or part.pid, signal.SIGKILL)
        self._hit[name] = time.monotonic()
        self.kills[name] += 1
        self.guards += guard is not None
        return self._hit[name]

    async def _cut(self) -> float:
        part = await self._alive("valkey")
        assert part.pid is not None
        os.kill(part.pid, signal.SIGSTOP)
        struck = time.monotonic()
        await asyncio.sleep(CUT_SECONDS)
        os.kill(part.pid, signal.SIGCONT)
        redis = redis_client.connect(part.address, timeout=BACK)
        await redis.client_kill_filter(_type="normal", skipme=True)
        await redis.aclose()
        self.cuts += 1
        return struck

    async def _alive(self, name: str, life: float = 0.0) -> Part:
        """The part, when it is up and `life` seconds have passed since it was killed."""
        async with asyncio.timeout(BACK):
            while True:
                part = self._part(name)
                ripe = time.monotonic() - self._hit.get(name, 0.0) >= life
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


def _guard(pid: int) -> int | None:
    """The guard above a program; None when its parent is somebody else."""
    try:
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        return parent if os.fsencode(GUARD) in Path(f"/proc/{parent}/cmdline").read_bytes() else None
    except OSError:
        return None
