"""What a saga is made of. A service declares its sagas; the runner makes them happen."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Any


class Status(IntEnum):
    """Where a saga stands; stored by number."""

    RUNNING = 1
    COMPENSATING = 2
    """A step failed for good; what was done is being undone."""
    DONE = 3
    COMPENSATED = 4
    """It failed, and everything that can be undone is undone."""


OPEN = frozenset({Status.RUNNING, Status.COMPENSATING})
"""It goes on by itself."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a step is told."""

    saga_id: str
    key: str
    """What the saga is about, as the id of a workout."""
    subject_user_id: str
    """Whose it is; empty when nobody's."""
    data: dict[str, Any]
    """What the saga was started with, and what its steps have returned since. JSON."""
    step_key: str
    """The same at every attempt of this step and of no other: an Idempotency-Key for what the step calls. When an
    operator lets the saga begin anew, it is another one."""


Action = Callable[[Context], Awaitable[dict[str, Any] | None]]
"""Does something that comes to the same when it is done twice, because it may be. Returns what later steps need to
know, by key. A failure that won't go away (not found, refused, wrong) is final; any other is tried again."""


@dataclass(frozen=True)
class Step:
    """One step, and how to undo it."""

    name: str
    do: Action
    undo: Action | None = None
    """Called also for a step that failed, which may have had its effect. None: there is nothing to undo, or it
    can't be; such a step comes last."""
    timeout: timedelta = timedelta(seconds=10)
    """Of one attempt."""
    attempts: int = 10
    """After so many failures it has failed for good; with the pauses that is some 3 minutes."""
    delay: timedelta = timedelta()
    """How long after the step before it is done this one begins; doesn't apply to the first."""


@dataclass(frozen=True)
class Saga:
    """A kind of saga."""

    kind: str
    """As `workout_creation`. Steps of a kind that has running sagas are only ever added at the end."""
    steps: tuple[Step, ...]
    timeout: timedelta = timedelta(hours=24)
    """A saga that isn't done by then is undone."""
