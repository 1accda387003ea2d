"""Time and ids as things that are passed in, so that rules and tests decide what they are."""

import time
import uuid
from datetime import UTC, datetime
from typing import Protocol

from chassis import uuid7


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Now, in UTC, with microseconds."""
        ...


class Ids(Protocol):
    """Makes ids."""

    def new(self) -> str:
        """A new UUIDv7 in canonical form."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time(), UTC)


class SystemIds:
    """Random ids whose order is the order in which they were made (to the millisecond)."""

    def new(self) -> str:
        return str(uuid7.make())


class FixedClock:
    """A clock that stands still until it is told to move; for tests and rebuilds."""

    def __init__(self, start: datetime) -> None:
        self.time = start

    def now(self) -> datetime:
        return self.time


def is_uuid(text: str) -> bool:
    """Whether text is a UUID in canonical lower-case form."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
