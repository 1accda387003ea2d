"""The people's own process, outside the stack: it sends writes and records what was acknowledged.

`python -m tests.e2e.chaos.client ORDERS` tells on its output what was acknowledged, until its input ends.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.e2e.chaos.journal import Pulse
from tests.e2e.chaos.writers import Writer

STARTS = 60.0
"""Seconds for everybody to sign up: two slow hashes of a password at a time."""


@dataclass(frozen=True)
class Orders:
    """What a client is told."""

    url: str
    """Of the edge."""
    seed: int
    people: int
    folder: str
    """Where the journals are kept."""
    exercises: Sequence[str]
    """Ids of exercises that everybody may use."""


class Client:
    """The process, as the test sees it."""

    def __init__(self, orders: Orders, process: asyncio.subprocess.Process, pulse: Pulse) -> None:
        self.tokens: Mapping[str, str] = {}
        """An access token of each person by their id."""
        self.attempts = 0
        """Requests sent, known in the end."""
        self._orders = orders
        self._process = process
        self._pulse = pulse

    @property
    def journals(self) -> list[Path]:
        """The files of what was acknowledged."""
        return sorted(Path(self._orders.folder).glob("*.jsonl"))

    async def listen(self) -> None:
        """Returns when the client has ended in order. Fails when it ended otherwise; what it says tells why."""
        output = self._process.stdout
        assert output is not None
        while line := await output.readline():
            said = json.loads(line)
            if "sent" in said:
                await self._pulse.beat(said["sent"])
            self.attempts = said.get("attempts", 0)
        assert await self._process.wait() == 0, "the client failed: its last words are above"

    def end(self) -> None:
        """Lets it finish what it has begun, and nothing more."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    async def _meet(self) -> None:
        output = self._process.stdout
        assert output is not None
        async with asyncio.timeout(STARTS):
            line = await output.readline()
        assert line, "the client failed: its last words are above"
        self.tokens = json.loads(line)["tokens"]


@asynccontextmanager
async def client(orders: Orders, pulse: Pulse) -> AsyncIterator[Client]:
    """A client whose people have signed up and write."""
    words = [sys.executable, "-m", "tests.e2e.chaos.client", json.dumps(asdict(orders))]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe)
    try:
        made = Client(orders, process, pulse)
        await made._meet()
        yield made
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _write(orders: Orders) -> None:
    stop = asyncio.Event()
    async with AsyncExitStack() as closing:
        people = [
            Writer(orders.url, number, orders.seed, Path(orders.folder), _tell_beat) for number in range(orders.people)
        ]
        for each in people:
            closing.push_async_callback(each.close)
        await asyncio.gather(*(each.sign_up(orders.exercises) for each in people))
        _tell(tokens={each.user: each.token for each in people})
        async with asyncio.TaskGroup() as group:
            asyncio.get_running_loop().add_reader(sys.stdin, _ended, stop)
            for each in people:
                group.create_task(each.write_until(stop))
        _tell(attempts=sum(each.attempts for each in people))


def _ended(stop: asyncio.Event) -> None:
    stop.set()
    asyncio.get_running_loop().remove_reader(sys.stdin)


def _tell_beat(sent: float) -> None:
    _tell(sent=sent)


def _tell(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_write(Orders(**json.loads(sys.argv[1]))))
