"""What to do with a refresh token that is presented.

The tokens of a session form generations. A session has one current generation; using any token of it
leaves the generation for all of its tokens and begins the next. A token of a generation that was left
at most REUSE_WINDOW ago gets one more token of the current generation, because two tabs raced or an
answer was lost; nobody needs to know the sibling's text, of which only a hash is stored. A token of a
generation left earlier is a copy in other hands: the session ends.

Why it is sound: a thief who gets a sibling inside the window, or uses a stolen token first, holds a token
of the same generation as the owner. Whichever of the two refreshes first leaves that generation for both,
and the other one, coming later than the window, ends the session. So two holders never live side by side
for longer than one life of an access token, unless each of them refreshes within ten seconds of the other.
"""

from datetime import datetime, timedelta
from enum import Enum, auto

REUSE_WINDOW = timedelta(seconds=10)
"""Long enough for a lost answer and its retry, too short to share a session; also GoTrue's default."""


class Verdict(Enum):
    """How a refresh token is answered."""

    ROTATE = auto()
    """It is current: begin the next generation."""
    REPEAT = auto()
    """Its generation was left a moment ago: one more token of the current generation."""
    REUSED = auto()
    """Its generation was left long ago: end the session."""


def judge(left_at: datetime | None, now: datetime) -> Verdict:
    """Decides by when the token's generation was left; None means that it is current."""
    if left_at is None:
        return Verdict.ROTATE
    return Verdict.REPEAT if now - left_at <= REUSE_WINDOW else Verdict.REUSED
