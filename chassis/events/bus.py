"""The port between relay and consumers: an append-only log a source, read by groups that acknowledge.

What must hold of every adapter is the suite in `tests/conformance/test_bus.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class BusError(Exception):
    """The bus can't be reached, or didn't do what it was asked. To be tried again."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that a group was given and hasn't acknowledged."""

    source: str
    """The service whose log it is from."""
    position: str
    """Where it is in that log."""
    data: bytes
    """The serialised `fitnesshub.event.v1.Event`."""
    deliveries: int = 1
    """How many times it was given to a consumer, this time included."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a group gave up on."""

    position: str
    """Where it is among the group's dead letters."""
    source: str
    data: bytes
    reason: str
    """Why, as the handler's failure said it."""
    time: float
    """When it was given up, in Unix time."""


@dataclass(frozen=True, slots=True)
class GroupLag:
    """How far a group is behind."""

    group: str
    waiting: int
    """Events that no consumer of the group was given yet. Where the bus would have to count more than a thousand one
    by one: all that the log holds."""
    unacknowledged: int
    """Events that were given and aren't acknowledged."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What tells that the bus is the one it was before, with all that was appended to it."""

    epoch: str
    """Made once, and lost together with the data."""
    incarnation: str
    """Changes whenever the server starts again or another one takes over, which may lose the last moments."""


class Bus(Protocol):
    """What relay, consumers and operators need. Every method raises BusError."""

    async def generation(self) -> Generation:
        """The present generation; makes the epoch when there is none."""
        ...

    async def append(self, source: str, events: Sequence[bytes]) -> None:
        """Appends events to the log of a source, in order: all, or some and an error."""
        ...

    async def length(self, source: str) -> int:
        """How many events the log of a source holds."""
        ...

    async def join(self, group: str, sources: Sequence[str]) -> None:
        """Makes the group a reader of these logs, from the oldest event that is there. Idempotent."""
        ...

    async def fetch(
        self, group: str, consumer: str, sources: Sequence[str], *, count: int, wait: float
    ) -> list[Delivery]:
        """At most `count` new events a log for this consumer alone; waits `wait` seconds for the first."""
        ...

    async def reclaim(
        self, group: str, consumer: str, sources: Sequence[str], *, idle: float, count: int
    ) -> list[Delivery]:
        """Takes over events that a consumer was given more than `idle` seconds ago and didn't acknowledge.

        What was given out more than once before comes alone, and only when there is nothing else: so one that kills
        its consumers is told from those that came with it.
        """
        ...

    async def keep(self, group: str, consumer: str, deliveries: Sequence[Delivery], *, anew: bool = False) -> None:
        """The consumer lives and has these still: they are idle from now on, and no more often given out than before.

        anew: they count as given out once, because what happened to them so far was no fault of theirs.
        """
        ...

    async def acknowledge(self, group: str, deliveries: Sequence[Delivery]) -> None:
        """The group needs these no more."""
        ...

    async def bury(self, group: str, delivery: Delivery, reason: str) -> None:
        """Makes an event a dead letter of the group, and acknowledges it."""
        ...

    async def dead_letters(self, group: str, *, after: str = "", count: int = 100) -> list[DeadLetter]:
        """Dead letters of a group, oldest first, after a position."""
        ...

    async def groups_with_dead_letters(self) -> dict[str, int]:
        """How many dead letters each group has; groups without any are left out."""
        ...

    async def revive(self, group: str, letter: DeadLetter) -> None:
        """Gives a dead letter to its group once more, and takes it from the dead letters."""
        ...

    async def discard(self, group: str, letter: DeadLetter) -> None:
        """Takes a dead letter away for good."""
        ...

    async def trim(self, source: str, keep: int) -> int:
        """Removes what every group has acknowledged; without a group, all but the last `keep`. Returns how many."""
        ...

    async def lag(self, source: str, group: str = "") -> list[GroupLag]:
        """How far each group of a log is behind, or this one only."""
        ...

    async def sources(self) -> list[str]:
        """The sources that have a log, by name."""
        ...

    async def newest(self, source: str, count: int) -> list[Delivery]:
        """The last events of a log, oldest first, read beside all groups."""
        ...

    async def following(self, source: str, position: str, count: int) -> list[Delivery]:
        """The events of a log after a position, oldest first, read beside all groups. Empty: from the first."""
        ...

    async def purge_subject(self, source: str, user_id: str) -> int:
        """Removes the events about a person from the log of a source, and from what groups were given again or gave up.

        What can't be read and names the person counts as such. Returns how many.
        """
        ...

    async def rewrite_files(self) -> None:
        """Has the server write its files anew, so that what was removed is gone from the disk as well.

        Returns when that has begun; without files there is nothing to do.
        """
        ...
