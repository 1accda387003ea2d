"""When an address refuses sign-ins because too many failed.

Counted by address whether or not anybody has registered with it, so that a lock reveals nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

FAILURES_ALLOWED = 10
"""In a row. People who mistype give up or recover earlier; guessing gets at most 960 tries a day."""
LOCKED_FOR = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=24)
"""A row of failures older than this is over: strangers' typos don't add up for ever, and rows can be removed."""


@dataclass(frozen=True, slots=True)
class Failures:
    """The failed sign-ins for one address."""

    count: int = 0
    last_at: datetime | None = None
    locked_until: datetime | None = None

    def locked_for(self, now: datetime) -> timedelta:
        """Time until sign-ins are accepted again; zero when they are."""
        if self.locked_until is None:
            return timedelta(0)
        return max(self.locked_until - now, timedelta(0))

    def plus_one(self, now: datetime) -> "Failures":
        """After one more failure. Whoever is locked already stays locked as long as before."""
        if self.locked_for(now):
            return self
        stale = self.last_at is None or now - self.last_at > FORGOTTEN_AFTER
        count = 1 if stale or self.locked_until is not None else self.count + 1
        return Failures(count, now, now + LOCKED_FOR if count >= FAILURES_ALLOWED else None)
