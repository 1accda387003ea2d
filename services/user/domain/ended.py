"""A session that has ended, as far as others need to know of it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class EndedSession:
    """Refuse access tokens of this session until the last of them has expired by itself."""

    id: str
    until: datetime
